# 021_dead_letters.pl - one per cent of bad rows among a million: what was
# accepted and what was rejected make up what was sent, across kills too.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $rows = 1_000_000;
my $piece = 100_000;
my $node = stream_node('dead_letters', conf => q{
	stream_ext.flush_interval = '500ms'
	max_wal_size = 1GB
});
my $query = q{SELECT k, count(*), sum(100 / v), max(v) FROM %s GROUP BY k};

$node->safe_psql('postgres', q{
	CREATE TABLE events (id int, k int, v int) USING stream;
	CREATE TABLE witness (id int, k int, v int)});
$node->safe_psql('postgres', 'CREATE MATERIALIZED VIEW v AS ' . sprintf($query, 'events'));

# Every hundredth row divides by zero in the second of three aggregates.
my $generate = 'SELECT g, g %% 50, g %% 100 FROM generate_series(%d, %d) g';

for (my $from = 1; $from <= $rows; $from += $piece)
{
	my $select = sprintf($generate, $from, $from + $piece - 1);

	attempt($node, 'postgres', "BEGIN; INSERT INTO events $select; INSERT INTO witness $select; COMMIT");
	# while the worker is at it
	if ($from == 3 * $piece + 1)
	{
		kill 'KILL', worker_pid($node);
		attempt($node, 'postgres', 'SELECT 1');
	}
	kill_and_restart($node) if $from == 6 * $piece + 1;
}

oracle_ok($node, 'SELECT * FROM v', sprintf($query, '(SELECT * FROM witness WHERE v <> 0) w'),
	'the view has every good row once');
is($node->safe_psql('postgres', 'SELECT sum(count) FROM v'), $rows - $rows / 100, 'accepted');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stream_dead_letter'), $rows / 100, 'rejected');
is($node->safe_psql('postgres', q{SELECT count(*) FROM
		(SELECT (row::events).id FROM stream_dead_letter EXCEPT SELECT id FROM witness WHERE v = 0) x}),
	'0', 'every dead letter is a bad row');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT (row::events).id) FROM stream_dead_letter}),
	$rows / 100, 'none is there twice');

# The limit: what is over it is counted, the view goes on.
set_for_worker($node, 'stream_ext.dead_letter_limit', '10005');
$node->safe_psql('postgres', 'INSERT INTO events SELECT 0, 1, g % 2 FROM generate_series(1, 20) g');
$node->safe_psql('postgres', 'SELECT stream_sync()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM stream_dead_letter'), '10005', 'the limit holds');
is($node->safe_psql('postgres', 'SELECT dead_letters_dropped, rows_rejected >= 10 FROM pg_stat_stream_view'), '5|t',
	'what was not kept is counted');

# Many rows that fail in one transaction take no more memory than others, and
# an attempt that fails for another reason leaves none of it behind.
set_for_worker($node, 'stream_ext.dead_letter_limit', '3000');
set_for_worker($node, 'stream_ext.work_memory', '1MB');
$node->safe_psql('postgres', q{
	CREATE TABLE wide (id int, v int, note text) USING stream;
	CREATE TABLE busy (yes bool);
	CREATE FUNCTION checked(int) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN
		IF $1 = 2 AND EXISTS (SELECT FROM public.busy) THEN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END IF;
		RETURN 100 / $1;
	END $$;
	CREATE MATERIALIZED VIEW many AS SELECT count(*) AS n, sum(checked(v)) AS s FROM wide});
my $stat = q{FROM pg_stat_stream_view WHERE viewname = 'many'};
my $kept = q{SELECT count(*), count(DISTINCT ("row"::wide).id), min(length("row")) FROM stream_dead_letter WHERE view = 'many'::regclass};
$node->safe_psql('postgres', q{INSERT INTO wide SELECT g, g % 1000 / 999, repeat('x', 10000) FROM generate_series(1, 2000) g});
$node->safe_psql('postgres', 'SELECT stream_sync()');
is($node->safe_psql('postgres', 'SELECT n, s FROM many'), '2|200', 'the others are there');
is($node->safe_psql('postgres', $kept), '1998|1998|10006', 'those that fail are dead letters, each once');
is($node->safe_psql('postgres', "SELECT rows_rejected, dead_letters_dropped, oversize_transactions $stat"), '1998|0|1',
	'... and went to storage piece by piece, because they are larger than memory');

