# Workers that follow the stream reader apply every commit once, whoever is
# stopped, killed or overrun meanwhile; WAL of others is read once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('follow', conf => q{
	stream_ext.commit_ring = 64kB
	stream_ext.flush_interval = 200ms
	restart_after_crash = on
	wal_buffers = 4MB
});
my @databases = qw(postgres one two);
my $view = 'SELECT k, n, total FROM v';
my $query = 'SELECT k, count(*), sum(a) FROM archive GROUP BY k';

$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(one two);
for my $db (@databases)
{
	$node->safe_psql($db, 'CREATE EXTENSION IF NOT EXISTS stream_ext');
	$node->safe_psql($db, q{
		CREATE TABLE s (k int, a int) USING stream;
		CREATE TABLE archive (k int, a int);
		CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, sum(a) AS total FROM s GROUP BY k;});
}

sub reader { return $node->safe_psql('postgres', "SELECT $_[0] FROM pg_stat_stream_reader"); }

# Rows for stream and archive, in one statement.
sub both
{
	my ($n, $from) = @_;
	$from //= 0;
	return "WITH r AS MATERIALIZED (SELECT g % 7 AS k, g AS a FROM generate_series($from + 1, $from + $n) g),
		i AS (INSERT INTO archive SELECT * FROM r) INSERT INTO s SELECT * FROM r;\n";
}

# A script of transactions of all kinds.
sub script
{
	my ($db, $round) = @_;
	return join('', both(3, $round), 'BEGIN;', both(5, $round), 'SAVEPOINT a;', both(700), 'ROLLBACK TO a;',
		both(2), 'SAVEPOINT b;', both(4), 'RELEASE b;', "COMMIT;\n",
		'BEGIN;', both(50), "ROLLBACK;\n",
		'BEGIN;', both(9, $round), "PREPARE TRANSACTION '$db$round';\n", both(1),
		$round % 3 ? "COMMIT PREPARED '$db$round';\n" : "ROLLBACK PREPARED '$db$round';\n",
		"SET synchronous_commit = off;\n", both(1), both(1), "SET synchronous_commit = on;\n");
}

sub check
{
	my ($name) = @_;
	oracle_ok($node, $view, $query, "$name, in $_", database => $_) for @databases;
	return;
}

# Sessions that run the script in all databases, at once.
sub load
{
	my ($rounds, $meanwhile) = @_;
	my @running;

	for my $db (@databases)
	{
		my $in = join('', map { script($db, $_) } 1 .. $rounds);
		my ($out, $err) = ('', '');
		push @running, IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=0', '-d', $node->connstr($db) ],
			'<', \$in, '>', \$out, '2>', \$err);
	}
	$meanwhile->() if $meanwhile;
	$_->finish for @running;
	return;
}

# --- in step ------------------------------------------------------------------------
load(10);
check('workers follow');
is(reader('ring_overruns'), '0', 'nobody was overrun');

# --- WAL of others is read once -----------------------------------------------------
my $sum = q{SELECT sum(wal_bytes_read) FROM pg_stat_stream_worker};
my $before = $node->safe_psql('postgres', $sum);
my $reader_before = reader('wal_bytes_read');
$node->safe_psql('postgres', q{CREATE TABLE heap AS SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g});
check('beside other WAL');
my $workers = $node->safe_psql('postgres', $sum) - $before;
my $read = reader('wal_bytes_read') - $reader_before;
cmp_ok($read, '>', 10_000_000, 'the reader has read it');
cmp_ok($workers, '<', 1_000_000, 'no worker has');

# --- larger than the ring --------------------------------------------------------------
$node->safe_psql('one', 'BEGIN;' . join('', map { both(1, $_) . "SAVEPOINT s$_;" } 1 .. 900) . 'COMMIT;');
load(2);
check('a transaction larger than the ring');
is(reader('transactions_too_large'), '1', 'it was one');

# --- overrun while a worker is stopped ----------------------------------------------------
my $pid = $node->safe_psql('one', q{SELECT pid FROM pg_stat_stream_worker WHERE datname = current_database()});
kill('STOP', $pid) or die "stopping $pid: $!";
$node->safe_psql('two', join('', map { both(1, $_) } 1 .. 1500));
$node->safe_psql('one', join('', map { both(1, $_) } 1 .. 50));
wait_until($node, "SELECT ring_used > ring_size * 0.9 FROM pg_stat_stream_reader");
kill('CONT', $pid);
check('after an overrun');
is($node->safe_psql('postgres', 'SELECT ring_overruns > 0 FROM pg_stat_stream_reader'), 't', 'there was one');

# --- the reader ends, again and again -------------------------------------------------------
load(15, sub {
	for (1 .. 4)
	{
		my $reader = reader('pid') || next;
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($reader)");
		wait_until($node, "SELECT pid <> $reader FROM pg_stat_stream_reader");
	}
});
check('the reader was terminated under load');

# --- and a worker --------------------------------------------------------------------------
load(10, sub {
	for my $db (@databases)
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_stream_worker WHERE datname = '$db'");
	}
});
check('workers were terminated under load');

# --- faults -----------------------------------------------------------------------------------
my @points = declare_fault_points($node) ?
  qw(reader-before-publish reader-after-publish feed-joins-ring feed-leaves-ring) : ();
note('built without fault points') if !@points;
for my $point (@points)
{
	$node->safe_psql('postgres', "SELECT stream_fault_set('$point', 'error')");
	load(3, sub {
		my $reader = reader('pid');
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($reader)") if $point =~ /feed/ && $reader;
	});
	check("error at $point");
	is($node->safe_psql('postgres', "SELECT stream_fault_hits('$point') > 0"), 't', "$point was reached");
	$node->safe_psql('postgres', "SELECT stream_fault_set('$point', '')");
}

# --- kill -9 restarts the server, with prepared transactions open -----------------------------
for my $db (@databases)
{
	$node->safe_psql($db, 'BEGIN;' . both(11) . "PREPARE TRANSACTION 'over_$db'");
}
wait_until($node, 'SELECT pid IS NOT NULL FROM pg_stat_stream_reader');
my $reader = reader('pid');
kill('KILL', $reader) or die "killing $reader: $!";
wait_until($node, "SELECT pid <> $reader FROM pg_stat_stream_reader");
$node->safe_psql($_, both(12)) for @databases;
$node->safe_psql($_, "COMMIT PREPARED 'over_$_'") for @databases;
check('after kill -9 of the reader');

# --- a clean stop leaves nothing to be read --------------------------------------------------
load(3);
$node->stop('fast');
$node->start;
check('after a restart');

unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'no assertion failed');
$node->stop;
done_testing();
