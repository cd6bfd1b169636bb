# 033_database_hold.pl - the worker leaves a database only for who may ask, and
# comes back whatever becomes of the statement.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('hold');
$node->safe_psql('postgres', 'CREATE DATABASE one; CREATE DATABASE other; CREATE ROLE stranger LOGIN CREATEDB');
$node->safe_psql('one', q{
	CREATE EXTENSION stream_ext;
	CREATE TABLE events (key int) USING stream;
	CREATE MATERIALIZED VIEW counts AS SELECT key, count(*) AS n FROM events GROUP BY key;
	INSERT INTO events VALUES (1);
});
is($node->safe_psql('one', 'SELECT stream_sync() IS NOT NULL; SELECT n FROM counts'), "t\n1", 'the view works');

# who may not run the statement does not stop the worker
my $pid = worker_pid($node, 'one');
for my $statement ('DROP DATABASE one', 'DROP DATABASE one WITH (FORCE)',
	'ALTER DATABASE one RENAME TO two', 'CREATE DATABASE two TEMPLATE one')
{
	my ($code) = $node->psql('postgres', "SET ROLE stranger; $statement", on_error_stop => 1);
	isnt($code, 0, "$statement is refused to a stranger");
}
is(worker_pid($node, 'one'), $pid, 'and the worker did not notice');

# a statement that fails: the worker comes back
my ($code) = $node->psql('postgres', 'ALTER DATABASE one RENAME TO other');
isnt($code, 0, 'the name is taken');
$node->safe_psql('one', 'INSERT INTO events VALUES (1)');
is($node->safe_psql('one', 'SELECT stream_sync() IS NOT NULL; SELECT n FROM counts'), "t\n2",
	'the worker is back after an error');

# a session in the way: the statement fails, the worker comes back
my $session = $node->background_psql('one');
$session->query_safe('SELECT 1');
($code) = $node->psql('postgres', 'CREATE DATABASE two TEMPLATE one');
isnt($code, 0, 'somebody is connected');
$session->quit;
$node->safe_psql('one', 'INSERT INTO events VALUES (1)');
is($node->safe_psql('one', 'SELECT stream_sync() IS NOT NULL; SELECT n FROM counts'), "t\n3",
	'the worker is back after a conflict');

# right after a start, when the worker may be on its way
for my $round (1 .. 3)
{
	$node->restart;
	$node->safe_psql('postgres', "CREATE DATABASE copy$round TEMPLATE one");
	pass("the database can be copied after start $round");
}
$node->restart;
$node->safe_psql('postgres', 'DROP DATABASE one');
pass('and dropped');

# CREATE DATABASE copies template1 unless it says otherwise
$node->safe_psql('template1', q{
	CREATE EXTENSION stream_ext;
	CREATE TABLE events (key int) USING stream;
	CREATE MATERIALIZED VIEW counts AS SELECT key, count(*) AS n FROM events GROUP BY key;
	INSERT INTO events VALUES (1);
	SELECT stream_sync();
});
isnt(worker_pid($node, 'template1'), '', 'template1 has a worker');
$node->safe_psql('postgres', 'CREATE DATABASE implied');
$node->safe_psql('postgres', 'CREATE DATABASE defaulted TEMPLATE DEFAULT');
# ... also for one who is in the template
$node->safe_psql('template1', 'CREATE DATABASE from_within');
$node->safe_psql('implied', 'INSERT INTO events VALUES (2)');
is($node->safe_psql('implied', 'SELECT * FROM counts ORDER BY key'), "1|1\n2|1", 'the copy is live');
is($node->safe_psql('from_within', 'SELECT * FROM counts'), '1|1', 'and so is one made from within');
$node->safe_psql('template1', 'INSERT INTO events VALUES (1)');
is($node->safe_psql('template1', 'SELECT * FROM counts'), '1|2', 'the template goes on');

done_testing();
