-- Views that show closed windows only, each once and final.
\getenv srcdir PG_ABS_SRCDIR
\set model :srcdir '/sql/include/closing.sql'
SET timezone = 'America/New_York';
\set ECHO none
\pset format unaligned
\i :model
\pset format aligned
\set ECHO all

SELECT model.make_view('tumble_start', 'events_tz', '%s, tumble(ts, ''20 minutes'') w', 'w.window_start; k', 'w.window_end', '10 minutes', 'drop', 'on close');
SELECT model.make_view('tumble_end', 'events_tz', '%s, tumble(ts, origin => ''2020-01-01 00:07+00'', size => ''20 minutes'') w', 'k; w.window_end', 'w.window_end', '0', 'side', 'on close');
SELECT model.make_view('tumble_month', 'events_tz', '%s, tumble(ts, ''1 month'', time_zone => ''Europe/Berlin'') w', 'w.window_start', 'w.window_end', '0', 'drop', 'on close');
SELECT model.make_view('tumble_day', 'events_tz', '%s, tumble(ts, ''1 day'', NULL, ''Europe/Berlin'') w', 'k; w.window_start', 'w.window_end', '30 minutes', 'drop', 'on close');
SELECT model.make_view('hop_start', 'events_tz', '%s, hop(ts, ''10 minutes'', ''45 minutes'') w', 'w.window_start; k', 'w.window_end', '10 minutes', 'drop', 'on close');
SELECT model.make_view('hop_end', 'events_tz', '%s, hop(ts, ''1 hour'', ''1 day'') w', 'w.window_end', 'w.window_end', '0', 'drop', 'on close');
SELECT model.make_view('hop_twice', 'events_tz', '%s, hop(ts, ''10 minutes'', ''45 minutes'') w', 'w.window_end; k; w.window_start; w.window_end AS again; w.window_start AS started', 'w.window_end', '10 minutes', 'side', 'on close');
SELECT model.make_view('tumble_twice', 'events_tz', '%s, tumble(ts, ''20 minutes'') w', 'w.window_start; w.window_start AS again; k', 'w.window_end', '0', 'drop', 'on close');
SELECT model.make_view('cumulate_both', 'events_tz', '%s, cumulate(ts, ''15 minutes'', ''2 hours'') w', 'w.window_start; w.window_end; k', 'w.window_end', '1 minute', 'side', 'on close');
SELECT model.make_view('bin', 'events_tz', '%s', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00''); k', 'date_bin(''90 minutes'', ts, ''2020-01-01 00:00+00'') + interval ''90 minutes''', '0', 'drop', 'on close');
SELECT model.make_view('trunc_hour', 'events_tz', '%s', 'k; date_trunc(''hour'', ts)', 'date_trunc(''hour'', ts) + interval ''1 hour''', '2 hours', 'drop', 'on close');
SELECT model.make_view('trunc_day', 'events_tz', '%s', 'date_trunc(''day'', ts); k', '(date_trunc(''day'', ts) + interval ''1 day'')', '0', 'drop', 'on close');
SELECT model.make_view('trunc_week', 'events_tz', '%s', 'date_trunc(''week'', ts, ''Europe/Berlin'')', '((date_trunc(''week'', ts, ''Europe/Berlin'') AT TIME ZONE ''Europe/Berlin'' + interval ''1 week'') AT TIME ZONE ''Europe/Berlin'')', '0', 'drop', 'on close');
SELECT model.make_view('local_hop', 'events_local', '%s, hop(local, ''10 minutes'', ''45 minutes'') w', 'w.window_start', 'w.window_end', '10 minutes', 'drop', 'on close');
SELECT model.make_view('local_month', 'events_local', '%s', 'date_trunc(''month'', local)', 'date_trunc(''month'', local) + interval ''1 month''', '0', 'drop', 'on close');
SELECT model.make_view('local_day', 'events_local', '%s, tumble(local::date, ''2 days'') w', 'w.window_start', 'w.window_end::timestamp', '0', 'drop', 'on close');
SELECT model.make_view('local_hop_day', 'events_local', '%s, hop(local::date, ''1 day'', ''3 days'') w', 'w.window_end; k', 'w.window_end::timestamp', '6 hours', 'drop', 'on close');
SELECT model.make_view('num_tumble', 'events_num', '%s, tumble(num, 10) w', 'w.window_start; k', 'w.window_end', '3', 'drop', 'on close');
SELECT model.make_view('num_hop', 'events_num', '%s, hop(num, 5, 12) w', 'w.window_start', 'w.window_end', '0', 'drop', 'on close');
SELECT model.make_view('num_int', 'events_num', '%s, tumble(num::int, 7) w', 'w.window_start', 'w.window_end', '0', 'drop', 'on close');

-- nothing came: nothing is closed
SELECT * FROM model.differences();
SELECT setseed(0.3);
SELECT model.make_events(1, 300);
SELECT model.send(1, 300);
SELECT * FROM model.differences();

-- a reader notes whatever it sees for the first time: nothing may change or go
CREATE TABLE seen (view text, line text, PRIMARY KEY (view, line));
CREATE FUNCTION look() RETURNS TABLE (view text, gone bigint, fresh boolean) LANGUAGE plpgsql AS $$
DECLARE
  v model.views;
  lost bigint;
  added bigint;
