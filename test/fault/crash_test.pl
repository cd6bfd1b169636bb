# crash_test.pl - random kills under load; after each, view and witness agree.
#
#   make FAULTS=1 crash-test ROUNDS=200 SEED=42
#
# Four producers send transactions of every kind (INSERT, INSERT ... SELECT with
# RETURNING, COPY, one larger than the worker's memory, savepoints released and rolled back,
# aborts, prepared transactions that may stay open across a restart).  Each writes the same rows
# to the stream and to the table "witness".  At a random moment something is
# killed; then everybody stops, and every view must agree with its
# query over the witness.  The seed decides what is sent and what is killed
# (not how the processes interleave).
use strict;
use warnings;

use IPC::Run;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use StreamExt;

my $rounds = $ENV{ROUNDS} || 20;
my $seed = $ENV{SEED} || time() % 1_000_000_007;
my $producers = 4;
diag("SEED=" . int($seed) . " ROUNDS=$rounds");
srand(int($seed));

my $node = stream_node('crash', conf => q{
	log_statement = none
	log_min_messages = warning
	max_prepared_transactions = 200
	stream_ext.flush_interval = '100ms'
	stream_ext.shared_memory = '4MB'
	stream_ext.work_memory = '1MB'
	stream_ext.batch_size = '4kB'
});
my $stop_file = $node->basedir . '/stop';

my %query = (
	by_minute => q{SELECT w.window_start, key, count(*) AS n, sum(v) AS total, min(v) AS low, max(v) AS high, avg(v) AS mean
		FROM %s, tumble(ts, '1 minute') w GROUP BY w.window_start, key},
	by_key => q{SELECT key, count(*) AS n, sum(seq) AS seqs, count(*) FILTER (WHERE v > 100) AS large, max(note) AS last
		FROM %s GROUP BY key},
	# states that are kept as stream_partial, HAVING, a key whose order depends on a collation
	by_note => q{SELECT note, sum(seq::numeric) AS total, avg(seq) AS mean, stddev(key) AS spread, min(ts) AS first
		FROM %s WHERE key < 40 GROUP BY note HAVING count(*) > 1},
	overall => q{SELECT count(*) AS n, sum(v) AS total FROM %s});
my $columns = 'producer int, seq bigint, key int, ts timestamptz, v float8, note text';

