-- tumble() in months, and in days of a time zone.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- months, quarters, years begin on the first of January, or with an origin
SELECT * FROM tumble('2024-02-29 23:59:59.999999'::timestamp, '1 month');
SELECT * FROM tumble('2024-03-01 00:00'::timestamp, '3 months');
SELECT * FROM tumble('1999-12-31 23:00+00'::timestamptz, '1 year');
SELECT * FROM tumble('2024-04-05 12:00'::timestamp, '1 year', '2000-04-06 00:00');
SELECT * FROM tumble('2024-02-14 05:59'::timestamp, '1 month', '2010-11-15 06:00');
SELECT * FROM tumble('0044-03-15 12:00 BC'::timestamp, '10 years');

-- time zones: days have 23, 24 or 25 hours, weeks begin on Monday
SELECT window_start, window_end, window_end - window_start AS length
  FROM (VALUES ('2026-03-28 12:00+00'::timestamptz), ('2026-03-29 12:00+00'), ('2026-10-25 12:00+00')) t(ts),
       tumble(ts, '1 day', time_zone => 'Europe/Berlin');
SELECT window_start AT TIME ZONE 'Europe/Berlin' AS local_start, window_end - window_start AS length
  FROM tumble('2026-03-29 12:00+00'::timestamptz, '7 days', time_zone => 'Europe/Berlin');
SELECT window_start AT TIME ZONE 'Asia/Kolkata' AS local_start
  FROM tumble('2026-03-31 19:00+00'::timestamptz, '1 month', time_zone => 'Asia/Kolkata');
SELECT window_start AT TIME ZONE 'Europe/Berlin' AS local_start
  FROM tumble('2026-07-01 12:00+00'::timestamptz, '1 day', '2026-01-01 06:00 Europe/Berlin', 'Europe/Berlin');
-- the session's zone does not matter
SET timezone = 'America/New_York';
SELECT window_start AT TIME ZONE 'UTC' AS utc FROM tumble('2026-01-01 01:00+00'::timestamptz, '1 month');
SELECT window_start AT TIME ZONE 'UTC' AS utc
  FROM tumble('2026-01-01 01:00+00'::timestamptz, '1 month', time_zone => 'Asia/Tokyo');
SET timezone = 'UTC';
-- a day that does not exist, midnight that does not exist, and one that comes twice
SELECT ts, w.window_start AT TIME ZONE 'Pacific/Apia' AS local_start, window_end - window_start AS length
  FROM (VALUES ('2011-12-30 09:59+00'::timestamptz), ('2011-12-30 10:00+00')) t(ts),
       tumble(ts, '1 day', time_zone => 'Pacific/Apia') w;
SELECT w.window_start AT TIME ZONE 'America/Sao_Paulo' AS local_start, window_end - window_start AS length
  FROM tumble('2018-11-04 12:00+00'::timestamptz, '1 day', time_zone => 'America/Sao_Paulo') w;
SELECT ts, w.window_start, window_end
  FROM (VALUES ('2010-11-07 02:29:59+00'::timestamptz), ('2010-11-07 02:30:30+00'), ('2010-11-07 03:30+00')) t(ts),
       tumble(ts, '1 day', time_zone => 'America/St_Johns') w;

-- NULL and the infinities
SELECT t.ts, w.* FROM (VALUES (NULL::timestamptz), ('infinity'), ('-infinity')) t(ts),
       tumble(t.ts, '1 month', NULL, 'Europe/Berlin') w;
SELECT * FROM tumble('2026-01-01 00:00:30+00'::timestamptz, '1 minute', NULL, NULL);

-- what makes no calendar window
SELECT * FROM tumble('2026-01-01'::timestamp, '1 month 1 day');
SELECT * FROM tumble('2026-01-01'::timestamp, '-1 month');
SELECT * FROM tumble('2026-01-01'::timestamptz, '1 hour', time_zone => 'Europe/Berlin');
SELECT * FROM tumble('2026-01-01'::timestamptz, '0 days', time_zone => 'Europe/Berlin');
SELECT * FROM tumble('infinity'::timestamptz, '1 day', time_zone => 'Europe/Nowhere');
SELECT * FROM tumble('2026-01-01'::timestamp, '1 month', '2026-01-29');
SELECT * FROM tumble('2026-01-01'::timestamp, '1 month', 'infinity');
SELECT * FROM tumble('294276-12-31 12:00'::timestamp, '1 month');
SELECT * FROM tumble('4714-11-24 00:00+00 BC'::timestamptz, '1 month', time_zone => 'Asia/Tokyo');
SELECT * FROM tumble('2026-01-01'::timestamp, '170000000 years');

