# 003_databases.pl - the worker is there when it is needed and lets go of its
# database when somebody else needs that.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('databases');
my $objects = q{
	CREATE EXTENSION IF NOT EXISTS stream_ext;
	CREATE TABLE events (key int) USING stream;
	CREATE MATERIALIZED VIEW counts AS SELECT key, count(*) AS n FROM events GROUP BY key;
	INSERT INTO events SELECT g % 3 FROM generate_series(1, 30) g;
};
my $slots = q{SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'stream\_ext\_%'};

is($node->safe_psql('postgres', $slots), '0', 'the extension alone makes no slot');

# two databases at a time, without configuration or restart
for my $database ('one', 'two')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $objects);
	is($node->safe_psql($database, 'SELECT stream_sync() IS NOT NULL; SELECT sum(n) FROM counts'), "t\n30",
		"database $database has its view");
	ok(worker_pid($node, $database), "database $database has its worker");
}
is($node->safe_psql('postgres', $slots), '2', 'one slot a database');

# commands that need the database for themselves
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE one');
pass('CREATE DATABASE ... TEMPLATE succeeds');
$node->safe_psql('postgres', 'ALTER DATABASE two RENAME TO second');
pass('ALTER DATABASE ... RENAME succeeds');
$node->safe_psql('second', 'INSERT INTO events SELECT 1 FROM generate_series(1, 5)');
is($node->safe_psql('second', 'SELECT stream_sync() IS NOT NULL; SELECT sum(n) FROM counts'), "t\n35",
	'the renamed database goes on');
$node->safe_psql('postgres', 'DROP DATABASE second');
pass('DROP DATABASE succeeds');
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'DROP DATABASE one WITH (FORCE)');
pass('DROP DATABASE WITH (FORCE) succeeds');
wait_until($node, "SELECT count(*) = 0
	FROM pg_replication_slots s WHERE slot_name LIKE 'stream\\_ext\\_%'
	AND NOT EXISTS (SELECT FROM pg_database d WHERE 'stream_ext_' || d.oid = s.slot_name)");
pass('slots of dropped databases go');
my @lines = grep { /does not exist|FATAL/ } split /\n/, slurp_file($node->logfile, $offset);
cmp_ok(scalar(@lines), '<=', 3, 'no restart loop for a dropped database');

# the copy has the view of its source, and a start of its own
$node->safe_psql('copy', 'INSERT INTO events VALUES (7), (7)');
is($node->safe_psql('copy', 'SELECT stream_sync() IS NOT NULL; SELECT n FROM counts WHERE key = 7'), "t\n2",
	'the view of a copied database goes on with its own rows');

# DROP EXTENSION while everything runs
$node->safe_psql('copy', 'DROP EXTENSION stream_ext CASCADE');
pass('DROP EXTENSION succeeds');
wait_until($node, $slots, '0');
pass('its slot goes');
wait_until($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'stream worker'}, '0');
pass('its worker goes');

done_testing();
