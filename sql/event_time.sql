-- Event time: which column, which delay; the watermark replayed row by row.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE TABLE clicks (n int, ts timestamptz, local timestamp, day date, big bigint, num int, small smallint,
                     url text, part numeric) USING stream;
CREATE MATERIALIZED VIEW per_minute AS
  SELECT w.window_start, count(*) AS n FROM clicks, tumble(ts, '1 minute') w GROUP BY 1;

-- without an event time there is no watermark
INSERT INTO clicks VALUES (0, '2026-01-01 00:00+00');
SELECT stream_closed_until('per_minute');
SELECT watermark, watermark_integer FROM pg_stat_stream_view;
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;

-- the ways to say it
SELECT stream_set_event_time('clicks', 'ts', delay => '5 s', idle_timeout => '1 min');
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;
SELECT stream_set_event_time('clicks', 'ts', '5 s');
SELECT stream_set_event_time('clicks', 'ts', interval '1 day 00:00:01.5', idle_timeout => '36 hours');
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;
SELECT stream_set_event_time(stream => 'clicks', event_column => 'local');
SELECT stream_set_event_time('clicks', 'day', '2 days');
SELECT stream_set_event_time('clicks', 'ts');
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;

-- refusals
SELECT stream_set_event_time('clicks', 'nothing');
SELECT stream_set_event_time('clicks', 'ctid');
SELECT stream_set_event_time('clicks', 'url');
SELECT stream_set_event_time('clicks', 'part');
SELECT stream_set_event_time('clicks', 'ts', 5);
SELECT stream_set_event_time('clicks', 'ts', '-1 s');
SELECT stream_set_event_time('clicks', 'ts', '1 month');
SELECT stream_set_event_time('clicks', 'ts', 'soon');
SELECT stream_set_event_time('clicks', 'ts', idle_timeout => '0');
SELECT stream_set_event_time('clicks', 'ts', idle_timeout => '1 year');
SELECT stream_set_event_time('clicks', 'ts', interval '200000000 days');
SELECT stream_set_event_time('per_minute', 'window_start');
SELECT stream_set_event_time('pg_class', 'relname');
SELECT stream_set_event_time(0, 'ts');
SELECT stream_set_event_time(NULL, 'ts');
-- under a view the axis stays what it is
SELECT stream_set_event_time('clicks', 'num', 5);
SELECT stream_closed_until_integer('per_minute');
SELECT stream_closed_until('clicks');
SELECT stream_closed_until(0);
-- the owner's only
CREATE ROLE regress_event_time;
GRANT SELECT, INSERT ON clicks, per_minute TO regress_event_time;
SET ROLE regress_event_time;
SELECT stream_set_event_time('clicks', 'ts');
SELECT stream_closed_until('per_minute');
RESET ROLE;
REVOKE SELECT ON per_minute FROM regress_event_time;
SET ROLE regress_event_time;
SELECT stream_closed_until('per_minute');
RESET ROLE;
REVOKE ALL ON clicks FROM regress_event_time;
REVOKE ALL ON per_minute FROM regress_event_time;
DROP ROLE regress_event_time;

-- what was committed before does not count; what is NULL, infinite or far ahead does not move it
SELECT stream_set_event_time('clicks', 'ts', '10 s');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (1, '2026-01-01 00:01+00');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (2, NULL), (3, 'infinity'), (4, '-infinity'), (5, '2025-01-01 00:00+00');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (6, now() + interval '25 hours'), (7, '290000-01-01');
SELECT stream_closed_until('per_minute');
SELECT count(*) FROM per_minute;
-- WHERE does not matter: the watermark is the stream's
CREATE MATERIALIZED VIEW nobody AS SELECT count(*) FROM clicks WHERE url = 'nobody';
SELECT stream_closed_until('nobody');
INSERT INTO clicks VALUES (8, '2026-01-01 00:02+00');
SELECT stream_closed_until('nobody'), stream_closed_until('per_minute');
SELECT viewname, watermark FROM pg_stat_stream_view ORDER BY 1;
DROP MATERIALIZED VIEW nobody;

-- it is rolled back with everything else
BEGIN;
INSERT INTO clicks VALUES (9, '2026-02-01 00:00+00');
ROLLBACK;
BEGIN;
SELECT stream_set_event_time('clicks', 'ts', '20 days');
ROLLBACK;
INSERT INTO clicks VALUES (10, '2026-01-01 00:03+00');
SELECT stream_closed_until('per_minute');

