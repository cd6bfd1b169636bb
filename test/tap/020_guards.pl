# 020_guards.pl - one bad view hurts only itself, a slow worker never fills
# the disk, and nothing of it happens silently.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('guards', conf => q{
	stream_ext.apply_timeout = '300ms'
	stream_ext.lock_timeout = '100ms'
	wal_keep_size = 0
	max_wal_size = 64MB
	min_wal_size = 32MB
});

$node->safe_psql('postgres', q{
	CREATE TABLE events (id int, k int, x float8) USING stream;
	CREATE TABLE witness (id int, k int, x float8);
	CREATE TABLE dim (k int PRIMARY KEY, name text);
	INSERT INTO dim SELECT g, 'name ' || g FROM generate_series(0, 9) g;
	CREATE MATERIALIZED VIEW good AS
		SELECT k, count(*) AS n, sum(x) AS s FROM events GROUP BY k;
	CREATE MATERIALIZED VIEW joined AS
		SELECT name, count(*) AS n FROM events JOIN dim USING (k) GROUP BY name;
});
my $good = 'SELECT k, count(*), sum(x) FROM witness GROUP BY k';
my $joined = 'SELECT name, count(*) FROM witness JOIN dim USING (k) GROUP BY name';

sub state_of
{
	my ($view) = @_;
	return "SELECT state FROM pg_stat_stream_view WHERE viewname = '$view'";
}

# Writes n rows to stream and witness in one transaction.
sub write_rows
{
	my ($n) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness
			SELECT g, g % 10, g / 8.0 FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO events SELECT * FROM r");
	return;
}

# --- a lock: the view lags, others go on ------------------------------------
write_rows(1000);
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE dim IN ACCESS EXCLUSIVE MODE');
write_rows(500);
wait_until($node, state_of('joined'), 'lagging');
wait_until($node, 'SELECT sum(n) = 1500 FROM good');
pass('a view goes on while another one waits for a lock');
write_rows(500);
$locker->query_safe('COMMIT');
$locker->quit;
wait_until($node, state_of('joined'), 'running');
oracle_ok($node, 'SELECT * FROM joined', $joined, 'a lagging view catches up exactly');
oracle_ok($node, 'SELECT * FROM good', $good, 'the other one is exact, too');

# --- a lock when a new worker takes the view in: it tries again ----------------
my $definition = $node->safe_psql('postgres',
	q{SELECT definition FROM _stream_ext.continuous_view WHERE view = 'joined'::regclass});
my $worker = view_worker_pid($node, 'joined');
$locker = $node->background_psql('postgres');
$locker->query_safe("BEGIN; ALTER VIEW $definition RESET (security_barrier)");
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker, 10000)");
isnt(view_worker_pid($node, 'joined'), $worker, 'there is a new worker');
wait_until($node, state_of('joined'), 'lagging');
write_rows(500);
wait_until($node, 'SELECT (SELECT sum(n) FROM good) = (SELECT count(*) FROM witness)');
pass('the other view goes on');
$locker->query_safe('ROLLBACK');
$locker->quit;
oracle_ok($node, 'SELECT * FROM joined', $joined, 'the view is taken in later, and exact');

# --- a query that does not end for some rows: they are dead letters -------------
$node->safe_psql('postgres', q{
	CREATE FUNCTION never(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN WHILE $1 = 7 LOOP PERFORM 1; END LOOP; RETURN $1; END $$;
	CREATE MATERIALIZED VIEW endless AS SELECT never(k) AS k, count(*) AS n FROM events GROUP BY 1;
});
my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM witness WHERE k <> 99');
write_rows(100);
oracle_ok($node, 'SELECT * FROM good', $good, 'others go on beside a query that does not end');
oracle_ok($node, 'SELECT * FROM endless',
	"SELECT k, count(*) FROM (SELECT k FROM witness OFFSET $before) w WHERE k <> 7 GROUP BY k",
	'... whose view has all rows but those');
$node->safe_psql('postgres', q{SELECT stream_flush('endless')});
is($node->safe_psql('postgres', q{SELECT DISTINCT sqlstate, count(*) OVER () FROM stream_dead_letter}),
	'57014|10', '... which are dead letters');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION never(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'});
my ($status, $out, $err);

# --- a combine function that does not end --------------------------------------
# Where it meets a state: in memory, or in storage.  It holds a lock that tells.
my $combine = q{CREATE OR REPLACE FUNCTION combine(int, int) RETURNS int LANGUAGE plpgsql AS};
$node->safe_psql('postgres', qq{$combine
		\$\$ BEGIN
			WHILE \$1 + \$2 = 7 LOOP
				PERFORM pg_advisory_xact_lock_shared(4711), pg_sleep(0.01);
			END LOOP;
			RETURN \$1 + \$2;
		END \$\$;
	CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = combine, INITCOND = '0');
	CREATE MATERIALIZED VIEW in_memory AS SELECT k, total(id) AS n FROM events WHERE k = 51 GROUP BY k;
	CREATE MATERIALIZED VIEW in_storage AS SELECT k, total(id) AS n FROM events WHERE k = 52 GROUP BY k;
});

# Writes one row of that view's to stream and witness.
sub write_row
{
	my ($id, $k) = @_;
	$node->safe_psql('postgres', "INSERT INTO witness VALUES ($id, $k, 0); INSERT INTO events VALUES ($id, $k, 0); SELECT stream_sync()");
	return;
}

# Changes a setting while the worker may be busy.
sub change_setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	wait_until($node, "SELECT current_setting('$name') = '$value'");
	return;
}