# Makes stream, witness and views, anew if they are there.
sub make_objects
{
	$node->safe_psql('postgres', "DROP TABLE IF EXISTS events CASCADE; DROP TABLE IF EXISTS witness;
		CREATE TABLE events ($columns) USING stream; CREATE TABLE witness ($columns);");
	$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $_ AS " . sprintf($query{$_}, 'events'))
	  for sort keys %query;
	return;
}
make_objects();

# --- producers ------------------------------------------------------------------

# Returns the SELECT of n rows; all numbers are exact in float8.
sub rows_sql
{
	my ($producer, $n) = @_;
	my $keys = rand() < 0.9 ? 50 : 20_000;
	my $first = int(rand(1_000_000_000));
	return "SELECT $producer AS producer, $first + g AS seq, (g * 7919 + $first) % $keys AS key,
		timestamptz '2026-01-01 00:00+00' + ((g * 31 + $first) % 7200) * interval '1 s' AS ts,
		((g * 13 + $first) % 1000)::float8 / 4 AS v, 'note ' || (g + $first) % 97 AS note
		FROM generate_series(1, $n) g";
}

# Returns SQL that writes n rows to stream and witness in one of several ways.
sub write_sql
{
	my ($producer, $n, $ways) = @_;
	my $rows = rows_sql($producer, $n);
	my $way = int(rand($ways // 3));

	return "WITH r AS (INSERT INTO witness $rows RETURNING *) INSERT INTO events SELECT * FROM r;\n" if $way == 0;
	return "WITH r AS (INSERT INTO events $rows RETURNING *) INSERT INTO witness SELECT * FROM r;\n" if $way == 1;
	return copy_sql($producer, $n > 3000 ? 3000 : $n);
}

# Returns psql input that copies the same n rows into both tables.
sub copy_sql
{
	my ($producer, $n) = @_;
	my $first = int(rand(1_000_000_000));
	my $data = '';
	for my $g (1 .. $n)
	{
		my $s = ($g * 31 + $first) % 7200;
		$data .= sprintf("%d\t%d\t%d\t2026-01-01 %02d:%02d:%02d+00\t%.2f\tnote %d\n",
			$producer, $first + $g, ($g * 7919 + $first) % 50, $s / 3600, $s / 60 % 60, $s % 60,
			(($g * 13 + $first) % 1000) / 4, ($g + $first) % 97);
	}
	return join('', map { "COPY $_ FROM STDIN;\n$data\\.\n" } 'events', 'witness');
}

# Returns psql input for one transaction of a random kind.
sub transaction_sql
{
	my ($producer) = @_;
	my $small = sub { write_sql($producer, 1 + int(rand(5))) };
	my $some = sub { write_sql($producer, 1 + int(rand(400))) };
	my $kind = rand();

	return write_sql($producer, 1 + int(rand(5)), 2) if $kind < 0.10;	# one statement, no BEGIN
	return "BEGIN;\n" . $some->() . "ROLLBACK;\n" if $kind < 0.25;
	return "BEGIN;\n" . write_sql($producer, 30_000) . "COMMIT;\n" if $kind < 0.28;
	if ($kind < 0.60)
	{
		my $end = rand() < 0.5 ? 'ROLLBACK TO a' : 'RELEASE a';
		my $inner = rand() < 0.5 ? 'ROLLBACK TO b' : 'RELEASE b';
		return "BEGIN;\n" . $some->() . "SAVEPOINT a;\n" . $some->() . "SAVEPOINT b;\n" . $small->()
		  . "$inner;\n" . $small->() . "$end;\n" . $small->() . "COMMIT;\n";
	}
	if ($kind < 0.80)
	{
		my $gid = "p${producer}_" . int(rand(1_000_000_000));
		my $end = rand();
		return "BEGIN;\n" . $some->() . "PREPARE TRANSACTION '$gid';\n"
		  . ($end < 0.5 ? "COMMIT PREPARED '$gid';\n" : $end < 0.8 ? "ROLLBACK PREPARED '$gid';\n" : '');
	}
	return "BEGIN;\n" . $some->() . $small->() . "COMMIT;\n";
}

# Sends transactions until told to stop; a lost connection is not a failure.
sub produce
{
	my ($producer) = @_;
	while (!-e $stop_file)
	{
		my ($out, $err) = ('', '');
		my $input = join('', map { transaction_sql($producer) } 1 .. 5);
		# dies of a broken pipe if psql is gone before it has read everything
		eval {
			IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ],
				'<', \$input, '>', \$out, '2>', \$err);
		} or sleep(0.1);
		if ($err =~ /ERROR:/ && $err !~ /terminating|shutting down|starting up|recovery|too many/)
		{
			append_to_file($node->basedir . '/producer_errors', $err);
		}
	}
	return;
}

# Starts the producers; returns their pids.
sub start_producers
{
	unlink $stop_file;
	my @pids;
	for my $producer (1 .. $producers)
	{
		my $producer_seed = int(rand(2**31));
		my $pid = fork();
		die "fork: $!" unless defined $pid;
		if ($pid == 0)
		{
			srand($producer_seed);
			eval { produce($producer) };
			POSIX::_exit(0);	# not through END: the node is the parent's
		}
		push @pids, $pid;
	}
	return @pids;
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

my %done;
my $rows = 0;
for my $round (1 .. $rounds)
{
	# the oracle reads the whole witness: begin again before that takes too long
	if ($round % 20 == 1 && $round > 1)
	{
		$rows += $node->safe_psql('postgres', 'SELECT count(*) FROM witness');
		$node->safe_psql('postgres', "ROLLBACK PREPARED '$_'")
		  for split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
		make_objects();
	}
	my @pids = start_producers();
	sleep(0.3 + rand(1.5));

	# now and then a second fault hits the recovery from the first
	my @names = sort keys %fault;
	my @chosen = map { $names[ int(rand(@names)) ] } 1 .. (rand() < 0.2 ? 2 : 1);
	for my $name (@chosen)
	{
		$fault{$name}->();
		$done{$name}++;
		sleep(rand(0.5));
	}
	sleep(rand(0.5));
	append_to_file($stop_file, "stop\n");
	waitpid($_, 0) for @pids;
	attempt($node, 'postgres', 'SELECT true');

	# some prepared transactions stay for the next round
	for my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'))
	{
		my $end = rand();
		$node->safe_psql('postgres', ($end < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'") if $end < 0.7;
	}

	subtest "round $round: " . join(', then ', @chosen) => sub {
		for my $view (sort keys %query)
		{
			oracle_ok($node, "SELECT * FROM $view", sprintf($query{$view}, 'witness'), "$view agrees");
		}
		is($node->safe_psql('postgres', q{SELECT string_agg(viewname || ': ' || state, ', ') FROM pg_stat_stream_view
			WHERE state <> 'running'}), '', 'every view is running');
	};
}

my $log = slurp_file($node->logfile);
unlike($log, qr/TRAP:|PANIC:/, 'no assertion failed, nothing panicked');
unlike($log, qr/was terminated by signal (?!9\b)\d+/, 'no process crashed by itself');
my $errors = -e $node->basedir . '/producer_errors' ? slurp_file($node->basedir . '/producer_errors') : '';
is($errors, '', 'no transaction failed but by a fault');
$rows += $node->safe_psql('postgres', 'SELECT count(*) FROM witness');
cmp_ok($rows, '>', 100 * $rounds, "enough went through: $rows rows");
diag(join(', ', map { "$_: $done{$_}" } sort keys %done) . "; $rows rows");

done_testing();