-- another delay: never back; less delay holds from the next row on
SELECT stream_set_event_time('clicks', 'ts', '1 hour');
INSERT INTO clicks VALUES (11, '2026-01-01 00:04+00');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (12, '2026-01-01 01:04+00');
SELECT stream_closed_until('per_minute');
SELECT stream_set_event_time('clicks', 'ts');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (13, '2026-01-01 01:00+00');
SELECT stream_closed_until('per_minute');

-- another column: the rows before it have none of it
SELECT stream_set_event_time('clicks', 'day');
INSERT INTO clicks (n, ts, day) VALUES (14, '2026-01-03 00:00+00', '2026-01-02'), (15, NULL, 'infinity'), (16, NULL, '5000000-01-01');
SELECT stream_closed_until('per_minute');
SELECT stream_set_event_time('clicks', 'local');
INSERT INTO clicks (n, ts, local) VALUES (17, '2026-01-03 00:00+00', '2026-01-02 12:00');
SELECT stream_closed_until('per_minute');

-- rows and setting in one transaction
BEGIN;
SELECT stream_set_event_time('clicks', 'ts', '1 s');
INSERT INTO clicks VALUES (18, '2026-01-02 12:00:31+00');
COMMIT;
SELECT stream_closed_until('per_minute');

-- taken back: it stands where it was
SELECT stream_set_event_time('clicks', NULL);
SELECT stream_set_event_time('clicks', NULL);
INSERT INTO clicks VALUES (19, '2026-01-05 00:00+00');
SELECT stream_closed_until('per_minute'), event_time_column FROM pg_stat_stream;
SELECT watermark FROM pg_stat_stream_view;
SELECT stream_set_event_time('clicks', 'ts');
SELECT stream_closed_until('per_minute');
INSERT INTO clicks VALUES (20, '2026-01-02 12:00:32+00');
SELECT stream_closed_until('per_minute');

-- the column: renamed, kept, of this type
ALTER TABLE clicks RENAME COLUMN ts TO happened;
SELECT event_time_column FROM pg_stat_stream;
INSERT INTO clicks VALUES (21, '2026-01-02 12:01:00+00');
SELECT stream_closed_until('per_minute');
ALTER TABLE clicks RENAME COLUMN url TO link;
ALTER TABLE clicks DROP COLUMN happened;
ALTER TABLE clicks DROP COLUMN happened CASCADE;
ALTER TABLE clicks ALTER COLUMN happened TYPE timestamp;
ALTER TABLE clicks DROP COLUMN small;

-- a view that closes windows needs it
CREATE MATERIALIZED VIEW closing WITH (stream.late = 'drop', stream.lateness = '1 min') AS
  SELECT w.window_start, count(*) AS n FROM clicks, tumble(happened, '1 minute') w GROUP BY 1;
SELECT stream_set_event_time('clicks', NULL);
INSERT INTO clicks VALUES (21, '2026-01-02 12:01:00+00');
SELECT stream_closed_until('closing');
DROP MATERIALIZED VIEW closing;

-- in storage, and for views that come later
SELECT stream_flush('per_minute');
SELECT stream_closed_until('per_minute');
SELECT watermark = extract(epoch FROM timestamptz '2026-01-02 12:01:00+00' - '2000-01-01 00:00+00') * 1000000 AS stored,
       inputs, array_length(input_times, 1) AS times FROM _stream_ext.view_position;
CREATE MATERIALIZED VIEW later AS SELECT count(*) FROM clicks;
SELECT stream_closed_until('later');
INSERT INTO clicks VALUES (22, '2026-01-02 12:00:00+00');
SELECT stream_closed_until('later'), stream_closed_until('per_minute');
-- of the cut that the statement reads
SELECT n, stream_closed_until('per_minute') FROM per_minute ORDER BY window_start DESC LIMIT 1;
DROP MATERIALIZED VIEW later;

-- rows that fail move it as well
CREATE MATERIALIZED VIEW fails AS SELECT sum(1 / (n - 25)) FROM clicks;
INSERT INTO clicks VALUES (23, '2026-01-02 12:02:00+00'), (24, '2026-01-02 12:03:00+00'), (25, '2026-01-02 12:04:00+00'),
                          (26, '2026-01-02 12:01:00+00');
SELECT stream_closed_until('fails'), sum FROM fails;
SELECT rows_rejected FROM pg_stat_stream_view WHERE viewname = 'fails';
DROP MATERIALIZED VIEW fails;

