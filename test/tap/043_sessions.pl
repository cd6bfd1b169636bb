# 043_sessions.pl - sessions stay what the model says through kills, flushes,
# rows that fail, transactions larger than memory, and retention.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use StreamExt;

my $node = stream_node('sessions', conf => q{
	stream_ext.flush_interval = '200ms'
	stream_ext.work_memory = '1MB'
	stream_ext.lock_timeout = '300ms'
});

# Rows come late now and then, by up to a minute; every 97th makes the views fail.
$node->safe_psql('postgres', q{
	CREATE TABLE events (seq int, key text, t bigint, x int) USING stream;
	CREATE TABLE archive (seq int, key text, t bigint, x int);
	SELECT stream_set_event_time('events', 't', delay => 3);
	CREATE MATERIALIZED VIEW updated AS
		SELECT key, s.window_start, s.window_end, count(*) AS n, sum(100 / x) AS total FROM events, session(t, 10) s GROUP BY 1, 2, 3;
	CREATE MATERIALIZED VIEW dropped WITH (stream.late = 'drop') AS
		SELECT key, s.window_start, s.window_end, count(*) AS n, sum(100 / x) AS total FROM events, session(t, 10) s GROUP BY 1, 2, 3;
	CREATE MATERIALIZED VIEW sided WITH (stream.late = 'side', stream.lateness = '15') AS
		SELECT key, s.window_start, s.window_end, count(*) AS n, sum(100 / x) AS total FROM events, session(t, 10) s GROUP BY 1, 2, 3;
	CREATE MATERIALIZED VIEW closed WITH (stream.late = 'drop', stream.lateness = '15', stream.emit = 'on close') AS
		SELECT key, s.window_start, s.window_end, count(*) AS n, sum(100 / x) AS total FROM events, session(t, 10) s GROUP BY 1, 2, 3;

	CREATE TABLE model_session (id serial, key text, first bigint, last bigint, n bigint, total bigint, closed boolean DEFAULT false);
	CREATE INDEX ON model_session (key) WHERE NOT closed;
	CREATE TABLE model_late (seq int, watermark bigint);
	CREATE FUNCTION replay(delay bigint, gap bigint, lateness bigint) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		r record;
		w bigint;
		newest bigint;
		target int;
		other record;
	BEGIN
		TRUNCATE model_session, model_late;
		FOR r IN SELECT * FROM archive ORDER BY seq LOOP
			w := newest - delay;
			newest := greatest(newest, r.t);
			CONTINUE WHEN r.x = 0;
			UPDATE model_session s SET closed = true WHERE NOT closed AND s.key = r.key AND w >= s.last + gap + lateness;
			target := NULL;
			FOR other IN SELECT * FROM model_session s WHERE NOT closed AND s.key = r.key
							AND s.first < r.t + gap AND r.t < s.last + gap ORDER BY id LOOP
				IF target IS NULL THEN
					target := other.id;
					UPDATE model_session s SET first = least(s.first, r.t), last = greatest(s.last, r.t), n = s.n + 1,
						total = s.total + 100 / r.x WHERE id = target;
				ELSE
					UPDATE model_session s SET first = least(s.first, other.first), last = greatest(s.last, other.last), n = s.n + other.n,
						total = s.total + other.total WHERE id = target;
					DELETE FROM model_session WHERE id = other.id;
				END IF;
			END LOOP;
			IF target IS NOT NULL THEN
				CONTINUE;
			ELSIF w >= r.t + gap + lateness THEN
				INSERT INTO model_late VALUES (r.seq, w);
			ELSE
				INSERT INTO model_session (key, first, last, n, total) VALUES (r.key, r.t, r.t, 1, 100 / r.x);
			END IF;
		END LOOP;
		UPDATE model_session s SET closed = true WHERE NOT closed AND newest - delay >= s.last + gap + lateness;
	END $$;
});

my $seq = 0;

# Sends rows in one transaction, to the archive as well.
sub send_rows
{
	my ($count, $keys) = @_;

	$node->safe_psql('postgres', qq{
		BEGIN;
		SELECT setseed(($seq % 1000) / 1000.0);
		INSERT INTO archive SELECT $seq + n, 'k' || (random() * $keys)::int,
				($seq + n) / 4 - (random() ^ 4 * CASE WHEN random() < 0.05 THEN 200 ELSE 40 END)::int,
				CASE WHEN ($seq + n) % 97 = 0 THEN 0 ELSE 1 + (random() * 9)::int END
			FROM generate_series(0, $count - 1) n;
		INSERT INTO events SELECT * FROM archive WHERE seq >= $seq ORDER BY seq;
		COMMIT;
	});
	$seq += $count;
	return;
}

sub views_are_right
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $model = 'SELECT key, first, last + 10, n, total FROM model_session';

	oracle_ok($node, 'SELECT * FROM updated', q{SELECT key, min(t), max(t) + 10, count(*), sum(100 / x)
		FROM (SELECT *, count(*) FILTER (WHERE first) OVER (PARTITION BY key ORDER BY t) AS session
				FROM (SELECT *, (t >= lag(t) OVER (PARTITION BY key ORDER BY t) + 10) IS NOT FALSE AS first FROM archive WHERE x <> 0) a) b
		GROUP BY key, session}, "$name: update");
	$node->safe_psql('postgres', 'SELECT replay(3, 10, 0)');
	oracle_ok($node, 'SELECT * FROM dropped', $model, "$name: drop");
	$node->safe_psql('postgres', 'SELECT replay(3, 10, 15)');
	oracle_ok($node, 'SELECT * FROM sided', $model, "$name: side");
	oracle_ok($node, 'SELECT * FROM closed', "$model WHERE closed", "$name: on close");
	$node->safe_psql('postgres', q{SELECT stream_flush('sided')});
	return oracle_ok($node, 'SELECT (late_row).seq, watermark FROM sided_late', 'TABLE model_late', "$name: late rows");
}

send_rows(500, 8);
views_are_right('one transaction');

# --- kills ----------------------------------------------------------------------
for my $round (1 .. 6)
{
	send_rows($_, 8) for (3, 200, 1, 40);
	if ($round % 3 == 0)
	{
		kill_and_restart($node);
	}
	else
	{
		kill 'KILL', worker_pid($node);
		$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'server did not come back';
	}
	send_rows($_, 8) for (2, 100);
	views_are_right("round $round") if $round % 2 == 0;
}

# --- a worker that comes back finds the open sessions in storage --------------------
$node->safe_psql('postgres', q{SELECT stream_flush(v::regclass) FROM unnest('{updated,dropped,sided,closed}'::text[]) v});
terminate_workers($node);
send_rows(50, 8);
views_are_right('a new worker');
cmp_ok($node->safe_psql('postgres', q{SELECT sum(oversize_transactions) FROM pg_stat_stream_view WHERE viewname IN ('dropped', 'sided')}),
	'>=', 1, 'labels were changed in storage');

# --- larger than memory, and sessions that reach far ---------------------------------
send_rows(6000, 3000);
views_are_right('a transaction larger than memory');
send_rows(300, 0);
views_are_right('one key');
my $rejected = $node->safe_psql('postgres', 'SELECT count(*) FROM archive WHERE x = 0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM stream_dead_letter WHERE view = 'dropped'::regclass}), $rejected, 'rows that fail are dead letters');

$node->stop('fast');
done_testing();
