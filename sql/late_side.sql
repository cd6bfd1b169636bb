-- Late rows put aside: into a table beside the view, each row once for each window.
\getenv srcdir PG_ABS_SRCDIR
\set model :srcdir '/sql/include/closing.sql'
SET timezone = 'UTC';
\set ECHO none
\pset format unaligned
\i :model
\pset format aligned
\set ECHO all

SELECT model.make_view('tumble_start', 'events_tz', '%s, tumble(ts, ''20 minutes'') w', 'w.window_start; k', 'w.window_end', '10 minutes', 'side');
SELECT model.make_view('tumble_end', 'events_tz', '%s, tumble(ts, ''20 minutes'') w', 'w.window_end', 'w.window_end', '0', 'side');
SELECT model.make_view('hop_panes', 'events_tz', '%s, hop(ts, ''10 minutes'', ''45 minutes'') w', 'w.window_end; k', 'w.window_end', '10 minutes', 'side');
SELECT model.make_view('cumulate_both', 'events_tz', '%s, cumulate(ts, ''15 minutes'', ''2 hours'') w', 'w.window_start; w.window_end; k', 'w.window_end', '1 minute', 'side');
SELECT model.make_view('trunc_day', 'events_tz', '%s', 'date_trunc(''day'', ts, ''Europe/Berlin''); k', '((date_trunc(''day'', ts, ''Europe/Berlin'') AT TIME ZONE ''Europe/Berlin'' + interval ''1 day'') AT TIME ZONE ''Europe/Berlin'')', '0', 'side');
SELECT model.make_view('local_hop_day', 'events_local', '%s, hop(local::date, ''1 day'', ''3 days'') w', 'w.window_start; k', 'w.window_end::timestamp', '6 hours', 'side');
SELECT model.make_view('num_int', 'events_num', '%s, tumble(num::int, 7) w', 'w.window_end', 'w.window_end', '1', 'side');
\d tumble_start_late
SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute
 WHERE attrelid IN ('local_hop_day_late'::regclass, 'num_int_late'::regclass) AND attname IN ('window_start', 'window_end', 'watermark') ORDER BY 1, attnum;

-- what the tables of late rows must hold, as (row, window, watermark)
CREATE FUNCTION model.late_differences() RETURNS TABLE (view text, side text, line text) LANGUAGE plpgsql AS $$
DECLARE
  v model.views;
  have text;
  want text;
BEGIN
  FOR v IN SELECT * FROM model.views LOOP
    have := format('SELECT (late_row).n, (late_row).k, (late_row).ts, window_end::text, watermark::text FROM %I', v.name || '_late');
    want := format('SELECT n, k, ts, (%s)::text, w_::text FROM (%s) p WHERE late_',
      CASE v.name WHEN 'local_hop_day' THEN 'window_end_::date' ELSE 'window_end_' END, model.pairs(v));
    RETURN QUERY EXECUTE format('SELECT %L, ''only in table'', d::text FROM (%s EXCEPT ALL %s) d LIMIT 5', v.name, have, want);
    RETURN QUERY EXECUTE format('SELECT %L, ''only in model'', d::text FROM (%s EXCEPT ALL %s) d LIMIT 5', v.name, want, have);
  END LOOP;
END $$;

SELECT setseed(0.7);
SELECT model.make_events(1, 500);
SELECT model.send(1, 400);
DO $$ BEGIN FOR i IN 401..500 LOOP PERFORM model.send(i, i); COMMIT; END LOOP; END $$;
SELECT * FROM model.differences();
SELECT stream_flush(name::regclass) FROM model.views \g /dev/null
SELECT * FROM model.differences();
SELECT * FROM model.late_differences();
SELECT model.make_events(501, 1200);
SELECT model.send(501, 1200);
SELECT stream_flush(name::regclass) FROM model.views \g /dev/null
SELECT * FROM model.differences();
SELECT * FROM model.late_differences();
SELECT * FROM model.wrong_counts();
SELECT count(*) FROM tumble_start_late WHERE isfinite(window_end) AND (window_end - window_start <> interval '20 minutes' OR window_start > (late_row).ts
  OR window_end <= (late_row).ts OR watermark < window_end + interval '10 minutes' OR commit_lsn IS NULL OR commit_time IS NULL);

-- beside rows that fail
CREATE TABLE divided (n int, k int, ts timestamptz) USING stream;
SELECT stream_set_event_time('divided', 'ts');
CREATE MATERIALIZED VIEW quotients WITH (stream.late = 'side') AS
  SELECT w.window_start, count(*), sum(10 / k) FROM divided, hop(ts, '5 s', '10 s') w GROUP BY 1;
INSERT INTO divided VALUES (1, 1, '2020-01-01 00:00:07+00'), (2, 0, '2020-01-01 00:00:12+00'), (3, 2, '2020-01-01 00:00:08+00'),
  (4, 0, '2020-01-01 00:00:01+00'), (5, 5, '2020-01-01 00:00:01+00'), (6, 5, '2020-01-01 00:00:13+00');
