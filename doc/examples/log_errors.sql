-- Error rates of a log
--
-- Every request is a line of the log. The view has, for each minute and
-- service, how many there were, how many failed, the rate in per cent, and the
-- last message of a failure. A table says which team owns a service; it is read
-- when the line is processed.
CREATE SCHEMA log_errors;
SET search_path = log_errors, public;

CREATE TABLE services (service text PRIMARY KEY, team text);
INSERT INTO services VALUES ('cart', 'shop'), ('search', 'shop'), ('login', 'accounts');

CREATE TABLE log (ts timestamptz NOT NULL, service text, status int, message text) USING stream;

CREATE MATERIALIZED VIEW error_rates AS
  SELECT w.window_start AS minute, s.team, l.service, count(*) AS lines,
         count(*) FILTER (WHERE status >= 500) AS errors,
         round(100.0 * count(*) FILTER (WHERE status >= 500) / count(*), 2) AS per_cent,
         last(message, ts) FILTER (WHERE status >= 500) AS last_error
    FROM log l LEFT JOIN services s ON s.service = l.service, tumble(ts, '1 minute') w
   GROUP BY w.window_start, s.team, l.service;

-- Four services, one of which nobody owns; searches fail more and more often.
CREATE TABLE log_archive (LIKE log);
WITH new AS (INSERT INTO log_archive
             SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '100 ms', service,
                    CASE WHEN failed THEN 503 ELSE 200 END, CASE WHEN failed THEN 'line ' || n END
               FROM generate_series(0, 1799) n,
                    LATERAL (SELECT (ARRAY['cart', 'search', 'login', 'mystery'])[n % 4 + 1] AS service) s,
                    LATERAL (SELECT n % 97 = 0 OR service = 'search' AND n * 13 % 1801 < n / 8 AS failed) f
             RETURNING *)
INSERT INTO log SELECT * FROM new;
SELECT stream_flush('error_rates');

SELECT * FROM error_rates ORDER BY minute, service;

-- Rates of longer stretches come from the counts, not from the rates.
SELECT coalesce(team, 'nobody') AS team, sum(lines) AS lines, sum(errors) AS errors,
       round(100.0 * sum(errors) / sum(lines), 2) AS per_cent
  FROM error_rates GROUP BY team ORDER BY team NULLS LAST;

-- A service recovers; what comes late counts in its minute.
WITH new AS (INSERT INTO log_archive
             SELECT '2026-03-01 12:02:30+00'::timestamptz + n * interval '1 ms', 'search', 200
               FROM generate_series(1, 400) n
             RETURNING *)
INSERT INTO log SELECT * FROM new;
SELECT minute, lines, errors, per_cent, last_error FROM error_rates WHERE service = 'search' ORDER BY minute;

-- The view says what its query says of a table with the same rows.
CREATE VIEW expected AS
  SELECT w.window_start AS minute, s.team, l.service, count(*) AS lines,
         count(*) FILTER (WHERE status >= 500) AS errors,
         round(100.0 * count(*) FILTER (WHERE status >= 500) / count(*), 2) AS per_cent,
         last(message, ts) FILTER (WHERE status >= 500) AS last_error
    FROM log_archive l LEFT JOIN services s ON s.service = l.service, tumble(ts, '1 minute') w
   GROUP BY w.window_start, s.team, l.service;
SELECT (SELECT count(*) FROM error_rates) AS groups,
       (SELECT count(*) FROM (TABLE error_rates EXCEPT ALL TABLE expected) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE error_rates) d) AS only_in_query;
