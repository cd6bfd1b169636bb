-- Sessions that close: late = drop and side, lateness, emission on close,
-- against a model that replays the rows one by one in the order of commits.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE events (seq int, key text, ts timestamptz, x int) USING stream;
CREATE TABLE archive (seq int, key text, ts timestamptz, x int);
CREATE TABLE names (key text, name text);
INSERT INTO names SELECT 'k' || n, 'name ' || n % 3 FROM generate_series(0, 9) n;

-- needs an event time
CREATE MATERIALIZED VIEW dropped WITH (stream.late = 'drop') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(ts, '10 s') s GROUP BY 1, 2, 3;
SELECT stream_set_event_time('events', 'ts', delay => '5 s');
CREATE MATERIALIZED VIEW dropped WITH (stream.late = 'drop') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(ts, '10 s') s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW sided WITH (stream.late = 'side', stream.lateness = '20 s') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(ts, '10 s') s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW closed WITH (stream.late = 'drop', stream.emit = 'on close', stream.lateness = '20 s') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(ts, '10 s') s GROUP BY 1, 2, 3;
-- a join that may give rows in another order; sessions of what it gives
CREATE MATERIALIZED VIEW joined WITH (stream.late = 'drop') AS
  SELECT name, s.window_start, s.window_end, count(*) AS n, sum(x) AS x
    FROM events JOIN names USING (key), session(ts, '10 s') s WHERE x > 10 GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW total WITH (stream.late = 'drop') AS
  SELECT s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(ts, '300 ms') s GROUP BY 1, 2;

-- one row after the other
INSERT INTO events VALUES (-9, 'a', '2025-01-01 00:00:00', 1), (-8, 'a', '2025-01-01 00:00:10', 2), (-7, 'a', '2025-01-01 00:00:05', 4),
  (-6, 'a', '2025-01-01 00:00:40', 8),         -- the watermark is 35 now: the first session is closed without lateness
  (-5, 'a', '2025-01-01 00:00:21', 16),        -- late without lateness: it would end at 31
  (-4, 'a', '2025-01-01 00:00:12', 32),        -- late without lateness: it would end at 22
  (-3, 'a', '2025-01-01 00:00:31', 64),        -- joins that of 40
  (-2, 'b', '2025-01-01 00:01:30', 128);
SELECT * FROM dropped ORDER BY key, window_start;
SELECT * FROM sided ORDER BY key, window_start;
SELECT * FROM closed ORDER BY key, window_start;
SELECT (late_row).seq, window_start, window_end, watermark FROM sided_late ORDER BY 1;
SELECT stream_flush('sided');
SELECT (late_row).seq, window_start, window_end, watermark FROM sided_late ORDER BY 1;
SELECT * FROM sided ORDER BY key, window_start;
SELECT stream_closed_until('closed');

-- A late row brings an open session near a closed one.  The closed one stays as
-- it is, the other gets a label of its own: where it is known outside already
-- the transaction goes to storage.
CREATE TABLE near (key int, t bigint) USING stream;
SELECT stream_set_event_time('near', 't', delay => 0);
CREATE MATERIALIZED VIEW near_sessions WITH (stream.late = 'drop', stream.lateness = '5') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n FROM near, session(t, 10) s GROUP BY 1, 2, 3;
-- all in one transaction: key 1; the rows of key 0 move the watermark
INSERT INTO near VALUES (1, 100), (1, 112), (0, 115), (1, 104);
SELECT * FROM near_sessions WHERE key = 1 ORDER BY 2;
SELECT oversize_transactions FROM pg_stat_stream_view WHERE viewname = 'near_sessions';
-- in two: the open one is in memory, then in storage
INSERT INTO near VALUES (2, 200), (3, 200), (4, 200), (NULL, 200), (2, 212), (3, 212), (4, 212), (NULL, 212), (4, 219);
SELECT stream_sync();
INSERT INTO near VALUES (2, 204), (4, 204);
SELECT stream_flush('near_sessions');
INSERT INTO near VALUES (3, 204), (NULL, 204);
SELECT * FROM near_sessions WHERE key IN (2, 3) OR key IS NULL ORDER BY 1, 2;
SELECT oversize_transactions FROM pg_stat_stream_view WHERE viewname = 'near_sessions';
-- the keys 0 to 4 and NULL are in the list of open sessions
SELECT session_keys, session_bytes BETWEEN 1000 AND 100000 AS has_bytes FROM pg_stat_stream_view WHERE viewname = 'near_sessions';
-- one with a label and one without become one
INSERT INTO near VALUES (4, 229);
SELECT * FROM near_sessions WHERE key = 4 ORDER BY 2;
INSERT INTO near VALUES (4, 224);
SELECT * FROM near_sessions WHERE key = 4 ORDER BY 2;
SELECT stream_flush('near_sessions');
SELECT * FROM near_sessions WHERE key > 0 OR key IS NULL ORDER BY 1, 2;

