# backup_test.pl - backups under load; in what is restored, view and witness agree.
#
#   make backup-test ROUNDS=40 SEED=42
#
# Producers send the transactions of the crash test (test/perl/CrashLoad.pm), one session
# keeps a transaction open, and WAL is switched.  At a random moment a base backup is
# taken, while they go on.  Then one of: the copy is started as it is; recovered from the archive to a
# random position; recovered to the end; or it becomes a standby that is promoted
# while they still write.  In the copy every view must agree with its query over the
# witness, before and after what had been prepared is committed, now and then after a crash too.
#
# The seed decides what is sent and done (not how the processes interleave).
use strict;
use warnings;

use File::Path qw(rmtree);
use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use CrashLoad;
use StreamExt;

my $rounds = $ENV{ROUNDS} || 10;
my $seed = $ENV{SEED} || time() % 1_000_000_007;
my $producers = 2;
diag("SEED=" . int($seed) . " ROUNDS=$rounds");
srand(int($seed));

my $node = stream_node('backups', init => { allows_streaming => 1, has_archiving => 1 }, conf => q{
	log_statement = none
	log_min_messages = warning
	max_prepared_transactions = 200
	min_wal_size = 32MB
	max_wal_size = 64MB
	wal_keep_size = 0
	stream_ext.flush_interval = '2s'
	stream_ext.shared_memory = '4MB'
	stream_ext.work_memory = '1MB'
	stream_ext.batch_size = '4kB'
});
my $stop_file = $node->basedir . '/stop';

my %query = (
	by_minute => q{SELECT w.window_start, key, count(*) AS n, sum(v) AS total, min(v) AS low, max(v) AS high, avg(v) AS mean
		FROM %s, tumble(ts, '1 minute') w GROUP BY w.window_start, key},
	by_key => q{SELECT key, count(*) AS n, sum(seq) AS seqs, max(note) AS last, sum(bal) AS balance FROM %s GROUP BY key},
	kept => q{SELECT producer, seq, upper(note) AS note, ts FROM %s WHERE v > 50},
	overall => q{SELECT count(*) AS n, sum(v) AS total, sum(bal) AS balance FROM %s});
my @views = sort keys %query;

# Makes stream, witness and views, anew if they are there.
sub make_objects
{
	my $columns = load_columns();
	$node->safe_psql('postgres', "ROLLBACK PREPARED '$_'")
	  for split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS events CASCADE; DROP TABLE IF EXISTS witness;
		CREATE TABLE events ($columns) USING stream; CREATE TABLE witness ($columns);");
	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $_ AS " . sprintf($query{$_}, 'events')) for @views;
	return;
}

# --- load ----------------------------------------------------------------------------

# Sends transactions until told to stop; a node that is gone is not a failure.
sub produce
{
	my ($producer) = @_;
	while (!-e $stop_file)
	{
		my $input = join('', map { load_transaction($producer) } 1 .. 3);
		eval {
			IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
				'<', \$input, '>', '/dev/null', '2>', '/dev/null');
		};
		sleep(rand(0.6));
	}
	return;
}

# Starts the producers; returns their pids.
sub start_load
{
	my @pids;
	unlink $stop_file;
	for my $producer (1 .. $producers)
	{
		my $process_seed = int(rand(2**31));
		my $pid = fork();
		die "fork: $!" unless defined $pid;
		if (!$pid)
		{
			srand($process_seed);
			produce($producer);
			POSIX::_exit(0);	# not through END: the node is the parent's
		}
		push @pids, $pid;
	}
	return @pids;
}

# Opens a transaction that has written to both tables; returns its session.
sub open_transaction
{
	my $session = $node->background_psql('postgres');
	my $first = int(rand(1_000_000_000));
	$session->query_safe("BEGIN; WITH r AS (INSERT INTO witness SELECT 9, $first + g, g % 50, timestamptz '2026-01-01 00:00+00',
		g % 100, 'open', 0 FROM generate_series(1, 2000) g RETURNING *) INSERT INTO events SELECT * FROM r");
	return $session;
}

# Lets segments come and go.
sub switch_wal
{
	$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
	$node->safe_psql('postgres', 'CHECKPOINT') if rand() < 0.3;
	sleep(rand(0.4));
	return;
}

# --- what becomes of a backup ------------------------------------------------------------

# Starts the copy as it is.
sub start_plain
{
	my ($copy, $backup) = @_;
	$copy->init_from_backup($node, $backup);
	$copy->start;
	return;
}

