# 025_flush_failures.pl - storage that cannot be written for a while: nothing
# is lost, and others do not wait for it again and again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('flush_failures', conf => q{
	stream_ext.lock_timeout = '20ms'
	stream_ext.flush_interval = '10ms'
	stream_ext.work_memory = '1MB'
	stream_ext.read_freshness = off
});

$node->safe_psql('postgres', q{
	CREATE TABLE events (k int, x int) USING stream;
	CREATE TABLE witness (k int, x int);
	CREATE MATERIALIZED VIEW totals AS
		SELECT k, count(*) AS n, sum(x) AS s FROM events GROUP BY k;
});
my $totals = 'SELECT k, count(*), sum(x) FROM witness GROUP BY k';
my $storage = $node->safe_psql('postgres',
	q{SELECT '_stream_ext.storage_' || 'totals'::regclass::oid});

# Makes n flushes of a view fail, with rows of write() before each.  (The worker
# waits longer after each failure, unless it is told to go on.)
sub fail_flushes
{
	my ($view, $n, $write) = @_;
	my $failures = qq{SELECT flush_failures FROM pg_stat_stream_view WHERE viewname = '$view'};

	for (1 .. $n)
	{
		my $before = $node->safe_psql('postgres', $failures);

		$write->();
		$node->safe_psql('postgres', "SELECT stream_pause('$view')");
		wait_until($node, "SELECT ($failures) > $before");
		$node->safe_psql('postgres', "SELECT stream_resume('$view')");
	}
	return;
}

# Writes n groups to stream and witness.
sub write_rows
{
	my ($n) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness
			SELECT g, g FROM generate_series(1, $n) g RETURNING *)
		INSERT INTO events SELECT * FROM r");
	return;
}

sub failures
{
	return $node->safe_psql('postgres',
		q{SELECT flush_failures FROM pg_stat_stream_view WHERE viewname = 'totals'});
}

write_rows(10);
$node->safe_psql('postgres', 'SELECT stream_sync()');
my $locker = $node->background_psql('postgres');
$locker->query_safe("BEGIN; LOCK TABLE $storage IN ACCESS EXCLUSIVE MODE");

# --- more failures than there are places in the chain --------------------------
fail_flushes('totals', 18, sub { write_rows(10) });
cmp_ok(failures(), '>=', 18, 'flushes fail');

# The next thing that writes storage is a transaction larger than memory.
set_for_worker($node, 'stream_ext.flush_interval', '1h');
write_rows(50000);
wait_until($node, q{SELECT state FROM pg_stat_stream_view WHERE viewname = 'totals'}, 'lagging');
pass('a view that can neither flush nor hold more lags');
$locker->query_safe('COMMIT');
oracle_ok($node, 'SELECT * FROM totals', $totals, 'all of it is there after more failures than generations');
is($node->safe_psql('postgres',
		q{SELECT oversize_transactions > 0 FROM pg_stat_stream_view WHERE viewname = 'totals'}),
	't', '... and a transaction larger than memory came behind them');

# --- a flush that is asked for, in vain ----------------------------------------
$locker->query_safe("BEGIN; LOCK TABLE $storage IN ACCESS EXCLUSIVE MODE");
write_rows(10);
my $before = failures();
my $flusher = $node->background_psql('postgres', on_error_stop => 0);
$flusher->query_until(qr/started/, "\\echo started\nSELECT stream_flush('totals');\n");
wait_until($node, qq{SELECT flush_failures > $before FROM pg_stat_stream_view});
pass('a flush that is asked for fails');
sleep 3;
my $after = failures();
cmp_ok($after, '<', $before + 8, '... and is tried later and later');
my $flushes = q{SELECT flushes FROM pg_stat_stream_view WHERE viewname = 'totals'};
my $done = $node->safe_psql('postgres', $flushes);
$locker->query_safe('COMMIT');
$locker->quit;
wait_until($node, "SELECT ($flushes) > $done");
$flusher->quit;
oracle_ok($node, 'SELECT * FROM totals', $totals, 'it works once storage can be had');

# --- dead letters of runs behind the position ----------------------------------
# Again the chain is full.  The first flush that works gets as far as the chain;
# the next one cannot, and the worker is killed: what it reads again has a dead
# letter that must not have been written yet.
set_for_worker($node, 'stream_ext.flush_interval', '10ms');
$node->safe_psql('postgres', q{
	CREATE TABLE readings (ts timestamptz, v int) USING stream;
	CREATE MATERIALIZED VIEW hours WITH (stream.partition_width = '1 hour') AS
		SELECT date_trunc('hour', ts) AS hour, count(*) AS n, sum(100 / v) AS s FROM readings GROUP BY 1});
$node->safe_psql('postgres', q{INSERT INTO readings VALUES ('2026-01-01 00:00+00', 1), ('2036-01-01 05:00+00', 1)});
$node->safe_psql('postgres', q{SELECT stream_flush('hours')});
my ($first, $second) = split /\n/, $node->safe_psql('postgres', q{
	SELECT relid FROM pg_partition_tree((SELECT storage FROM _stream_ext.continuous_view WHERE view = 'hours'::regclass))
	 WHERE isleaf AND pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = relid), relid) LIKE 'FOR VALUES FROM%'
	 ORDER BY pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = relid), relid)});
my @lockers = map { $node->background_psql('postgres') } 1 .. 2;
$lockers[0]->query_safe("BEGIN; LOCK TABLE $first IN ACCESS EXCLUSIVE MODE");
$lockers[1]->query_safe("BEGIN; LOCK TABLE $second IN ACCESS EXCLUSIVE MODE");

$node->safe_psql('postgres', q{INSERT INTO readings VALUES ('2026-01-01 00:01+00', 0)});
fail_flushes('hours', 18, sub { $node->safe_psql('postgres', q{INSERT INTO readings VALUES ('2026-01-01 00:02+00', 1)}) });
# both rows in one transaction: what cannot be written, and what cannot be read
$node->safe_psql('postgres', q{INSERT INTO readings VALUES ('2036-01-01 05:01+00', 1), ('2036-01-01 05:02+00', 0)});
wait_until($node, q{SELECT rows_rejected = 2 FROM pg_stat_stream_view WHERE viewname = 'hours'});
$flushes = q{SELECT flushes FROM pg_stat_stream_view WHERE viewname = 'hours'};
$done = $node->safe_psql('postgres', $flushes);
$lockers[0]->query_safe('COMMIT');
$node->safe_psql('postgres', q{SELECT stream_pause('hours'), stream_resume('hours')});
wait_until($node, "SELECT ($flushes) > $done");
my $letters = q{SELECT "row" FROM stream_dead_letter ORDER BY 1};
is($node->safe_psql('postgres', $letters), '("2026-01-01 00:01:00+00",0)', 'a flush writes the dead letters up to its position');
kill 'KILL', worker_pid($node);
$_->quit for @lockers;
attempt($node, 'postgres', 'SELECT stream_sync()');
is($node->safe_psql('postgres', $letters), qq{("2026-01-01 00:01:00+00",0)\n("2036-01-01 05:02:00+00",0)},
	'... and what is read again after a crash is a dead letter once');
is($node->safe_psql('postgres', q{SELECT sum(n) FROM hours}), '21', '... and no row is lost');

$node->stop;
done_testing();
