# The feed hands on exactly the rows that committed, in commit order, whatever
# lies in between: subtransactions, prepared transactions, crashes, little
# memory.  No worker and no view is involved: _stream_ext.feed_transactions()
# reads WAL by itself.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('feed', conf => q{
	restart_after_crash = on
	min_wal_size = 32MB
	max_wal_size = 64MB
});

# A physical slot of our own keeps the WAL, wherever the worker moves its one.
$node->safe_psql('postgres', q{
	SELECT pg_create_physical_replication_slot('keep', true);
	CREATE TABLE s (a int, t text) USING stream;
	CREATE TABLE start AS SELECT pg_current_wal_insert_lsn() AS lsn;});

# Rows and batches of all transactions, as the feed sees them with this much memory.
sub feed
{
	my ($memory_kb, $columns) = @_;
	$columns //= 'nrows';
	return $node->safe_psql('postgres', qq{
		SELECT $columns FROM start, _stream_ext.feed_transactions(start.lsn, '0/0', $memory_kb) f});
}

sub insert { return "INSERT INTO s SELECT g, repeat('x', 100) FROM generate_series(1, $_[0]) g;\n"; }

# --- what commits and what does not ------------------------------------------------
$node->safe_psql('postgres', insert(3));
$node->safe_psql('postgres', 'BEGIN;' . insert(100) . 'ROLLBACK');
$node->safe_psql('postgres', join('', 'BEGIN;', insert(4),
	'SAVEPOINT a;', insert(1000), 'ROLLBACK TO a;', insert(5),
	'SAVEPOINT b;', insert(6), 'SAVEPOINT c;', insert(7), 'RELEASE b;', insert(8), 'COMMIT;'));
$node->psql('postgres', 'BEGIN;' . insert(100) . 'SELECT 1/0; COMMIT;');
$node->safe_psql('postgres', q{DO $$ BEGIN
	FOR i IN 1 .. 50 LOOP
		BEGIN
			INSERT INTO s SELECT g FROM generate_series(1, i) g;
			IF i % 2 = 0 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP; END $$});
is(feed(65536), "3\n30\n625", 'aborts and rolled back savepoints are left out');
is(feed(0, 'nrows, in_memory'), "3|f\n30|f\n625|f", 'the same without memory: batches are read again');

# --- order, prepared transactions --------------------------------------------------
$node->safe_psql('postgres', join('', 'BEGIN;', insert(40), "PREPARE TRANSACTION 'late';",
	'BEGIN;', insert(41), "PREPARE TRANSACTION 'never';",
	'BEGIN;', insert(42), 'SAVEPOINT x;', insert(1), "PREPARE TRANSACTION 'after';",
	"ROLLBACK PREPARED 'never';", insert(50), "COMMIT PREPARED 'late';"));
is(feed(65536), "3\n30\n625\n50\n40", 'a prepared transaction comes where it commits');

# --- another database, records that are no batches ------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION stream_ext; CREATE TABLE s (a int) USING stream;
	INSERT INTO s SELECT generate_series(1, 77);});
is(feed(65536), "3\n30\n625\n50\n40", 'rows of another database are not ours');
is($node->safe_psql('other', qq{SELECT nrows FROM _stream_ext.feed_transactions(
	'@{[ $node->safe_psql('postgres', 'SELECT lsn FROM start') ]}', '0/0', 1000)}), '77', 'but theirs');

# --- a crash leaves transactions open -----------------------------------------------
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe('BEGIN');
$session->query_safe(insert(5000));
$node->safe_psql('postgres', insert(60));	# flushes WAL that holds the open one's batches
kill_and_restart($node);
eval { $session->quit };

is(feed(65536), "3\n30\n625\n50\n40\n60", 'an open transaction dies with the server');
$node->safe_psql('postgres', "COMMIT PREPARED 'after'");
is(feed(65536), "3\n30\n625\n50\n40\n60\n43", 'a prepared one survives a crash');

# XLOG_RUNNING_XACTS clears what the crash left, so that its WAL can go
$node->safe_psql('postgres', 'CHECKPOINT;' . insert(61));
is($node->safe_psql('postgres', q{SELECT nrows, feed_restart_lsn = end_lsn
	FROM start, _stream_ext.feed_transactions(start.lsn, '0/0', 1000)
	ORDER BY end_lsn DESC LIMIT 1}), '61|t', 'nothing is open any more');

# --- starting in the middle ----------------------------------------------------------
my @all = split /\n/, feed(1000, 'nrows, end_lsn, feed_restart_lsn');
my $restarts = 0;
for my $i (0 .. $#all)
{
	my (undef, $applied, $restart) = split /\|/, $all[$i];
	my $rest = join("\n", map { (split /\|/)[0] } @all[ $i + 1 .. $#all ]);
	my $again = $node->safe_psql('postgres',
		"SELECT nrows FROM _stream_ext.feed_transactions('$restart', '$applied', 1000)");
	$restarts++ if $again eq $rest;
}
is($restarts, scalar(@all), 'a feed that starts at (restart, applied) sees the rest, exactly');

# --- larger than memory --------------------------------------------------------------
$node->safe_psql('postgres', 'BEGIN;' . insert(200_000) . insert(200_000) . 'COMMIT;');
is($node->safe_psql('postgres', q{SELECT nrows, in_memory
	FROM start, _stream_ext.feed_transactions(start.lsn, '0/0', 1000) ORDER BY end_lsn DESC LIMIT 1}),
	'400000|f', 'a transaction larger than memory is read again');
$node->safe_psql('postgres', q{INSERT INTO s VALUES (1, repeat('y', 50000000))});
is($node->safe_psql('postgres', q{SELECT nrows, in_memory
	FROM start, _stream_ext.feed_transactions(start.lsn, '0/0', 1000) ORDER BY end_lsn DESC LIMIT 1}),
	'1|f', 'so is a value of 50 MB');

# --- WAL that is not there -----------------------------------------------------------
for (1 .. 100)
{
	# a slot cannot be dropped while the worker moves it
	$node->psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
	last if $node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots') == 0;
}
for (1 .. 3)
{
	$node->safe_psql('postgres', 'SELECT pg_switch_wal(); CHECKPOINT;');
}
wait_until($node, 'SELECT count(*) = 0 FROM pg_ls_waldir(), start WHERE name = pg_walfile_name(start.lsn)');
for my $lsn ($node->safe_psql('postgres', 'SELECT lsn FROM start'), '0/10', 'FFFF/0')
{
	my ($status, undef, $error) = $node->psql('postgres',
		"\\set VERBOSITY verbose\nSELECT * FROM _stream_ext.feed_transactions('$lsn', '0/0', 1000)");
	like($error, qr/ERROR:  58P01: /, "WAL at $lsn is gone: undefined_file");
}

# --- rights --------------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE ROLE nobody');
my (undef, undef, $error) = $node->psql('postgres', q{SET ROLE nobody;
	SELECT * FROM _stream_ext.feed_transactions('0/1000000', '0/0', 1000)});
like($error, qr/permission denied/, 'not for everybody');

unlike(slurp_file($node->logfile), qr/TRAP|PANIC/, 'no assertion failed');
$node->stop;
done_testing();
