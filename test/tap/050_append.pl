# 050_append.pl - views without aggregates: every committed row once, over kills
# of the worker and of the postmaster while producers send, in small
# transactions and in ones that memory does not hold; and in a restored dump.
use strict;
use warnings;

use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use StreamExt;

my $rounds = $ENV{ROUNDS} // 4;
my $seed = $ENV{SEED} // int(rand(2**31));
srand($seed);
note("SEED=$seed");

my $node = stream_node('append', conf => q{
	log_statement = none
	log_min_messages = warning
	stream_ext.flush_interval = '50ms'
	stream_ext.shared_memory = '2MB'
	stream_ext.work_memory = '1MB'
	stream_ext.read_timeout = '60s'
});
my %views = (
	everything => 'SELECT * FROM %s',
	filtered => q{SELECT id, upper(note) AS note, name FROM %s JOIN dimension USING (key) WHERE id %% 3 > 0},
	several => 'SELECT id, generate_series(1, key) AS n FROM %s WHERE key < 4',
	timed => 'SELECT at, id FROM %s WHERE key <> 5',
);

$node->safe_psql('postgres', q{
	CREATE TABLE events (id bigint, key int, at timestamptz, note text) USING stream;
	CREATE TABLE witness (id bigint, key int, at timestamptz, note text);
	CREATE TABLE dimension (key int, name text);
	INSERT INTO dimension SELECT g, 'name ' || g FROM generate_series(0, 6) g;
});
# the last ones by alphabet go by event time
for my $view (sort keys %views)
{
	$node->safe_psql('postgres', q{SELECT stream_set_event_time('events', 'at')}) if $view eq 'several';
	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $view WITH (stream.retention = '100 years') AS "
		. sprintf($views{$view}, 'events'));
}

# Compares every view with its query over the witness.
sub views_agree
{
	my ($other, $database, $when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	oracle_ok($other, "SELECT * FROM $_", sprintf($views{$_}, 'witness'), "$when: $_", database => $database)
	  for sort keys %views;
	return;
}

# --- kills ------------------------------------------------------------------------

# Returns SQL that writes n rows to stream and witness.
sub write_sql
{
	my ($n) = @_;
	my $first = int(rand(1_000_000));

	return "WITH r AS (INSERT INTO witness SELECT $first + g / 2, (g * 7919 + $first) % 10,
		timestamptz '2026-01-01' + g % 100 * interval '1 h', CASE WHEN g % 5 > 0 THEN repeat('note ', g % 9) || g END
		FROM generate_series(1, $n) g RETURNING *) INSERT INTO events SELECT * FROM r;\n";
}

# Returns SQL for one transaction of a random kind.
sub transaction_sql
{
	my $kind = rand();

	return write_sql(1 + int(rand(20))) if $kind < 0.5;
	return "BEGIN;\n" . write_sql(300) . "ROLLBACK;\n" if $kind < 0.6;
	return "BEGIN;\n" . write_sql(200) . "SAVEPOINT a;\n" . write_sql(100) . "ROLLBACK TO a;\n" . write_sql(50) . "COMMIT;\n"
	  if $kind < 0.9;
	return write_sql($kind < 0.99 ? 5_000 : 140_000);
}

# Sends transactions until told to stop; a lost connection is no failure.
my $stop_file = $node->basedir . '/stop';

sub start_producer
{
	my $producer_seed = int(rand(2**31));
	my $pid = fork() // die "fork: $!";

	return $pid if $pid != 0;
	srand($producer_seed);
	while (!-e $stop_file)
	{
		my $input = join('', map { transaction_sql() } 1 .. 10);

		eval {
			IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
				'<', \$input, '>', \my $out, '2>', \my $err);
		} or sleep(0.1);
	}
	POSIX::_exit(0);
}

my @producers = map { start_producer() } 1 .. 2;
for my $round (1 .. $rounds)
{
	sleep(0.5 + rand());
	if ($round % 2)
	{
		# its death restarts the server
		kill('KILL', worker_pid($node));
		sleep(0.2);
		attempt($node, 'postgres', 'SELECT 1');
	}
	else
	{
		kill_and_restart($node);
	}
	note("round $round: " . attempt($node, 'postgres', 'SELECT count(*) FROM witness') . ' rows');
}
append_to_file($stop_file, 'stop');
waitpid($_, 0) for @producers;

views_agree($node, 'postgres', "after $rounds kills");
$node->safe_psql('postgres', write_sql(140_000) . q{SELECT stream_sync('10 min')});
views_agree($node, 'postgres', 'a transaction larger than memory');
cmp_ok($node->safe_psql('postgres', 'SELECT min(oversize_transactions) FROM pg_stat_stream_view'), '>', 0,
	'it went straight to storage');
is($node->safe_psql('postgres', 'SELECT sum(rows_rejected) + sum(groups_quarantined) FROM pg_stat_stream_view'), '0',
	'nothing was rejected');

# --- a dump -------------------------------------------------------------------------

$node->safe_psql('postgres', "SELECT stream_flush('$_', '10 min')") for sort keys %views;
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restore');
views_agree($node, 'restored', 'restored');
$node->safe_psql('restored', write_sql(1000));
views_agree($node, 'restored', 'restored, goes on');
$node->safe_psql('restored', "SELECT stream_flush('$_', '10 min')") for sort keys %views;
$node->restart;
views_agree($node, 'restored', 'restored, flushed and restarted');
$node->safe_psql('restored', 'DROP TABLE events CASCADE');
is($node->safe_psql('restored', q{SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = '_stream_ext' AND relname ~ '_[0-9]+'}), '0', 'nothing is left after DROP');

$node->stop;
done_testing();
