# 060_git_changes.pl - real events, far out of order, against the model.
#
#   GIT_CHANGES=/path/to/git_changes.csv.xz GIT_CHANGES_ROWS=all make check-tap PROVE_TESTS=test/tap/060_git_changes.pl
#
# Changes of files in public git histories: a change arrives when it is
# committed, its event time is when its author made it, up to two years before.
# They are sent in the order of arrival; views of every kind of window, with
# lateness from nothing to 1 000 days, must keep, drop and put aside exactly the
# rows that the model says (test/perl/TimeModel.pm), while worker and server are killed.  The
# file is not part of the project: GIT_CHANGES names it, or it lies in
# ../shared/data; without it the test is skipped.  061_time_model.pl makes its own rows.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;
use TimeModel;

my $file = $ENV{GIT_CHANGES} // '../shared/data/git_changes.csv.xz';
plan skip_all => 'no git_changes.csv.xz' unless -r $file;
plan skip_all => 'no xz' if system('xz --version > /dev/null 2>&1') != 0;

# Without GIT_CHANGES_ROWS=all, a part with many late rows.
my $part = ($ENV{GIT_CHANGES_ROWS} // '') eq 'all' ? q{sed 1d} : q{sed -n '330001,370000p;370000q'};
my $chunks = 20;
my $seed = int($ENV{SEED} || time());
diag("SEED=$seed");
srand($seed);

my $node = stream_node('git_changes', conf => q{
	log_statement = none
	track_commit_timestamp = on
	stream_ext.flush_interval = '500ms'
	stream_ext.work_memory = '8MB'
});
time_model_install($node);

# --- the events -------------------------------------------------------------------------

$node->safe_psql('postgres', q{CREATE TABLE input (seq bigint, arrival_time timestamptz, event_time timestamptz,
	repo text, commit text, author text, op text, top_dir text, ext text, path text)});
$node->safe_psql('postgres', "\\copy input FROM PROGRAM '"
	. ("xz -dc $file | $part" =~ s/'/''/gr) . "' (FORMAT csv)");
$node->safe_psql('postgres', q{ALTER TABLE input ADD COLUMN place bigserial;
	CREATE TABLE changes (place bigint, ts timestamptz, key text, v bigint) USING stream;
	CREATE TABLE archive (place bigint, ts timestamptz, key text, v bigint);});
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM input');
my ($late) = $node->safe_psql('postgres', 'SELECT round(100.0 * avg((event_time < newest)::int), 1)
	FROM (SELECT event_time, max(event_time) OVER (ORDER BY place) AS newest FROM input) i');
diag("$rows events, $late % of them out of order");

# Sends a part of the events: from and to are fractions of all.
sub send_events
{
	my ($from, $to) = @_;
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO archive SELECT place, event_time, repo, place FROM input
		WHERE place > floor($rows * $from) AND place <= floor($rows * $to) ORDER BY place RETURNING *)
		INSERT INTO changes SELECT * FROM r");
	return;
}

# --- views ------------------------------------------------------------------------------

my %from = (
	tumble => ["tumble(ts, '7 days')", 'NULL', '7 days'],
	hop => ["hop(ts, '2 days', '7 days')", '2 days', '7 days'],
	cumulate => ["cumulate(ts, '2 days', '8 days')", '2 days', '8 days'],
	session => ["session(ts, '12 hours')", 'NULL', '12 hours']);
my @views;

$node->safe_psql('postgres', "SELECT stream_set_event_time('changes', 'ts'); INSERT INTO model.rule (after_place, delay) VALUES (0, 0)");
for my $kind (sort keys %from)
{
	my ($window, $step, $size) = @{ $from{$kind} };
	for my $days (0, 1, 30, 1000)
	{
		for my $late ('update', 'drop', 'side')
		{
			next if $late eq 'update' && $days > 0;
			my $name = "${kind}_${days}_$late";
			my $emit = $late eq 'drop' && $days == 1 ? 'on close' : 'on update';
			$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $name
				WITH (stream.lateness = '$days days', stream.late = '$late', stream.emit = '$emit') AS
				SELECT w.window_start AS s, w.window_end AS e, key, count(*) AS n, sum(v) AS total
				  FROM changes, $window w GROUP BY 1, 2, 3");
			$node->safe_psql('postgres', "INSERT INTO model.view SELECT '$name', 0, '$kind', model.axis(interval '$step'),
				model.axis(interval '$size'), model.axis('2000-01-03 00:00+00'::timestamptz), model.axis(interval '$days days'),
				'$late', '$emit', NULL, model.axis(interval '1 day')" =~ s/interval 'NULL'/NULL::interval/r);
			push @views, $name;
		}
	}
}

# --- sent, with kills in between ------------------------------------------------------------

my %fault = (
	'the worker is killed' => sub { kill 'KILL', worker_pid($node); },
	'the server is killed' => sub { kill_and_restart($node); },
	'immediate shutdown' => sub { $node->restart('immediate'); });
my @faults = (sort keys %fault) x 2;
my %fault_at;
$fault_at{ 1 + int(rand($chunks - 4)) } = $_ for @faults;

for my $chunk (0 .. $chunks - 3)
{
	send_events($chunk / $chunks, ($chunk + 1) / $chunks);
	next unless $fault_at{$chunk};
	diag("$chunk of $chunks: $fault_at{$chunk}");
	$fault{ $fault_at{$chunk} }->();
	attempt($node, 'postgres', 'SELECT stream_sync()');
}

# The counters begin anew with a server: those of the last events.
my $counters = q{SELECT viewname, concat_ws(',', rows_late, rows_late_dropped, rows_late_side) FROM pg_stat_stream_view};
my $place = $node->safe_psql('postgres', 'SELECT max(place) FROM archive');
attempt($node, 'postgres', 'SELECT stream_sync()');
my %before = map { split /\|/ } split /\n/, $node->safe_psql('postgres', $counters);
send_events(1 - 2 / $chunks, 1);
$node->safe_psql('postgres', 'SELECT stream_sync()');
my %after = map { split /\|/ } split /\n/, $node->safe_psql('postgres', $counters);

# --- compared -----------------------------------------------------------------------------------

$node->safe_psql('postgres', 'INSERT INTO model.arrived (place, t, key, v, committed, id) SELECT place, model.axis(ts), key, v,
	model.axis(pg_xact_commit_timestamp(xmin)), place FROM archive; ANALYZE model.arrived');
for my $view (@views)
{
	my ($kind, $days, $policy) = split /_/, $view;
	time_model_ok($node, $view, 'all sent');
	my ($kept, $late) = time_model_numbers($node);
	diag("$view: $kept rows in time for a window, $late late");
	cmp_ok($late, '>', 0, "$view: something is late") if $days <= 30 && $policy ne 'update';
	my @before = split /,/, $before{$view};
	my @counted = map { $_ - shift @before } split /,/, $after{$view};
	my $late_now = $node->safe_psql('postgres', "SELECT count(*) FROM model.found WHERE late AND place > $place");
	is_deeply(\@counted, [ $late_now, $policy eq 'drop' ? $late_now : 0, $policy eq 'side' ? $late_now : 0 ],
		"$view: late rows are counted");
	is($node->safe_psql('postgres', "SELECT sum(n) FROM $view"), $policy eq 'update' ? $kept + $late : $kept,
		"$view: every pair is somewhere") if $view !~ /_1_drop/;
}
is($node->safe_psql('postgres', q{SELECT string_agg(viewname || ': ' || state, ', ') FROM pg_stat_stream_view
	WHERE state <> 'running'}), '', 'every view is running');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');

$node->stop;
done_testing();
