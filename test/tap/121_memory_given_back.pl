# 121_memory_given_back.pl - memory goes back: that of a worker after a large
# row, that of flushed groups although another database has an old snapshot.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('memory_back', conf => q{
	stream_ext.flush_interval = '1h'
	stream_ext.work_memory = '4MB'
});
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');

# Returns the kilobytes of private memory that a process has, or once had, by the status file's line.
sub memory_kb
{
	my ($pid, $line) = @_;
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^$line:\s+(\d+)/m;
	return $kb;
}

# --- a snapshot of another database keeps no groups ---------------------------
my $old = $node->background_psql('elsewhere');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()');
$node->safe_psql('postgres', q{
	CREATE TABLE s (k int) USING stream;
	CREATE MATERIALIZED VIEW v AS SELECT k, count(*) FROM s GROUP BY k});
for my $n (1 .. 5)
{
	$node->safe_psql('postgres', q{INSERT INTO s SELECT generate_series(1, 1000);
		SELECT stream_flush('v')});
}
wait_until($node, 'SELECT memory_groups = 0 AND generations = 1 FROM pg_stat_stream_view');
pass('flushed groups are freed');

# --- one of this database does ----------------------------------------------------
my $here = $node->background_psql('postgres');
$here->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT sum(count) FROM v');
$node->safe_psql('postgres', q{INSERT INTO s SELECT generate_series(1, 1000); SELECT stream_flush('v')});
is($node->safe_psql('postgres', 'SELECT memory_groups FROM pg_stat_stream_view'), '1000',
	'a snapshot of this database is served from memory');
is($here->query_safe('SELECT sum(count) FROM v'), '6000', '... and sees what it must');
$here->quit;
$old->quit;

# --- a large row --------------------------------------------------------------------
SKIP:
{
	my $pid = worker_pid($node);
	skip 'no /proc here', 1 unless -r "/proc/$pid/status";

	$node->safe_psql('postgres', q{
		CREATE TABLE large (t text) USING stream;
		CREATE MATERIALIZED VIEW large_view AS SELECT count(*), sum(length(t)) FROM large;
		INSERT INTO large VALUES ('small');
		SELECT * FROM large_view});
	my $before = memory_kb($pid, 'RssAnon');
	is($node->safe_psql('postgres', q{INSERT INTO large SELECT repeat('x', 100 * 1024 * 1024);
		SELECT sum FROM large_view}), 100 * 1024 * 1024 + 5, 'a large row counts');
	# without anything more to read
	my $after;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$after = memory_kb($pid, 'RssAnon');
		last if $after < $before + 20 * 1024;
		select(undef, undef, undef, 0.1);
	}
	note("worker: $before kB before, $after kB after, " . memory_kb($pid, 'VmHWM') . ' kB at most');
	cmp_ok($after, '<', $before + 20 * 1024, 'a large row leaves no memory behind');
}

$node->stop;
done_testing();
