-- The model of closing windows: the watermark replayed row by row, in the
-- order in which rows arrived, over a table that holds the same rows.
CREATE SCHEMA model;
CREATE TABLE model.events (n int, k int, ts timestamptz, local timestamp, num bigint);
CREATE TABLE events_tz (LIKE model.events) USING stream;
CREATE TABLE events_local (LIKE model.events) USING stream;
CREATE TABLE events_num (LIKE model.events) USING stream;
CREATE TABLE dim (k int, name text);
INSERT INTO dim SELECT i, 'key ' || i FROM generate_series(0, 4) i;
SELECT stream_set_event_time('events_tz', 'ts', '5 min'),
       stream_set_event_time('events_local', 'local', '5 min'),
       stream_set_event_time('events_num', 'num', 5);

-- every row with the watermark before it
CREATE VIEW model.events_tz AS
  SELECT *, max(ts) FILTER (WHERE isfinite(ts)) OVER before - interval '5 min' AS w
    FROM model.events WINDOW before AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
CREATE VIEW model.events_local AS
  SELECT *, max(local) FILTER (WHERE isfinite(local)) OVER before - interval '5 min' AS w
    FROM model.events WINDOW before AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
CREATE VIEW model.events_num AS
  SELECT *, max(num) OVER before - 5 AS w
    FROM model.events WINDOW before AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

-- source: FROM clause, %s is the stream; cols: what is grouped by; window_end:
-- an expression over the source; lateness as SQL
CREATE TABLE model.views (
  name text, stream text, source text, model_source text, cols text, window_end text,
  lateness text, late text, emit text);