# Recovers the copy from the archive, to a target.
sub recover
{
	my ($copy, $backup, $target) = @_;
	my $segment = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
	wait_until($node, "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver");
	$copy->init_from_backup($node, $backup, has_restoring => 1, standby => 0);
	$copy->append_conf('postgresql.conf', "$target\nrecovery_target_action = promote\narchive_mode = off\n");
	$copy->start;
	wait_until($copy, 'SELECT NOT pg_is_in_recovery()');
	return;
}

# Recovers the copy to a position between the backup's end and now.
sub recover_to_position
{
	my ($copy, $backup, $end) = @_;
	my $part = rand();
	my $lsn = $node->safe_psql('postgres',
		"SELECT '$end'::pg_lsn + floor($part * (pg_current_wal_insert_lsn() - '$end'::pg_lsn))");
	$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS beyond (i int); INSERT INTO beyond VALUES (1)');
	recover($copy, $backup, "recovery_target_lsn = '$lsn'");
	return;
}

# Makes the copy a standby, and promotes it under load.
sub promote
{
	my ($copy, $backup) = @_;
	$copy->init_from_backup($node, $backup, has_streaming => 1);
	$copy->append_conf('postgresql.conf', "hot_standby = on\narchive_mode = off\n");
	$copy->start;
	for (1 .. int(rand(3)))
	{
		switch_wal();
		$copy->safe_psql('postgres', 'CHECKPOINT') if rand() < 0.5;
	}
	$copy->restart if rand() < 0.3;
	$copy->promote;
	return;
}

my %fate = (
	'started' => \&start_plain,
	'recovered to a position' => \&recover_to_position,
	'recovered to the end' => sub { recover($_[0], $_[1], '') },
	'promoted' => \&promote);

# --- rounds --------------------------------------------------------------------------------

# Says whether every view of a node agrees with its witness.
sub check_views
{
	my ($copy, $when) = @_;
	oracle_ok($copy, "SELECT * FROM $_", sprintf($query{$_}, 'witness'), "$_ agrees $when") for @views;
	is($copy->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_stream_view WHERE state NOT IN ('running', 'lagging')}), 0,
		"no view has a gap $when");
	return;
}

# Takes a backup under load and makes a copy of it; returns the copy.
sub back_up
{
	my ($round, $what) = @_;
	my @pids = start_load();
	my $session = open_transaction();
	my $copy = PostgreSQL::Test::Cluster->new("copy$round");

	sleep(rand(1));
	switch_wal() for 1 .. int(rand(5));
	$node->backup("backup$round", backup_options => rand() < 0.3 ? [ '-X', 'fetch' ] : []);
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	sleep(rand(1));
	$session->query_safe(rand() < 0.7 ? 'COMMIT' : 'ROLLBACK') if rand() < 0.6;
	sleep(rand(0.5));
	$fate{$what}->($copy, "backup$round", $end);
	append_to_file($stop_file, "stop\n");
	waitpid($_, 0) for @pids;
	$session->quit;
	return $copy;
}

# Says whether a copy has everything, also what was prepared, also after a crash.
sub check_copy
{
	my ($copy) = @_;
	check_views($copy, 'at first');
	$copy->safe_psql('postgres', (rand() < 0.7 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$_'")
	  for split /\n/, $copy->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
	kill_and_restart($copy) if rand() < 0.4;
	$copy->safe_psql('postgres', load_transaction(8)) for 1 .. 3;
	check_views($copy, 'and goes on');
	return;
}

# Removes what a round has left.
sub clean_up
{
	my ($copy, $round) = @_;
	$copy->stop('immediate');
	rmtree($copy->basedir);
	rmtree($node->backup_dir . "/backup$round");
	unlink glob($node->archive_dir . '/*');
	return;
}

my %done;
my $rows = 0;
my @fates = sort keys %fate;
for my $round (1 .. $rounds)
{
	make_objects() if $round % 3 == 1;
	my $what = $fates[ int(rand(@fates)) ];
	my $copy = back_up($round, $what);
	$done{$what}++;
	subtest "round $round: $what" => sub { check_copy($copy) };
	$rows += $copy->safe_psql('postgres', 'SELECT count(*) FROM witness');
	my $log = slurp_file($copy->logfile);
	unlike($log, qr/TRAP:|PANIC:/, 'nothing panicked in the copy');
	clean_up($copy, $round);
}
check_views($node, 'in the original');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC:/, 'nothing panicked');
cmp_ok($rows, '>', 100 * $rounds, "enough went through: $rows rows");
diag(join(', ', map { "$_: $done{$_}" } sort keys %done) . "; $rows rows");

done_testing();
