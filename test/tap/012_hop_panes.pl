# 012_hop_panes.pl - hopping windows by panes: exact through memory that is much
# too small, while the worker and the server are killed at random moments.
#
# The seed is printed; SEED=n runs the same again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $seed = $ENV{SEED} // int(rand(1_000_000));
srand($seed);
note("SEED=$seed");

my $node = stream_node('panes', conf => qq{
	stream_ext.shared_memory = '1MB'
	stream_ext.work_memory = '1MB'
	stream_ext.flush_interval = '200ms'
	stream_ext.max_lag = -1
	stream_ext.read_timeout = '1h'
	log_min_messages = warning
	log_statement = none
});

# windows of one view; many panes of few keys, few panes of many keys, sizes
# that are no multiple of the slide, partials of any size
my %queries = (
	dense => q{SELECT w.window_start, key % 3 AS key, count(*), sum(value), min(value), max(value)
		FROM %s, hop(ts, '10 seconds', '10 minutes') w GROUP BY 1, 2},
	sparse => q{SELECT key, w.window_end, count(*), sum(value)
		FROM %s, hop(ts, '7 minutes', '45 minutes') w GROUP BY 1, 2},
	internal => q{SELECT w.window_start, w.window_end, key % 50 AS key, avg(value::numeric), sum(value::numeric), max(repeat('x', key % 300))
		FROM %s, hop(ts, '1 minute', '12 minutes 1 second') w GROUP BY 1, 2, 3},
	number => q{SELECT w.window_start, count(*), sum(value) FROM %s, hop(key, 5, 201) w GROUP BY 1},
);

$node->safe_psql('postgres', q{
	CREATE TABLE rows (ts timestamptz, key int, value bigint) USING stream;
	CREATE TABLE archive (ts timestamptz, key int, value bigint);
	CREATE TABLE sent (chunk int PRIMARY KEY);
});
$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW v_$_ AS " . sprintf($queries{$_}, 'rows'))
	for sort keys %queries;

sub views_are_exact
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	for my $query (sort keys %queries)
	{
		# a scan of this length may outlive what is in memory when it begins
		$node->safe_psql('postgres', "SELECT stream_flush('v_$query', '1 hour')");
		oracle_ok($node, "TABLE v_$query", sprintf($queries{$query}, 'archive'), "$name: $query");
	}
	return;
}

# Sends some rows in one transaction, once, whatever happens meanwhile.
my $chunk = 0;
sub send_rows
{
	my ($rows, $minutes) = @_;
	my $number = ++$chunk;
	my $base = int(rand(1000));
	my $source = "SELECT timestamptz '2026-01-01' + $base * interval '1 minute' + (i * 7919 % ($minutes * 60)) * interval '1 s',
			(i * 31 % 997), i FROM generate_series(1, $rows) i";

	attempt($node, 'postgres', qq{DO \$\$ BEGIN
		INSERT INTO sent VALUES ($number) ON CONFLICT DO NOTHING;
		IF FOUND THEN INSERT INTO rows $source; INSERT INTO archive $source; END IF; END \$\$});
	return;
}

for my $round (1 .. 14)
{
	send_rows(1 + int(rand(500)), 1 + int(rand(120)));
	next if rand() < 0.7;
	if (rand() < 0.7)
	{
		kill 'KILL', worker_pid($node);
		attempt($node, 'postgres', 'SELECT 1');
	}
	else
	{
		kill_and_restart($node);
	}
}
kill 'KILL', worker_pid($node);
attempt($node, 'postgres', 'SELECT 1');
views_are_exact('many transactions with kills');

# one transaction that is larger than all memory, killed while it is written
my $before = $node->safe_psql('postgres',
	q{SELECT sum(oversize_transactions) FROM pg_stat_stream_view WHERE viewname LIKE 'v_%'});
send_rows(12_000, 300);
wait_until($node, "SELECT sum(oversize_transactions) > $before FROM pg_stat_stream_view WHERE viewname LIKE 'v_%'");
kill_and_restart($node);
views_are_exact('larger than memory, with a kill');
send_rows(12_000, 300);
views_are_exact('larger than memory, onto what is stored');

is($node->safe_psql('postgres', q{SELECT sum(groups_quarantined) + sum(rows_rejected) FROM pg_stat_stream_view}),
	'0', 'nothing was put aside');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_stream_view WHERE state <> 'running'}),
	'0', 'every view is running');

# panes that cannot be combined, in the middle of windows that fill the memory
# many times: what was written before stays, what can be written is
$node->safe_psql('postgres', q{
	CREATE TABLE heavy (n int, key text, ms float8) USING stream;
	CREATE TABLE heavy_archive (LIKE heavy);
	CREATE MATERIALIZED VIEW v_heavy AS
		SELECT w.window_start, key, count(*), sum(ms) FROM heavy, hop(n, 1, 9000) w GROUP BY 1, 2;
	INSERT INTO heavy_archive SELECT n, key, CASE WHEN key = 'c' AND n > 0 THEN 1e308 ELSE n END
		FROM unnest('{a,b,c,d,e}'::text[]) key, unnest('{0,6000,14950}'::int[]) n;
	INSERT INTO heavy SELECT * FROM heavy_archive;
	SELECT stream_flush('v_heavy', '1 hour')});
# the last row of c is missing where both heavy ones are
oracle_ok($node, 'TABLE v_heavy', q{SELECT w.window_start, key, count(*), sum(ms)
	FROM heavy_archive, hop(n, 1, 9000) w
	WHERE NOT (key = 'c' AND n = 14950 AND window_start <= 6000) GROUP BY 1, 2}, 'panes that cannot be combined');
is($node->safe_psql('postgres', q{SELECT count(*), min(keys), max(keys), min(sqlstate) FROM _stream_ext.quarantine}),
	'50|k1=5951, k2=c|k1=6000, k2=c|22003', 'the others are in quarantine, window by window');

$node->stop;
done_testing();