-- few settings are kept
SELECT stream_flush('per_minute');
SELECT stream_set_event_time('clicks', 'happened', '1 s');
SELECT count(*) FROM _stream_ext.event_time;
SELECT stream_pause('per_minute');
DO $$ BEGIN
  FOR i IN 1..200 LOOP
    PERFORM stream_set_event_time('clicks', 'happened', make_interval(secs => i));
  END LOOP;
EXCEPTION WHEN program_limit_exceeded THEN RAISE NOTICE '%', sqlerrm;
END $$;
SELECT stream_resume('per_minute');

-- gone with the stream
DROP TABLE clicks CASCADE;
SELECT count(*) FROM _stream_ext.event_time;

-- integers
CREATE TABLE ticks (n int, t bigint, small smallint) USING stream;
SELECT stream_set_event_time('ticks', 't', 5);
SELECT stream_set_event_time('ticks', 't', '-5');
SELECT stream_set_event_time('ticks', 't', '5 s');
SELECT stream_set_event_time('ticks', 't', interval '5 s');
SELECT stream_set_event_time('ticks', 't', '7');
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;
CREATE MATERIALIZED VIEW per_ten AS
  SELECT w.window_start, count(*) AS n FROM ticks, tumble(t, 10) w GROUP BY 1;
SELECT stream_closed_until_integer('per_ten');
SELECT stream_closed_until('per_ten');
INSERT INTO ticks VALUES (1, 100), (2, NULL), (3, 90);
SELECT stream_closed_until_integer('per_ten');
SELECT watermark, watermark_integer FROM pg_stat_stream_view;
SELECT stream_set_event_time('ticks', 'small');
INSERT INTO ticks VALUES (4, 1000, 94), (5, 1000, 93);
SELECT stream_closed_until_integer('per_ten');
-- far ahead means nothing here
INSERT INTO ticks VALUES (6, 0, 32767);
SELECT stream_closed_until_integer('per_ten');
SELECT stream_set_event_time('ticks', 't');
INSERT INTO ticks VALUES (7, 9223372036854775807);
SELECT stream_closed_until_integer('per_ten');
DROP TABLE ticks CASCADE;

-- after every transaction the watermark is what window functions over the rows in their order say
CREATE TABLE events (n bigint, ts timestamptz) USING stream;
CREATE TABLE archive (n bigint, ts timestamptz);
CREATE TABLE seen (n bigint, watermark timestamptz);
CREATE MATERIALIZED VIEW hourly AS
  SELECT w.window_start, count(*) AS n FROM events, tumble(ts, '1 hour') w WHERE n % 3 <> 0 GROUP BY 1;
SELECT stream_set_event_time('events', 'ts', '90 s');
CREATE PROCEDURE replay(rows int) LANGUAGE plpgsql AS $$
DECLARE
  i int := 0;
  size int;
BEGIN
  WHILE i < rows LOOP
    size := 1 + (i * 7) % 5;
    INSERT INTO archive
      SELECT i + g, CASE WHEN (i + g) % 11 = 0 THEN NULL WHEN (i + g) % 37 = 0 THEN 'infinity'
                         WHEN (i + g) % 41 = 0 THEN now() + interval '2 days'
                         ELSE timestamptz '2026-01-01 00:00+00' + (i + g) * interval '1 s' - ((i + g) * 7919 % 300) * interval '1 s' END
        FROM generate_series(1, size) g;
    INSERT INTO events SELECT * FROM archive WHERE archive.n > i ORDER BY archive.n;
    i := i + size;
    COMMIT;
    INSERT INTO seen VALUES (i, stream_closed_until('hourly'));
    IF i % 50 < 3 THEN
      PERFORM stream_flush('hourly');
    END IF;
    COMMIT;
  END LOOP;
END $$;
CALL replay(400);
SELECT count(*) > 100 AS many,
       count(DISTINCT s.watermark) > 20 AS moved,
       count(*) FILTER (WHERE s.watermark IS DISTINCT FROM m.watermark) AS wrong
  FROM seen s
  JOIN (SELECT a.n, max(a.ts) FILTER (WHERE isfinite(a.ts) AND a.ts < '2026-06-01') OVER (ORDER BY a.n) - interval '90 s' AS watermark
          FROM archive a) m USING (n);
DROP TABLE events CASCADE;
DROP TABLE archive, seen;
DROP PROCEDURE replay;