SELECT stream_flush('quotients');
SELECT * FROM quotients ORDER BY 1;
SELECT late_row, window_start, window_end, watermark FROM quotients_late ORDER BY (late_row).n, 2;
SELECT "row" FROM stream_dead_letter WHERE view = 'quotients'::regclass ORDER BY 1;
SELECT rows_in, rows_processed, rows_late, rows_late_side, rows_rejected FROM pg_stat_stream_view WHERE viewname = 'quotients';
DROP TABLE divided CASCADE;

-- columns come and go; rows that are aside stay readable
CREATE TABLE small (ts timestamptz, gone text, n int) USING stream;
SELECT stream_set_event_time('small', 'ts');
CREATE MATERIALIZED VIEW "Small view" WITH (stream.late = 'side') AS SELECT date_trunc('hour', ts) AS hour, count(*) FROM small GROUP BY 1;
INSERT INTO small VALUES ('2020-01-01 12:00', 'a', 1), ('2020-01-01 10:00', 'b', 2);
SELECT stream_flush('"Small view"');
ALTER TABLE small ADD COLUMN more text;
ALTER TABLE small DROP COLUMN gone;
INSERT INTO small VALUES ('2020-01-01 10:01', 3, 'more');
ALTER TABLE small RENAME COLUMN n TO number;
SELECT stream_flush('"Small view"');
SELECT (late_row).*, window_start, window_end, watermark FROM "Small view_late" ORDER BY 1;
-- a default would have to be put into them
ALTER TABLE small ADD COLUMN filled int DEFAULT 5;
ALTER TABLE small ADD COLUMN filled serial;
ALTER TABLE small ALTER COLUMN number TYPE bigint;
ALTER TABLE small ADD COLUMN filled int;
ALTER TABLE small ALTER COLUMN filled SET DEFAULT 5;
-- back again, once the reason is mended
INSERT INTO small (ts, number) SELECT (late_row).ts + interval '1 day', (late_row).number FROM "Small view_late";
SELECT * FROM "Small view" ORDER BY 1;

-- the table follows the view
CREATE SCHEMA elsewhere;
ALTER MATERIALIZED VIEW "Small view" RENAME TO v;
ALTER VIEW v SET SCHEMA elsewhere;
ALTER TABLE elsewhere.v RENAME TO w;
CREATE ROLE regress_late;
GRANT USAGE, CREATE ON SCHEMA elsewhere TO regress_late;
GRANT SELECT ON small TO regress_late;
ALTER MATERIALIZED VIEW elsewhere.w OWNER TO regress_late;
SELECT schemaname, tablename, tableowner FROM pg_tables WHERE tablename ~ '_late$' AND schemaname = 'elsewhere';
-- its owner reads it, empties it, gives it indexes, and that is all
SET ROLE regress_late;
SELECT count(*) FROM elsewhere.w_late;
DELETE FROM elsewhere.w_late WHERE (late_row).number = 2;
CREATE INDEX w_late_idx ON elsewhere.w_late (window_end);
INSERT INTO elsewhere.w_late SELECT * FROM elsewhere.w_late;
UPDATE elsewhere.w_late SET window_start = NULL;
ALTER TABLE elsewhere.w_late ADD COLUMN c int;
ALTER TABLE elsewhere.w_late RENAME TO x_late;
CREATE TRIGGER t BEFORE INSERT ON elsewhere.w_late FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
DROP TABLE elsewhere.w_late;
RESET ROLE;
INSERT INTO small (ts, number) VALUES ('2020-01-01 10:02', 4);
SELECT stream_flush('elsewhere.w');
SET enable_seqscan = off;
SELECT (late_row).number, window_end FROM elsewhere.w_late WHERE window_end > '2020-01-01' ORDER BY 1;
RESET enable_seqscan;
DROP TABLE elsewhere.w_late;
SET ROLE regress_late;
TRUNCATE elsewhere.w_late;
RESET ROLE;

-- its name must be free
CREATE TABLE taken_late ();
CREATE MATERIALIZED VIEW taken WITH (stream.late = 'side') AS SELECT date_trunc('hour', ts) AS hour, count(*) FROM small GROUP BY 1;
CREATE MATERIALIZED VIEW free WITH (stream.late = 'side') AS SELECT date_trunc('hour', ts) AS hour, count(*) FROM small GROUP BY 1;
ALTER MATERIALIZED VIEW free RENAME TO taken;
SELECT to_regclass('free'), to_regclass('free_late'), to_regclass('taken');

-- and goes with the view, in every way
DROP MATERIALIZED VIEW free;
SELECT to_regclass('free_late');
DROP TABLE small;
DROP TABLE small CASCADE;
SELECT to_regclass('elsewhere.w_late');

\set ECHO none
SET client_min_messages = warning;
DROP TABLE events_tz, events_local, events_num CASCADE;
DROP SCHEMA model, elsewhere CASCADE;
DROP TABLE dim, taken_late;
DROP ROLE regress_late;
