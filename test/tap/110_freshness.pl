# 110_freshness.pl - a read shows every commit that was acknowledged before its
# statement began, in whatever session, of whatever kind; and what a reader is
# told where that cannot be had.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('freshness', conf => q{
	max_prepared_transactions = 5
	stream_ext.read_others_timeout = '60s'
	stream_ext.read_timeout = '60s'
});

# fresh(n, read): n times another session commits a row by what write() says,
# and this one reads.  Returns how often the row was missed.
$node->safe_psql('postgres', q{
	CREATE EXTENSION dblink;
	CREATE TABLE s (i int) USING stream;
	CREATE TABLE unrelated (i int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s;
	CREATE VIEW other AS SELECT format('host=%s port=%s dbname=postgres user=%s',
		split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'),
		current_user) AS conninfo;

	CREATE FUNCTION connect() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF NOT 'o' = ANY (coalesce(dblink_get_connections(), '{}')) THEN
			PERFORM dblink_connect('o', conninfo) FROM other;
			PERFORM dblink_connect('p', conninfo) FROM other;
		END IF;
	END $$;

	CREATE FUNCTION write(kind text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		CASE kind
			WHEN 'insert' THEN
				PERFORM dblink_exec('o', 'INSERT INTO s VALUES (1)');
			WHEN 'asynchronous' THEN
				PERFORM dblink_exec('o', 'SET synchronous_commit = off; INSERT INTO s VALUES (1)');
			WHEN 'copy' THEN
				PERFORM dblink_exec('o', $q$COPY s FROM PROGRAM 'echo 1'$q$);
			WHEN 'subtransaction' THEN
				PERFORM dblink_exec('o', 'BEGIN; INSERT INTO unrelated VALUES (1); SAVEPOINT a;
					INSERT INTO s VALUES (1); SAVEPOINT b; INSERT INTO s VALUES (2);
					ROLLBACK TO b; RELEASE a; COMMIT');
			WHEN 'prepared' THEN
				PERFORM dblink_exec('o', $q$BEGIN; INSERT INTO s VALUES (1); PREPARE TRANSACTION 'x'$q$);
				PERFORM dblink_exec('o', $q$COMMIT PREPARED 'x'$q$);
			WHEN 'prepared elsewhere' THEN
				PERFORM dblink_exec('o', $q$BEGIN; INSERT INTO s VALUES (1); PREPARE TRANSACTION 'x'$q$);
				PERFORM dblink_exec('p', $q$COMMIT PREPARED 'x'$q$);
		END CASE;
	END $$;

	CREATE FUNCTION read_static() RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE result bigint; BEGIN SELECT n INTO result FROM v; RETURN result; END $$;
	CREATE FUNCTION read_dynamic() RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE result bigint; BEGIN EXECUTE 'SELECT n FROM v' INTO result; RETURN result; END $$;
	CREATE FUNCTION read_cursor() RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE result bigint; c CURSOR FOR SELECT n FROM v;
		BEGIN OPEN c; FETCH c INTO result; CLOSE c; RETURN result; END $$;
	CREATE FUNCTION read_sql() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT n FROM v';

	CREATE FUNCTION read(how text) RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE result bigint;
		BEGIN EXECUTE format('SELECT read_%s()', how) INTO result; RETURN result; END $$;

	CREATE PROCEDURE alternate(rounds int, kind text, how text, commits bool, INOUT missed int)
	LANGUAGE plpgsql AS $$
		DECLARE had bigint;
		BEGIN
			missed := 0;
			PERFORM connect();
			had := read(how);
			FOR i IN 1 .. rounds LOOP
				PERFORM write(kind);
				IF commits THEN
					COMMIT;
				END IF;
				IF read(how) <> had + i THEN
					missed := missed + 1;
				END IF;
			END LOOP;
		END $$;
});

sub missed
{
	my ($rounds, $kind, $how, $commits) = @_;
	return $node->safe_psql('postgres', "CALL alternate($rounds, '$kind', '$how', $commits, 0)");
}

is(missed(1000, 'insert', 'static', 'true'), '0', 'of 1000 reads none misses what another session has committed');
is(missed(100, $_, 'static', 'true'), '0', "kind of commit: $_")
	for 'asynchronous', 'copy', 'subtransaction', 'prepared', 'prepared elsewhere';
is(missed(100, 'insert', $_, 'true'), '0', "kind of read: $_") for 'dynamic', 'cursor', 'sql';
is(missed(100, 'insert', $_, 'false'), '0', "each statement of a function anew: $_")
	for 'static', 'dynamic', 'sql';

# --- prepared statements ---------------------------------------------------------
my $prepared = $node->safe_psql('postgres', q{
	SET plan_cache_mode = force_generic_plan;
	PREPARE reading AS SELECT n FROM v;
	SELECT connect() \g /dev/null
	EXECUTE reading \gset before_
	} . (q{
	SELECT write('insert') \g /dev/null
	EXECUTE reading \gset after_
	} x 20) . q{
	SELECT :after_n - :before_n;});
is($prepared, '20', 'prepared statements with generic plans');

# --- one snapshot --------------------------------------------------------------------
is($node->safe_psql('postgres', q{
	SELECT connect() \g /dev/null
	SELECT n FROM v \gset before_
	SELECT write('insert') \g /dev/null
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT n FROM v \gset first_
	SELECT write('insert') \g /dev/null
	SELECT n FROM v \gset second_
	COMMIT;
	SELECT n FROM v \gset third_
	SELECT :first_n - :before_n, :second_n >= :first_n, :third_n - :before_n;}), '1|t|2',
	'REPEATABLE READ shows what was committed before its first read');

# --- what was not asked for, or is not its own ---------------------------------------
my $worker = worker_pid($node);
my ($out, $err);

# Runs statements while the worker stands still; returns the messages.
sub while_worker_stands
{
	my ($sql) = @_;
	kill 'STOP', $worker;
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	kill 'CONT', $worker;
	return $err;
}

my $now = $node->safe_psql('postgres', 'SELECT n FROM v');
is(while_worker_stands(q{
	SET stream_ext.read_others_timeout = '100ms';
	SELECT connect() \g /dev/null
	SELECT dblink_exec('o', 'INSERT INTO unrelated VALUES (1)') \g /dev/null
	SELECT n FROM v}), '', 'rows of another stream are nothing to wait for');
is($out, $now, 'and nothing is missing');

like(while_worker_stands(q{
	SET stream_ext.read_others_timeout = '100ms';
	SELECT connect() \g /dev/null
	SELECT write('insert') \g /dev/null
	SELECT n FROM v;
	SET client_min_messages = error;
	SELECT count(v.n) FROM generate_series(1, 20) g, LATERAL (SELECT n FROM v OFFSET g * 0) v}),
	qr/WARNING:  continuous view "v" is not up to date.*lacks commits of other sessions/s,
	'who has waited in vain for others gets what there is, and a warning');
is($out, "$now\n20", 'the answer is what was there');
$now = synced($node, 'SELECT n FROM v');

is(while_worker_stands(qq{
	SET stream_ext.read_freshness = $_;
	SELECT connect() \\g /dev/null
	SELECT write('insert') \\g /dev/null
	SELECT n FROM v}), '', "read_freshness = $_ does not wait for others")
	for 'session', 'off';
like(while_worker_stands(q{
	SET stream_ext.read_timeout = '100ms';
	INSERT INTO s VALUES (1);
	SELECT n FROM v}), qr/ERROR:  timed out waiting for continuous view "v"/,
	'what the session itself has committed must be there');

# --- whose lock it is ------------------------------------------------------------------
$node->safe_psql('postgres', q{
	CREATE TABLE d (k int, name text);
	INSERT INTO d VALUES (1, 'one');
	CREATE MATERIALIZED VIEW j AS SELECT name, count(*) AS n FROM s JOIN d ON k = i GROUP BY name;
	SELECT stream_sync()});
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE d IN ACCESS EXCLUSIVE MODE');
$node->psql('postgres', q{
	SELECT connect() \g /dev/null
	SELECT write('insert') \g /dev/null
	SET stream_ext.read_others_timeout = '500ms';
	SELECT count(*) FROM j}, stdout => \$out, stderr => \$err);
like($err, qr/continuous view "j" is not up to date/, 'a view that waits for a lock is read as it is');
$locker->query_safe('COMMIT');
$locker->quit;
is(synced($node, 'SELECT * FROM j'), 'one|1', 'and goes on afterwards');

# --- states ----------------------------------------------------------------------------
$node->safe_psql('postgres', q{SELECT stream_pause('v')});
$node->psql('postgres', q{
	SELECT connect() \g /dev/null
	SELECT write('insert') \g /dev/null
	SELECT n > 0 FROM v}, stdout => \$out, stderr => \$err);
like($err, qr/"v" is not up to date.*state "paused"/s, 'a paused view says that it lacks something');
is($out, 't', 'and is read at once');
$node->safe_psql('postgres', q{SELECT stream_resume('v')});
$node->stop;

# --- no worker ---------------------------------------------------------------------------
$node = stream_node('no_worker', conf => q{
	max_worker_processes = 3
	max_logical_replication_workers = 0
	stream_ext.read_timeout = '1s'
});
my @databases = map { "d$_" } 1 .. 4;
for my $database (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, q{
		CREATE EXTENSION stream_ext;
		CREATE TABLE s (i int) USING stream;
		CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s;});
}
# launcher, reader and keeper leave no process for any of them
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_stream_worker'), '0', 'there is no worker');
my $idle = 'd1';
$node->psql($idle, 'SELECT * FROM v', stderr => \$err);
like($err, qr/No stream worker runs in this database/, 'a read says that no worker runs');
like($node->safe_psql($idle, 'SELECT state, last_error FROM pg_stat_stream_view'),
	qr/^waiting\|no stream worker/, 'so does the state');
$node->stop;

done_testing();
