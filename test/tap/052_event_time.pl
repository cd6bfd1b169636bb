# 052_event_time.pl - the watermark never goes back and is the same after any
# stop; an idle stream follows the clock; stream_ext.max_future can be changed.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

# A long flush interval: at each stop most is in memory only.
my $node = stream_node('event_time', conf => q{
	timezone = 'UTC'
	stream_ext.flush_interval = '1h'
});
$node->safe_psql('postgres', q{
	CREATE TABLE events (n bigint, ts timestamptz) USING stream;
	CREATE TABLE archive (n bigserial, input text, ts timestamptz);
	CREATE MATERIALIZED VIEW v AS
		SELECT w.window_start, count(*) AS n FROM events, tumble(ts, '1 minute') w
		 WHERE n % 7 <> 0 GROUP BY 1;
	SELECT stream_set_event_time('events', 'ts', '90 s');
});

# What the rows in their order make of the watermark: for each row, the least
# of the newest event times of the inputs so far, and of that the greatest.
my $model = q{
	SELECT max(least)
	  FROM (SELECT (SELECT min(newest) - interval '90 s'
					  FROM (SELECT max(b.ts) AS newest FROM archive b WHERE b.n <= a.n GROUP BY b.input) i) AS least
			  FROM archive a) m};
my $written = 0;

# Writes some transactions by two inputs, out of order; now and then one that is rolled back.
sub write_some
{
	for my $round (1 .. 12)
	{
		my $input = $round % 3 ? 'a' : 'b';

		$written += 5;
		$node->safe_psql('postgres', qq{
			SET stream_ext.input = '$input';
			BEGIN;
			INSERT INTO archive (input, ts)
				SELECT '$input', timestamptz '2026-01-01' + ($written + g * 7919 % 400) * interval '1 s'
				  FROM generate_series(1, 5) g;
			INSERT INTO events SELECT n, ts FROM archive ORDER BY n DESC LIMIT 5;
			COMMIT;
			BEGIN;
			INSERT INTO events VALUES (0, '2026-06-01');
			ROLLBACK;});
	}
	return;
}

my $before = '2000-01-01';

# Says whether the watermark is the model's, and not behind what it was.
sub watermark_holds
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $now = synced($node, q{SELECT stream_closed_until('v')});

	is($now, $node->safe_psql('postgres', $model), "the watermark is the model's $when");
	is($node->safe_psql('postgres', "SELECT '$now'::timestamptz >= '$before'::timestamptz"), 't',
		"it has not gone back $when");
	oracle_ok($node, 'SELECT * FROM v', q{SELECT date_trunc('minute', ts), count(*) FROM archive
		WHERE n % 7 <> 0 GROUP BY 1}, "the view is right $when");
	$before = $now;
	return;
}

write_some();
watermark_holds('at first');
for my $round (1 .. 3)
{
	write_some();
	kill 'KILL', worker_pid($node);
	$node->poll_query_until('postgres', 'SELECT true');
	watermark_holds("after kill -9 of the worker ($round)");
	$node->safe_psql('postgres', q{SELECT stream_flush('v')}) if $round == 2;
	write_some();
	kill_and_restart($node);
	watermark_holds("after kill -9 of the postmaster ($round)");
}
$node->restart;
watermark_holds('after a fast shutdown');

# Settings changed while the view stands still: each row under the one it was committed under.
$node->safe_psql('postgres', q{SELECT stream_pause('v')});
$node->safe_psql('postgres', q{
	INSERT INTO events VALUES (1, '2026-01-02 00:00:00');
	SELECT stream_set_event_time('events', NULL);
	INSERT INTO events VALUES (2, '2026-01-05 00:00:00');
	SELECT stream_set_event_time('events', 'ts', '1 hour');
	INSERT INTO events VALUES (3, '2026-01-02 02:00:00');
	SELECT stream_set_event_time('events', 'ts', '3 hours');
	INSERT INTO events VALUES (4, '2026-01-02 03:00:00');
});
kill_and_restart($node);
$node->safe_psql('postgres', q{SELECT stream_resume('v')});
is(synced($node, q{SELECT stream_closed_until('v')}),
	'2026-01-02 01:00:00+00', 'settings hold for the rows committed under them');

# stream_ext.max_future: another one holds once it is stored.
$node->safe_psql('postgres', q{SELECT stream_set_event_time('events', 'ts')});
$node->safe_psql('postgres', q{INSERT INTO events VALUES (5, now() + interval '3 days')});
is(synced($node, q{SELECT stream_closed_until('v')}),
	'2026-01-02 01:00:00+00', 'three days ahead is too far');