# Mends the function and lets the view go on.
sub view_is_mended
{
	my ($view, $k) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	oracle_ok($node, 'SELECT * FROM good', $good, "others go on beside a combine function that does not end $view");
	$node->safe_psql('postgres', "$combine 'BEGIN RETURN \$1 + \$2; END'; SELECT stream_resume('$view')");
	return oracle_ok($node, "SELECT * FROM $view", "SELECT k, sum(id) FROM witness WHERE k = $k GROUP BY k", 'mended and resumed it has every row');
}
my $endless = $node->safe_psql('postgres', q{SELECT prosrc FROM pg_proc WHERE proname = 'combine'});

change_setting('stream_ext.flush_interval', '1h');
$worker = view_worker_pid($node, 'in_memory');
write_row(3, 51);
$node->safe_psql('postgres', 'INSERT INTO witness VALUES (4, 51, 0); INSERT INTO events VALUES (4, 51, 0)');
wait_until($node, state_of('in_memory'), 'disabled');
($status, $out, $err) = $node->psql('postgres',
	q{INSERT INTO witness VALUES (0, 1, 1); INSERT INTO events VALUES (0, 1, 1); SELECT * FROM in_memory});
isnt($status, 0, 'a disabled view does not answer a session that needs more than it has');
like($err, qr/disabled/, '... and says why');
view_is_mended('in_memory', 51);

$node->safe_psql('postgres', "$combine \$\$$endless\$\$");
write_row(3, 52);
$node->safe_psql('postgres', q{SELECT stream_flush('in_storage')});
write_row(4, 52);
change_setting('stream_ext.flush_interval', '100ms');
wait_until($node, state_of('in_storage'), 'disabled');
like($node->safe_psql('postgres', q{SELECT last_error FROM pg_stat_stream_view WHERE viewname = 'in_storage'}),
	qr/timeout/, 'the view says what happened');
is($node->safe_psql('postgres', 'SELECT count(*) FROM _stream_ext.quarantine'), 0, 'running out of time is not the fault of a group');
is(view_worker_pid($node, 'in_storage'), $worker, 'the worker is the same');
view_is_mended('in_storage', 52);

# --- ... and without a time limit: the worker can be told to end ------------------
$node->safe_psql('postgres', "$combine \$\$$endless\$\$");
$node->safe_psql('postgres', q{DROP MATERIALIZED VIEW in_storage;
	CREATE MATERIALIZED VIEW in_storage AS SELECT k, total(id) AS n FROM events WHERE k = 53 GROUP BY k});
change_setting('stream_ext.apply_timeout', 0);
write_row(3, 53);
$node->safe_psql('postgres', q{SELECT stream_flush('in_storage')});
# nobody waits for a worker that may be flushing for ever
$node->safe_psql('postgres', 'INSERT INTO witness VALUES (4, 53, 0); INSERT INTO events VALUES (4, 53, 0)');
wait_until($node, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND pid = $worker");
change_setting('stream_ext.apply_timeout', '300ms');
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($worker, 1000 * $PostgreSQL::Test::Utils::timeout_default)"),
	't', 'a worker can be terminated in the middle of a flush');
isnt(view_worker_pid($node, 'in_storage'), $worker, 'there is another');
wait_until($node, state_of('in_storage'), 'disabled');
view_is_mended('in_storage', 53);
change_setting('stream_ext.flush_interval', '10s');
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW in_memory, in_storage');

# --- a paused view: WAL is kept, then let go ----------------------------------
$node->safe_psql('postgres', q{SELECT stream_pause('joined')});
write_rows(300);
is($node->safe_psql('postgres', 'SET stream_ext.read_freshness = off; SELECT sum(n) FROM joined'),
	'2601', 'a paused view stands still');
$node->safe_psql('postgres', q{SELECT stream_resume('joined')});
oracle_ok($node, 'SELECT * FROM joined', $joined, 'a resumed view reads what it missed');

