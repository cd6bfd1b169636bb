# 011_retention.pl - expired windows are hidden at once, counted when they come
# late, and dropped in spite of readers.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('retention', conf => q{
	stream_ext.flush_interval = '100ms'
	stream_ext.lock_timeout = '300ms'
});

# Rows of the last twenty days, one an hour; none lies on a window's edge.
$node->safe_psql('postgres', q{
	CREATE TABLE events (ts timestamptz, local timestamp, key int) USING stream;
	CREATE TABLE witness (ts timestamptz, local timestamp, key int);
	CREATE MATERIALIZED VIEW kept WITH (stream.retention = '10 days', stream.partition_width = '1 day') AS
		SELECT w.window_start, key, count(*) AS n FROM events, tumble(ts, '1 hour') w GROUP BY 1, 2;
	CREATE MATERIALIZED VIEW kept_local WITH (stream.retention = '10 days', stream.partition_width = '1 day') AS
		SELECT w.window_start, count(*) AS n FROM events, tumble(local, '1 hour') w GROUP BY 1;
	CREATE MATERIALIZED VIEW all_rows AS
		SELECT w.window_start, key, count(*) AS n FROM events, tumble(ts, '1 hour') w GROUP BY 1, 2;
});
my $rows = q{SELECT t, t AT TIME ZONE 'UTC', i % 3
	FROM (SELECT i, date_trunc('hour', now()) + interval '30 min' - i * interval '1 hour' AS t FROM generate_series(1, 480) i) s};
my $offset_days = 0;

