# crash_test.pl - random kills under load; after each, view and witness agree.
#
#   make FAULTS=1 crash-test ROUNDS=200 SEED=42 [JOBS=2]
#
# Four producers send transactions of every kind (test/perl/CrashLoad.pm): INSERT,
# INSERT ... SELECT with RETURNING, COPY, larger than the worker's memory, savepoints
# released and rolled back, aborts, prepared transactions that may stay open across
# a restart.  Each writes the same rows to the stream and to the table "witness".  Two
# readers check that within a session a count never goes back, and that they
# see transactions whole.  Meanwhile views are paused and resumed, and flushes fail for a
# while.  At a random moment something is killed, and the load goes on.  Then everybody
# stops, and every view must agree with its query over the witness.
#
# The seed decides what is sent, disturbed and killed (not how the processes
# interleave).  ONLY and DISTURB, regular expressions, restrict the kills and the rest.
use strict;
use warnings;

use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use CrashLoad;
use StreamExt;

my $rounds = $ENV{ROUNDS} || 20;
my $seed = $ENV{SEED} || time() % 1_000_000_007;
my $producers = 4;
my $readers = 2;
diag("SEED=" . int($seed) . " ROUNDS=$rounds");
srand(int($seed));

my $node = stream_node('crash', conf => q{
	log_statement = none
	log_min_messages = warning
	max_prepared_transactions = 200
	stream_ext.flush_interval = '150ms'
	stream_ext.shared_memory = '4MB'
	stream_ext.work_memory = '1MB'
	stream_ext.batch_size = '4kB'
});
my $stop_file = $node->basedir . '/stop';
my $faults_built = declare_fault_points($node);
diag('built without fault points: flushes will not fail') unless $faults_built;

my %query = (
	by_minute => q{SELECT w.window_start, key, count(*) AS n, sum(v) AS total, min(v) AS low, max(v) AS high, avg(v) AS mean
		FROM %s, tumble(ts, '1 minute') w GROUP BY w.window_start, key},
	by_key => q{SELECT key, count(*) AS n, sum(seq) AS seqs, count(*) FILTER (WHERE v > 100) AS large, max(note) AS last,
		sum(bal) AS balance FROM %s GROUP BY key},
	# states that are kept as stream_partial, HAVING, a key whose order depends on a collation
	by_note => q{SELECT note, sum(seq::numeric) AS total, avg(seq) AS mean, stddev(key) AS spread, min(ts) AS first
		FROM %s WHERE key < 40 GROUP BY note HAVING count(*) > 1},
	# code of its owner: another worker than that of the other views
	by_code => q{SELECT half(key) AS half, count(*) AS n, sum(seq) AS seqs, sum(bal) AS balance FROM %s GROUP BY half(key)},
	# a row goes to a pane, which the flush turns into 16 windows, and a reader of memory too
	by_hop => q{SELECT w.window_start, key %% 5 AS key, count(*) AS n, sum(v) AS total, max(note) AS last
		FROM %s, hop(ts, '1 minute', '15 minutes 30 seconds') w GROUP BY w.window_start, key %% 5},
	# fragments that are joined when they are read
	by_session => q{SELECT s.window_start, s.window_end, key, count(*) AS n, sum(v) AS total, max(note) AS last
		FROM %s, session(ts, '5 seconds') s GROUP BY 1, 2, 3},
	# rows, not groups
	kept => q{SELECT producer, seq, upper(note) AS note, ts FROM %s WHERE v > 50},
	overall => q{SELECT count(*) AS n, sum(v) AS total, sum(bal) AS balance FROM %s});
my @views = sort keys %query;

# What cannot be asked of a table as it is asked of a stream.
my %query_of_table = (
	by_session => q{SELECT min(ts), max(ts) + interval '5 seconds', key, count(*), sum(v), max(note)
		FROM (SELECT *, count(*) FILTER (WHERE first) OVER (PARTITION BY key ORDER BY ts) AS session
				FROM (SELECT ts, key, v, note,
							(ts >= lag(ts) OVER (PARTITION BY key ORDER BY ts) + interval '5 seconds') IS NOT FALSE AS first FROM %s) a) b
		GROUP BY key, session});