-- An attempt that is made anew begins with the sessions as they were: (3,211)
-- and (2,204) find those of 210 and 212, although the last rows, which close
-- them, were seen before.  64 keys are as many as the worker takes in before it
-- looks which of them it can forget.
CREATE TABLE anew (key int, t bigint) USING stream;
SELECT stream_set_event_time('anew', 't', delay => 0);
CREATE MATERIALIZED VIEW anew_sessions WITH (stream.late = 'drop', stream.lateness = '5') AS
  SELECT key, s.window_start, s.window_end, count(*) AS n FROM anew, session(t, 10) s GROUP BY 1, 2, 3;
INSERT INTO anew VALUES (1, 200), (2, 200), (3, 200), (2, 212), (3, 210), (4, 219);
SELECT stream_sync();
INSERT INTO anew SELECT * FROM (VALUES (3, 211), (2, 204)) r UNION ALL SELECT n, 1000 FROM generate_series(5, 64) n;
SELECT * FROM anew_sessions WHERE key < 5 ORDER BY 1, 2;
SELECT rows_late, oversize_transactions FROM pg_stat_stream_view WHERE viewname = 'anew_sessions';

-- the model
CREATE TABLE model_session (id serial, key text, first timestamptz, last timestamptz, n bigint, x bigint, closed boolean DEFAULT false);
CREATE TABLE model_late (seq int, key text, ts timestamptz, watermark timestamptz);
CREATE FUNCTION replay(source text, delay interval, gap interval, lateness interval) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    r record;
    w timestamptz;
    newest timestamptz;
    target int;
    other record;
BEGIN
    TRUNCATE model_session, model_late;
    FOR r IN EXECUTE source LOOP
        w := newest - delay;
        IF isfinite(r.ts) AND r.joins THEN
            UPDATE model_session s SET closed = true WHERE NOT closed AND w >= s.last + gap + lateness;
            target := NULL;
            FOR other IN SELECT * FROM model_session s WHERE NOT closed AND s.key IS NOT DISTINCT FROM r.key
                            AND s.first < r.ts + gap AND r.ts < s.last + gap ORDER BY id LOOP
                IF target IS NULL THEN
                    target := other.id;
                    UPDATE model_session s SET first = least(s.first, r.ts), last = greatest(s.last, r.ts), n = s.n + 1, x = s.x + r.x WHERE id = target;
                ELSE
                    UPDATE model_session s SET first = least(s.first, other.first), last = greatest(s.last, other.last), n = s.n + other.n, x = s.x + other.x WHERE id = target;
                    DELETE FROM model_session WHERE id = other.id;
                END IF;
            END LOOP;
            IF target IS NULL THEN
                IF w >= r.ts + gap + lateness THEN
                    INSERT INTO model_late VALUES (r.seq, r.key, r.ts, w);
                ELSE
                    INSERT INTO model_session (key, first, last, n, x) VALUES (r.key, r.ts, r.ts, 1, r.x);
                END IF;
            END IF;
        ELSIF r.joins AND r.ts = '-infinity' AND w IS NOT NULL THEN
            INSERT INTO model_late VALUES (r.seq, r.key, r.ts, w);
        ELSIF r.joins THEN
            UPDATE model_session s SET n = s.n + 1, x = s.x + r.x WHERE s.key IS NOT DISTINCT FROM r.key AND s.first IS NOT DISTINCT FROM r.ts AND NOT isfinite(coalesce(s.first, 'infinity'));
            IF NOT FOUND THEN
                INSERT INTO model_session (key, first, last, n, x) VALUES (r.key, r.ts, r.ts, 1, r.x);
            END IF;
        END IF;
        IF isfinite(r.ts) THEN
            newest := greatest(newest, r.ts);
        END IF;
    END LOOP;
    w := newest - delay;
    UPDATE model_session s SET closed = true WHERE NOT closed AND w >= s.last + gap + lateness;
    RETURN w;
END $$;
CREATE FUNCTION differences(view regclass, gap interval, only_closed boolean DEFAULT false, keys text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format($q$
      WITH v AS MATERIALIZED (SELECT %s AS key, window_start, window_end, n, x FROM %s),
           m AS MATERIALIZED (SELECT key, first, last + %L::interval, n, x FROM model_session WHERE closed OR NOT %L)
      SELECT (SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE m) a) + (SELECT count(*) FROM (TABLE m EXCEPT ALL TABLE v) b)$q$,
      coalesce(keys, 'key'), view, gap, only_closed) INTO result;
    RETURN result;
END $$;
CREATE FUNCTION check_all() RETURNS TABLE (test text, differences bigint, late bigint, counted bigint) LANGUAGE plpgsql AS $$
DECLARE
    plain text := 'SELECT *, true AS joins FROM archive ORDER BY seq';
