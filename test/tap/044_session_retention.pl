# 044_session_retention.pl - a session is shown as a whole until it has ended
# longer ago than the retention; partitions that one reaches into stay.  The view
# belongs to a role that may do nothing else.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('session_retention', conf => q{
	stream_ext.flush_interval = '100ms'
	stream_ext.lock_timeout = '300ms'
	max_prepared_transactions = 2
});

$node->safe_psql('postgres', q{
	CREATE ROLE keeper;
	CREATE SCHEMA place AUTHORIZATION keeper;
	CREATE TABLE events (ts timestamptz, key text) USING stream;
	CREATE TABLE archive (ts timestamptz, key text);
	GRANT SELECT ON events TO keeper;
	SELECT stream_set_event_time('events', 'ts');
	SET ROLE keeper;
	CREATE MATERIALIZED VIEW place.kept WITH (stream.retention = '10 days', stream.partition_width = '1 day') AS
		SELECT s.window_start, s.window_end, key, count(*) AS n FROM events, session(ts, '1 hour') s GROUP BY 1, 2, 3;
	CREATE MATERIALIZED VIEW place.plain WITH (stream.retention = '10 days', stream.partition_width = '1 day') AS
		SELECT w.window_start, count(*) AS n FROM events, tumble(ts, '1 hour') w GROUP BY 1;
	CREATE MATERIALIZED VIEW place.final WITH (stream.late = 'drop', stream.lateness = '3 hours') AS
		SELECT s.window_start, s.window_end, key, count(*) AS n FROM events, session(ts, '1 hour') s GROUP BY 1, 2, 3;
});

# One session of eight days, a short one each day, and one over each midnight.
$node->safe_psql('postgres', q{
	CREATE TABLE rows AS
		SELECT date_trunc('day', now()) - i * interval '30 min' AS ts, 'long' AS key FROM generate_series(48, 432) i
		UNION ALL SELECT date_trunc('day', now()) - d * interval '1 day' + m * interval '5 min' + interval '10 hours', 'short' FROM generate_series(1, 9) d, generate_series(0, 2) m
		UNION ALL SELECT date_trunc('day', now()) - d * interval '1 day' + m * interval '40 min', 'midnight' FROM generate_series(0, 8) d, generate_series(-1, 0) m;
	INSERT INTO archive SELECT * FROM rows ORDER BY ts;
	INSERT INTO events SELECT * FROM rows ORDER BY ts;
});

my $model = q{SELECT min(ts), max(ts) + interval '1 hour', key, count(*)
	FROM (SELECT *, count(*) FILTER (WHERE first) OVER (PARTITION BY key ORDER BY ts) AS session
			FROM (SELECT *, (ts >= lag(ts) OVER (PARTITION BY key ORDER BY ts) + interval '1 hour') IS NOT FALSE AS first FROM archive) a) b
	GROUP BY key, session};

# Moves the clock, has expired partitions looked for, and compares.
sub views_are_right_after
{
	my ($days) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$node->append_conf('postgresql.conf', 'stream_ext.clock_offset = ' . $days * 86400);
	$node->reload;
	wait_until($node, "SELECT current_setting('stream_ext.clock_offset')::interval = interval '$days days'");
	# a new worker looks for expired partitions at once
	terminate_workers($node);
	worker_pid($node);
	$node->safe_psql('postgres', 'SELECT stream_sync()');
	oracle_ok($node, 'SELECT * FROM place.kept',
		"$model HAVING (max(ts) + interval '1 hour' >= now() + interval '$days days' - interval '10 days') IS NOT FALSE", "$days days later");
	return oracle_ok($node, 'SELECT * FROM place.final', $model, "$days days later: without retention");
}

my $parts_of = q{SELECT count(*) FROM pg_class c JOIN _stream_ext.continuous_view v ON c.relname LIKE 'storage\_' || v.view::oid || '\_%'
	WHERE c.relkind = 'r' AND c.relname !~ '_null$' AND v.view = };
my $partitions = "$parts_of 'place.kept'::regclass";
my $plain = "$parts_of 'place.plain'::regclass";

views_are_right_after(0);
$node->safe_psql('postgres', q{SELECT stream_flush('place.kept'), stream_flush('place.plain'), stream_flush('place.final')});
my $all = $node->safe_psql('postgres', $partitions);
cmp_ok($all, '>=', 9, 'a partition each day');

