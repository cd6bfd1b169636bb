-- Sessions in continuous views: the rows of a key that are less than the gap
-- apart, in whatever order they come and wherever their parts lie.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE visits (who text, ts timestamptz, page text, n int) USING stream;
CREATE MATERIALIZED VIEW sessions AS
  SELECT s.window_start, s.window_end, who, count(*) AS rows, sum(n) AS total, max(page) AS page
    FROM visits, session(ts, '30 minutes') s
   GROUP BY s.window_start, s.window_end, who;

-- a row exactly the gap after the one before begins a new session
INSERT INTO visits VALUES ('a', '2026-01-01 00:00+00', '/', 1), ('a', '2026-01-01 00:29:59+00', '/x', 2),
  ('a', '2026-01-01 00:59:59+00', '/y', 3), ('b', '2026-01-01 00:10+00', '/', 4);
SELECT * FROM sessions ORDER BY who, window_start;
SELECT stream_flush('sessions');
SELECT * FROM sessions ORDER BY who, window_start;

-- a row between two sessions makes them one; one part is in storage, one in memory
INSERT INTO visits VALUES ('a', '2026-01-01 00:30+00', '/z', 5);
SELECT * FROM sessions ORDER BY who, window_start;
SELECT stream_flush('sessions');
SELECT * FROM sessions ORDER BY who, window_start;

-- NULL has a session of its own, and so has each infinity
INSERT INTO visits VALUES ('c', NULL, '/', 1), ('c', 'infinity', '/', 2), ('c', '-infinity', '/', 4),
  ('c', '2026-01-01 00:00+00', '/', 8);
SELECT stream_flush('sessions');
INSERT INTO visits VALUES ('c', NULL, '/', 1), ('c', 'infinity', '/', 2), ('c', '-infinity', '/', 4), (NULL, NULL, '/', 16);
SELECT window_start, window_end, who, rows, total FROM sessions WHERE who = 'c' OR who IS NULL ORDER BY who, window_start;

-- a session that would leave the range of the type: a dead letter
INSERT INTO visits VALUES ('d', '294276-12-31 23:45+00', '/', 1), ('d', '294276-12-31 23:29:59+00', '/', 2),
  ('d', '4714-11-24 00:00+00 BC', '/', 4);
SELECT stream_sync();
SELECT sqlstate, message FROM stream_dead_letter;
SELECT stream_flush('sessions');
SELECT * FROM sessions WHERE who = 'd' ORDER BY window_start;

-- the select list and HAVING see sessions; conditions on the view, too
CREATE MATERIALIZED VIEW long_sessions AS
  SELECT upper(who) AS who, s.window_end - s.window_start AS length, count(*), 0::bigint AS zero
    FROM visits v JOIN session(gap => interval '10 minutes' * 3, ts => v.ts) s ON true
   WHERE page <> '/secret'
   GROUP BY who, s.window_start, s.window_end
  HAVING s.window_end - s.window_start > interval '30 minutes' AND count(*) > 1;
INSERT INTO visits VALUES ('a', '2026-02-01 00:00+00', '/', 1), ('a', '2026-02-01 00:10+00', '/', 1), ('a', '2026-02-01 00:30+00', '/secret', 1),
  ('b', '2026-02-01 00:00+00', '/', 1), ('b', '2026-02-01 00:00+00', '/', 1), ('b', '2026-02-01 00:31+00', '/', 1);
SELECT * FROM long_sessions;
SELECT * FROM sessions WHERE window_start >= '2026-02-01' AND rows > 1 AND who < 'c' ORDER BY who;

-- by the end alone, by the start alone, without another key
CREATE MATERIALIZED VIEW ends AS SELECT window_end, count(*) FROM visits, session(ts, '1 hour') GROUP BY 1;
CREATE MATERIALIZED VIEW starts AS SELECT s.window_start, count(*), min(ts), max(ts) FROM visits, session(ts, '1 hour') s GROUP BY s.window_start;
INSERT INTO visits VALUES ('a', '2026-03-01 00:30+00', '/', 1), ('b', '2026-03-01 00:00+00', '/', 1), ('b', '2026-03-01 02:00+00', '/', 1);
SELECT * FROM ends ORDER BY 1;
SELECT * FROM starts ORDER BY 1;

-- Conditions on keys reach storage and memory; those on the session cannot.
CREATE FUNCTION explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        CONTINUE WHEN line !~ 'Scan .*on |Index Cond|Filter';
        line := regexp_replace(line, '(storage|memory)_\d+', '\1', 'g');
        RETURN NEXT ltrim(regexp_replace(line, '_\d+_\d{6}_\d{6}', '_partition', 'g'));
    END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE TEMP TABLE plan AS SELECT * FROM explain($$SELECT * FROM sessions WHERE who = 'a'$$) line;
