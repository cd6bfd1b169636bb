-- Rows that come too late for their windows: counted, or dropped, window by window.
\getenv srcdir PG_ABS_SRCDIR
\set model :srcdir '/sql/include/closing.sql'
SET timezone = 'America/New_York';
\set ECHO none
\pset format unaligned
\i :model
\pset format aligned
\set ECHO all

-- what lateness, late and emit need
CREATE TABLE plain (n int, ts timestamptz) USING stream;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT date_trunc('hour', ts), count(*) FROM plain GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'side') AS SELECT date_trunc('hour', ts), count(*) FROM plain GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '1 s') AS SELECT date_trunc('hour', ts), count(*) FROM plain GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop', stream.emit = 'on close') AS SELECT date_trunc('hour', ts), count(*) FROM plain GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.emit = 'on close') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'update', stream.emit = 'on close') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT k, count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT count(*) FROM events_tz;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT n, k FROM events_tz;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT w.window_start + '1 s', count(*) FROM events_tz, tumble(ts, '1 s') w GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT date_trunc('hour', ts), date_trunc('day', ts), count(*) FROM events_tz GROUP BY 1, 2;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT date_trunc('hour', local), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT w.window_end, count(*) FROM events_num, tumble(ts, '1 s') w GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop') AS SELECT date_trunc(CASE k WHEN 1 THEN 'day' ELSE 'hour' END, ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop', stream.emit = 'on close') AS SELECT w.window_start, count(*) FROM events_tz, cumulate(ts, '1 s', '5 s') w GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'drop', stream.emit = 'on close') AS SELECT w.window_start, count(*) FROM events_tz, tumble(ts, k * interval '1 s') w GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'forget') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.emit = 'never') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '-1 s') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '1 month') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = 'soon') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '200000000 days') AS SELECT date_trunc('hour', ts), count(*) FROM events_tz GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '1 s') AS SELECT w.window_end, count(*) FROM events_num, tumble(num, 5) w GROUP BY 1;
CREATE MATERIALIZED VIEW v WITH (stream.lateness = '-1') AS SELECT w.window_end, count(*) FROM events_num, tumble(num, 5) w GROUP BY 1;
DROP TABLE plain;

-- every kind of window, for every kind of event time
SELECT model.make_view('tumble_start', 'events_tz', '%s, tumble(ts, ''20 minutes'') w', 'w.window_start; k', 'w.window_end', '10 minutes');
SELECT model.make_view('tumble_end', 'events_tz', '%s, tumble(ts, ''20 minutes'', ''2020-01-01 00:07+00'') w', 'k; w.window_end', 'w.window_end');
SELECT model.make_view('tumble_month', 'events_tz', '%s, tumble(ts, ''1 month'', time_zone => ''Europe/Berlin'') w', 'w.window_start', 'w.window_end');
SELECT model.make_view('tumble_day', 'events_tz', '%s, tumble(ts, ''1 day'', time_zone => ''Europe/Berlin'') w', 'k; w.window_start', 'w.window_end', '30 minutes');
-- panes, and corrections where only some windows are closed
SELECT model.make_view('hop_start', 'events_tz', '%s, hop(ts, ''10 minutes'', ''45 minutes'') w', 'w.window_start; k', 'w.window_end', '10 minutes');
SELECT model.make_view('hop_end', 'events_tz', '%s, hop(ts, ''1 hour'', ''1 day'') w', 'w.window_end', 'w.window_end');
SELECT model.make_view('hop_gaps', 'events_tz', '%s, hop(ts, ''1 hour'', ''10 minutes'') w', 'w.window_start', 'w.window_end');
SELECT model.make_view('hop_no_panes', 'events_tz', '%s, hop(ts, ''10 minutes'', ''45 minutes'') w', 'w.window_start; w.window_end > ts + interval ''20 minutes''', 'w.window_end', '10 minutes');
SELECT model.make_view('cumulate_both', 'events_tz', '%s, cumulate(ts, ''15 minutes'', ''2 hours'') w', 'w.window_start; w.window_end; k', 'w.window_end', '1 minute');
SELECT model.make_view('cumulate_start', 'events_tz', '%s, cumulate(ts, ''15 minutes'', ''2 hours'') w', 'w.window_start', 'w.window_end');
SELECT model.make_view('bin', 'events_tz', '%s', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00''); k', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00'') + interval ''90 minutes''');
SELECT model.make_view('trunc_hour', 'events_tz', '%s', 'k; date_trunc(''hour'', ts)', 'date_trunc(''hour'', ts) + interval ''1 hour''', '2 hours');
-- the view's time zone is that of its creation
SELECT model.make_view('trunc_day', 'events_tz', '%s', 'date_trunc(''day'', ts); k', '(date_trunc(''day'', ts) + interval ''1 day'')');
SELECT model.make_view('trunc_week', 'events_tz', '%s', 'date_trunc(''week'', ts, ''Europe/Berlin'')', '((date_trunc(''week'', ts, ''Europe/Berlin'') AT TIME ZONE ''Europe/Berlin'' + interval ''1 week'') AT TIME ZONE ''Europe/Berlin'')');
SELECT model.make_view('trunc_month', 'events_tz', '%s', 'date_trunc(''month'', ts)', 'date_trunc(''month'', ts) + interval ''1 month''', '12 hours');
-- the row's number and the window's end come through views, subqueries and joins
CREATE VIEW windowed AS SELECT n, k, window_start AS ws, window_end AS we FROM events_tz JOIN dim USING (k), tumble(ts, '10 minutes');
SELECT model.make_view('through_view', 'events_tz', '(SELECT n, k, ws, name FROM windowed JOIN dim USING (k)) x', 'ws; name', 'we', '15 minutes',
  model_source => '(SELECT e.*, w.window_start AS ws, w.window_end AS we, name FROM %s JOIN dim USING (k), LATERAL tumble(ts, ''10 minutes'') w, LATERAL (SELECT events_tz.*) e) x');
