# The stream reader reads WAL once for everybody: what it lists is what is in
# WAL, wherever one begins to follow, whatever lies in between, and however
# small the ring; without streams it reads nothing.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('reader', conf => q{
	stream_ext.commit_ring = 64kB
	restart_after_crash = on
	max_wal_size = 1GB
});

sub reader { return $node->safe_psql('postgres', "SELECT $_[0] FROM pg_stat_stream_reader"); }

# --- nothing to do, nothing done ----------------------------------------------------
wait_until($node, 'SELECT pid IS NOT NULL FROM pg_stat_stream_reader');
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 10000); CHECKPOINT');
is(reader('read_lsn IS NULL, wal_bytes_read'), 't|0', 'without streams no WAL is read');

# --- the same from the ring as from WAL ---------------------------------------------
# A physical slot of our own keeps the WAL, wherever the worker moves its one.
$node->safe_psql('postgres', q{
	SELECT pg_create_physical_replication_slot('keep', true);
	CREATE TABLE s (a int, t text) USING stream;
	CREATE TABLE start AS SELECT pg_current_wal_insert_lsn() AS lsn;});
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION stream_ext; CREATE TABLE s (a int, t text) USING stream;');

sub insert { return "INSERT INTO s SELECT g, repeat('x', 100) FROM generate_series(1, $_[0]) g;\n"; }

my $prepared = 0;
my %open;	# prepared transactions by database
sub transactions
{
	my ($db, $n) = @_;

	$node->safe_psql($db, insert($n));
	$node->safe_psql($db, 'BEGIN;' . insert(10) . 'ROLLBACK');
	$node->safe_psql($db, join('', 'BEGIN;', insert(4), 'SAVEPOINT a;', insert(2000), 'ROLLBACK TO a;',
		insert(5), 'SAVEPOINT b;', insert(6), 'RELEASE b;', insert(7), 'COMMIT;'));
	$prepared++;
	$node->safe_psql($db, 'BEGIN;' . insert(40) . "PREPARE TRANSACTION 'p$prepared'");
	push @{ $open{$db} }, "p$prepared";
	$node->safe_psql($db, "COMMIT PREPARED '" . shift(@{ $open{$db} }) . "'") if @{ $open{$db} } > 2;
	return;
}

# Waits until the reader has read all that was committed so far.
sub wait_for_reader
{
	my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('postgres', 'SELECT txid_current()');	# so that this position is passed
	wait_until($node, "SELECT read_lsn >= '$lsn' FROM pg_stat_stream_reader");
	return;
}

# Begins to follow at positions that the feed names, and compares.
sub compare_everywhere
{
	my ($db, $name) = @_;
	my $start = $node->safe_psql('postgres', 'SELECT lsn FROM start');
	my $columns = 'xid, commit_lsn, end_lsn, commit_time, nrows, nbatches';

	# about forty of them
	my $positions = qq{
		SELECT restart, applied FROM
			(SELECT feed_restart_lsn AS restart, end_lsn AS applied, row_number() OVER (), count(*) OVER ()
			 FROM _stream_ext.feed_transactions('$start', '0/0', 65536)) f
		WHERE row_number % (1 + count / 40) = 0};

	wait_for_reader();
	my $differ = $node->safe_psql($db, qq{
		SELECT count(*) FROM
			($positions) p,
			LATERAL (SELECT array_agg(x) AS rows FROM
				(SELECT $columns FROM _stream_ext.feed_transactions(restart, applied, 65536)) x) alone,
			LATERAL (SELECT array_agg(x) AS rows FROM
				(SELECT $columns FROM _stream_ext.feed_transactions(restart, applied, 65536, true)) x) follows
		WHERE alone.rows IS DISTINCT FROM follows.rows});
	is($differ, '0', "$name: the ring gives what WAL gives, from everywhere");
	my $behind = $node->safe_psql($db, qq{
		SELECT count(*) FROM
			($positions) p,
			LATERAL _stream_ext.feed_transactions(restart, applied, 65536, true) follows
		WHERE follows.feed_restart_lsn > follows.end_lsn});
	is($behind, '0', "$name: no restart position lies behind what was handed on");
	return;
}

for my $round (1 .. 3)
{
	transactions($_, 10 * $round) for qw(postgres other postgres);
}
compare_everywhere($_, "in $_") for qw(postgres other);
is($node->safe_psql('postgres', q{SELECT count(*) > 5 FROM start, pg_stat_stream_reader r,
	_stream_ext.feed_transactions(r.ring_start_lsn, '0/0', 65536, true) f WHERE f.from_ring}), 't',
	'it really follows');

# --- larger than the ring, and than memory --------------------------------------------
$node->safe_psql('postgres', 'BEGIN;' . join('', map { insert(1) . "SAVEPOINT s$_;" } 1 .. 900) . 'COMMIT;');
$node->safe_psql('postgres', insert(3));
compare_everywhere('postgres', 'a transaction larger than the ring');
is(reader('transactions_too_large'), '1', 'it was one');
$node->safe_psql('postgres', insert(100_000));
is($node->safe_psql('postgres', q{SELECT nrows, in_memory FROM pg_stat_stream_reader r,
	_stream_ext.feed_transactions(r.ring_start_lsn, '0/0', 1000, true) f ORDER BY end_lsn DESC LIMIT 1}),
	'100000|f', 'one larger than memory stays in WAL until it is used');

# --- the ring moves on -------------------------------------------------------------------
for my $round (1 .. 12)
{
	$node->safe_psql('other', join('', map { insert(1) } 1 .. 100));
	transactions('postgres', 3);
}
compare_everywhere($_, "after more than fits, in $_") for qw(postgres other);
is($node->safe_psql('postgres', q{SELECT r.ring_start_lsn > start.lsn, ring_used <= ring_size
	FROM pg_stat_stream_reader r, start}), 't|t', 'the ring is bounded');

# --- another reader goes on where the former ended ----------------------------------------
for my $round (1 .. 5)
{
	my $pid = reader('pid');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	transactions($_, 2) for qw(postgres other);
	wait_until($node, "SELECT pid <> $pid FROM pg_stat_stream_reader");
}
compare_everywhere($_, "after other readers, in $_") for qw(postgres other);
is(reader('reader_starts'), '6', 'one was started each time');

# --- rolled back rows are counted once ------------------------------------------------------
$node->safe_psql('postgres', 'SELECT pg_stat_reset_stream()');
$node->safe_psql('postgres', 'BEGIN;' . insert(1234) . 'ROLLBACK');
$node->safe_psql('postgres', insert(1));
wait_for_reader();
is($node->safe_psql('postgres', 'SELECT rows_aborted > 500, rows_aborted = rows_in - 1 FROM pg_stat_stream'),
	't|t', 'rolled back rows are counted once');

# --- after a crash ----------------------------------------------------------------------------
kill_and_restart($node);
transactions($_, 2) for qw(postgres other);
compare_everywhere($_, "after a crash, in $_") for qw(postgres other);

# --- it is in nobody's way ------------------------------------------------------------------------
$node->safe_psql('other', "ROLLBACK PREPARED '$_'") for @{ $open{other} };
$node->safe_psql('postgres', 'DROP DATABASE other');
is($node->safe_psql('postgres', 'SELECT pid IS NOT NULL FROM pg_stat_stream_reader'), 't', 'DROP DATABASE does not meet it');

unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'no assertion failed');
$node->stop;
done_testing();