# --- back-pressure: writers wait for a worker that stands still ------------------
# The row is too wide for the batch to stay in memory until commit.
$node->safe_psql('postgres', q{ALTER SYSTEM SET stream_ext.max_lag = '8MB'});
$node->reload;
$node->safe_psql('postgres', q{SELECT stream_flush('good'), stream_flush('joined'), stream_flush('endless')});
my $pid = worker_pid($node);
kill 'STOP', $pid;
$status = 0;
for my $i (1 .. 40)
{
	($status, $out, $err) = $node->psql('postgres', q{
		SET stream_ext.max_lag_timeout = '200ms';
		BEGIN;
		INSERT INTO witness SELECT g, g % 10, g FROM generate_series(1, 20000) g;
		INSERT INTO events SELECT g, g % 10, g FROM generate_series(1, 20000) g;
		COMMIT}, on_error_stop => 1);
	last if $status != 0;
}
isnt($status, 0, 'a writer fails when the views are too far behind');
like($err, qr/too far behind/, '... and is told why');
kill 'CONT', $pid;
write_rows(100);
oracle_ok($node, 'SELECT * FROM good', $good, 'the worker goes on: nothing was lost');
cmp_ok($node->safe_psql('postgres',
		q{SELECT backpressure_count FROM pg_stat_stream WHERE streamname = 'events'}),
	'>', 0, 'the wait was counted');

# --- a forgotten view does not hold WAL for ever ----------------------------------
$node->safe_psql('postgres', q{SELECT stream_pause('joined')});
for (1 .. 30)
{
	$node->safe_psql('postgres', 'INSERT INTO witness SELECT g, g % 10, g FROM generate_series(1, 5000) g');
	$node->safe_psql('postgres', 'INSERT INTO events SELECT g, g % 10, g FROM generate_series(1, 5000) g');
}
wait_until($node, state_of('joined'), 'gap');
oracle_ok($node, 'SELECT * FROM good', $good, 'a view in a gap hurts no other', others_broken => 1);
wait_until($node, q{SELECT pg_walfile_name(s.restart_lsn) > pg_walfile_name(p.restart_lsn)
	FROM pg_replication_slots s, _stream_ext.view_position p
	WHERE p.view = 'joined'::regclass AND s.slot_name LIKE 'stream_ext%'});
$node->safe_psql('postgres', 'CHECKPOINT');
($status, $out, $err) = $node->psql('postgres', q{SELECT stream_resume('joined')});
like($err, qr/stream_accept_gap/, 'a gap must be accepted');
my $had = $node->safe_psql('postgres', 'SELECT sum(n) FROM joined');
$node->safe_psql('postgres', q{SELECT stream_accept_gap('joined')});
write_rows(50);
is(synced($node, 'SELECT sum(n) FROM joined'), $had + 50,
	'after accepting it the view goes on with what it had');

# --- the slot is invalidated under the worker ---------------------------------------
$node->safe_psql('postgres', q{
	ALTER SYSTEM SET stream_ext.max_lag = -1;
	ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'});
$node->reload;
$had = $node->safe_psql('postgres', 'SELECT stream_sync() \g /dev/null
	SELECT sum(n) FROM good');
$pid = worker_pid($node);
kill 'STOP', $pid;
for (1 .. 8)
{
	$node->safe_psql('postgres', 'INSERT INTO events SELECT g, g % 10, g FROM generate_series(1, 1000) g');
	$node->safe_psql('postgres', 'INSERT INTO witness SELECT g FROM generate_series(1, 1000) g; SELECT pg_switch_wal()');
}
$node->safe_psql('postgres', 'CHECKPOINT');
# another worker may have made a new one already
like(slurp_file($node->logfile), qr/invalidating slot "stream_ext_/, 'the slot was invalidated');
kill 'CONT', $pid;
wait_until($node, state_of('good'), 'gap');
is($node->safe_psql('postgres', 'SET stream_ext.read_freshness = off; SELECT sum(n) FROM good'), $had,
	'a view in a gap still shows what it had');
# the owner's worker was not stopped: its views may have been quick enough
my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
wait_until($node, "SELECT bool_and(state = 'gap' OR applied_lsn >= '$end') FROM pg_stat_stream_view");
$node->safe_psql('postgres', q{SELECT stream_accept_gap(relid) FROM pg_stat_stream_view WHERE state = 'gap'});
write_rows(50);
is(synced($node, 'SELECT sum(n) FROM good'), $had + 50, 'and goes on when the gap is accepted');
is($node->safe_psql('postgres', q{SELECT wal_status FROM pg_replication_slots WHERE slot_name LIKE 'stream_ext%'}),
	'reserved', 'there is a new slot');

done_testing();