BEGIN
    PERFORM stream_sync();
    PERFORM replay(plain, '5 s', '10 s', '0');
    RETURN QUERY SELECT 'dropped', differences('dropped', '10 s'), (SELECT count(*) FROM model_late),
        (SELECT rows_late FROM pg_stat_stream_view WHERE viewname = 'dropped');
    PERFORM replay(plain, '5 s', '10 s', '20 s');
    RETURN QUERY SELECT 'sided', differences('sided', '10 s'), (SELECT count(*) FROM model_late),
        (SELECT rows_late FROM pg_stat_stream_view WHERE viewname = 'sided');
    RETURN QUERY SELECT 'closed', differences('closed', '10 s', true), (SELECT count(*) FROM model_late),
        (SELECT rows_late FROM pg_stat_stream_view WHERE viewname = 'closed');
    PERFORM stream_flush('sided');
    RETURN QUERY SELECT 'late table', (SELECT count(*) FROM
        ((SELECT (late_row).seq, (late_row).key, window_start, watermark FROM sided_late EXCEPT ALL TABLE model_late) UNION ALL
         (TABLE model_late EXCEPT ALL SELECT (late_row).seq, (late_row).key, window_start, watermark FROM sided_late)) d),
        (SELECT count(*) FROM model_late), (SELECT count(*) FROM sided_late);
    PERFORM replay($q$SELECT seq, name AS key, ts, x, name IS NOT NULL AND x > 10 AS joins
                        FROM archive LEFT JOIN names USING (key) ORDER BY seq$q$, '5 s', '10 s', '0');
    RETURN QUERY SELECT 'joined', differences('joined', '10 s', false, 'name'), (SELECT count(*) FROM model_late),
        (SELECT rows_late FROM pg_stat_stream_view WHERE viewname = 'joined');
    PERFORM replay('SELECT seq, NULL::text AS key, ts, x, true AS joins FROM archive ORDER BY seq', '5 s', '300 ms', '0');
    RETURN QUERY SELECT 'total', differences('total', '300 ms', false, 'NULL::text'), (SELECT count(*) FROM model_late),
        (SELECT rows_late FROM pg_stat_stream_view WHERE viewname = 'total');
END $$;

-- start again, with the model beside
DELETE FROM archive;
INSERT INTO archive VALUES (-9, 'a', '2025-01-01 00:00:00', 1), (-8, 'a', '2025-01-01 00:00:10', 2), (-7, 'a', '2025-01-01 00:00:05', 4),
  (-6, 'a', '2025-01-01 00:00:40', 8), (-5, 'a', '2025-01-01 00:00:21', 16), (-4, 'a', '2025-01-01 00:00:12', 32),
  (-3, 'a', '2025-01-01 00:00:31', 64), (-2, 'b', '2025-01-01 00:01:30', 128);
SELECT * FROM check_all();

-- random rows, many of them late, in transactions of several sizes with flushes between
CREATE FUNCTION send(seed float8, rows int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    start int := (SELECT max(seq) + 1 FROM archive);
BEGIN
    PERFORM setseed(seed);
    INSERT INTO archive
      SELECT start + n, CASE WHEN random() < 0.02 THEN NULL ELSE 'k' || (random() * 11)::int END,
             CASE WHEN random() < 0.01 THEN NULL WHEN random() < 0.01 THEN 'infinity' WHEN random() < 0.005 THEN '-infinity'
                  ELSE '2026-01-01'::timestamptz + (start + n) * interval '400 ms' -
                       (random() ^ 3 * CASE WHEN random() < 0.1 THEN 300000 ELSE 40000 END)::int * interval '1 ms' END,
             (random() * 100)::int
        FROM generate_series(0, rows - 1) n;
    INSERT INTO events SELECT * FROM archive WHERE seq >= start ORDER BY seq;
END $$;
SELECT send(0.1, 300);
SELECT * FROM check_all();
SELECT stream_flush(v) FROM unnest('{dropped,sided,closed,joined,total}'::regclass[]) v;
SELECT * FROM check_all();
SELECT send(0.2, 10);
SELECT send(0.3, 100);
SELECT send(0.4, 1);
SELECT * FROM check_all();
SELECT stream_flush(v) FROM unnest('{dropped,closed}'::regclass[]) v;
SELECT send(0.5, 400);
SELECT send(0.6, 5);
SELECT stream_flush(v) FROM unnest('{dropped,joined,total}'::regclass[]) v;
SELECT send(0.7, 300);
SELECT * FROM check_all();
-- labels were needed, and sessions of one key overlap
SELECT viewname, oversize_transactions > 0 AS relabelled FROM pg_stat_stream_view WHERE viewname IN ('dropped', 'joined') ORDER BY 1;
SELECT count(*) > 0 AS overlap FROM dropped a JOIN dropped b ON a.key = b.key AND a.window_start < b.window_start AND b.window_start < a.window_end;
-- the test can fail
UPDATE archive SET x = x + 1 WHERE seq = 100;
SELECT test, differences > 0 AS differ FROM check_all() WHERE test <> 'late table';

-- what cannot be
CREATE MATERIALIZED VIEW refused WITH (stream.emit = 'on close') AS SELECT s.window_start, count(*) FROM events, session(ts, '10 s') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused WITH (stream.late = 'drop') AS SELECT s.window_start, count(*) FROM events, session(x, 10) s GROUP BY 1;
ALTER MATERIALIZED VIEW dropped SET (stream.late = 'update');
DROP TABLE events, near, anew CASCADE;
DROP TABLE archive, names, model_session, model_late;
DROP FUNCTION replay, differences, check_all, send;
