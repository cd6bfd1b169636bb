# 080_immortal.pl - code of a view that catches its cancellation ends the
# worker, not the views of others; then its view is disabled.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('immortal', conf => q{
	stream_ext.apply_timeout = '500ms'
	stream_ext.flush_interval = '1h'
});

$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE mallory LOGIN;
	GRANT CREATE ON DATABASE postgres TO alice, mallory;
	GRANT CREATE ON SCHEMA public TO alice, mallory});
as_role('alice', q{
	CREATE TABLE events (k int) USING stream;
	CREATE TABLE witness (k int);
	CREATE MATERIALIZED VIEW healthy AS SELECT k, count(*) AS n FROM events GROUP BY k;
});
# a function that does not end for the number 7, whatever is done to it
my $immortal = q{LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		WHILE %s LOOP
			BEGIN
				PERFORM pg_sleep(3600);
			EXCEPTION WHEN query_canceled THEN NULL;
			END;
		END LOOP;
		RETURN %s;
	END $$;};
as_role('mallory', q{CREATE SCHEMA mallory;
	CREATE TABLE mallory.s (ts timestamptz, n int, id int) USING stream;
	CREATE FUNCTION mallory.f(int) RETURNS int } . sprintf($immortal, '$1 = 7', '$1') . q{
	CREATE FUNCTION mallory.add(int, int) RETURNS int } . sprintf($immortal, '$1 + $2 = 7', '$1 + $2') . q{
	CREATE AGGREGATE mallory.total (int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = mallory.add, INITCOND = '0');});

# Runs SQL as a role without rights.
sub as_role
{
	my ($role, $sql) = @_;
	return $node->safe_psql('postgres', "SET SESSION AUTHORIZATION $role;\nSET search_path = public;\n$sql");
}

sub state_of
{
	my ($view) = @_;
	return "SELECT state FROM pg_stat_stream_view WHERE viewname = '$view'";
}

# The neighbour takes in rows, and all of them.
sub healthy_ok
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	as_role('alice', 'INSERT INTO witness SELECT g % 5 FROM generate_series(1, 100) g;
		INSERT INTO events SELECT g % 5 FROM generate_series(1, 100) g');
	return oracle_ok($node, 'SELECT * FROM healthy', 'SELECT k, count(*) FROM witness GROUP BY k', $name);
}

# Expects the view to be disabled, and nobody else to suffer; then it goes.
sub disabled_ok
{
	my ($view, $where) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_until($node, state_of($view), 'disabled');
	like($node->safe_psql('postgres', "SELECT last_error FROM pg_stat_stream_view WHERE viewname = '$view'"),
		qr/did not end when they were cancelled/, "$where: disabled, and the view says why");
	healthy_ok("$where: the neighbour goes on");
	is($node->safe_psql('postgres', "SELECT count(*) FROM stream_dead_letter") . $node->safe_psql('postgres',
			'SELECT count(*) FROM _stream_ext.quarantine'), '00', "$where: no row and no group is blamed");
	as_role('mallory', "DROP MATERIALIZED VIEW mallory.$view");
	return;
}

healthy_ok('alone');

# --- in the inner query ----------------------------------------------------------
as_role('mallory', q{CREATE MATERIALIZED VIEW mallory.keys AS SELECT mallory.f(n) AS n, count(*) FROM mallory.s GROUP BY 1;
	INSERT INTO mallory.s VALUES (now(), 7, 1)});
disabled_ok('keys', 'inner query');

# --- when it is planned ------------------------------------------------------------
# (made with a function that ends, and is replaced; it is folded as a constant)
as_role('mallory', q{CREATE FUNCTION mallory.constant() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
	CREATE MATERIALIZED VIEW mallory.planned AS SELECT n + mallory.constant() AS n, count(*) FROM mallory.s GROUP BY 1;
	CREATE OR REPLACE FUNCTION mallory.constant() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT mallory.f(7)';
	INSERT INTO mallory.s VALUES (now(), 1, 1)});
disabled_ok('planned', 'planning');

# --- when states meet in memory, and in storage ---------------------------------------
as_role('mallory', q{CREATE MATERIALIZED VIEW mallory.in_memory AS SELECT mallory.total(n) AS t FROM mallory.s;
	INSERT INTO mallory.s VALUES (now(), 3, 1)});
synced($node, '');
as_role('mallory', q{INSERT INTO mallory.s VALUES (now(), 4, 1)});
# the next worker reads both rows in one run: then nothing is combined
wait_until($node, q{SELECT t = 7 FROM mallory.in_memory});
is($node->safe_psql('postgres', state_of('in_memory')), 'running', 'combining in memory: the next worker gets round it');
healthy_ok('combining in memory: the neighbour goes on');
as_role('mallory', 'DROP MATERIALIZED VIEW mallory.in_memory');

as_role('mallory', q{CREATE MATERIALIZED VIEW mallory.in_storage AS SELECT mallory.total(n) AS t FROM mallory.s;
	INSERT INTO mallory.s VALUES (now(), 3, 1); SELECT stream_flush('mallory.in_storage');
	INSERT INTO mallory.s VALUES (now(), 4, 1)});
$node->psql('postgres', q{SELECT stream_flush('mallory.in_storage', '200 ms')});
disabled_ok('in_storage', 'combining in storage');

# --- told to end: it does, and nobody is blamed -----------------------------------------
$node->safe_psql('postgres', q{ALTER SYSTEM SET stream_ext.apply_timeout = 0});
$node->reload;
wait_until($node, q{SELECT current_setting('stream_ext.apply_timeout') = '0'});
synced($node, '');
my $asleep = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'stream worker'
	AND wait_event = 'PgSleep' AND query = 'applying to view "forever"' AND state = 'active'};
as_role('mallory', q{CREATE MATERIALIZED VIEW mallory.forever AS SELECT mallory.f(n) AS n, count(*) FROM mallory.s GROUP BY 1;
	INSERT INTO mallory.s VALUES (now(), 7, 1)});
wait_until($node, $asleep);
my $worker = worker_pid($node);
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($worker, 60000)"), 't', 'a worker that is told to end does, though code of a view does not');
isnt(worker_pid($node), $worker, '... and another one comes');
wait_until($node, $asleep);
is($node->safe_psql('postgres', state_of('forever')), 'running', '... which does not count against the view');

# --- a fast shutdown, and a start ---------------------------------------------------------
$node->stop('fast');
pass('a fast shutdown ends');
$node->start;
wait_until($node, $asleep);

# --- DROP of the view at work, by its owner ------------------------------------------------
as_role('mallory', 'DROP MATERIALIZED VIEW mallory.forever');
pass('a view whose code does not end can be dropped');
healthy_ok('afterwards');
like(slurp_file($node->logfile), qr/terminating background worker "stream worker"/, 'the log says what happened');

$node->stop;
done_testing();