SELECT model.make_view('size_of_row', 'events_tz', '%s JOIN dim d USING (k), tumble(ts, (k + 1) * interval ''10 minutes'') w', 'w.window_start; d.name', 'w.window_end');
SELECT model.make_view('local_hop', 'events_local', '%s, hop(local, ''10 minutes'', ''45 minutes'') w', 'w.window_start; w.window_end', 'w.window_end', '10 minutes');
SELECT model.make_view('local_quarter', 'events_local', '%s', 'date_trunc(''quarter'', local)', 'date_trunc(''quarter'', local) + interval ''3 months''');
SELECT model.make_view('local_day', 'events_local', '%s, tumble(local::date, ''2 days'') w', 'w.window_start', 'w.window_end::timestamp');
SELECT model.make_view('local_hop_day', 'events_local', '%s, hop(local::date, ''1 day'', ''3 days'') w', 'w.window_end; k', 'w.window_end::timestamp', '6 hours');
SELECT model.make_view('num_tumble', 'events_num', '%s, tumble(num, 10) w', 'w.window_start; k', 'w.window_end', '3');
SELECT model.make_view('num_hop', 'events_num', '%s, hop(num, 5, 12) w', 'w.window_start', 'w.window_end');
SELECT model.make_view('num_int', 'events_num', '%s, tumble(num::int, 7) w', 'w.window_end; w.window_start', 'w.window_end');
SELECT model.make_view('num_cumulate', 'events_num', '%s, cumulate(num, 5, 20) w', 'w.window_end; w.window_start', 'w.window_end', '2');
-- nothing is dropped, but it is counted
SELECT model.make_view('update_' || stream, stream, format('%%s, hop(%s) w', args), 'w.window_start; k', 'w.window_end', lateness, 'update')
  FROM (VALUES ('events_tz', 'ts, ''10 minutes'', ''45 minutes''', '20 minutes'), ('events_num', 'num, 5, 12', '1')) v(stream, args, lateness);
