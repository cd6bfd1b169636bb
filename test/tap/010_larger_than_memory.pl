# 010_larger_than_memory.pl - more groups than shared memory holds, more rows in
# one transaction than the worker holds, more windows per row than seems wise:
# exact, bounded, also over a kill.
#
# Small by default.  The sizes of the claim are
#   LARGE_KEYS=10000000 LARGE_ROWS=20000000 LARGE_MEMORY=64MB
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use StreamExt;

my $keys = $ENV{LARGE_KEYS} // 100_000;
my $rows = $ENV{LARGE_ROWS} // 400_000;
my $memory = $ENV{LARGE_MEMORY} // '1MB';
my $chunks = 50;
my $limit_kb = 300 * 1024;

my $node = stream_node('large', conf => qq{
	stream_ext.shared_memory = '$memory'
	stream_ext.work_memory = '$memory'
	stream_ext.max_lag = -1
	stream_ext.read_timeout = '1h'
	max_wal_size = '1GB'
	log_min_messages = warning
	log_statement = none
});
my $max_kb = 0;

# Runs SQL in the background; returns the handle.
sub start_sql
{
	my ($sql) = @_;
	return IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ],
		'>', \my $out, '2>', \my $err);
}

# Notes how much memory of its own the worker has now, in kB.
sub watch_worker
{
	my ($pid) = @_;
	my $status = eval { slurp_file("/proc/$pid/status") } // return;

	$max_kb = $1 if $status =~ /^RssAnon:\s+(\d+)/m && $1 > $max_kb;
	return;
}

# Waits until the view has all that is committed, watching the worker.
sub wait_for_view
{
	my $sync = start_sql(q{SELECT stream_sync('4 hours')});
	my $pid = worker_pid($node);

	while ($sync->pumpable)
	{
		watch_worker($pid);
		$sync->pump_nb;
		sleep(0.05);
	}
	return $sync->finish;
}

