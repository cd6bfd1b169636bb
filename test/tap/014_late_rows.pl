# 014_late_rows.pl - every late row is dropped or put aside exactly once, and
# every window shown closed once and for all, while the worker and the server
# are killed at random moments; on a standby, in a restored dump and in a copied
# database as well.
#
# The seed is printed; SEED=n runs the same again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;

use StreamExt;

my $seed = $ENV{SEED} // int(rand(1_000_000));
srand($seed);
note("SEED=$seed");

my $node = stream_node('late', init => { allows_streaming => 1 }, conf => qq{
	stream_ext.shared_memory = '1MB'
	stream_ext.work_memory = '1MB'
	stream_ext.flush_interval = '200ms'
	stream_ext.max_lag = -1
	stream_ext.read_timeout = '1h'
	log_min_messages = warning
	log_statement = none
});

# source, keys, what is late, when it is shown
my %views = (
	side_hop => [ q{%s, hop(ts, '7 s', '1 minute') w}, 'w.window_start, w.window_end, key', '30 s', 'side', 'on update' ],
	side_join => [ q{%s JOIN names USING (key), tumble(ts, '20 s') w}, 'w.window_start, name', '0', 'side', 'on update' ],
	drop_tumble => [ q{%s, tumble(ts, '30 s') w}, 'w.window_start, key', '10 s', 'drop', 'on update' ],
	close_cumulate => [ q{%s, cumulate(ts, '15 s', '1 minute') w}, 'w.window_start, w.window_end, key', '5 s', 'side', 'on close' ],
);

$node->safe_psql('postgres', q{
	CREATE TABLE rows (n int, ts timestamptz, key int) USING stream;
	CREATE TABLE archive (n int PRIMARY KEY, ts timestamptz, key int);
	CREATE TABLE sent (chunk int PRIMARY KEY);
	CREATE TABLE names AS SELECT key, 'name ' || key % 7 AS name FROM generate_series(0, 40) key;
	SELECT stream_set_event_time('rows', 'ts', '5 s');
	CREATE VIEW judged AS SELECT *, max(ts) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
		- interval '5 s' AS before FROM archive});
for my $name (sort keys %views)
{
	my ($source, $keys, $lateness, $late, $emit) = @{ $views{$name} };
	my $ngroup = () = $keys =~ /,/g;
	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $name WITH (stream.lateness = '$lateness',
		stream.late = '$late', stream.emit = '$emit') AS SELECT $keys, count(*) AS rows, sum(n) AS n FROM "
		. sprintf($source, 'rows') . ' GROUP BY ' . join(', ', 1 .. $ngroup + 1));
}

