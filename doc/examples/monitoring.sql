-- Monitoring with thresholds
--
-- A continuous view has the figures of every host and minute; an ordinary view
-- over it lists what is over its limit. Limits are an ordinary table: a change
-- holds at once, also for minutes that have been counted.
CREATE SCHEMA monitoring;
SET search_path = monitoring, public;

CREATE TABLE requests (ts timestamptz NOT NULL, host text NOT NULL, ms float8, failed bool) USING stream;

CREATE MATERIALIZED VIEW host_minutes AS
  SELECT w.window_start AS minute, host, count(*) AS requests, avg(ms) AS avg_ms, max(ms) AS max_ms,
         100.0 * count(*) FILTER (WHERE failed) / count(*) AS failed_per_cent
    FROM requests, tumble(ts, '1 minute') w
   GROUP BY w.window_start, host;

-- The limit of host '*' is that of all hosts that have none of their own.
CREATE TABLE limits (host text, figure text, upper_limit float8 NOT NULL, PRIMARY KEY (host, figure));
INSERT INTO limits VALUES ('*', 'average ms', 20), ('*', 'failed %', 5), ('batch', 'average ms', 200);

CREATE VIEW alerts AS
  SELECT m.minute, m.host, f.figure, f.value, l.upper_limit
    FROM host_minutes m,
         LATERAL (VALUES ('average ms', m.avg_ms), ('failed %', m.failed_per_cent::float8),
                         ('requests', m.requests::float8)) f(figure, value),
         LATERAL (SELECT upper_limit FROM limits
                   WHERE limits.figure = f.figure AND limits.host IN (m.host, '*')
                   ORDER BY limits.host = '*' LIMIT 1) l
   WHERE f.value > l.upper_limit;

-- Three hosts, one request a second each: batch is slow and may be, web2 becomes
-- slow in the third minute and fails in the fourth.
CREATE TABLE requests_archive (LIKE requests);
WITH new AS (INSERT INTO requests_archive
             SELECT '2026-03-01 12:00+00'::timestamptz + n * interval '1 second', host,
                    CASE WHEN host = 'batch' THEN 100 WHEN host = 'web2' AND n / 60 = 2 THEN 40 ELSE 10 END
                    + (n * 7 % 16) / 4.0,
                    host = 'web2' AND n / 60 = 3 AND n % 4 = 0
               FROM generate_series(0, 239) n, unnest(ARRAY['web1', 'web2', 'batch']) host
             RETURNING *)
INSERT INTO requests SELECT * FROM new;

SELECT * FROM alerts ORDER BY minute, host, figure;

-- Whoever asks every minute asks for the last minutes only: the condition goes
-- down to the storage of the continuous view, which is partitioned by time.
SELECT host, figure, value FROM alerts WHERE minute >= '2026-03-01 12:03+00' ORDER BY host, figure;

-- Another limit, another answer.
SELECT stream_flush('host_minutes');
INSERT INTO limits VALUES ('web2', 'average ms', 50), ('batch', 'requests', 50);
SELECT * FROM alerts ORDER BY minute, host, figure;

-- A burst, on top of what is in storage.
WITH new AS (INSERT INTO requests_archive
             SELECT '2026-03-01 12:03:30+00', 'web1', 64, false FROM generate_series(1, 60) RETURNING *)
INSERT INTO requests SELECT * FROM new;
SELECT * FROM alerts WHERE host = 'web1';

-- The view says what its query says of a table with the same rows.
CREATE VIEW expected AS
  SELECT w.window_start AS minute, host, count(*) AS requests, avg(ms) AS avg_ms, max(ms) AS max_ms,
         100.0 * count(*) FILTER (WHERE failed) / count(*) AS failed_per_cent
    FROM requests_archive, tumble(ts, '1 minute') w
   GROUP BY w.window_start, host;
SELECT (SELECT count(*) FROM host_minutes) AS groups,
       (SELECT count(*) FROM (TABLE host_minutes EXCEPT ALL TABLE expected) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE host_minutes) d) AS only_in_query;