SELECT DISTINCT line FROM plan WHERE line ~ 'Cond|Filter|memory' ORDER BY line;
SELECT count(*) FILTER (WHERE line ~ 'Index Scan.* on storage') = count(*) FILTER (WHERE line ~ 'Cond') AS all_by_index,
       count(*) FILTER (WHERE line ~ 'Seq Scan') AS seq_scans FROM plan;
DROP TABLE plan;
RESET enable_seqscan;
RESET enable_bitmapscan;

-- every type of time, out of order, with flushes between, against gaps and islands
CREATE TABLE events (key int, tz timestamptz, local timestamp, day date, big bigint, small int, x int) USING stream;
CREATE TABLE archive (key int, tz timestamptz, local timestamp, day date, big bigint, small int, x int);
CREATE MATERIALIZED VIEW by_tz AS SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(tz, '7 minutes') s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW by_local AS SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(local, '7 minutes') s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW by_day AS SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(day, '2 days') s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW by_big AS SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(big, 7) s GROUP BY 1, 2, 3;
CREATE MATERIALIZED VIEW by_small AS SELECT key, s.window_start, s.window_end, count(*) AS n, sum(x) AS x FROM events, session(small, 7) s GROUP BY 1, 2, 3;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid IN ('by_day'::regclass, 'by_small'::regclass) AND attname ~ 'window' ORDER BY attrelid, attnum;

-- the naive model: the rows of a key in order, a session wherever the distance is not below the gap
CREATE FUNCTION model(time_column text, gap text) RETURNS TABLE (key int, window_start text, window_end text, n bigint, x bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
      SELECT key, min(t)::text, (max(t) + %2$s)::text, count(*), sum(x)
        FROM (SELECT *, count(*) FILTER (WHERE first) OVER (PARTITION BY key ORDER BY t) AS session
                FROM (SELECT key, %1$I AS t, x,
                             (%1$I >= lag(%1$I) OVER (PARTITION BY key ORDER BY %1$I) + %2$s) IS NOT FALSE AS first
                        FROM archive) a) b
       GROUP BY key, session$q$, time_column, gap);
END $$;
CREATE FUNCTION same(view regclass, time_column text, gap text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    differences bigint;
BEGIN
    EXECUTE format($q$
      WITH v AS MATERIALIZED (SELECT key, window_start::text, window_end::text, n, x FROM %s),
           m AS MATERIALIZED (SELECT * FROM model(%L, %L))
      SELECT (SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE m) a) + (SELECT count(*) FROM (TABLE m EXCEPT ALL TABLE v) b)$q$,
      view, time_column, gap) INTO differences;
    RETURN differences = 0;
END $$;
CREATE FUNCTION all_same() RETURNS TABLE (tz boolean, local boolean, day boolean, big boolean, small boolean) LANGUAGE sql AS $$
    SELECT same('by_tz', 'tz', 'interval ''7 minutes'''), same('by_local', 'local', 'interval ''7 minutes'''),
           same('by_day', 'day', '2'), same('by_big', 'big', '7'), same('by_small', 'small', '7');