-- date_trunc() gives the same, at random instants and at those around changes of the clocks
CREATE TABLE instants AS
  SELECT '1900-01-01 00:00+00'::timestamptz + random() * interval '200 years' AS ts FROM generate_series(1, 4000)
  UNION ALL
  SELECT '2026-03-29 01:00+00'::timestamptz + n * interval '10 minutes' FROM generate_series(-300, 300) n
  UNION ALL
  SELECT '2026-10-25 01:00+00'::timestamptz + n * interval '10 minutes' FROM generate_series(-300, 300) n;
CREATE TABLE zones AS
  SELECT unnest(ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Asia/Kolkata',
                      'Asia/Kathmandu', 'Australia/Lord_Howe', 'Africa/Cairo', 'Pacific/Auckland']) AS zone;
CREATE TABLE units (unit text, size interval);
INSERT INTO units VALUES ('day', '1 day'), ('week', '7 days'), ('month', '1 month'), ('quarter', '3 months'),
  ('year', '1 year'), ('decade', '10 years');
SELECT unit, count(*) = 9 * 5202 AS all,
       count(*) FILTER (WHERE NOT (ts >= window_start AND ts < window_end)) AS outside,
       count(*) FILTER (WHERE window_start <> date_trunc(unit, ts, zone) AND date_trunc(unit, ts, zone) <= ts) AS differ
  FROM instants, zones, units, tumble(ts, size, time_zone => zone)
 GROUP BY unit ORDER BY unit;
-- and without a zone, for all types
SELECT unit, count(*) FILTER (WHERE a.window_start <> date_trunc(unit, ts, 'UTC')) AS with_zone,
       count(*) FILTER (WHERE b.window_start <> date_trunc(unit, ts AT TIME ZONE 'UTC')) AS without_zone,
       count(*) FILTER (WHERE c.window_start <> date_trunc(unit, ts::date)::date) AS dates
  FROM instants, units, tumble(ts, size) a, tumble(ts AT TIME ZONE 'UTC', size) b, tumble(ts::date, size) c
 GROUP BY unit ORDER BY unit;
-- windows follow each other without gap or overlap
SELECT zone, count(*) FILTER (WHERE next_start < window_end) AS overlaps
  FROM (SELECT zone, window_start, window_end, lead(window_start) OVER (PARTITION BY zone ORDER BY window_start) AS next_start
          FROM (SELECT DISTINCT zone, window_start, window_end
                  FROM instants, zones, tumble(ts, '1 day', time_zone => zone)) d) w
 GROUP BY zone ORDER BY zone;
DROP TABLE instants, zones, units;

-- continuous views
SELECT make_stream('clicks', 'ts timestamptz, local timestamp, url text, ms float8');
SELECT make_view('berlin_day', $$
  SELECT w.window_start, w.window_end, count(*), sum(ms)
    FROM clicks, tumble(ts, '1 day', time_zone => 'Europe/Berlin') w GROUP BY 1, 2 $$);
SELECT make_view('months', $$
  SELECT w.window_start, url, count(*), avg(ms) FROM clicks, tumble(local, '1 month') w GROUP BY 1, 2 $$);
SELECT make_view('tokyo_quarter', $$
  SELECT w.window_start, max(ms), count(*) FROM clicks, tumble(ts, '3 months', NULL, 'Asia/Tokyo') w GROUP BY 1 $$);
SELECT t.name, c.relkind FROM archive.tested_views t
  JOIN _stream_ext.continuous_view v ON v.view = ('public.' || t.name)::regclass
  JOIN pg_class c ON c.oid = v.storage ORDER BY 1;
SELECT send('clicks', $$
  SELECT '2026-03-27 00:00+00'::timestamptz + n * interval '27 minutes',
         '2026-03-29 00:00'::timestamp + n * interval '17 hours', 'u' || n % 3, (n % 64)::float8 / 4
    FROM generate_series(1, 300) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT send('clicks', $$
  SELECT '2026-03-31 00:00+00'::timestamptz - (n * 7919 % 100) * interval '51 minutes',
         '2026-02-01 00:00'::timestamp - n * interval '70 hours', 'u' || n % 4, (n % 64)::float8 / 4
    FROM generate_series(1, 200) n $$);
SELECT send('clicks', $$ VALUES (NULL::timestamptz, NULL::timestamp, NULL, NULL::float8), ('infinity', '-infinity', 'u2', 3) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

DROP TABLE clicks CASCADE;
DROP SCHEMA archive CASCADE;