# Sends the rows, and says how many of them have expired.
sub send_rows
{
	$node->safe_psql('postgres', "WITH r AS (INSERT INTO witness $rows RETURNING *) INSERT INTO events SELECT * FROM r");
	return $node->safe_psql('postgres', "SELECT count(*) FROM ($rows) r(ts, local, key)
		WHERE date_trunc('hour', ts) < now() + interval '$offset_days days' - interval '10 days'");
}

# The views show what the plain query gives over the rows that have not expired.
sub views_are_right
{
	my ($name) = @_;
	my $horizon = "now() + interval '$offset_days days' - interval '10 days'";
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	oracle_ok($node, 'SELECT * FROM kept', "SELECT * FROM (SELECT date_trunc('hour', ts), key, count(*)
		FROM witness GROUP BY 1, 2) w(s, k, n) WHERE s IS NULL OR s >= $horizon", "$name: timestamptz");
	oracle_ok($node, 'SELECT * FROM kept_local', "SELECT * FROM (SELECT date_trunc('hour', local), count(*)
		FROM witness GROUP BY 1) w(s, n) WHERE s IS NULL OR s >= ($horizon) AT TIME ZONE 'UTC'", "$name: timestamp");
	return oracle_ok($node, 'SELECT * FROM all_rows', "SELECT date_trunc('hour', ts), key, count(*)
		FROM witness GROUP BY 1, 2", "$name: no retention");
}

# Moves the clock of readers and worker.
sub move_clock
{
	($offset_days) = @_;
	$node->append_conf('postgresql.conf', 'stream_ext.clock_offset = ' . $offset_days * 86400);
	$node->reload;
	wait_until($node, "SELECT current_setting('stream_ext.clock_offset')::interval = interval '$offset_days days'");
	return;
}

# A new worker looks for expired partitions at once, an old one every minute.
sub look_for_expired
{
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . worker_pid($node) . ', 5000)');
	worker_pid($node);
	return;
}

my $parts = q{pg_class c JOIN _stream_ext.continuous_view v ON c.relname LIKE 'storage\_' || v.view::oid || '\_%'
	WHERE v.view = 'kept'::regclass AND c.relkind = 'r' AND c.relname !~ '_null$'};
my $expired_parts = qq{SELECT count(*) FROM $parts
	AND (regexp_match(pg_get_expr(relpartbound, c.oid), \$r\$TO \\('([^']*)'\\)\$r\$))[1]::timestamptz
		< _stream_ext.retention_horizon('10 days')};

# --- hidden, and counted ----------------------------------------------------------

my $expired = send_rows();
views_are_right('hidden from the start');
is($node->safe_psql('postgres', q{SELECT rows_expired, rows_processed FROM pg_stat_stream_view WHERE viewname = 'kept'}),
	$expired . '|' . (480 - $expired), 'rows that came too late are counted');
$node->safe_psql('postgres', q{SELECT stream_flush('kept'), stream_flush('kept_local'), stream_flush('all_rows')});
views_are_right('flushed');
is($node->safe_psql('postgres', $expired_parts), 0, 'nothing was stored of them');

move_clock(5);
views_are_right('five days later, still stored');
cmp_ok($node->safe_psql('postgres', $expired_parts), '>=', 4, 'partitions have expired');

# --- a reader that does not end ----------------------------------------------------

my $reader = $node->background_psql('postgres');
$reader->query('BEGIN; SELECT count(*) FROM kept');
look_for_expired();
wait_until($node, 'SELECT count(*) > 0 FROM pg_inherits WHERE inhdetachpending');
send_rows();
views_are_right('a partition waits for its last reader');
is($reader->query('SELECT count(*) > 0 FROM kept'), 't', 'the reader goes on');
$reader->quit;

# killed between the two steps, and at any rate once more
kill_and_restart($node);
look_for_expired();
wait_until($node, "SELECT ($expired_parts) = 0 AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhdetachpending)");
is($node->safe_psql('postgres', "SELECT count(*) FROM $parts AND NOT relispartition"), 0, 'no table is left behind');
views_are_right('dropped');

$node->safe_psql('postgres', q{ALTER MATERIALIZED VIEW kept SET (stream.retention = '7 days')});
send_rows();
is($node->safe_psql('postgres', q{SELECT min(window_start) >= _stream_ext.retention_horizon('7 days'), count(*) > 40 FROM kept}),
	't|t', 'a shorter retention holds at once');

# --- something stands in the way --------------------------------------------------
# The view tries again, each time later; the worker and the other views go on.

sub expired_of
{
	my ($view) = @_;
	return $expired_parts =~ s/'kept'/'$view'/r =~ s/10 days/7 days/r if $view eq 'kept';
	return $expired_parts =~ s/'kept'/'$view'/r;
}
my $gone = 'SELECT (' . expired_of('kept') . ") = 0 AND NOT EXISTS (SELECT FROM $parts AND NOT relispartition)";
my $error = q{SELECT last_error FROM pg_stat_stream_view WHERE viewname = 'kept'};
my $storage = $node->safe_psql('postgres', q{SELECT 'storage_' || 'kept'::regclass::oid || '_'});

# Lets partitions expire, and checks that only those of the other view go.
sub obstacle_is_local
{
	my ($days, $message, $remove) = @_;
	my $others = "SELECT count(*) FROM $parts" =~ s/'kept'/'kept_local'/r;
	my $before = $node->safe_psql('postgres', $others);
	move_clock($days);
	look_for_expired();
	my $pid = worker_pid($node);
	wait_until($node, "SELECT ($error) LIKE '%$message%' AND ($others) < $before AND (" . expired_of('kept_local') . ') = 0');
	send_rows();
	is($node->safe_psql('postgres', "SELECT ($gone)"), 'f', "$message: they stay");
	$node->safe_psql('postgres', $remove);
	wait_until($node, $gone);
	is(worker_pid($node), $pid, "$message: and go later, by the same worker");
	return;
}

$node->safe_psql('postgres', q{SELECT stream_flush('kept'), stream_flush('kept_local')});
look_for_expired();
wait_until($node, $gone);
$node->safe_psql('postgres', qq{
	CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_name LIKE '$storage%') THEN
				RAISE 'nobody drops tables here';
			END IF;
		END \$\$;
	CREATE EVENT TRIGGER refuse ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION refuse();
});
obstacle_is_local(7, 'nobody drops tables', 'DROP EVENT TRIGGER refuse');

my $oldest = $node->safe_psql('postgres', "SELECT c.relname FROM $parts
	ORDER BY (regexp_match(pg_get_expr(relpartbound, c.oid), \$r\$TO \\('([^']*)'\\)\$r\$))[1]::timestamptz LIMIT 1");
$node->safe_psql('postgres', "CREATE VIEW peek AS SELECT count(*) FROM _stream_ext.$oldest");
obstacle_is_local(9, 'cannot drop table', 'DROP VIEW peek');
oracle_ok($node, 'SELECT * FROM all_rows', "SELECT date_trunc('hour', ts), key, count(*) FROM witness GROUP BY 1, 2", 'no row was lost meanwhile');

$node->stop;
done_testing();