SELECT model.make_view('update_bin', 'events_tz', '%s', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00'')', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00'') + interval ''90 minutes''', '1 day', 'update');
-- one lateness beside the other
SELECT model.make_view('lateness_' || i, 'events_tz', '%s, tumble(ts, ''1 hour'') w', 'w.window_start; k', 'w.window_end', lateness)
  FROM (VALUES (1, '1 day'), (2, '30 days'), (3, '1000 days')) v(i, lateness);

SELECT setseed(0.42);
SELECT model.make_events(1, 500);
SELECT model.send(1, 1), model.send(2, 2), model.send(3, 400);
-- many transactions
DO $$ BEGIN FOR i IN 401..500 LOOP PERFORM model.send(i, i); COMMIT; END LOOP; END $$;
SELECT * FROM model.differences();
SELECT stream_flush(name::regclass) FROM model.views \g /dev/null
SELECT * FROM model.differences();
SELECT model.make_events(501, 1500);
SELECT model.send(501, 1500);
SELECT * FROM model.differences();
SELECT * FROM model.wrong_counts();
-- what is closed, with the lateness
SELECT stream_closed_until('tumble_end') = w AS no_lateness, stream_closed_until('tumble_start') = w - interval '10 min' AS ten_minutes,
       stream_closed_until('lateness_3') = w - interval '1000 days' AS thousand_days
  FROM (SELECT max(ts) - interval '5 min' AS w FROM model.events WHERE isfinite(ts)) w;
SELECT stream_closed_until_integer('num_hop') = w AS no_lateness, stream_closed_until_integer('num_tumble') = w - 3 AS three
  FROM (SELECT max(num) - 5 AS w FROM model.events) w;

-- rows that fail are dead letters, not late; a row beside them is judged as ever
CREATE TABLE divided (n int, k int, ts timestamptz, local timestamp) USING stream;
SELECT stream_set_event_time('divided', 'ts');
CREATE MATERIALIZED VIEW quotients WITH (stream.late = 'drop') AS
  SELECT w.window_start, w.window_end, count(*), sum(10 / k) FROM divided, hop(ts, '5 s', '10 s') w GROUP BY 1, 2;
INSERT INTO divided VALUES (1, 1, '2020-01-01 00:00:07+00'), (2, 0, '2020-01-01 00:00:09+00'),
  -- too late for [0, 10), in time for [5, 15); and for both
  (3, 1, '2020-01-01 00:00:12+00'), (4, 2, '2020-01-01 00:00:08+00'), (5, 0, '2020-01-01 00:00:01+00'), (6, 5, '2020-01-01 00:00:01+00');
SELECT * FROM quotients ORDER BY 1;
SELECT rows_in, rows_processed, rows_late, rows_late_dropped, rows_rejected FROM pg_stat_stream_view WHERE viewname = 'quotients';

-- what may change, and what not
ALTER MATERIALIZED VIEW tumble_start SET (stream.late = 'update');
ALTER MATERIALIZED VIEW tumble_start RESET (stream.late);
ALTER MATERIALIZED VIEW tumble_start SET (stream.lateness = '1 hour');
ALTER MATERIALIZED VIEW tumble_start RESET (stream.lateness);
ALTER MATERIALIZED VIEW tumble_start SET (stream.lateness = '600 s', stream.late = 'DROP');
ALTER MATERIALIZED VIEW update_bin SET (stream.lateness = '2 days');
ALTER MATERIALIZED VIEW update_bin SET (stream.late = 'side');
ALTER MATERIALIZED VIEW update_bin SET (stream.emit = 'on close');
-- the event time is needed
SELECT stream_set_event_time('divided', NULL);
SELECT stream_set_event_time('divided', 'local');
SELECT stream_set_event_time('divided', 'ts', '1 hour');

\set ECHO none
SET client_min_messages = warning;
DROP TABLE events_tz, events_local, events_num, divided CASCADE;
DROP SCHEMA model CASCADE;
DROP TABLE dim;