# Compares views and tables of late rows with the model.
sub agrees
{
	my ($when, $database) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %where = $database ? (database => $database) : ();

	for my $name (sort keys %views)
	{
		my ($source, $keys, $lateness, $late, $emit) = @{ $views{$name} };
		my $from = sprintf($source, 'judged');
		my $is_late = "coalesce(before >= w.window_end + interval '$lateness', false)";
		my $ngroup = () = $keys =~ /,/g;
		my $having = $emit eq 'on close' ?
		  "HAVING max(w.window_end) <= (SELECT max(ts) FROM archive) - interval '5 s' - interval '$lateness'" : '';

		oracle_ok($node, "TABLE $name", "SELECT $keys, count(*) AS rows, sum(n) AS n FROM $from
			WHERE NOT $is_late GROUP BY " . join(', ', 1 .. $ngroup + 1) . " $having", "$name $when", %where);
		next unless $late eq 'side';
		$node->safe_psql($database // 'postgres', "SELECT stream_flush('$name', '1 hour')");
		oracle_ok($node, "SELECT (late_row).n, (late_row).ts, (late_row).key, window_start, window_end, watermark FROM ${name}_late",
			"SELECT n, ts, key, window_start, window_end, before FROM $from WHERE $is_late", "${name}_late $when", %where);
	}
	return;
}

# Sends rows in one transaction, once, whatever happens meanwhile: a fifth of them late.
my $chunk = 0;
sub send_rows
{
	my ($rows, $database) = @_;
	my $number = ++$chunk;

	attempt($node, $database // 'postgres', qq{DO \$\$ BEGIN
		INSERT INTO sent VALUES ($number) ON CONFLICT DO NOTHING;
		IF FOUND THEN
			PERFORM setseed($number / 1e6);
			INSERT INTO archive SELECT $number * 100000 + i, timestamptz '2026-01-01' + $number * interval '40 s' + (i * 40.0 / $rows
				- CASE WHEN random() < 0.2 THEN random() * 150 ELSE 0 END) * interval '1 s', (random() * 40)::int
				FROM generate_series(1, $rows) i;
			INSERT INTO rows SELECT * FROM archive WHERE n > $number * 100000 ORDER BY n;
		END IF; END \$\$});
	return;
}

# A reader: what it has seen of closed windows must stay as it was.
my (%seen, @changed);
sub look
{
	my %now = map { $_ => 1 } split /\n/, attempt($node, 'postgres', 'TABLE close_cumulate');
	push @changed, grep { !$now{$_} } keys %seen;
	%seen = %now;
	return;
}

for my $round (1 .. 16)
{
	send_rows(1 + int(rand(400)));
	look();
	next if rand() < 0.6;
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
agrees('after kills');

# somebody writes, with kills, while the reader looks again and again
my $writer = fork() // die "fork: $!";
if ($writer == 0)
{
	send_rows(150) for 1 .. 12;
	POSIX::_exit(0);
}
my $looks = 0;
until (waitpid($writer, POSIX::WNOHANG()) == $writer)
{
	look();
	kill 'KILL', worker_pid($node) if ++$looks == 5;
}
$chunk += 12;
look();
agrees('after readers');
is("@changed", '', 'no closed window has changed or gone');
cmp_ok(scalar(keys %seen), '>', 100, '... and there were some');

# more late rows than there is memory, in one transaction, with a kill
send_rows(12_000);
kill 'KILL', worker_pid($node);
attempt($node, 'postgres', 'SELECT 1');
agrees('larger than memory');
# counters tell of what came since the crash, or had not been flushed before it
send_rows(2000);
agrees('after the crash');
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE rows_late > 0 AND rows_late =
		rows_late_dropped + rows_late_side), count(*) FILTER (WHERE state <> 'running') FROM pg_stat_stream_view}),
	'4|0', 'late rows are counted, every view is running');

# a standby shows what was closed at the last flush, and what was put aside
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('late_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
send_rows(300);
$node->safe_psql('postgres', 'SELECT stream_flush(view) FROM _stream_ext.continuous_view');
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
for my $relation ('close_cumulate', 'side_hop', 'side_hop_late')
{
	my $query = "SELECT count(*), md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM $relation t";
	is($standby->safe_psql('postgres', $query), $node->safe_psql('postgres', $query), "$relation on a standby");
}
$standby->stop;

# a dump and a copy close no window again, and open none
my $dump = $node->backup_dir . '/late.dump';
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'dump');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ], 'restore');
$node->safe_psql('template1', 'CREATE DATABASE copied TEMPLATE postgres');
for my $database ('restored', 'copied')
{
	agrees("as it came in $database", $database);
	my $before = $chunk;
	send_rows(200, $database) for 1 .. 3;
	agrees("going on in $database", $database);
	$chunk = $before;
	$node->safe_psql($database, 'DROP MATERIALIZED VIEW side_hop; ALTER MATERIALIZED VIEW side_join RENAME TO renamed');
	is($node->safe_psql($database, q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '_late$'}),
		'close_cumulate_late renamed_late', "the tables of late rows follow their views in $database");
}

$node->stop;
done_testing();