BEGIN
  FOR v IN SELECT * FROM model.views LOOP
    EXECUTE format('SELECT count(*) FROM (SELECT line FROM seen WHERE view = %L EXCEPT SELECT t::text FROM %I t) d', v.name, v.name) INTO lost;
    EXECUTE format('INSERT INTO seen SELECT %L, t::text FROM %I t ON CONFLICT DO NOTHING', v.name, v.name);
    GET DIAGNOSTICS added = ROW_COUNT;
    IF lost > 0 THEN RETURN QUERY SELECT v.name, lost, added > 0; END IF;
  END LOOP;
END $$;
CREATE PROCEDURE watch(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
  lost text;
BEGIN
  FOR i IN first..last LOOP
    PERFORM model.send(i, i);
    COMMIT;
    IF i % 25 = 0 THEN
      SELECT string_agg(l::text, ' ') INTO lost FROM look() l;
      IF lost IS NOT NULL THEN RAISE NOTICE 'changed or gone: %', lost; END IF;
      COMMIT;
    END IF;
    IF i % 100 = 0 THEN PERFORM stream_flush(name::regclass) FROM model.views; COMMIT; END IF;
  END LOOP;
END $$;
SELECT model.make_events(301, 600);
CALL watch(301, 600);
SELECT view, count(*) > 0 AS seen FROM seen GROUP BY 1 ORDER BY 1;
SELECT * FROM model.differences();
SELECT stream_flush(name::regclass) FROM model.views \g /dev/null
SELECT * FROM model.differences();
-- what a reader's session says of zones changes nothing; joins and parallel plans neither
SELECT count(*) AS days FROM trunc_day \gset
SET timezone = 'Asia/Tokyo';
SELECT count(*) = :days AS same FROM trunc_day;
ALTER MATERIALIZED VIEW trunc_day SET (stream.emit = 'on update');
ALTER MATERIALIZED VIEW trunc_day SET (stream.emit = 'on close');
SELECT count(*) = :days AS same FROM trunc_day;
SELECT substring(pg_get_viewdef('trunc_day') FROM 'trunc_end[^)]*') AS zone;
SET timezone = 'America/New_York';
SET force_parallel_mode = on;
SELECT * FROM model.differences();
RESET force_parallel_mode;
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE a.rows <> b.rows) AS differ FROM hop_end a JOIN hop_end b USING (window_end);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS before FROM num_tumble \gset
INSERT INTO events_num SELECT n, k, ts, local, num + 1000 FROM model.events WHERE n = 600;
SELECT count(*) = :before AS same FROM num_tumble;
ROLLBACK;

-- a window appears without another row of its key, when any row has moved the watermark
CREATE TABLE clicks (ts timestamptz, url text) USING stream;
SELECT stream_set_event_time('clicks', 'ts', '5 s');
CREATE MATERIALIZED VIEW per_minute WITH (stream.late = 'drop', stream.emit = 'on close', stream.lateness = '10 s', stream.partition_width = '1 hour') AS
  SELECT w.window_start, url, count(*) FROM clicks, tumble(ts, '1 minute') w WHERE url <> 'ping' GROUP BY 1, 2 HAVING count(*) > 1;
INSERT INTO clicks VALUES ('2020-01-01 00:00:10+00', '/a'), ('2020-01-01 00:00:20+00', '/a'), ('2020-01-01 00:00:20+00', '/b');
SELECT * FROM per_minute;
INSERT INTO clicks VALUES ('2020-01-01 00:01:14.999999+00', 'ping');
SELECT * FROM per_minute;
-- still in time
INSERT INTO clicks VALUES ('2020-01-01 00:00:30+00', '/a');
INSERT INTO clicks VALUES ('2020-01-01 00:01:15+00', 'ping');
SELECT * FROM per_minute;
-- too late
INSERT INTO clicks VALUES ('2020-01-01 00:00:40+00', '/a'), ('2020-01-01 00:00:40+00', '/b');
SELECT * FROM per_minute;
-- both ways and back: it is only what is shown
ALTER MATERIALIZED VIEW per_minute SET (stream.emit = 'on update');
INSERT INTO clicks VALUES ('2020-01-01 00:01:20+00', '/c'), ('2020-01-01 00:01:21+00', '/c');
SELECT * FROM per_minute ORDER BY 1;
ALTER MATERIALIZED VIEW per_minute SET (stream.emit = 'on close');
SELECT * FROM per_minute ORDER BY 1;
-- partitions with no closed window are not read
CREATE FUNCTION scanned(query text) RETURNS TABLE (node text) LANGUAGE plpgsql AS $$
BEGIN
  FOR node IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
    IF node ~ 'Subplans Removed|never executed' THEN RETURN NEXT; END IF;
  END LOOP;
END $$;
INSERT INTO clicks SELECT date_trunc('hour', now()) - h * interval '1 hour', '/far' FROM unnest(ARRAY[3, 3, 0, 0]) h;
SELECT count(*) FROM per_minute WHERE url = '/far';
SELECT stream_flush('per_minute');
SELECT count(*) > 0 AS pruned FROM scanned('SELECT * FROM per_minute');

\set ECHO none
SET client_min_messages = warning;
DROP TABLE events_tz, events_local, events_num, clicks CASCADE;
DROP SCHEMA model CASCADE;
DROP TABLE dim, seen;
DROP FUNCTION look, scanned;
DROP PROCEDURE watch;
