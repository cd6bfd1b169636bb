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
	stream_ext.read_your_writes = off
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
# (The worker waits longer after each failure, unless it is told to go on.)
for my $n (1 .. 18)
{
	my $before = failures();

	write_rows(10);
	$node->safe_psql('postgres', "SELECT stream_pause('totals')");
	wait_until($node, qq{SELECT flush_failures > $before FROM pg_stat_stream_view});
	$node->safe_psql('postgres', "SELECT stream_resume('totals')");
}
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

$node->stop;
done_testing();