$node->append_conf('postgresql.conf', q{stream_ext.max_future = '10d'});
$node->reload;
wait_until($node, q{SELECT max_future = 864000000000 FROM _stream_ext.view_position});
$node->safe_psql('postgres', q{INSERT INTO events VALUES (6, now() + interval '2 days')});
is(synced($node, q{SELECT stream_closed_until('v') > now() + interval '47 hours'}),
	't', 'two days ahead is not with ten days allowed');
$node->append_conf('postgresql.conf', q{stream_ext.max_future = '1h'});
kill_and_restart($node);
is(synced($node, q{SELECT stream_closed_until('v') > now() + interval '47 hours'}),
	't', 'it stays there with an hour allowed, read from WAL again');
$node->safe_psql('postgres', 'DROP TABLE events CASCADE');

# A transaction larger than memory, with a mark in the middle.
$node->safe_psql('postgres', q{
	ALTER SYSTEM SET stream_ext.work_memory = '1MB';
	SELECT pg_reload_conf();
	CREATE TABLE large (n bigint, ts timestamptz) USING stream;
	CREATE MATERIALIZED VIEW by_number AS SELECT n, count(*) AS rows FROM large GROUP BY n;
	SELECT stream_set_event_time('large', 'ts', '1 min');
	INSERT INTO large VALUES (0, '2026-01-01');
	INSERT INTO large SELECT g, timestamptz '2026-01-01' + CASE g WHEN 30000 THEN interval '2 days' ELSE g * interval '1 s' END
	  FROM generate_series(1, 60000) g;
});
is(synced($node, q{SELECT stream_closed_until('by_number'), (SELECT sum(rows) FROM by_number)}),
	'2026-01-02 23:59:00+00|60001', 'a transaction larger than memory moves it');
is($node->safe_psql('postgres', q{SELECT oversize_transactions > 0 FROM pg_stat_stream_view WHERE viewname = 'by_number'}),
	't', 'it was larger than memory');
kill_and_restart($node);
is(synced($node, q{SELECT stream_closed_until('by_number'), (SELECT sum(rows) FROM by_number)}),
	'2026-01-02 23:59:00+00|60001', 'so it does after a crash');
$node->safe_psql('postgres', 'DROP TABLE large CASCADE');

# Idle: the watermark follows the clock, and what was shown stays over a crash.
$node->safe_psql('postgres', q{
	CREATE TABLE clicks (n bigint, ts timestamptz) USING stream;
	CREATE MATERIALIZED VIEW idle AS
		SELECT w.window_start, count(*) AS n FROM clicks, tumble(ts, '1 minute') w GROUP BY 1;
	SELECT stream_set_event_time('clicks', 'ts', '5 min', idle_timeout => '1 hour');
	INSERT INTO clicks VALUES (1, '2026-01-01');
});
is(synced($node, q{SELECT stream_closed_until('idle')}), '2025-12-31 23:55:00+00', 'by the row');
$node->append_conf('postgresql.conf', q{stream_ext.clock_offset = '2h'});
$node->reload;
wait_until($node, q{SELECT stream_closed_until('idle') > now() + interval '114 min'});
my $shown = $node->safe_psql('postgres', q{SELECT stream_closed_until('idle')});
ok(1, 'an idle stream follows the clock');
is($node->safe_psql('postgres', "SELECT watermark >= extract(epoch FROM '$shown'::timestamptz - '2000-01-01 00:00+00') * 1000000
	FROM _stream_ext.view_position"), 't', 'what is shown is stored');
$node->append_conf('postgresql.conf', q{stream_ext.clock_offset = '0'});
kill_and_restart($node);
is(synced($node, "SELECT stream_closed_until('idle') >= '$shown'::timestamptz"), 't',
	'it stays over a crash, whatever the clock says then');
$node->safe_psql('postgres', q{INSERT INTO clicks VALUES (2, now())});
is(synced($node, "SELECT stream_closed_until('idle') >= '$shown'::timestamptz"), 't',
	'a row behind it does not move it back');
$node->safe_psql('postgres', q{INSERT INTO clicks VALUES (3, now() + interval '30 min')});
is(synced($node, q{SELECT sum(n) FROM idle}), '3', 'all rows are counted');

done_testing();
