-- cumulate(ts, step, size [, origin]): in any query, and in continuous views.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- one start, growing ends; half open
SELECT * FROM cumulate('2026-03-01 12:01:30+00'::timestamptz, '1 minute', '4 minutes');
SELECT * FROM cumulate('2026-03-01 12:00:00'::timestamp, '1 minute', '3 minutes');
SELECT * FROM cumulate('2026-03-01 12:02:59.999999'::timestamp, '1 minute', '3 minutes');
SELECT * FROM cumulate(size => '1 day', step => '8 hours', ts => '1969-12-31 09:00'::timestamp, origin => '1970-01-01 01:00');
SELECT count(*), min(window_start), max(window_end) FROM cumulate('2026-03-04 00:00'::timestamp, '1 day', '7 days');

-- NULL and the infinities: one row; NULL as the origin is the default
SELECT t.ts, w.*
  FROM (VALUES (NULL::timestamptz), ('infinity'), ('-infinity'), ('2026-01-01 00:00:30+00')) t(ts),
       cumulate(t.ts, '1 minute', '2 minutes', NULL) w;
SELECT * FROM cumulate('2026-01-01'::timestamp, NULL, '1 minute');

-- what makes no windows
SELECT * FROM cumulate('2026-01-01'::timestamptz, '2 minutes', '5 minutes');
SELECT * FROM cumulate('infinity'::timestamptz, '2 minutes', '1 minute');
SELECT * FROM cumulate('2026-01-01'::timestamptz, '0', '1 minute');
SELECT * FROM cumulate('2026-01-01'::timestamptz, '1 month', '1 year');
SELECT count(*) FROM cumulate('2026-01-01'::timestamp, '1 second', '10000 seconds', '2026-01-01');
SELECT count(*) FROM cumulate('2026-01-01'::timestamptz, '1 second', '10001 seconds');
\set VERBOSITY sqlstate
SELECT count(*) FROM cumulate('2026-01-01'::timestamptz, '1 second', '10001 seconds');
SELECT * FROM cumulate('294276-12-31 23:58:30'::timestamp, '1 minute', '2 minutes');
\set VERBOSITY default

-- inlined, and the same as every end tried
CREATE TABLE readings (at timestamptz, value int);
INSERT INTO readings SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '7.3 seconds', n
  FROM generate_series(-500, 500) n;
EXPLAIN (COSTS OFF)
SELECT w.window_start, w.window_end, count(*) FROM readings, cumulate(at, '1 minute', '5 minutes') w GROUP BY 1, 2;
WITH naive AS
  (SELECT at, s AS window_start, s + n * interval '1 minute' AS window_end
     FROM readings, generate_series('2025-12-31 21:00:10+00', '2026-01-01 03:00+00'::timestamptz, '5 minutes') s,
          generate_series(1, 5) n
    WHERE s <= at AND at < s + n * interval '1 minute'),
windows AS (SELECT at, w.* FROM readings, cumulate(at, '1 minute', '5 minutes', '2026-01-01 00:00:10+00') w)
SELECT (SELECT count(*) FROM naive) AS naive, (SELECT count(*) FROM (TABLE naive EXCEPT ALL TABLE windows) d) AS missing,
       (SELECT count(*) FROM (TABLE windows EXCEPT ALL TABLE naive) d) AS too_many;
DROP TABLE readings;

-- continuous views
SELECT make_stream('clicks', 'ts timestamptz, local timestamp, url text, ms float8');
SELECT make_view('day_so_far', $$
  SELECT w.window_start, w.window_end, url, count(*), sum(ms), max(ms)
    FROM clicks, cumulate(ts, '1 hour', '1 day') w GROUP BY 1, 2, 3 $$);
SELECT make_view('ends_first', $$
  SELECT w.window_end, count(*), w.window_start, avg(ms)
    FROM clicks, cumulate(ts, '10 minutes', '1 hour', '2026-01-01 00:05+00') w GROUP BY w.window_end, w.window_start $$);
SELECT make_view('week_so_far', $$
  SELECT w.window_start, w.window_end, count(*), min(url)
    FROM clicks, cumulate(local, '1 day', '7 days') w WHERE ms > 1 GROUP BY 1, 2 $$);
SELECT make_view('starts_only', $$
  SELECT w.window_start, count(*) FROM clicks, cumulate(ts, '1 hour', '6 hours') w GROUP BY 1 $$);

SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '97.25 seconds',
         '2026-03-29 00:00'::timestamp + n * interval '7 minutes', 'u' || n % 3, (n % 64)::float8 / 4
    FROM generate_series(1, 500) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
-- late, out of order, before everything, after everything, nowhere
SELECT send('clicks', $$
  SELECT '2026-01-01 02:00+00'::timestamptz - (n * 7919 % 100) * interval '3 minutes',
         '2025-12-31 00:00'::timestamp - n * interval '7 hours', 'u' || n % 4, (n % 64)::float8 / 4
    FROM generate_series(1, 200) n $$);
SELECT send('clicks', $$ VALUES
  (NULL::timestamptz, NULL::timestamp, NULL, NULL::float8),
  ('infinity', '-infinity', 'u2', 3), ('-infinity', 'infinity', 'u2', 4),
  ('1970-01-01 00:00+00', '1970-01-01', 'epoch', 1),
  ('2029-12-31 23:59:59.999999+00', '2029-12-31 23:59:59.999999', 'future', 2) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '11 minutes',
         '2026-03-29 00:00'::timestamp + n * interval '1 day', 'u' || n % 3, n
    FROM generate_series(-60, 60) n $$);
SELECT * FROM check_views();

DROP TABLE clicks CASCADE;
DROP SCHEMA archive CASCADE;
