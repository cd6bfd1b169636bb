-- Windows in a continuous view: tumble() in FROM, date_bin, date_trunc, none.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

SELECT make_stream('clicks', 'ts timestamptz, local timestamp, day date, url text, ms float8');

SELECT make_view('tumble_minute', $$
  SELECT w.window_start, url, count(*), sum(ms), avg(ms), min(ms), max(ms)
    FROM clicks, tumble(ts, '1 minute') w GROUP BY w.window_start, url $$);
SELECT make_view('tumble_both_ends', $$
  SELECT w.window_start, w.window_end, count(*) AS n
    FROM clicks CROSS JOIN LATERAL tumble(ts, '90 seconds') w GROUP BY 1, 2 $$);
SELECT make_view('tumble_end_only', $$
  SELECT w.window_end, count(*) AS n FROM clicks, tumble(ts, '1 hour') w GROUP BY w.window_end $$);
SELECT make_view('tumble_origin', $$
  SELECT w.window_start, max(url) AS url
    FROM clicks, tumble(size => '1 hour', ts => clicks.ts, origin => '2030-01-01 00:17:03+00') w
   GROUP BY 1 $$);
SELECT make_view('tumble_local', $$
  SELECT w.window_start, url, count(*) AS n FROM clicks, tumble(local, '15 minutes') w GROUP BY 1, 2 $$);
SELECT make_view('tumble_date', $$
  SELECT w.window_start, count(*) AS n FROM clicks, tumble(day, '7 days') w GROUP BY 1 $$);
SELECT make_view('tumble_shifted', $$
  SELECT w.window_start + interval '1 day' AS tomorrow, count(*) AS n
    FROM clicks, tumble(ts, '1 hour') w GROUP BY 1 $$);
SELECT make_view('tumble_window_where', $$
  SELECT w.window_start, count(*) AS n FROM clicks, tumble(ts, '1 hour') w
   WHERE w.window_end > '2026-01-01 01:00+00' AND url <> 'u1' GROUP BY 1 $$);
SELECT make_view('binned', $$
  SELECT date_bin('15 minutes', ts, '2001-01-01 00:05+00') AS bin, url, count(*) AS n FROM clicks
   WHERE isfinite(ts) GROUP BY bin, url $$);
SELECT make_view('truncated_zone', $$
  SELECT date_trunc('day', ts, 'Europe/Berlin') AS day, count(*) AS n FROM clicks GROUP BY 1 $$);
SELECT make_view('truncated_frozen', $$
  SELECT date_trunc('month', ts) AS month, url, sum(ms) FROM clicks GROUP BY month, url $$);
SELECT make_view('truncated_local', $$
  SELECT date_trunc('hour', local) AS hour, count(ms) FROM clicks GROUP BY hour HAVING count(ms) > 1 $$);
SELECT make_view('two_windows', $$
  SELECT date_trunc('day', local) AS day, w.window_start, count(*) AS n
    FROM clicks, tumble(ts, '1 hour') w GROUP BY 1, 2 $$);
SELECT make_view('no_window', $$ SELECT url, count(*), sum(ms) FROM clicks GROUP BY url $$);
SELECT make_view('no_group', $$
  SELECT count(*) AS n, count(ms) AS with_ms, avg(ms) AS ms, min(url) AS url FROM clicks $$);
SELECT make_view('no_group_none', $$ SELECT count(*) AS n, sum(ms) FROM clicks WHERE ms > 1e9 $$);
SELECT make_view('no_group_hidden', $$
  SELECT count(*) AS n FROM clicks WHERE ms > 1e9 HAVING count(*) > 0 $$);
SELECT make_view('keys_only', $$ SELECT url FROM clicks GROUP BY url, day $$);

-- before the first row: one row where there is no GROUP BY
SELECT * FROM check_views();

SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '17.25 seconds',
         '2026-03-29 00:00'::timestamp + n * interval '7 minutes',
         '2026-01-01'::date + n % 40, 'u' || n % 5, (n % 64)::float8 / 4
    FROM generate_series(1, 1000) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

-- into windows that are in storage, before them, after them, far off, nowhere
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '31 minutes',
         '2025-12-31 00:00'::timestamp - n * interval '7 hours',
         '1999-12-28'::date - n, 'u' || n % 7, (n % 64)::float8 / 4
    FROM generate_series(1, 200) n $$);
SELECT send('clicks', $$ VALUES
  (NULL::timestamptz, NULL::timestamp, NULL::date, NULL, NULL::float8),
  (NULL, '2026-01-01', NULL, 'u1', 3),
  ('1970-01-01 00:00:00+00', '1970-01-01', '1970-01-01', 'epoch', 1),
  ('9999-12-31 23:59:59.999999+00', '9999-12-31', '9999-12-31', 'far', 2),
  ('0001-01-01 00:00:00+00', '0044-03-15 BC', '4000-01-01 BC', 'past', 4),
  ('2026-03-29 00:59:59+00', '2026-03-29 02:30', '2026-03-29', 'dst', 8),
  ('2026-03-29 01:00:00+00', '2026-03-29 03:00', '2026-03-29', 'dst', 16) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

-- infinities are windows of their own, on either side of all others
SELECT make_view('infinite', $$
  SELECT w.window_start, w.window_end, count(*) AS n FROM clicks, tumble(ts, '1 minute') w
   WHERE ts IS NULL OR NOT isfinite(ts) OR ts > '2100-01-01' GROUP BY 1, 2 $$);
TRUNCATE archive.clicks;
DELETE FROM archive.tested_views WHERE name <> 'infinite';
SELECT send('clicks', $$
  SELECT ts::timestamptz, NULL::timestamp, NULL::date, 'u', 1.5
    FROM (VALUES ('infinity'), ('-infinity'), (NULL), ('infinity'), ('2101-01-01 00:00+00')) v(ts) $$);
SELECT * FROM infinite ORDER BY 1;
SELECT flush_views();
SELECT send('clicks', $$
  SELECT ts::timestamptz, NULL::timestamp, NULL::date, 'u', 1.5
    FROM (VALUES ('infinity'), ('-infinity'), (NULL)) v(ts) $$);
SELECT * FROM infinite ORDER BY 1;
SELECT * FROM check_views();

-- what a session's time zone says does not matter once the view stands
SET timezone = 'Asia/Tokyo';
SELECT sum(n) FROM truncated_zone;
RESET timezone;

DROP TABLE clicks CASCADE;
DROP SCHEMA archive CASCADE;
