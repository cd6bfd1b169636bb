-- Window aggregates of sensors
--
-- Each sensor reports every ten seconds, and reports arrive in any order. One
-- view has the figures of every five minutes, one a moving average: windows of
-- 15 minutes of which one starts every 5. Both read the same stream; a row
-- counts in the windows of its own time, whenever it arrives.
CREATE SCHEMA sensor_windows;
SET search_path = sensor_windows, public;

CREATE TABLE readings (ts timestamptz NOT NULL, sensor text NOT NULL, celsius float8) USING stream;

CREATE MATERIALIZED VIEW five_minutes AS
  SELECT w.window_start, sensor, count(celsius) AS readings, avg(celsius) AS celsius,
         min(celsius) AS low, max(celsius) AS high, first(celsius, ts) AS opening, last(celsius, ts) AS closing
    FROM readings, tumble(ts, '5 minutes') w
   GROUP BY w.window_start, sensor;

CREATE MATERIALIZED VIEW moving_average AS
  SELECT w.window_start, w.window_end, sensor, avg(celsius) AS celsius
    FROM readings, hop(ts, '5 minutes', '15 minutes') w
   GROUP BY w.window_start, w.window_end, sensor;

-- Twenty minutes of three sensors, shuffled; a broken reading is NULL.
CREATE TABLE readings_archive (LIKE readings);
WITH new AS (INSERT INTO readings_archive
             SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '10 seconds', 's' || s,
                    CASE WHEN n % 40 <> 7 THEN 18 + s + (n * 5 % 16) / 8.0 + n / 64.0 END
               FROM generate_series(0, 119) n, generate_series(1, 3) s
              ORDER BY n * 37 % 120, s
             RETURNING *)
INSERT INTO readings SELECT * FROM new;

SELECT window_start, readings, round(celsius::numeric, 3) AS celsius, low, high, opening, closing
  FROM five_minutes WHERE sensor = 's2' ORDER BY window_start;

-- A full window of the moving average has 15 minutes of readings; the first and
-- the last ones have fewer, because nothing was reported before or after.
SELECT window_start, window_end, round(celsius::numeric, 3) AS celsius
  FROM moving_average WHERE sensor = 's2' ORDER BY window_start;

-- Late readings change the windows they belong to, also those in storage.
SELECT stream_flush('five_minutes'), stream_flush('moving_average');
WITH new AS (INSERT INTO readings_archive
             VALUES ('2026-03-01 12:00:05+00', 's2', 40.5), ('2026-03-01 12:19:59+00', 's2', 10.25) RETURNING *)
INSERT INTO readings SELECT * FROM new;
SELECT window_start, readings, low, high, opening, closing
  FROM five_minutes WHERE sensor = 's2' ORDER BY window_start;

-- The views say what their queries say of a table with the same rows.
CREATE VIEW expected_five_minutes AS
  SELECT w.window_start, sensor, count(celsius) AS readings, avg(celsius) AS celsius,
         min(celsius) AS low, max(celsius) AS high, first(celsius, ts) AS opening, last(celsius, ts) AS closing
    FROM readings_archive, tumble(ts, '5 minutes') w
   GROUP BY w.window_start, sensor;
SELECT (SELECT count(*) FROM five_minutes) AS groups,
       (SELECT count(*) FROM (TABLE five_minutes EXCEPT ALL TABLE expected_five_minutes) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected_five_minutes EXCEPT ALL TABLE five_minutes) d) AS only_in_query;

CREATE VIEW expected_moving_average AS
  SELECT w.window_start, w.window_end, sensor, avg(celsius) AS celsius
    FROM readings_archive, hop(ts, '5 minutes', '15 minutes') w
   GROUP BY w.window_start, w.window_end, sensor;
SELECT (SELECT count(*) FROM moving_average) AS groups,
       (SELECT count(*) FROM (TABLE moving_average EXCEPT ALL TABLE expected_moving_average) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected_moving_average EXCEPT ALL TABLE moving_average) d) AS only_in_query;