$$;
CREATE FUNCTION send(seed float8, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    CREATE TEMP TABLE sent AS
      SELECT (random() * 20)::int AS key, '2026-01-01 00:00+00'::timestamptz + (random() * 600000)::int * interval '100 ms' AS tz,
             '1999-12-31 12:00'::timestamp + (random() * 100000)::int * interval '1 second' AS local,
             date '2000-01-01' + (random() * 400)::int - 200 AS day, (random() * 8000)::bigint - 4000 AS big, (random() * 4000)::int - 2000 AS small,
             (random() * 100)::int AS x
        FROM generate_series(1, rows);
    INSERT INTO events SELECT * FROM sent;
    INSERT INTO archive SELECT * FROM sent;
    DROP TABLE sent;
END $$;
CREATE FUNCTION flush_all() RETURNS void LANGUAGE sql AS $$
    SELECT stream_flush(v) FROM unnest('{by_tz,by_local,by_day,by_big,by_small}'::regclass[]) v;
$$;
SELECT send(0.1, 1000);
SELECT * FROM all_same();
SELECT flush_all();
SELECT * FROM all_same();
SELECT send(0.2, 1000);
SELECT * FROM all_same();
SELECT flush_all();
SELECT send(0.3, 300);
SELECT flush_all();
SELECT send(0.4, 300);
SELECT * FROM all_same();
-- what has neither time nor end
INSERT INTO archive VALUES (1, NULL, 'infinity', '-infinity', NULL, NULL, 1), (1, 'infinity', '-infinity', 'infinity', 1, 1, 2), (1, '-infinity', NULL, NULL, 1, 1, 4);
INSERT INTO events VALUES (1, NULL, 'infinity', '-infinity', NULL, NULL, 1), (1, 'infinity', '-infinity', 'infinity', 1, 1, 2), (1, '-infinity', NULL, NULL, 1, 1, 4);
SELECT * FROM all_same();
SELECT flush_all();
SELECT * FROM all_same();
-- the test can fail
DELETE FROM archive WHERE x = 7;
SELECT * FROM all_same();

-- the ends of the integers
INSERT INTO events (key, big, small) VALUES (99, 9223372036854775800, 2147483640), (99, 9223372036854775801, 2147483641),
  (99, -9223372036854775808, -2147483648);
SELECT stream_sync();
SELECT sqlstate, message, count(*) FROM stream_dead_letter WHERE "view" IN ('by_big'::regclass, 'by_small'::regclass) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM by_big WHERE key = 99 ORDER BY 2;
SELECT * FROM by_small WHERE key = 99 ORDER BY 2;

-- names may change
ALTER TABLE visits RENAME COLUMN ts TO at;
ALTER MATERIALIZED VIEW sessions RENAME COLUMN window_start TO began;
INSERT INTO visits VALUES ('r', '2026-01-01 00:00+00', '/', 1);
SELECT * FROM sessions WHERE who = 'r';
SELECT pg_get_viewdef(definition::regclass) FROM _stream_ext.continuous_view WHERE view = 'starts'::regclass;

-- retention hides sessions that ended before the horizon, each as a whole
CREATE MATERIALIZED VIEW kept AS
  SELECT s.window_start, who, count(*) FROM visits, session(at, '1 hour') s GROUP BY 1, 2;
INSERT INTO visits SELECT 'long', now() - interval '26 hours' + n * interval '50 minutes', '/', 1 FROM generate_series(0, 9) n;
INSERT INTO visits SELECT 'over', now() - interval '26 hours' + n * interval '5 minutes', '/', 1 FROM generate_series(0, 9) n;
SELECT who, count FROM kept ORDER BY who;
ALTER MATERIALIZED VIEW kept SET (stream.retention = '1 day');
SELECT who, count FROM kept ORDER BY who;
SELECT stream_flush('kept');
SELECT who, count FROM kept ORDER BY who;
-- a row that is older than the retention is not applied, one that prolongs a session brings all of it back
INSERT INTO visits VALUES ('over', now() - interval '30 hours', '/', 1);
SELECT who, count FROM kept ORDER BY who;
INSERT INTO visits VALUES ('over', now() - interval '24 hours 20 minutes', '/', 1);
SELECT who, count FROM kept ORDER BY who;
SELECT rows_expired FROM pg_stat_stream_view WHERE viewname = 'kept';
ALTER MATERIALIZED VIEW kept SET (stream.retention = '20 hours');
SELECT who, count FROM kept ORDER BY who;
ALTER MATERIALIZED VIEW kept RESET (stream.retention);
SELECT who, count FROM kept ORDER BY who;

-- What is refused.
CREATE VIEW plain_sessions AS SELECT s.window_start, who FROM visits, session(at, '1 hour') s;
CREATE MATERIALIZED VIEW refused AS SELECT who, count(*) FROM visits, session(at, '1 hour') s GROUP BY who;
CREATE MATERIALIZED VIEW refused AS SELECT count(*) FROM visits, session(at, '1 hour') s;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 hour') s WHERE s.window_start > '2026-01-01' GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits JOIN session(at, '1 hour') s ON s.window_end > '2026-01-01' GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT j.window_start, count(*) FROM (visits CROSS JOIN session(at, '1 hour') s) j WHERE j.window_end > j.at GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 hour') s, LATERAL (SELECT s.window_end AS e) l GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, max(s.window_end) FROM visits, session(at, '1 hour') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT date_trunc('day', s.window_start), count(*) FROM visits, session(at, '1 hour') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s, count(*) FROM visits, session(at, '1 hour') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits LEFT JOIN session(at, '1 hour') s ON true GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, n * interval '1 hour') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, NULL::interval) s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '0') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 month') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at::date, '1 hour') s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(n, -1) s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 hour') s, tumble(at, '1 day') w GROUP BY s.window_start, w.window_start;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 hour') s, session(at, '2 hours') t GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, session(at, '1 hour') WITH ORDINALITY s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT s.window_start, count(*) FROM visits, ROWS FROM (session(at, '1 hour'), generate_series(1, 2)) s GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT window_start, count(*) FROM (SELECT s.window_start FROM visits, session(at, '1 hour') s) q GROUP BY 1;
CREATE MATERIALIZED VIEW refused AS SELECT window_start, count(*) FROM plain_sessions GROUP BY 1;
CREATE MATERIALIZED VIEW refused WITH (stream.retention = '1 day') AS SELECT s.window_start, count(*) FROM visits, session(n, 10) s GROUP BY 1;
DROP TABLE visits, events, archive CASCADE;
DROP FUNCTION explain, model, same, all_same, send, flush_all;
