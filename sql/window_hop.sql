-- hop(ts, slide, size [, origin]): in any query, and in continuous views.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- every window that holds the row, in order; half open
SELECT * FROM hop('2026-03-01 12:34:56+00'::timestamptz, '1 minute', '3 minutes');
SELECT * FROM hop('2026-03-01 12:34:00'::timestamp, '1 minute', '2 minutes');
SELECT * FROM hop('2026-03-01 12:33:59.999999'::timestamp, '1 minute', '2 minutes');
-- a size that is no multiple of the slide: two windows or one
SELECT t.ts::time, w.window_start::time, w.window_end::time
  FROM (VALUES ('2026-03-01 00:00:00'::timestamp), ('2026-03-01 00:00:01'), ('2026-03-01 00:00:03')) t(ts),
       hop(ts, '4 seconds', '5 seconds') w ORDER BY 1, 2;
-- a slide above the size: rows in the gaps have no window
SELECT s, w.window_start::time
  FROM generate_series(0, 11) s
       LEFT JOIN LATERAL hop('2026-03-01'::timestamp + s * interval '1 second', '5 seconds', '2 seconds') w ON true
 ORDER BY 1, 2;
-- origins, before and after; names of arguments
SELECT * FROM hop('2026-03-01 12:34:56+00'::timestamptz, '1 hour', '2 hours', '2030-01-01 00:20+00');
SELECT * FROM hop(size => '2 hours', slide => '1 hour', ts => '1969-12-31 23:59:59.5'::timestamp, origin => '1970-01-01');

-- NULL and the infinities: one row; NULL as the origin is the default
SELECT t.ts, w.*
  FROM (VALUES (NULL::timestamptz), ('infinity'), ('-infinity'), ('2026-01-01 00:00:30+00')) t(ts),
       hop(t.ts, '1 minute', '2 minutes', NULL) w;
SELECT * FROM hop('2026-01-01'::timestamp, NULL, '1 minute');
SELECT * FROM hop('2026-01-01'::timestamp, '1 minute', NULL);

-- what makes no windows
SELECT * FROM hop('2026-01-01'::timestamptz, '0', '1 minute');
SELECT * FROM hop('2026-01-01'::timestamptz, '1 minute', '-1 minute');
SELECT * FROM hop('infinity'::timestamptz, '1 month', '1 minute');
SELECT * FROM hop('2026-01-01'::timestamptz, '1 minute', '1 year');
SELECT * FROM hop('2026-01-01'::timestamptz, '1 minute', '2 minutes', '-infinity');
SELECT count(*) FROM hop('2026-01-01'::timestamptz, '1 second', '10000 seconds');
SELECT count(*) FROM hop('2026-01-01'::timestamptz, '1 second', '10001 seconds');
\set VERBOSITY sqlstate
SELECT count(*) FROM hop('2026-01-01'::timestamptz, '1 second', '10000.000001 seconds');
-- a row has all its windows or an error
SELECT * FROM hop('294276-12-31 23:59:00'::timestamp, '1 minute', '2 minutes');
SELECT * FROM hop('4714-11-24 00:00:00+00 BC'::timestamptz, '1 second', '2 seconds');
SELECT * FROM hop('2026-01-01'::timestamptz, '1 minute', '2000000000 days');
\set VERBOSITY default

-- inlined: no function scan
CREATE TABLE readings (at timestamptz, value int);
INSERT INTO readings SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '7.3 seconds', n
  FROM generate_series(-500, 500) n;
EXPLAIN (COSTS OFF)
SELECT w.window_start, count(*) FROM readings, hop(at, '1 minute', '150 seconds') w GROUP BY 1;

-- the same as every start tried, as tumble() where size = slide, and not inlined
SELECT count(*), count(DISTINCT at) FROM readings, hop(at, '1 minute', '150 seconds', '2026-01-01 00:00:10+00');
WITH naive AS
  (SELECT at, s AS window_start, s + interval '150 seconds' AS window_end
     FROM readings, generate_series('2025-12-31 21:00:10+00', '2026-01-01 03:00+00'::timestamptz, '1 minute') s
    WHERE s <= at AND at < s + interval '150 seconds'),
hops AS (SELECT at, w.* FROM readings, hop(at, '1 minute', '150 seconds', '2026-01-01 00:00:10+00') w)
SELECT (SELECT count(*) FROM naive) AS naive, (SELECT count(*) FROM (TABLE naive EXCEPT ALL TABLE hops) d) AS missing,
       (SELECT count(*) FROM (TABLE hops EXCEPT ALL TABLE naive) d) AS too_many;
SELECT count(*) AS rows, count(*) FILTER (WHERE h.window_start = t.window_start AND h.window_end = t.window_end) AS same
  FROM readings, hop(at, '42 seconds', '42 seconds') h, tumble(at, '42 seconds') t;
SELECT count(*) FROM
  (SELECT at, w.* FROM readings, hop(at + random() * interval '0', '1 minute', '150 seconds') w
   EXCEPT SELECT at, w.* FROM readings, hop(at, '1 minute', '150 seconds') w) d;
DROP TABLE readings;