views_are_right_after(5);
# the worker has looked at all views once it has dropped those of another view and reads WAL again
wait_until($node, "SELECT ($plain) < $all - 2");
$node->safe_psql('postgres', q{INSERT INTO events VALUES (NULL, 'sync'); INSERT INTO archive VALUES (NULL, 'sync'); SELECT stream_sync()});
views_are_right_after(5);
is($node->safe_psql('postgres', q{SELECT n FROM place.kept WHERE key = 'long'}), 385, 'the long session is whole');
cmp_ok($node->safe_psql('postgres', $partitions), '>=', 8, 'partitions into which it reaches stay');

# A row just before the horizon, alone: applied and hidden, or expired; never shown.
$node->safe_psql('postgres', q{INSERT INTO events VALUES (now() - interval '7 days', 'gone'); SELECT stream_sync()});
is($node->safe_psql('postgres', q{SELECT count(*) FROM place.kept WHERE key = 'gone'}), 0, 'an old row is not shown');

# --- out of time while it asks whether a session reaches on ---------------------------
$node->safe_psql('postgres', q{SELECT stream_flush('place.kept')});
my $leaves = $node->safe_psql('postgres', q{SELECT string_agg('_stream_ext.' || c.relname, ', ') FROM pg_class c
	JOIN _stream_ext.continuous_view v ON c.relname LIKE 'storage\_' || v.view::oid || '\_%'
	WHERE c.relkind = 'r' AND c.relname !~ '_null$' AND v.view = 'place.kept'::regclass});
$node->append_conf('postgresql.conf', "stream_ext.apply_timeout = '200ms'\nstream_ext.lock_timeout = '1h'");
$node->reload;
wait_until($node, "SELECT current_setting('stream_ext.lock_timeout') = '1h'");
$node->safe_psql('postgres', "BEGIN; LOCK TABLE ONLY $leaves IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'lock'");
terminate_workers($node);
my $worker = view_worker_pid($node, 'kept');
wait_until($node, q{SELECT last_error ~ 'canceling' FROM pg_stat_stream_view WHERE viewname = 'kept'});
$node->safe_psql('postgres', q{INSERT INTO events VALUES (NULL, 'sync'); INSERT INTO archive VALUES (NULL, 'sync');
	SELECT stream_sync(); SELECT stream_flush('place.plain')});
is(view_worker_pid($node, 'kept'), $worker, 'the worker works on');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lock'});
$node->append_conf('postgresql.conf', "stream_ext.apply_timeout = '1min'\nstream_ext.lock_timeout = '300ms'");
$node->reload;

# The long session has ended ten days ago.
$node->safe_psql('postgres', q{SELECT stream_flush('place.kept')});
views_are_right_after(11);
wait_until($node, "SELECT ($partitions) <= 1");
pass('partitions are dropped when no shown session reaches into them');

# --- an owner without rights: labels in storage, and a book made from it --------------
$node->safe_psql('postgres', q{
	CREATE TABLE more (n bigint, key text COLLATE "C", part numeric) USING stream;
	GRANT SELECT ON more TO keeper;
	SELECT stream_set_event_time('more', 'n', delay => 0);
	SET ROLE keeper;
	CREATE MATERIALIZED VIEW place.labelled WITH (stream.late = 'drop', stream.lateness = '5') AS
		SELECT s.window_start, s.window_end, key, part, count(*) AS c FROM more, session(n, 10) s GROUP BY 1, 2, 3, 4;
	RESET ROLE;
	INSERT INTO more VALUES (200, 'a', 1.0), (200, 'a', NULL), (212, 'a', 1.00), (212, 'a', NULL), (219, 'b', 1);
	SELECT stream_flush('place.labelled');
});
terminate_workers($node);
$node->safe_psql('postgres', q{INSERT INTO more VALUES (204, 'a', 1.000), (204, 'a', NULL), (203, 'a', 2); SELECT stream_sync()});
is($node->safe_psql('postgres', q{SELECT window_start, window_end, key, part::int, c FROM place.labelled ORDER BY key, part NULLS LAST, window_start}),
	"200|210|a|1|1\n204|222|a|1|2\n200|210|a||1\n204|222|a||2\n219|229|b|1|1", 'a new worker of an owner without rights');
is($node->safe_psql('postgres', q{SELECT oversize_transactions, rows_late FROM pg_stat_stream_view WHERE viewname = 'labelled'}),
	'1|1', 'through storage, and one row late');
is($node->safe_psql('postgres', q{SELECT state FROM pg_stat_stream_view WHERE viewname = 'labelled'}), 'running', 'the view runs on');

$node->stop('fast');
done_testing();