# Every key of 1 .. n is there, n rows in all, each with the sum that it must
# have after the given number of times.
sub keys_are_exact
{
	my ($view, $times, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	# a scan of this length may outlive what is in memory when it begins
	$node->safe_psql('postgres', "SELECT stream_flush('$view', '4 hours')");
	return is($node->safe_psql('postgres', "SELECT count(*), min(key), max(key),
			count(*) FILTER (WHERE n <> $times OR total <> $times * 3 * key) FROM $view"),
		"$keys|1|$keys|0", $name);
}

# Says what a view has cost so far.
sub figures
{
	my ($view, $start) = @_;
	my $stat = $node->safe_psql('postgres', "SELECT 'flushes ' || flushes || ', for memory ' || flushes_memory
			|| ', larger than memory ' || oversize_transactions || ', groups written ' || flush_groups
			|| ', failures ' || flush_failures
		FROM pg_stat_stream_view WHERE relid = '$view'::regclass");

	note(sprintf('%s: %.0f s, %s; memory of the worker at most %d kB', $view, time - $start, $stat, $max_kb));
	return;
}

# --- distinct keys in many transactions ----------------------------------------

# every key once, in no order that storage would like: 7919 divides no size used
my $source = "SELECT (i * 7919::bigint %% $keys + 1)::int AS key, (i * 7919::bigint %% $keys + 1) * 3 AS value
	FROM generate_series(%d, %d) i";

$node->safe_psql('postgres', q{
	CREATE TABLE many (key int, value bigint) USING stream;
	CREATE TABLE single (key int, value bigint) USING stream;
	CREATE TABLE few (ts timestamptz, key int, value bigint) USING stream;
	CREATE TABLE sent (chunk int PRIMARY KEY);
	CREATE MATERIALIZED VIEW by_key AS SELECT key, count(*) AS n, sum(value) AS total FROM many GROUP BY key;
});

my $start = time;
for my $chunk (0 .. $chunks - 1)
{
	my $sql = sprintf("INSERT INTO many $source",
		$chunk * $keys / $chunks, ($chunk + 1) * $keys / $chunks - 1);

	kill_and_restart($node) if $chunk == $chunks / 2;
	attempt($node, 'postgres', qq{DO \$\$ BEGIN
		INSERT INTO sent VALUES ($chunk) ON CONFLICT DO NOTHING;
		IF FOUND THEN $sql; END IF; END \$\$});
	watch_worker(worker_pid($node));
}
wait_for_view();
keys_are_exact('by_key', 1, "$keys keys in $chunks transactions through $memory, with a kill in the middle");
figures('by_key', $start);
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW by_key');

# --- distinct keys in one COPY ---------------------------------------------------

my $file = $node->data_dir . '/keys.csv';
$node->safe_psql('postgres', "COPY (" . sprintf($source, 0, $keys - 1) . ") TO '$file' (FORMAT csv)");
$node->safe_psql('postgres', q{CREATE MATERIALIZED VIEW by_key_single AS
	SELECT key, count(*) AS n, sum(value) AS total FROM single GROUP BY key});

($start, $max_kb) = (time, 0);
$node->safe_psql('postgres', "COPY single FROM '$file' (FORMAT csv)");
wait_for_view();
keys_are_exact('by_key_single', 1, "$keys keys in one COPY through $memory");
figures('by_key_single', $start);
cmp_ok($max_kb, '<', $limit_kb, 'the worker stays below 300 MB');

($start, $max_kb) = (time, 0);
$node->safe_psql('postgres', "COPY single FROM '$file' (FORMAT csv)");
wait_until($node, q{SELECT oversize_transactions > 1 FROM pg_stat_stream_view WHERE relid = 'by_key_single'::regclass});
kill_and_restart($node);
wait_for_view();
keys_are_exact('by_key_single', 2, 'once more on top, killed while it was being written');
figures('by_key_single', $start);
unlink $file;
$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW by_key_single');

# --- many rows, few groups --------------------------------------------------------

$node->safe_psql('postgres', "COPY (SELECT timestamptz '2026-01-01' + i * interval '1 ms', i % 1000, i
	FROM generate_series(1, $rows) i) TO '$file' (FORMAT csv)");
$node->safe_psql('postgres', q{CREATE MATERIALIZED VIEW thousand AS
	SELECT key, count(*) AS n, sum(value) AS total, min(ts) AS first, max(ts) AS last FROM few GROUP BY key});

($start, $max_kb) = (time, 0);
$node->safe_psql('postgres', "COPY few FROM '$file' (FORMAT csv)");
wait_for_view();
figures('thousand', $start);
cmp_ok($max_kb, '<', $limit_kb, "one COPY of $rows rows: the worker stays below 300 MB");
oracle_ok($node, 'SELECT * FROM thousand', "SELECT i % 1000, count(*), sum(i::bigint),
		timestamptz '2026-01-01' + min(i) * interval '1 ms', timestamptz '2026-01-01' + max(i) * interval '1 ms'
	FROM generate_series(1, $rows) i GROUP BY 1", "one COPY of $rows rows into 1000 groups");
unlink $file;

# --- few rows, each in many windows ---------------------------------------------------

# one of them fails, so that they are also taken carefully; the condition on the
# window keeps them from going to panes
$node->safe_psql('postgres', q{
	CREATE TABLE hops (ts timestamptz, key int) USING stream;
	CREATE MATERIALIZED VIEW hopping AS
		SELECT w.window_start, key, count(*) AS n, sum(10 / (key - 1000)) AS total
		FROM hops, hop(ts, '1 second', '1000 seconds') w WHERE w.window_end > ts GROUP BY 1, 2;
});

($start, $max_kb) = (time, 0);
$node->safe_psql('postgres', "INSERT INTO hops SELECT timestamptz '2026-01-01' + i * interval '1 s', i
	FROM generate_series(1, 1500) i");
wait_for_view();
figures('hopping', $start);
cmp_ok($max_kb, '<', $limit_kb, '1500 rows of 1000 windows each: the worker stays below 300 MB');
$node->safe_psql('postgres', q{SELECT stream_flush('hopping', '4 hours')});
is($node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT key), min(n), max(n),
		min(window_start - timestamptz '2026-01-01' - key * interval '1 s'),
		max(window_start - timestamptz '2026-01-01' - key * interval '1 s') FROM hopping}),
	'1499000|1499|1|1|-00:16:39|00:00:00', 'every row is in its windows, once');
is($node->safe_psql('postgres', q{SELECT count(*), min(sqlstate) FROM stream_dead_letter}), '1|22012',
	'the row that fails is one dead letter');

$node->stop;
done_testing();