$node->safe_psql('postgres', q{INSERT INTO wide SELECT g, 0, repeat('x', 10000) FROM generate_series(2001, 4000) g});
$node->safe_psql('postgres', 'SELECT stream_sync()');
is($node->safe_psql('postgres', $kept), '3000|3000|10006', 'the limit holds within a transaction, too');
is($node->safe_psql('postgres', "SELECT rows_rejected, dead_letters_dropped $stat"), '3998|998',
	'... and every row is counted');

$node->safe_psql('postgres', q{DELETE FROM _stream_ext.dead_letter WHERE view = 'many'::regclass});
$node->safe_psql('postgres', q{INSERT INTO busy VALUES (true)});
$node->safe_psql('postgres', q{INSERT INTO wide SELECT g, g / 500 * 2, repeat('x', 1000) FROM generate_series(1, 500) g});
wait_until($node, "SELECT retries > 0 $stat");
$node->safe_psql('postgres', q{SELECT stream_pause('many')});
wait_until($node, "SELECT state = 'paused' $stat");
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT pg_log_backend_memory_contexts(' . view_worker_pid($node, 'many') . ')');
my @sizes;
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	my $log = substr(slurp_file($node->logfile), $offset);

	@sizes = $log =~ /stream dead letters: (\d+) total/g;
	last if $log =~ /Grand total/;
	select(undef, undef, undef, 0.1);
}
cmp_ok(scalar(@sizes), '>=', 1, 'the worker of the view tells of its memory');
is(scalar(grep { $_ > 100_000 } @sizes), 0, 'a failed attempt leaves no dead letters in memory');
$node->safe_psql('postgres', q{DELETE FROM busy; SELECT stream_resume('many')});
$node->safe_psql('postgres', 'SELECT stream_sync()');
is($node->safe_psql('postgres', $kept), '499|499|1006', 'they are there once the view goes on');

# So does it for groups that storage cannot combine: a row each, however often
# they fail, and no more of them than of dead letters.
set_for_worker($node, 'stream_ext.dead_letter_limit', '3');
$node->safe_psql('postgres', q{
	CREATE TABLE weights (key int, w float8) USING stream;
	CREATE MATERIALIZED VIEW weight AS SELECT key, sum(w) AS w FROM weights GROUP BY key});
for (1 .. 3)
{
	$node->safe_psql('postgres', 'INSERT INTO weights SELECT g, 1e308 FROM generate_series(1, 5) g');
	$node->safe_psql('postgres', q{SELECT stream_flush('weight')});
}
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT keys), min(failures), max(failures) FROM _stream_ext.quarantine'),
	'3|3|2|2', 'groups in quarantine have a row each, up to the limit');
is($node->safe_psql('postgres', q{SELECT groups_quarantined FROM pg_stat_stream_view WHERE viewname = 'weight'}),
	'10', '... and every failure is counted');
my @warnings = slurp_file($node->logfile) =~ /WARNING: .* a group of view "weight" cannot be written/g;
is(scalar(@warnings), 3, '... but logged once for a group');

# Nobody but the owner of the stream sees its rows there, nobody forges rows.
$node->safe_psql('postgres', 'CREATE ROLE stranger; CREATE ROLE writer; GRANT INSERT ON events TO writer');
is($node->safe_psql('postgres', 'SET ROLE stranger; SELECT count(*) FROM stream_dead_letter'), '0',
	'a stranger sees no dead letters');
for my $attack (
	'INSERT INTO events VALUES (1, 1, 1)',
	'INSERT INTO _stream_ext.view_position SELECT * FROM _stream_ext.view_position',
	'DELETE FROM _stream_ext.dead_letter',
	"SELECT stream_flush('v')",
	"SELECT stream_pause('v')",
	"SELECT stream_accept_gap('v')",
	'SELECT pg_stat_reset_stream()')
{
	my ($status, $out, $err) = $node->psql('postgres', "SET ROLE stranger; $attack", on_error_stop => 1);
	like($err, qr/permission denied|must be owner/, "a stranger may not: $attack");
}
my $before = $node->safe_psql('postgres', 'SELECT sum(count) FROM v');
$node->safe_psql('postgres', q{SET ROLE stranger;
	SELECT pg_logical_emit_message(true, 'stream_ext', repeat('x', 1000))});
is($node->safe_psql('postgres', 'SELECT stream_sync() \g /dev/null
	SELECT sum(count) FROM v'), $before, 'a message in WAL is no row');

done_testing();
