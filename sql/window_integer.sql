-- Windows over integers and dates.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

SELECT pg_typeof(window_start), * FROM tumble(-1, 10);
SELECT pg_typeof(window_start), * FROM tumble(10000000000, 7, 3);
SELECT pg_typeof(window_start), * FROM tumble(7::smallint, 5);
SELECT * FROM hop(12, 4, 10);
SELECT * FROM hop(12::bigint, 10, 2);
SELECT * FROM hop(-12::bigint, 10, 2);
SELECT * FROM cumulate(12, 5, 20);
SELECT * FROM cumulate(-1::bigint, 5, 10, 2);
SELECT * FROM tumble(NULL::int, 5);
SELECT * FROM hop(NULL::bigint, 5, 5);
SELECT * FROM cumulate(5, NULL, 5);
SELECT * FROM tumble(5, 0);
SELECT * FROM hop(5, -1, 5);
SELECT * FROM cumulate(5, 2, 5);
SELECT * FROM hop(5, 1, 10001);
SELECT * FROM tumble(2147483647, 10);
SELECT * FROM tumble(2147483647::bigint, 10);
SELECT * FROM tumble(9223372036854775807, 10);
SELECT * FROM hop(-9223372036854775808, 1, 2);

SELECT pg_typeof(window_start), * FROM tumble('2026-03-04'::date, '7 days');
SELECT * FROM tumble('2026-03-04'::date, '1 month');
SELECT * FROM tumble('1999-12-31'::date, '24 hours');
SELECT * FROM hop('2026-03-04'::date, '1 day', '3 days');
SELECT * FROM hop('2026-03-04'::date, '7 days', '14 days', '2026-01-01');
SELECT * FROM cumulate('2026-03-04'::date, '1 day', '7 days');
SELECT t.d, w.* FROM (VALUES (NULL::date), ('infinity'), ('-infinity')) t(d), hop(d, '1 day', '2 days') w;
SELECT * FROM tumble('2026-03-04'::date, '36 hours');
SELECT * FROM hop('2026-03-04'::date, '1 hour', '1 day');
SELECT * FROM tumble('5874897-12-31'::date, '1 day');

-- every start tried gives the same
SELECT count(*), count(*) FILTER (WHERE n - 9 < s AND s <= n AND e = s + 9 AND s % 4 = 0) AS right
  FROM generate_series(-100, 100) n, hop(n, 4, 9) w(s, e);
SELECT count(*) FROM generate_series(-100, 100) n, generate_series(-200, 200, 4) s WHERE s <= n AND n < s + 9;

-- continuous views: such windows are ordinary group keys
SELECT make_stream('ticks', 'block int, seq bigint, day date, ms float8');
SELECT make_view('blocks', $$
  SELECT w.window_start, count(*), sum(ms) FROM ticks, tumble(block, 100) w GROUP BY 1 $$);
SELECT make_view('sequences', $$
  SELECT w.window_start, w.window_end, count(*), max(ms) FROM ticks, hop(seq, 50, 120, 7) w GROUP BY 1, 2 $$);
SELECT make_view('growing', $$
  SELECT w.window_start, w.window_end, count(*) FROM ticks, cumulate(block, 10, 50) w GROUP BY 1, 2 $$);
SELECT make_view('weeks', $$
  SELECT w.window_start, count(*), min(ms) FROM ticks, tumble(day, '7 days') w GROUP BY 1 $$);
SELECT make_view('days', $$
  SELECT w.window_end, count(*) FROM ticks, hop(day, '1 day', '7 days') w GROUP BY 1 $$);
SELECT make_view('weeks_as_time', $$
  SELECT w.window_start, count(*) FROM ticks, tumble(day::timestamp, '7 days') w GROUP BY 1 $$);
SELECT t.name, c.relkind FROM archive.tested_views t
  JOIN _stream_ext.continuous_view v ON v.view = ('public.' || t.name)::regclass
  JOIN pg_class c ON c.oid = v.storage ORDER BY 1;
SELECT send('ticks', $$
  SELECT n * 3, n * 10000000000 / 1000000, '2026-01-01'::date + n / 10, n::float8 / 4 FROM generate_series(1, 600) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT send('ticks', $$
  SELECT 900 - n * 7, -n, '2026-02-01'::date - n, n FROM generate_series(1, 300) n $$);
SELECT send('ticks', $$ VALUES (NULL::int, NULL::bigint, NULL::date, 1::float8), (0, 0, 'infinity', 2) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

DROP TABLE ticks CASCADE;
DROP SCHEMA archive CASCADE;
