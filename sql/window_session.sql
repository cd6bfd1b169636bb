-- session(ts, gap) is no function of one row: outside continuous views the
-- error says what to write.
CREATE TABLE visits (who text, ts timestamptz, at timestamp, n bigint);
SELECT * FROM visits, session(ts, '30 minutes');
SELECT * FROM visits, session(at, '30 minutes');
SELECT * FROM visits, session(n, 100);
SELECT * FROM visits, session(ts::date, '2 days');
SELECT * FROM visits, session(n::integer, 100);
SELECT * FROM session('2026-01-01'::timestamptz, '30 minutes');
\set VERBOSITY sqlstate
EXPLAIN SELECT s.window_start, count(*) FROM visits, session(ts, '30 minutes') s GROUP BY 1;
\set VERBOSITY default

-- what the hint says
INSERT INTO visits VALUES ('a', '2026-01-01 00:00+00'), ('a', '2026-01-01 00:29:59+00'), ('a', '2026-01-01 00:59:59+00'),
  ('b', '2026-01-01 00:10+00'), ('a', '2026-01-01 00:15+00'), ('b', '2026-01-01 05:00+00');
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT who, min(ts) AS first, max(ts) + interval '30 minutes' AS session_end, count(*)
  FROM (SELECT who, ts,
               count(*) FILTER (WHERE previous IS NULL OR ts >= previous + interval '30 minutes')
                 OVER (PARTITION BY who ORDER BY ts) AS session
          FROM (SELECT who, ts, lag(ts) OVER (PARTITION BY who ORDER BY ts) AS previous FROM visits) p) s
 GROUP BY who, session ORDER BY who, first;
DROP TABLE visits;
