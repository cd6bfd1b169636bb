# 111_retention_altered.pl - ALTER of the retention at every stage of dropping a
# partition: nothing is lost but what had been dropped, and nothing is left behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('retention_altered', conf => q{
	stream_ext.flush_interval = '1h'
	stream_ext.lock_timeout = '200ms'
});
plan skip_all => 'built without fault points' unless declare_fault_points($node);

my %query = (
	tumble => q{SELECT w.window_start, key, count(*) AS n FROM %s, tumble(ts, '1 hour') w GROUP BY 1, 2},
	session => q{SELECT w.window_start, key, count(*) AS n FROM %s, session(ts, '1 minute') w GROUP BY 1, 2},
	append => q{SELECT ts, key FROM %s});
my %over_archive = (%query, session => q{SELECT min(ts), key, count(*) FROM (SELECT *, sum(new::int) OVER (PARTITION BY key ORDER BY ts) AS s
	FROM (SELECT *, ts - lag(ts) OVER (PARTITION BY key ORDER BY ts) >= '1 minute' IS NOT FALSE AS new FROM %s) a) b GROUP BY key, s});
my ($shape, $case) = ('', 0);

# Writes rows of a day long ago, and of now; their times are those of the test's start.
$node->safe_psql('postgres', q{CREATE TABLE base AS SELECT date_trunc('day', now()) - interval '5 days' + interval '2 hours' AS old, now() AS new});
sub write_rows
{
	my ($days) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO archive SELECT $days + g * interval '5 s', g % 3
		FROM base, generate_series(1, 30) g RETURNING *) INSERT INTO events SELECT * FROM r");
	return;
}

sub right
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return oracle_ok($node, 'SELECT * FROM v', sprintf($over_archive{$shape}, 'archive'), "$shape: $name");
}

# The table of the old day, the state of its detaching.
my $old_parts = q{pg_class c WHERE c.relkind = 'r' AND c.relname ~ ('storage_' || 'v'::regclass::oid || '_'
	|| (SELECT to_char(old AT TIME ZONE 'UTC', 'YYYYMMDD') FROM base))};
my %reached = (
	before => "SELECT last_error LIKE '%fault point%' FROM pg_stat_stream_view WHERE viewname = 'v'",
	pending => 'SELECT count(*) = 1 FROM pg_inherits WHERE inhdetachpending',
	detached => "SELECT count(*) = 1 FROM $old_parts AND NOT relispartition",
	dropped => "SELECT count(*) = 0 FROM $old_parts");
my $fault = sub { $node->safe_psql('postgres', "SELECT stream_fault_set('$_[0]', '$_[1]')") };

# Brings the old day's partition to a stage; returns a session that keeps it there.
sub bring_to
{
	my ($stage) = @_;
	my $reader;

	$fault->('retention-before-step', 'errors') if $stage eq 'before';
	$fault->('retention-after-step', 'errors') if $stage eq 'detached';
	if ($stage eq 'pending')
	{
		my $parent = $node->safe_psql('postgres', q{SELECT relname FROM pg_class WHERE relname = 'storage_' || 'v'::regclass::oid || '_range'});
		$reader = $node->background_psql('postgres');
		$reader->query("BEGIN; SELECT count(*) FROM _stream_ext.$parent");
	}
	$node->safe_psql('postgres', q{ALTER MATERIALIZED VIEW v SET (stream.retention = '2 days')});
	wait_until($node, $reached{$stage});
	return $reader;
}

# One case: a view whose old day is at a stage when its retention becomes longer, or none.
sub run_case
{
	my ($stage, $alter, $crash) = @_;
	my $name = "$stage, $alter" . ($crash ? ', crash' : '');

	$case++;
	$node->safe_psql('postgres', "CREATE TABLE events (ts timestamptz, key int) USING stream; CREATE TABLE archive (ts timestamptz, key int);
		SELECT stream_set_event_time('events', 'ts', delay => '1000 days');
		CREATE MATERIALIZED VIEW v WITH (stream.retention = '1000 days', stream.partition_width = '1 day') AS " . sprintf($query{$shape}, 'events'));
	write_rows('old');
	write_rows('new');
	$node->safe_psql('postgres', q{SELECT stream_flush('v')});
	write_rows('old') if $shape ne 'session';	# in memory when the partition goes
	right("$name: at first");
	my $reader = bring_to($stage);
	if ($crash)
	{
		eval { $reader->quit } if $reader;
		kill_and_restart($node);
		wait_until($node, $reached{$stage}) if $stage ne 'before' && $stage ne 'pending' && $stage ne 'detached';
	}
	elsif ($stage eq 'pending' && $shape ne 'session')
	{
		# what is in memory goes where it belongs, though it is hidden
		$node->safe_psql('postgres', q{SELECT stream_flush('v')});
	}
	$node->safe_psql('postgres', "ALTER MATERIALIZED VIEW v $alter");
	if ($stage eq 'detached' || $stage eq 'dropped' || $crash)
	{
		# what was stored of that day may be gone, wholly or not at all
		my $shown = $node->safe_psql('postgres', 'SELECT count(*) FROM v, base WHERE v.' . ($shape eq 'append' ? 'ts' : 'window_start') . " < old + interval '1 day'");
		$node->safe_psql('postgres', q{SELECT stream_sync()});
		$node->safe_psql('postgres', "DELETE FROM archive USING base WHERE ts < old + interval '1 day'") if $shown == 0 || $shape ne 'session';
		$node->safe_psql('postgres', "INSERT INTO archive SELECT v.* FROM v, base WHERE ts < old + interval '1 day'") if $shape eq 'append';
		$node->safe_psql('postgres', "INSERT INTO archive SELECT v.window_start + g * interval '5 s', key FROM v, base, generate_series(1, n) g
			WHERE v.window_start < old + interval '1 day'") if $shape eq 'tumble';
	}
	right("$name: altered");
	write_rows('old');
	right("$name: written");
	$node->safe_psql('postgres', q{SELECT stream_flush('v')});
	right("$name: flushed");
	$reader->quit if $reader && !$crash;
	$fault->($_, '') for 'retention-before-step', 'retention-after-step';
	wait_until($node, "SELECT count(*) = 0 FROM $old_parts AND NOT relispartition");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_inherits WHERE inhdetachpending'), 0, "$shape: $name: nothing is pending");
	write_rows('old');
	$node->safe_psql('postgres', q{SELECT stream_flush('v')});
	right("$name: in the end");
	is($node->safe_psql('postgres', q{SELECT state || flush_failures FROM pg_stat_stream_view WHERE viewname = 'v'}), 'running0', "$shape: $name: no failures");
	$node->safe_psql('postgres', 'DROP MATERIALIZED VIEW v; DROP TABLE events, archive');
	return;
}

for my $which ('tumble', 'append', 'session')
{
	$shape = $which;
	for my $stage ('before', 'pending', 'detached', 'dropped')
	{
		run_case($stage, q{SET (stream.retention = '900 days')}, 0);
		run_case($stage, 'RESET (stream.retention)', $stage ne 'before');
	}
}
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed');
$node->stop;
done_testing();
