# 130_workers.pl - a view of which code is not built in has a worker of its
# owner's; workers take turns when processes are few, and come and go with work.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('workers');
my @owners = qw(alice bob carol);

# each owner: a stream, a harmless view, one with a function of the owner's, one with a join
sub make_objects
{
	my ($owner) = @_;

	$node->safe_psql('postgres', qq{
		CREATE ROLE $owner LOGIN;
		CREATE SCHEMA $owner AUTHORIZATION $owner;
		GRANT ALL ON SCHEMA public TO $owner;});
	$node->safe_psql('postgres', qq{
		SET ROLE $owner;
		SET search_path = $owner, public;
		CREATE TABLE s (k int, v int) USING stream;
		CREATE TABLE a (k int, v int);
		CREATE TABLE names (k int, name text);
		INSERT INTO names SELECT g, 'name ' || g FROM generate_series(0, 4) g;
		CREATE FUNCTION own(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN \$1 % 3; END';
		CREATE MATERIALIZED VIEW harmless AS SELECT k, count(*), sum(v) FROM s GROUP BY k;
		CREATE MATERIALIZED VIEW code AS SELECT own(k) AS o, count(*), sum(v) FROM s GROUP BY own(k);
		CREATE MATERIALIZED VIEW joined AS SELECT name, count(*), sum(v) FROM s JOIN names USING (k) GROUP BY name;});
	return;
}

my $rows = 0;

# the same rows into stream and archive, in one transaction
sub send_rows
{
	my ($owner, $count) = @_;
	my $from = $rows + 1;

	$rows += $count;
	$node->safe_psql('postgres', qq{
		SET ROLE $owner;
		SET search_path = $owner, public;
		BEGIN;
		INSERT INTO s SELECT g % 5, g FROM generate_series($from, $rows) g;
		INSERT INTO a SELECT g % 5, g FROM generate_series($from, $rows) g;
		COMMIT;});
	return;
}

# all three views of an owner agree with the archive
sub views_ok
{
	my ($owner, $when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	oracle_ok($node, "SELECT * FROM $owner.harmless",
		"SELECT k, count(*), sum(v) FROM $owner.a GROUP BY k", "$when: harmless view of $owner");
	oracle_ok($node, "SELECT * FROM $owner.code",
		"SELECT k % 3, count(*), sum(v) FROM $owner.a GROUP BY k % 3", "$when: view with code of $owner");
	oracle_ok($node, "SELECT * FROM $owner.joined",
		"SELECT 'name ' || k, count(*), sum(v) FROM $owner.a GROUP BY k", "$when: view with a join of $owner");
	return;
}

make_objects($_) for @owners;
send_rows($_, 1000) for @owners;
views_ok($_, 'at first') for @owners;

is($node->safe_psql('postgres', q{
	SELECT viewname, isolation, count(*) FROM pg_stat_stream_view GROUP BY 1, 2 ORDER BY 1, 2}),
	"code|owner|3\nharmless|shared|3\njoined|owner|3", 'who is maintained by whom');
is($node->safe_psql('postgres', q{
	SELECT count(DISTINCT v.worker_pid), bool_and(w.pid = v.worker_pid AND w.usename = v.schemaname)
	FROM pg_stat_stream_view v LEFT JOIN pg_stat_stream_worker w ON w.usename = v.schemaname
	WHERE v.isolation = 'owner'}),
	'3|t', 'each owner has one worker for both views');

# a worker that is terminated is nobody else's business
my %before = map { $_ => worker_pid($node, 'postgres', $_) } @owners;
my $shared = worker_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($before{alice})");
send_rows($_, 1000) for @owners;
views_ok($_, 'after the end of a worker') for @owners;
isnt(worker_pid($node, 'postgres', 'alice'), $before{alice}, 'another worker came');
is(worker_pid($node, 'postgres', 'bob'), $before{bob}, 'the neighbour was left alone');
is(worker_pid($node), $shared, 'the shared worker was left alone');

# what a harmless view reads is replaced: its new code does not run in the shared worker
$node->safe_psql('postgres', q{
	SET ROLE alice; SET search_path = alice;
	CREATE FUNCTION where_am_i(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN pg_backend_pid(); END';
	CREATE VIEW between_them AS SELECT k, -v AS v FROM s;
	CREATE MATERIALIZED VIEW replaced AS SELECT v, count(*) FROM between_them GROUP BY v});
send_rows('alice', 10);
is($node->safe_psql('postgres', q{SELECT stream_sync() \g /dev/null
	SELECT isolation, (SELECT count(*) FROM alice.replaced) FROM pg_stat_stream_view WHERE viewname = 'replaced'}),
	'shared|10', 'a view over an ordinary view is harmless');
$node->safe_psql('postgres', 'SET ROLE alice; SET search_path = alice; CREATE OR REPLACE VIEW between_them AS SELECT k, where_am_i(v) AS v FROM s');
send_rows('alice', 10);
my $by = worker_pid($node, 'postgres', 'alice');
is($node->safe_psql('postgres', qq{SELECT stream_sync() \\g /dev/null
	SELECT v = $by, v = $shared, count FROM alice.replaced WHERE v > 0}),
	't|f|10', '... and moves before code of its owner runs');
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW alice.replaced');

# another owner
$node->safe_psql('postgres', 'GRANT bob TO alice; GRANT ALL ON SCHEMA alice TO bob; GRANT ALL ON ALL TABLES IN SCHEMA alice TO bob');
for my $turn (1 .. 3)
{
	my $new = $turn % 2 ? 'bob' : 'alice';

	send_rows('alice', 500);
	$node->safe_psql('postgres', "ALTER MATERIALIZED VIEW alice.code OWNER TO $new; ALTER MATERIALIZED VIEW alice.joined OWNER TO $new");
	send_rows('alice', 500);
	views_ok('alice', "owned by $new");
}
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_stream_worker WHERE usename = 'alice'});
pass('the worker of an owner without such views leaves');
$node->safe_psql('postgres', 'ALTER MATERIALIZED VIEW alice.code OWNER TO alice; ALTER MATERIALIZED VIEW alice.joined OWNER TO alice');

# one process for all of them: they take turns
set_for_worker($node, 'stream_ext.workers', 1);
$node->restart;
send_rows($_, 1000) for @owners;
wait_until($node, q{SELECT count(*) > 0 FROM pg_stat_stream_view WHERE state = 'waiting'});
pass('a view that waits for a process says so');
views_ok($_, 'one process') for @owners;
is($node->safe_psql('postgres', q{SELECT count(*) <= 1 FROM pg_stat_stream_worker WHERE datname = 'postgres'}),
	't', 'not more than one at a time');
set_for_worker($node, 'stream_ext.workers', 8);

# they leave when there is nothing to do, and come back
set_for_worker($node, 'stream_ext.worker_idle_timeout', '200ms');
wait_until($node, 'SELECT count(*) = 0 FROM pg_stat_stream_worker');
pass('idle workers leave');
is($node->safe_psql('postgres', 'SELECT sum(count) FROM alice.code'), $node->safe_psql('postgres', 'SELECT count(*) FROM alice.a'),
	'a view without a worker is read as it is');
send_rows('bob', 1000);
is($node->safe_psql('postgres', 'SET ROLE bob; INSERT INTO bob.s VALUES (1, 1); SELECT sum(count) FROM bob.code'),
	$node->safe_psql('postgres', 'SELECT count(*) + 1 FROM bob.a'), 'a commit brings its worker back');
$node->safe_psql('postgres', 'INSERT INTO bob.a VALUES (1, 1)');
wait_until($node, 'SELECT count(*) = 0 FROM pg_stat_stream_worker');
$node->safe_psql('postgres', q{SET ROLE carol; SET search_path = carol;
	CREATE MATERIALIZED VIEW later AS SELECT own(v) AS o, count(*) FROM s GROUP BY own(v)});
send_rows('carol', 10);
is($node->safe_psql('postgres', q{SELECT stream_sync() \g /dev/null
	SELECT sum(count) FROM carol.later}), '10', 'so does a new view');
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW carol.later');
views_ok($_, 'coming and going') for @owners;

# more databases than the server has processes
$node->append_conf('postgresql.conf', 'max_worker_processes = 6');
$node->restart;
for my $database ('d1' .. 'd5')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, q{
		CREATE EXTENSION stream_ext;
		CREATE TABLE s (k int) USING stream;
		CREATE MATERIALIZED VIEW v AS SELECT k % 2 AS p, count(*) FROM s GROUP BY 1;
		INSERT INTO s SELECT generate_series(1, 100);});
}
for my $round (1 .. 2)
{
	for my $database ('d1' .. 'd5')
	{
		$node->safe_psql($database, 'INSERT INTO s SELECT generate_series(1, 100)');
	}
	for my $database ('d1' .. 'd5')
	{
		is($node->safe_psql($database, q{SELECT stream_sync('2 min') \g /dev/null
			SELECT string_agg(count::text, ',') FROM v}),
			join(',', (50 * ($round + 1)) x 2), "round $round: database $database had its turn");
	}
}

done_testing();
