-- Days, weeks, months and years of time zones against a walk along their clocks.
--
-- The model looks at a zone's clock every quarter of an hour and notes when
-- each date begins: when it last shows 00:00, or, if it never does, when it
-- first shows the date. It uses neither tumble() nor date_trunc().
SET timezone = 'UTC';
SELECT setseed(0.5);
CREATE TABLE walks (zone text, first timestamptz, last timestamptz);
INSERT INTO walks VALUES
  ('UTC', '2023-06-01', '2025-06-01'),
  ('Europe/Berlin', '2024-12-01', '2027-02-01'),
  ('America/New_York', '2005-12-01', '2008-02-01'),
  ('America/Sao_Paulo', '2016-12-01', '2019-03-01'),    -- midnight does not exist
  ('America/Havana', '2023-12-01', '2026-02-01'),       -- midnight does not exist, or comes twice
  ('America/St_Johns', '2008-12-01', '2011-02-01'),     -- 00:01 goes back to 23:01
  ('Asia/Beirut', '2021-12-01', '2024-02-01'),
  ('Africa/Cairo', '2022-12-01', '2025-02-01'),
  ('Australia/Lord_Howe', '2022-12-01', '2025-02-01'),  -- half an hour
  ('Asia/Kathmandu', '1984-12-01', '1987-02-01'),
  ('Pacific/Apia', '2010-12-01', '2013-02-01'),         -- a date does not exist
  ('Pacific/Kwajalein', '1992-12-01', '1995-02-01');
CREATE TABLE clocks AS
  SELECT zone, ts, ts AT TIME ZONE zone AS local
    FROM walks, generate_series(first, last, '15 minutes') ts;
CREATE TABLE dates AS
  SELECT zone, local::date AS day, coalesce(max(ts) FILTER (WHERE local = local::date::timestamp), min(ts)) AS start
    FROM clocks GROUP BY zone, local::date;
ALTER TABLE dates ADD PRIMARY KEY (zone, day);

-- sizes with the dates at which their windows begin
CREATE TABLE sizes (size interval, first date);
INSERT INTO sizes VALUES ('1 day', '1980-01-01'), ('7 days', '1979-12-31'), ('3 days', '1980-01-02'),
  ('1 month', '1980-01-01'), ('3 months', '1980-01-01'), ('1 year', '1980-01-01');
CREATE TABLE starts AS
  SELECT zone, size, array_agg(start ORDER BY start) AS starts
    FROM (SELECT DISTINCT zone, size, (SELECT d.start FROM dates d WHERE d.zone = w.zone AND d.day >= period.day
                                       ORDER BY d.day LIMIT 1) AS start
            FROM walks w, sizes s,
                 LATERAL (SELECT p::date AS day FROM generate_series(s.first::timestamp, '2030-01-01', s.size) p
                           WHERE p > w.first AT TIME ZONE w.zone + interval '1 day'
                             AND p < w.last AT TIME ZONE w.zone - interval '1 day') period) p
   GROUP BY zone, size;

-- random instants, half of them near a change of the clocks
CREATE TABLE changes AS
  SELECT zone, array_agg(ts ORDER BY ts) AS at FROM clocks
   WHERE local - (ts - interval '15 minutes') AT TIME ZONE zone <> interval '15 minutes'
   GROUP BY zone;
SELECT zone, cardinality(at) AS changes FROM changes ORDER BY zone;
CREATE TABLE instants AS
  SELECT zone, size, w.first + random() * (w.last - w.first) AS ts FROM walks w, sizes, generate_series(1, 1000)
  UNION ALL
  SELECT zone, size, at[1 + floor(random() * cardinality(at))::int] + (random() - 0.5) * interval '60 hours'
    FROM changes, sizes, generate_series(1, 1000);

CREATE TABLE cases AS
  SELECT zone, size, ts, starts[n] AS model_start, starts[n + 1] AS model_end, w.window_start, w.window_end
    FROM instants JOIN starts USING (zone, size),
         LATERAL (SELECT width_bucket(ts, starts) AS n) b,
         -- the default origin, but for windows of three days
         LATERAL tumble(ts, size, CASE WHEN size = '3 days' THEN '1980-01-02'::timestamp AT TIME ZONE zone END, zone) w
   WHERE n BETWEEN 1 AND cardinality(starts) - 1;
SELECT count(*) > 100000 AS enough, count(DISTINCT (zone, size)) AS kinds,
       count(*) FILTER (WHERE window_start IS DISTINCT FROM model_start OR window_end IS DISTINCT FROM model_end) AS wrong
  FROM cases;
SELECT * FROM cases WHERE (window_start, window_end) IS DISTINCT FROM (model_start, model_end) ORDER BY zone, size, ts LIMIT 10;
DROP TABLE walks, clocks, dates, sizes, starts, changes, instants, cases;