CREATE FUNCTION model.group_by(cols text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(i::text, ', ') FROM generate_series(1, array_length(string_to_array(cols, '; '), 1)) i $$;

CREATE FUNCTION model.make_view(name text, stream text, source text, cols text, window_end text,
    lateness text DEFAULT '0', late text DEFAULT 'drop', emit text DEFAULT 'on update',
    model_source text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO model.views VALUES (name, stream, source, coalesce(model_source, source), cols, window_end,
    CASE WHEN stream = 'events_num' THEN lateness ELSE format('interval %L', lateness) END, late, emit);
  EXECUTE format('CREATE MATERIALIZED VIEW %I WITH (stream.lateness = %L, stream.late = %L, stream.emit = %L) AS '
    'SELECT %s, count(*) AS rows, sum(n) AS n FROM %s WHERE n %% 7 <> 0 GROUP BY %s',
    name, lateness, late, emit, replace(cols, ';', ','), format(source, stream), model.group_by(cols));
END $$;

-- all (row, window) pairs of a view
CREATE FUNCTION model.pairs(v model.views) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT *, %s AS window_end_, coalesce(w_ >= %s + %s, false) AS late_ FROM %s WHERE n %% 7 <> 0',
    v.window_end, v.window_end, v.lateness,
    format(v.model_source, format('(SELECT n, k, ts, local, num, w AS w_ FROM model.%s) %1$s', v.stream))) $$;

-- what the view must show
CREATE FUNCTION model.query(v model.views) RETURNS text LANGUAGE sql AS $$
  SELECT format('SELECT %s, count(*) AS rows, sum(n) AS n FROM %s WHERE n %% 7 <> 0 AND (%L OR NOT coalesce(w_ >= %s + %s, false)) GROUP BY %s %s',
    replace(v.cols, ';', ','),
    format(v.model_source, format('(SELECT n, k, ts, local, num, w AS w_ FROM model.%s) %1$s', v.stream)),
    v.late = 'update', v.window_end, v.lateness, model.group_by(v.cols),
    CASE WHEN v.emit = 'on close' THEN format('HAVING max(%s) <= (%s) - %s', v.window_end,
      CASE v.stream WHEN 'events_tz' THEN 'SELECT max(ts) - interval ''5 min'' FROM model.events WHERE isfinite(ts)'
                    WHEN 'events_local' THEN 'SELECT max(local) - interval ''5 min'' FROM model.events WHERE isfinite(local)'
                    ELSE 'SELECT max(num) - 5 FROM model.events' END, v.lateness) ELSE '' END) $$;

-- what a view has and the model has not, and the other way round
CREATE FUNCTION model.differences() RETURNS TABLE (view text, side text, line text) LANGUAGE plpgsql AS $$
DECLARE
  v model.views;
BEGIN
  FOR v IN SELECT * FROM model.views LOOP
    RETURN QUERY EXECUTE format('SELECT %L, ''only in view'', d::text FROM (TABLE %I EXCEPT ALL %s) d LIMIT 5',
      v.name, v.name, model.query(v));
    RETURN QUERY EXECUTE format('SELECT %L, ''only in model'', d::text FROM (%s EXCEPT ALL TABLE %I) d LIMIT 5',
      v.name, model.query(v), v.name);
  END LOOP;
END $$;

-- views whose counters are not the model's, and views in which nothing was late
CREATE FUNCTION model.wrong_counts() RETURNS TABLE (view text, counted text, expected text) LANGUAGE plpgsql AS $$
DECLARE
  v model.views;
  late bigint;
  total bigint;
BEGIN
  FOR v IN SELECT * FROM model.views LOOP
    EXECUTE format('SELECT count(*) FILTER (WHERE late_), count(*) FROM (%s) p', model.pairs(v)) INTO late, total;
    RETURN QUERY SELECT v.name, format('late %s dropped %s side %s processed %s', s.rows_late, s.rows_late_dropped,
        s.rows_late_side, s.rows_processed),
      format('late %s dropped %s side %s processed %s', late, CASE v.late WHEN 'drop' THEN late ELSE 0 END,
        CASE v.late WHEN 'side' THEN late ELSE 0 END, CASE v.late WHEN 'update' THEN total ELSE total - late END)
      FROM pg_stat_stream_view s WHERE s.viewname = v.name
       AND ((s.rows_late, s.rows_late_dropped, s.rows_late_side, s.rows_processed) IS DISTINCT FROM
            (late, CASE v.late WHEN 'drop' THEN late ELSE 0 END, CASE v.late WHEN 'side' THEN late ELSE 0 END,
             CASE v.late WHEN 'update' THEN total ELSE total - late END)
            OR late = 0 AND v.lateness !~ '1000');
  END LOOP;
END $$;

-- rows as they come: a seventh of them late by up to days, some with no time
-- to speak of, over the days in which European clocks change
CREATE FUNCTION model.make_events(first int, last int) RETURNS void LANGUAGE sql AS $$
  INSERT INTO model.events
    SELECT n, (random() * 4)::int, ts, ts AT TIME ZONE 'UTC',
           CASE WHEN random() < 0.02 THEN NULL ELSE n - CASE WHEN random() < 0.15 THEN (random() * 60)::int ELSE (random() * 4)::int END END
      FROM (SELECT n, CASE WHEN random() < 0.01 THEN NULL WHEN random() < 0.005 THEN timestamptz 'infinity'
                           WHEN random() < 0.005 THEN timestamptz '-infinity'
                           WHEN random() < 0.15 THEN at - random() * interval '2 days'
                           WHEN random() < 0.02 THEN at - random() * interval '40 days'
                           ELSE at + random() * interval '10 min' END AS ts
              FROM (SELECT n, timestamptz '2020-03-26 00:00+00' + n * interval '5 min' AS at
                      FROM generate_series(first, last) n) t OFFSET 0) u $$;
CREATE FUNCTION model.send(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO events_tz SELECT * FROM model.events WHERE n BETWEEN first AND last ORDER BY n;
  INSERT INTO events_local SELECT * FROM model.events WHERE n BETWEEN first AND last ORDER BY n;
  INSERT INTO events_num SELECT * FROM model.events WHERE n BETWEEN first AND last ORDER BY n;
END $$;
