-- Several inputs of a stream: the watermark is the least of theirs, without the idle ones.
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE TABLE readings (n int, ts timestamptz) USING stream;
CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM readings;
SELECT stream_set_event_time('readings', 'ts', '10 s');

-- names
SHOW stream_ext.input;
SET stream_ext.input = '1234567890123456789012345678901234567890123456789012345678901234';
SET stream_ext.input = '123456789012345678901234567890123456789012345678901234567890123';
RESET stream_ext.input;

-- a new input holds the others back
SET stream_ext.input = 'a';
INSERT INTO readings VALUES (1, '2026-01-01 00:10+00');
SELECT stream_closed_until('total');
SET stream_ext.input = 'b';
INSERT INTO readings VALUES (2, '2026-01-01 00:05+00');
SELECT stream_closed_until('total');
INSERT INTO readings VALUES (3, '2026-01-01 00:11+00');
SELECT stream_closed_until('total');
INSERT INTO readings VALUES (4, '2026-01-01 00:20+00');
SELECT stream_closed_until('total');
SET stream_ext.input = 'a';
INSERT INTO readings VALUES (5, '2026-01-01 00:15+00');
SELECT stream_closed_until('total');
-- one transaction, several inputs; no name is an input, too
BEGIN;
INSERT INTO readings VALUES (6, '2026-01-01 00:30+00');
SET LOCAL stream_ext.input = 'b';
INSERT INTO readings VALUES (7, '2026-01-01 00:31+00');
SET LOCAL stream_ext.input = '';
INSERT INTO readings VALUES (8, '2026-01-01 00:25+00');
COMMIT;
SELECT stream_closed_until('total');
-- an input whose rows have no event time holds nobody back
SET stream_ext.input = 'blind';
INSERT INTO readings VALUES (9, NULL);
RESET stream_ext.input;
INSERT INTO readings VALUES (10, '2026-01-01 00:26+00');
SELECT stream_closed_until('total');

-- stored, and the same afterwards
SELECT stream_flush('total');
SELECT inputs, array_length(input_times, 1) AS times, array_length(input_commits, 1) AS commits
  FROM _stream_ext.view_position;

-- what is idle does not count: with this timeout all but the input of the newest commit
SELECT stream_set_event_time('readings', 'ts', '10 s', idle_timeout => '1 us');
SET stream_ext.input = 'a';
INSERT INTO readings VALUES (11, '2026-01-01 01:00+00');
SET stream_ext.input = 'b';
INSERT INTO readings VALUES (12, '2026-01-01 00:40+00');
SET stream_ext.input = 'a';
INSERT INTO readings VALUES (13, '2026-01-01 01:01+00');
SET stream_ext.input = 'b';
INSERT INTO readings VALUES (14, '2026-01-01 01:02+00');
SELECT stream_closed_until('total') > '2026-01-01 01:01:49+00' AS moved;

-- integers have idle inputs, but no clock to follow
CREATE TABLE ticks (n int, t bigint) USING stream;
CREATE MATERIALIZED VIEW per_ten AS SELECT w.window_start, count(*) AS n FROM ticks, tumble(t, 10) w GROUP BY 1;
SELECT stream_set_event_time('ticks', 't', 5, idle_timeout => '1 us');
SET stream_ext.input = 'a';
INSERT INTO ticks VALUES (1, 100);
SET stream_ext.input = 'b';
INSERT INTO ticks VALUES (2, 50);
SELECT stream_closed_until_integer('per_ten');
INSERT INTO ticks VALUES (3, 107);
SELECT stream_closed_until_integer('per_ten');

-- over the limit rows count, but their input does not move or hold the watermark
SELECT stream_set_event_time('ticks', 't');
DO $$ BEGIN
  FOR i IN 1..70 LOOP
    PERFORM set_config('stream_ext.input', 'input ' || i, true);
    INSERT INTO ticks VALUES (100 + i, 1000 - i);
  END LOOP;
END $$;
SELECT stream_closed_until_integer('per_ten');
SELECT rows_untracked FROM pg_stat_stream_view WHERE viewname = 'per_ten';
SELECT sum(n) FROM per_ten;
SELECT stream_flush('per_ten');
SELECT array_length(p.inputs, 1) FROM _stream_ext.view_position p WHERE view = 'per_ten'::regclass;

-- another setting forgets the inputs
SELECT stream_set_event_time('ticks', 't');
SET stream_ext.input = 'c';
INSERT INTO ticks VALUES (4, 2000);
SELECT stream_closed_until_integer('per_ten');

-- after every transaction it is what a query over the rows in their order says
CREATE TABLE archive (n bigint, input text, t bigint);
CREATE TABLE seen (n bigint, watermark bigint);
CREATE TABLE many (n bigint, t bigint) USING stream;
CREATE MATERIALIZED VIEW many_total AS SELECT w.window_start, count(*) FROM many, tumble(t, 10) w WHERE n % 5 = 0 GROUP BY 1;
SELECT stream_set_event_time('many', 't', 3);
DO $$
DECLARE
  i int;
BEGIN
  FOR i IN 1..200 LOOP
    INSERT INTO archive SELECT i, 'input ' || (i * 31 % 4), i - i * 7919 % 40;
    PERFORM set_config('stream_ext.input', (SELECT input FROM archive WHERE archive.n = i), false);
    INSERT INTO many SELECT n, t FROM archive WHERE archive.n = i;
    COMMIT;
    INSERT INTO seen VALUES (i, stream_closed_until_integer('many_total'));
    COMMIT;
  END LOOP;
END $$;
-- of the inputs seen so far the newest event time of each, the least of those; never back
WITH after AS (
  SELECT s.n, min(newest) - 3 AS least
    FROM seen s, LATERAL (SELECT max(a.t) AS newest FROM archive a WHERE a.n <= s.n GROUP BY a.input) i
   GROUP BY s.n)
SELECT count(DISTINCT s.watermark) > 20 AS moved,
       count(*) FILTER (WHERE s.watermark IS DISTINCT FROM m.watermark) AS wrong
  FROM seen s JOIN (SELECT n, max(least) OVER (ORDER BY n) AS watermark FROM after) m USING (n);

RESET stream_ext.input;
DROP TABLE readings, ticks, many CASCADE;
DROP TABLE archive, seen;
