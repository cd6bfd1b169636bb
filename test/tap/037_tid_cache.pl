# 037_tid_cache.pl - stored rows are found where the worker left them, whatever
# happened to them since; and without the index, where an old transaction would
# have it look at all their versions.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $groups = 1000;
my $node = stream_node('tids', conf => q{
	autovacuum = off
	max_prepared_transactions = 2
	stream_ext.flush_interval = '1h'
});
my %query = (
	by_key => q{SELECT k, count(*) AS n, sum(x) AS s FROM %s GROUP BY k},
	by_minute => q{SELECT w.window_start, note, count(*) AS n, sum(x) AS s FROM %s, tumble(ts, '1 minute') w
		GROUP BY w.window_start, note},
	overall => q{SELECT count(*) AS n, sum(x) AS s FROM %s});
my @views = sort keys %query;

$node->safe_psql('postgres', q{
	CREATE TABLE events (ts timestamptz, k int, note text, x int) USING stream;
	CREATE TABLE sums (k int, f float8) USING stream;
	CREATE TABLE witness (ts timestamptz, k int, note text, x int);
});
$node->safe_psql('postgres', "CREATE MATERIALIZED VIEW $_ AS " . sprintf($query{$_}, 'events')) for @views;
my $storage = $node->safe_psql('postgres', q{SELECT 'storage_' || 'by_key'::regclass::oid});

# Sends one row for each group, NULLs among them, and flushes all views.
sub send_and_flush
{
	$node->safe_psql('postgres', qq{
		WITH r AS (INSERT INTO witness
			SELECT timestamptz '2026-01-01 00:00' + g % 3 * interval '1 minute', nullif(g, 1), nullif('note ' || g % 100, 'note 1'), g
			FROM generate_series(1, $groups) g RETURNING *)
		INSERT INTO events SELECT * FROM r;
		SELECT stream_flush(v) FROM (VALUES ('by_key'), ('by_minute'), ('overall')) a (v);});
	return;
}

sub views_agree
{
	my ($when) = @_;
	oracle_ok($node, "SELECT * FROM $_", sprintf($query{$_}, 'witness'), "$when: $_ agrees") for @views;
	return;
}

# Returns a figure of the storage, once it shows that each row was updated n times.
sub figure
{
	my ($n, $figure) = @_;
	my $stat = "FROM pg_stat_all_tables WHERE relname = '$storage'";
	my $updates = $n * $groups;
	wait_until($node, "SELECT n_tup_upd >= $updates $stat");
	return $node->safe_psql('postgres', "SELECT $figure $stat");
}

# --- no old transaction: dead versions make room for the next -------------------------
send_and_flush() for 0 .. 10;
my $hot = figure(10, 'n_tup_hot_upd');
cmp_ok($hot, '>', 0.9 * 10 * $groups, "nearly all updates are HOT: $hot");
my $scans = figure(10, 'idx_scan');
# some groups share an entry of the cache
cmp_ok($scans, '<', 4 * $groups, "the index was not asked 10 times for each group: $scans times");

# --- an old transaction keeps all versions -----------------------------------------
$node->safe_psql('postgres', q{BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'old'});
send_and_flush() for 1 .. 5;
my $more = figure(15, 'idx_scan') - $scans;
cmp_ok($more, '<', $groups, "with an old transaction, too: $more times");
views_agree('old transaction');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'old'});

# --- TIDs that are no more ---------------------------------------------------------
my $tables = q{SELECT format('%I.%I', relnamespace::regnamespace, relname) FROM pg_class
	WHERE relnamespace = '_stream_ext'::regnamespace AND relname LIKE 'storage%' AND relkind = 'r' ORDER BY 1};
my @tables = split /\n/, $node->safe_psql('postgres', $tables);

# shorter, so that TIDs lie behind its end
$node->safe_psql('postgres', "VACUUM FULL $_") for @tables;
send_and_flush();
views_agree('rewritten');

# other groups' rows under the old TIDs
for my $vacuum ('VACUUM', 'VACUUM', 'VACUUM FULL')
{
	send_and_flush();
	$node->safe_psql('postgres', "$vacuum $_") for @tables;
}
send_and_flush();
views_agree('vacuumed');

# --- a flush of which a part is rolled back ------------------------------------------
# the sum of one group overflows in storage: the others are written once more
$node->safe_psql('postgres', q{CREATE MATERIALIZED VIEW by_sum AS SELECT k, count(*) AS n, sum(f) AS s FROM sums GROUP BY k});
for my $large ('1', '1', '1e308', '1e308', '1')
{
	$node->safe_psql('postgres', qq{
		INSERT INTO sums SELECT g, CASE g WHEN 700 THEN $large ELSE 1 END FROM generate_series(1, $groups) g;
		SELECT stream_flush('by_sum')});
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM _stream_ext.quarantine}), '1', 'one group could not be written');
is($node->safe_psql('postgres', q{SELECT count(*) FROM by_sum WHERE n = 5 AND s = 5}), $groups - 1, 'the others are right');

$node->stop;
done_testing();