# Makes stream, witness and views, anew if they are there.
sub make_objects
{
	my $columns = load_columns();
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS events CASCADE; DROP TABLE IF EXISTS witness;
		CREATE OR REPLACE FUNCTION half(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN \$1 / 2; END';
		CREATE TABLE events ($columns) USING stream; CREATE TABLE witness ($columns);");
	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $_ AS " . sprintf($query{$_}, 'events')) for @views;
	return;
}
make_objects();

# --- producers and readers ---------------------------------------------------------

# Runs psql on input; returns what it printed and its errors.
sub run_psql
{
	my ($input, @options) = @_;
	my ($out, $err) = ('', '');
	# dies of a broken pipe if psql is gone before it has read everything
	eval {
		IPC::Run::run([ 'psql', '-XAtq', @options, '-d', $node->connstr('postgres') ],
			'<', \$input, '>', \$out, '2>', \$err);
	} or sleep(0.1);
	return ($out, $err);
}

# Sends transactions until told to stop; a lost connection is not a failure.
sub produce
{
	my ($producer) = @_;
	while (!-e $stop_file)
	{
		my (undef, $err) = run_psql(join('', map { load_transaction($producer) } 1 .. 5), '-v', 'ON_ERROR_STOP=1');
		if ($err =~ /ERROR:/ && $err !~ /terminating|shutting down|starting up|recovery|too many/)
		{
			append_to_file($node->basedir . '/producer_errors', $err);
		}
		sleep(rand(0.3));
	}
	return;
}

# Reads two views in turn, in sessions of some reads, until told to stop.  Of errors only
# two are to be expected: a snapshot that lost its place in memory, and a view that
# is paused before what it has shown to this session.
sub watch
{
	my ($reader) = @_;
	my $input = q{SELECT 'overall', n, balance FROM overall;
		SELECT 'by_key', coalesce(sum(n), 0), coalesce(sum(balance), 0) FROM by_key;} . "\n";
	$ENV{PGOPTIONS} = "-c stream_ext.read_timeout=${PostgreSQL::Test::Utils::timeout_default}s";
	while (!-e $stop_file)
	{
		my ($out, $err) = run_psql($input x 20, '-v', 'VERBOSITY=sqlstate');
		my %last;
		my $reads = 0;
		for (split /\n/, $out)
		{
			my ($view, $n, $balance) = split /\|/;
			next unless defined $balance;
			append_to_file($node->basedir . '/reader_failures', "reader $reader: $view went back from $last{$view} to $n\n")
			  if defined $last{$view} && $n < $last{$view};
			append_to_file($node->basedir . '/reader_failures', "reader $reader: $view shows part of a transaction: $balance\n")
			  if ($balance || 0) != 0;
			$last{$view} = $n;
			$reads++;
		}
		append_to_file($node->basedir . '/reads', "$reads\n");
		append_to_file($node->basedir . '/read_errors', "$_\n") for $err =~ /ERROR:  (\S+)/g;
	}
	return;
}

# Starts a process that does something until told to stop; returns its pid.
sub start_process
{
	my ($work, $number) = @_;
	my $process_seed = int(rand(2**31));
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	return $pid if $pid;
	srand($process_seed);
	eval { $work->($number); 1 } or append_to_file($node->basedir . '/reader_failures', "process died: $@\n");
	POSIX::_exit(0);	# not through END: the node is the parent's
}

# Starts producers and readers; returns their pids.
sub start_load
{
	unlink $stop_file;
	return (map { start_process(\&produce, $_) } 1 .. $producers),
	  (map { start_process(\&watch, $_) } 1 .. $readers);
}

# --- disturbances --------------------------------------------------------------------

my @flush_points = qw(flush-begin flush-after-groups flush-before-commit oversize-before-position);
my %done;

# Sets what all flushes meet; no server, no matter.
sub arm_flushes
{
	my ($point, $action) = @_;
	run_psql("SELECT stream_fault_set('$point', '$action');") if $faults_built;
	return;
}

# Lets flushes work again.
sub disarm_flushes
{
	arm_flushes($_, '') for @flush_points;
	return;
}

# Lets more flushes of a view fail in a row than it keeps generations, and then
# sends a transaction that must go to storage.  (A worker waits longer after each
# failure, but a pause asks for a flush at once.)
sub fail_many_flushes
{
	my $view = rand() < 0.2 ? 'by_minute' : 'by_key';
	my $failures = "(SELECT flush_failures FROM pg_stat_stream_view WHERE viewname = '$view')";

	arm_flushes('flush-begin', 'errors');
	run_psql("DO \$\$
		DECLARE
			started timestamptz := clock_timestamp();
			before bigint;
		BEGIN
			FOR i IN 1 .. 20 LOOP
				before := $failures;
				PERFORM stream_pause('$view');
				COMMIT;
				WHILE $failures = before AND clock_timestamp() < started + interval '8 s' LOOP
					PERFORM pg_sleep(0.02);
				END LOOP;
				PERFORM stream_resume('$view');
				COMMIT;
				PERFORM pg_sleep(0.1);
			END LOOP;
		END \$\$;\n");
	run_psql(load_oversize(0));
	sleep(rand(1.5));
	disarm_flushes() if rand() < 0.8;
	return;
}

my %disturbance = (
	'pause' => sub { run_psql("SELECT stream_pause('$_[0]');") },
	'resume' => sub { run_psql("SELECT stream_resume('$_[0]');") },
	'flushes fail' => sub { arm_flushes($flush_points[ int(rand(@flush_points)) ], 'errors') },
	'flushes work' => \&disarm_flushes,
	'many flushes fail' => \&fail_many_flushes,
	# a worker that starts now reads for nobody
	'pause all' => sub { run_psql("SELECT stream_pause('$_');") for @views },
	'resume all' => sub { run_psql("SELECT stream_resume('$_');") for @views },
	'nothing' => sub { });
my @disturbances = (('pause') x 2, ('resume') x 2, ('pause all') x 2, ('resume all') x 2, 'flushes fail', 'flushes work',
	'many flushes fail', ('nothing') x 3);
@disturbances = grep { /$ENV{DISTURB}/ } @disturbances if $ENV{DISTURB};

# Disturbs some views for a while.
sub disturb
{
	for (1 .. int(rand(4)))
	{
		my $what = $disturbances[ int(rand(@disturbances)) ];
		$disturbance{$what}->($views[ int(rand(@views)) ]);
		$done{$what}++;
		sleep(rand(0.4));
	}
	return;
}

# --- faults -----------------------------------------------------------------------

# Returns the processes of the server, but the postmaster.
sub children_of
{
	my ($parent) = @_;
	my @children;
	for my $stat (glob('/proc/[0-9]*/stat'))
	{
		open(my $in, '<', $stat) or next;
		my $line = <$in> // '';
		push @children, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $parent;
	}
	return @children;
}

# Returns the pid of some process that a query finds, or nothing.
sub find_pid
{
	my ($where) = @_;
	my ($status, $pid) = eval { $node->psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE $where ORDER BY random() LIMIT 1") };
	return $pid;
}

my %fault = (
	'kill -9 worker' => sub {
		my $pid = find_pid(q{backend_type = 'stream worker'});
		kill 'KILL', $pid if $pid;
	},
	'terminate worker' => sub {
		my $pid = find_pid(q{backend_type = 'stream worker'});
		kill 'TERM', $pid if $pid;
	},
	'kill -9 reader' => sub {
		my $pid = find_pid(q{backend_type = 'stream reader'});
		kill 'KILL', $pid if $pid;
	},
	'terminate reader' => sub {
		my $pid = find_pid(q{backend_type = 'stream reader'});
		kill 'TERM', $pid if $pid;
	},
	'kill -9 backend' => sub {
		my $pid = find_pid(q{backend_type = 'client backend' AND pid <> pg_backend_pid()});
		kill 'KILL', $pid if $pid;
	},
	'kill -9 everything' => sub {
		kill_and_restart($node, children_of(postmaster_pid()));
	},
	'kill -9 postmaster' => sub {
		kill_and_restart($node);
	},
	'immediate shutdown' => sub {
		$node->stop('immediate');
		$node->start;
	},
	'fast shutdown' => sub {
		$node->stop('fast');
		$node->start;
	});

# Returns the pid of the postmaster.
sub postmaster_pid
{
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	return $pid;
}

# --- rounds ------------------------------------------------------------------------

# Ends most prepared transactions; some stay for one more round.
my %kept_open;

sub end_prepared
{
	my $gids = attempt($node, 'postgres', 'SELECT gid FROM pg_prepared_xacts');
	for my $gid (split /\n/, $gids)
	{
		my $end = rand();
		next if $end >= 0.8 && !$kept_open{$gid}++;	# they keep dead rows of storage alive
		$node->safe_psql('postgres', ($end < 0.4 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
	}
	return;
}

# Sends and disturbs, kills, sends and disturbs again, and stops.  Returns what was done.
sub run_load
{
	my @pids = start_load();
	my @names = grep { !$ENV{ONLY} || /$ENV{ONLY}/ } sort keys %fault;
	# now and then a second fault hits the recovery from the first
	my @chosen = map { $names[ int(rand(@names)) ] } 1 .. (rand() < 0.2 ? 2 : 1);

	sleep(0.3 + rand(1));
	disturb();
	for my $name (@chosen)
	{
		$fault{$name}->();
		$done{$name}++;
		sleep(rand(0.5));
	}
	disturb();
	sleep(rand(1));
	append_to_file($stop_file, "stop\n");
	attempt($node, 'postgres', 'SELECT true');
	# readers may wait for a flush
	disarm_flushes();
	waitpid($_, 0) for @pids;
	attempt($node, 'postgres', 'SELECT true');
	attempt($node, 'postgres', "SELECT stream_resume('$_')") for @views;
	return join(', then ', @chosen);
}

# Begins again with empty tables; returns the rows that there were.
sub begin_again
{
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM witness');
	$node->safe_psql('postgres', "ROLLBACK PREPARED '$_'")
	  for split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
	make_objects();
	return $rows;
}

# Says whether every view agrees with the witness.
sub check_views
{
	for my $view (@views)
	{
		oracle_ok($node, "SELECT * FROM $view", sprintf($query_of_table{$view} // $query{$view}, 'witness'), "$view agrees");
	}
	wait_until($node, q{SELECT bool_and(state = 'running') FROM pg_stat_stream_view});
	return;
}

# Returns what the processes wrote to a file of this name, "" if nothing.
sub noted
{
	my $path = $node->basedir . "/$_[0]";
	return -e $path ? slurp_file($path) : '';
}

my $rows = 0;
for my $round (1 .. $rounds)
{
	# the oracle reads the whole witness: begin again before that takes too long
	$rows += begin_again() if $round % 5 == 1 && $round > 1;
	my $what = run_load();
	# what has been begun before a view went on may end after it has caught up
	attempt($node, 'postgres', "SELECT stream_sync('$PostgreSQL::Test::Utils::timeout_default s')") if rand() < 0.5;
	end_prepared();
	subtest "round $round: $what" => \&check_views;
}

my $log = slurp_file($node->logfile);
unlike($log, qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');
unlike($log, qr/was terminated by signal (?!9\b)\d+/, 'no process crashed by itself');
is(noted('producer_errors'), '', 'no transaction failed but by a fault');
is(noted('reader_failures'), '', 'within a session no count went back, no transaction was seen in part');
my %read_errors;
$read_errors{$_}++ for split /\n/, noted('read_errors');
is(join(' ', grep { !/^(72000|55000)$/ } sort keys %read_errors), '', 'readers got no other errors than to be expected');
my $reads = 0;
$reads += $_ for split /\n/, noted('reads');
cmp_ok($reads, '>', 10 * $rounds, "enough was read: $reads reads");
$rows += $node->safe_psql('postgres', 'SELECT count(*) FROM witness');
cmp_ok($rows, '>', 100 * $rounds, "enough went through: $rows rows");
diag(join(', ', map { "$_: $done{$_}" } sort keys %done) . "; $rows rows; $reads reads, errors "
	  . join(', ', map { "$_: $read_errors{$_}" } sort keys %read_errors));

done_testing();
