# 120_places.pl - places in shared memory: uncommitted work takes none for
# good, counters refuse no row, and what is gone gives its place back.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('places', conf => q{
	stream_ext.max_streams = 8
	stream_ext.max_views = 8
	stream_ext.max_databases = 3
	max_prepared_transactions = 5
});
my $round = 'BEGIN; CREATE TABLE x (n int) USING stream; INSERT INTO x VALUES (1)';
my $counted = 'SELECT count(*) FROM _stream_ext.stat_stream()';

$node->safe_psql('postgres', 'CREATE TABLE kept (n int) USING stream;
	CREATE MATERIALIZED VIEW kept_view AS SELECT count(*) FROM kept');

# --- streams that never were ----------------------------------------------
for my $end ('ROLLBACK', 'SAVEPOINT a; INSERT INTO x VALUES (2); ROLLBACK TO a; ROLLBACK',
	'DROP TABLE x; COMMIT', "PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'",
	'TRUNCATE x; INSERT INTO x VALUES (3); ROLLBACK')
{
	$node->safe_psql('postgres', "$round; $end;" x 50);
	$node->safe_psql('postgres', "INSERT INTO kept VALUES (1)");
}
$node->safe_psql('postgres', 'BEGIN;' .
	'SAVEPOINT a; CREATE TABLE x (n int) USING stream; INSERT INTO x VALUES (1); ROLLBACK TO a;' x 50 .
	'COMMIT');
$node->safe_psql('postgres', q{
	CREATE SCHEMA temporary;
	CREATE TABLE temporary.a (n int) USING stream;
	CREATE TABLE temporary.b (n int) USING stream;
	INSERT INTO temporary.a VALUES (1);
	INSERT INTO temporary.b VALUES (1);
	DROP SCHEMA temporary CASCADE;} x 10);
wait_until($node, "SELECT ($counted) = 1");
pass('only the stream that exists has a place');

# --- a committed stream takes one, with what its first transaction wrote ------
$node->safe_psql('postgres', 'BEGIN; CREATE TABLE fresh (n int) USING stream;
	INSERT INTO fresh SELECT generate_series(1, 10); COMMIT');
is($node->safe_psql('postgres', q{SELECT rows_in FROM pg_stat_stream WHERE streamname = 'fresh'}),
	'10', 'rows of the first transaction are counted');
$node->safe_psql('postgres', q{BEGIN; DROP TABLE fresh; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'});

# --- more streams than places ------------------------------------------------
$node->safe_psql('postgres', join('', map {
	"CREATE TABLE s$_ (n int) USING stream; INSERT INTO s$_ VALUES ($_);" } 1 .. 20));
$node->safe_psql('postgres', q{
	CREATE TABLE last (n int) USING stream;
	CREATE MATERIALIZED VIEW last_view AS SELECT sum(n) FROM last;
	INSERT INTO last SELECT generate_series(1, 100)});
is($node->safe_psql('postgres', 'SELECT * FROM last_view'), '5050',
	'a stream without a place takes rows');
my ($result, $out, $err) = $node->psql('postgres', q{BEGIN; INSERT INTO last VALUES (1); COMMIT;
	ALTER TABLE last ALTER COLUMN n TYPE bigint});
isnt($result, 0, '... whose type does not change while they are on their way');
wait_until($node, "SELECT ($counted) <= 8");
$node->safe_psql('postgres', join('', map { "DROP TABLE s$_;" } 1 .. 20));
$node->safe_psql('postgres', 'INSERT INTO last VALUES (1)');
wait_until($node, "SELECT ($counted) <= 2");

# --- views that never were -------------------------------------------------
for my $n (1 .. 30)
{
	$node->psql('postgres', "BEGIN; CREATE MATERIALIZED VIEW f AS SELECT n, count(*) FROM kept GROUP BY n;
		SELECT 1 / 0; COMMIT");
}
$node->safe_psql('postgres', 'CREATE MATERIALIZED VIEW f AS SELECT n, count(*) FROM kept GROUP BY n;
	INSERT INTO kept VALUES (7)');
is($node->safe_psql('postgres', 'SELECT count FROM f WHERE n = 7'), '1', 'views that failed take no place');

# --- the extension goes, then the database --------------------------------------
for my $n (1 .. 8)
{
	$node->safe_psql('postgres', 'CREATE DATABASE d');
	$node->safe_psql('d', 'CREATE EXTENSION stream_ext;
		CREATE TABLE a (n int) USING stream; CREATE TABLE b (n int) USING stream;
		INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)');
	$node->safe_psql('d', 'DROP EXTENSION stream_ext CASCADE') if $n % 2;
	$node->safe_psql('postgres', 'DROP DATABASE d WITH (FORCE)');
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_replication_slots}) or die 'slots stay';
}
for my $n (1 .. 6)
{
	$node->safe_psql('postgres', "CREATE DATABASE d$n");
	$node->safe_psql("d$n", 'CREATE EXTENSION stream_ext;
		CREATE TABLE a (n int) USING stream; INSERT INTO a VALUES (1)');
	$node->safe_psql("d$n", 'DROP EXTENSION stream_ext CASCADE');
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_replication_slots}) or die 'slots stay';
	$node->poll_query_until('postgres', q{SELECT count(*) <= 2 FROM _stream_ext.stat_database()})
	  or die 'places stay';
}
pass('databases that have lost the extension give their place back');

$node->stop;
done_testing();