-- continuous views
SELECT make_stream('clicks', 'ts timestamptz, local timestamp, url text, ms float8');
SELECT make_view('hop_minute', $$
  SELECT w.window_start, url, count(*), sum(ms), min(ms), max(ms)
    FROM clicks, hop(ts, '1 minute', '5 minutes') w GROUP BY w.window_start, url $$);
SELECT make_view('hop_uneven', $$
  SELECT w.window_start, w.window_end, count(*), avg(ms)
    FROM clicks, hop(ts, '40 seconds', '90 seconds', '2026-01-01 00:00:03+00') w GROUP BY 1, 2 $$);
SELECT make_view('hop_gaps', $$
  SELECT w.window_start, count(*) FROM clicks, hop(ts, '5 minutes', '2 minutes') w GROUP BY 1 $$);
SELECT make_view('hop_gaps_kept', $$
  SELECT w.window_start, count(*) FROM clicks LEFT JOIN LATERAL hop(ts, '5 minutes', '2 minutes') w ON true
   GROUP BY 1 $$);
SELECT make_view('hop_local', $$
  SELECT w.window_start, url, count(*) FROM clicks, hop(local, '1 day', '7 days') w
   WHERE url <> 'u1' GROUP BY 1, 2 HAVING count(*) > 1 $$);
SELECT make_view('hop_end', $$
  SELECT w.window_end, count(*) FROM clicks, hop(ts, '1 hour', '3 hours') w GROUP BY 1 $$);
SELECT make_view('hop_latest_filter', $$
  SELECT w.window_start, count(*) FILTER (WHERE w.window_end - ts <= interval '1 minute') AS last_minute
    FROM clicks, hop(ts, '1 minute', '5 minutes') w
   WHERE isfinite(ts) GROUP BY 1 $$);

-- storage has partitions where the key is a window's start
SELECT t.name, c.relkind FROM archive.tested_views t
  JOIN _stream_ext.continuous_view v ON v.view = ('public.' || t.name)::regclass
  JOIN pg_class c ON c.oid = v.storage ORDER BY 1;

SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '7.25 seconds',
         '2026-03-29 00:00'::timestamp + n * interval '7 minutes', 'u' || n % 5, (n % 64)::float8 / 4
    FROM generate_series(1, 1000) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
-- late, out of order, before everything, after everything, nowhere
SELECT send('clicks', $$
  SELECT '2026-01-01 02:00+00'::timestamptz - (n * 7919 % 100) * interval '3 minutes',
         '2025-12-31 00:00'::timestamp - n * interval '7 hours', 'u' || n % 7, (n % 64)::float8 / 4
    FROM generate_series(1, 300) n $$);
SELECT send('clicks', $$ VALUES
  (NULL::timestamptz, NULL::timestamp, NULL, NULL::float8),
  ('infinity', '-infinity', 'u2', 3), ('-infinity', 'infinity', 'u2', 4),
  ('1970-01-01 00:00+00', '1970-01-01', 'epoch', 1),
  ('2029-12-31 23:59:59.999999+00', '2029-12-31 23:59:59.999999', 'future', 2) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '61 seconds',
         '2026-03-29 00:00'::timestamp + n * interval '1 day', 'u' || n % 3, n
    FROM generate_series(-60, 60) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

-- a row that fails has none of its windows; it is one dead letter, the others stay
CREATE TABLE bad_rows (ts timestamptz, ms float8) USING stream;
CREATE MATERIALIZED VIEW hop_bad AS
  SELECT w.window_start, count(*), sum(1 / (ms - extract(minute FROM w.window_start)::int)) AS s
    FROM bad_rows, hop(ts, '1 minute', '3 minutes') w GROUP BY 1;
INSERT INTO bad_rows SELECT '2026-01-01 00:05+00'::timestamptz, n + 0.5 FROM generate_series(1, 50) n;
INSERT INTO bad_rows VALUES ('2026-01-01 00:05:30+00', 7), ('2026-01-01 00:05:30+00', 4), ('294276-12-31 23:59:00+00', 1);
SELECT stream_sync();
SELECT window_start, count FROM hop_bad ORDER BY 1;
SELECT rows_in, rows_processed, rows_filtered, rows_rejected FROM pg_stat_stream_view WHERE viewname = 'hop_bad';
SELECT sqlstate, message FROM stream_dead_letter WHERE view = 'hop_bad'::regclass ORDER BY 1;

-- retention by the window's start
CREATE TABLE recent_rows (ts timestamptz) USING stream;
CREATE MATERIALIZED VIEW hop_recent WITH (stream.retention = '2 hours') AS
  SELECT w.window_start, count(*) FROM recent_rows, hop(ts, '1 hour', '4 hours') w GROUP BY 1;
INSERT INTO recent_rows VALUES (now()), (now() - interval '1 day');
SELECT count(*) BETWEEN 2 AND 3 AS three_windows_or_less FROM hop_recent;

-- not in the select list
CREATE MATERIALIZED VIEW hop_refused AS
  SELECT hop(ts, '1 minute', '2 minutes'), count(*) FROM clicks GROUP BY 1;

DROP TABLE clicks, bad_rows, recent_rows CASCADE;
DROP SCHEMA archive CASCADE;
