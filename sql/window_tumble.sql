-- tumble(ts, size [, origin]): a plain function in FROM, on any table.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- half open; the default origin is Monday 2000-01-03
SELECT * FROM tumble('2026-03-01 12:34:56+00'::timestamptz, '1 minute');
SELECT * FROM tumble('2026-03-01 12:34:00+00'::timestamptz, '1 minute');
SELECT * FROM tumble('2026-03-01 12:33:59.999999+00'::timestamptz, '1 minute');
SELECT *, to_char(window_start, 'FMDay') AS first_day
  FROM tumble('2026-03-04 00:00+00'::timestamptz, '7 days');
SELECT * FROM tumble('2026-03-01 12:34:56'::timestamp, '15 minutes');
SELECT * FROM tumble('2026-03-01'::date, '1 day');

-- an origin of one's own, on either side of the timestamp
SELECT * FROM tumble('2026-03-01 12:34:56+00'::timestamptz, '1 hour', '2026-01-01 00:20+00');
SELECT * FROM tumble('2026-03-01 12:34:56'::timestamp, '1 hour', '2027-01-01 00:50');
SELECT * FROM tumble(size => '1 hour', ts => '1999-12-31 23:59:59.5+00'::timestamptz);
SELECT * FROM tumble('0044-03-15 12:00:00+00 BC'::timestamptz, '1 day');

-- lengths are fixed, whatever the session's time zone does
SET timezone = 'Europe/Berlin';
SELECT window_end - window_start AS length, window_start AT TIME ZONE 'UTC' AS start_utc
  FROM tumble('2026-03-29 02:30:00 UTC'::timestamptz, '1 day');
SET timezone = 'UTC';

-- one row per call: NULL and the infinities too
SELECT t.ts, w.*
  FROM (VALUES (NULL::timestamptz), ('infinity'), ('-infinity'), ('2026-01-01 00:00:30+00')) t(ts),
       tumble(t.ts, '1 minute') w;
SELECT * FROM tumble('2026-01-01'::timestamp, NULL);
SELECT * FROM tumble('-infinity'::timestamp, '1 minute', '2026-01-01');

-- sizes that make no window
SELECT * FROM tumble('2026-01-01'::timestamptz, '0');
SELECT * FROM tumble('2026-01-01'::timestamptz, '-1 minute');
SELECT * FROM tumble('2026-01-01'::timestamp, '1 month');
SELECT * FROM tumble('2026-01-01'::timestamp, '1 year -365 days');
SELECT * FROM tumble('2026-01-01'::timestamp, '2000000000 days');
SELECT * FROM tumble('infinity'::timestamptz, '0');
SELECT * FROM tumble('2026-01-01'::timestamptz, '1 minute', 'infinity');

-- windows that leave the range of timestamps, at either end
SELECT * FROM tumble('294276-12-31 23:59:59.999999'::timestamp, '1 minute');
SELECT * FROM tumble('4713-01-01 00:00:00 BC'::timestamp, '100000 days', '2001-01-01');
SELECT window_start FROM tumble('294276-12-31 23:59:59.999999'::timestamp, '1 minute');
SELECT * FROM tumble('4714-11-24 00:00:00+00 BC'::timestamptz, '1 second');

-- inlined: a table and its windows are one scan, also in an outer join
CREATE TABLE readings (at timestamptz, sensor int, value int);
INSERT INTO readings
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '7 seconds', n % 3, n
    FROM generate_series(0, 99) n;
EXPLAIN (COSTS OFF)
SELECT w.window_start, sensor, count(*)
  FROM readings, tumble(at, '1 minute') w GROUP BY w.window_start, sensor;
EXPLAIN (COSTS OFF)
SELECT r.sensor, w.window_end FROM readings r LEFT JOIN LATERAL tumble(r.at, '1 minute') w ON true;
SELECT w.window_start, count(*), sum(value)
  FROM readings, tumble(at, '2 minutes') w GROUP BY w.window_start ORDER BY 1;

-- and where it cannot be inlined it gives the same
SELECT count(*) FROM readings r, tumble(r.at + random() * interval '0', '2 minutes') v,
     tumble(r.at, '2 minutes') w
 WHERE (v.window_start, v.window_end) IS DISTINCT FROM (w.window_start, w.window_end);

-- anybody may call it, immutable and in parallel
SELECT provolatile, proparallel, prorows, proretset FROM pg_proc WHERE proname = 'tumble';
CREATE ROLE regress_tumble;
SET ROLE regress_tumble;
SELECT * FROM tumble('2026-03-01 12:34:56+00'::timestamptz, '1 minute');
RESET ROLE;
DROP ROLE regress_tumble;
DROP TABLE readings;
