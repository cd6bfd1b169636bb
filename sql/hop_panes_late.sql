-- Late rows of hopping windows: a row that is late for some windows of its pane
-- goes to the others.  Each view by panes is compared with the same view by
-- windows, and both with a model that replays the watermark row by row.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;

CREATE TABLE clicks (n int, ts timestamptz, url text) USING stream;
CREATE TABLE numbers (n int, t int, url text) USING stream;
CREATE TABLE archive (n int, ts timestamptz, url text, t int);
SELECT stream_set_event_time('clicks', 'ts', delay => '20 s');
SELECT stream_set_event_time('numbers', 't', delay => 20);

-- Makes a view by panes and the same by windows, whose condition is always true.
CREATE FUNCTION make_pair(name text, columns text, source text, hop text, options text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE MATERIALIZED VIEW %I WITH (%s) AS SELECT %s, url, count(*) AS rows, sum(n) AS sum FROM %s, %s w GROUP BY %3$s, url',
                   name || '_panes', options, columns, source, hop);
    EXECUTE format('CREATE MATERIALIZED VIEW %I WITH (%s) AS SELECT %s, url, count(*) AS rows, sum(n) AS sum FROM %s, %s w
                     WHERE w.window_start IS NULL OR w.window_end IS NOT NULL GROUP BY %3$s, url',
                   name || '_windows', options, columns, source, hop);
END $$;
SELECT make_pair('updated', 'w.window_start', 'clicks', $$hop(ts, '1 minute', '7 minutes')$$, $$stream.lateness = '30 s'$$);
SELECT make_pair('dropped', 'w.window_start', 'clicks', $$hop(ts, '1 minute', '7 minutes 20 seconds')$$, $$stream.late = 'drop', stream.lateness = '30 s'$$);
SELECT make_pair('aside', 'w.window_start, w.window_end', 'clicks', $$hop(ts, '10 seconds', '2 minutes')$$, $$stream.late = 'side'$$);
SELECT make_pair('ends_aside', 'w.window_end', 'clicks', $$hop(ts, '30 seconds', '100 seconds', '2026-01-01 00:00:07+00')$$, $$stream.late = 'side', stream.lateness = '1 minute'$$);
SELECT make_pair('closing', 'w.window_start', 'clicks', $$hop(ts, '1 minute', '5 minutes')$$, $$stream.late = 'drop', stream.emit = 'on close'$$);
SELECT make_pair('numbered', 'w.window_start', 'numbers', $$hop(t, 7, 100)$$, $$stream.late = 'side', stream.lateness = '15'$$);

-- Says where a pair differs: in its rows, its late rows, its counters.
CREATE FUNCTION check_pairs() RETURNS TABLE (pair text, rows bigint, late bigint, same boolean, same_late boolean, same_counters boolean)
LANGUAGE plpgsql AS $$
BEGIN
    FOREACH pair IN ARRAY '{aside,closing,dropped,ends_aside,numbered,updated}'::text[] LOOP
        EXECUTE format('SELECT count(*) FROM %I', pair || '_windows') INTO rows;
        EXECUTE format('SELECT NOT EXISTS (TABLE %1$I EXCEPT ALL TABLE %2$I) AND NOT EXISTS (TABLE %2$I EXCEPT ALL TABLE %1$I)',
                       pair || '_panes', pair || '_windows') INTO same;
        same_late := NULL;
        -- that was from memory; a flush comes after what it flushes was counted
        PERFORM stream_flush((pair || '_panes')::regclass), stream_flush((pair || '_windows')::regclass);
        IF to_regclass(pair || '_panes_late') IS NOT NULL THEN
            EXECUTE format('SELECT NOT EXISTS (SELECT late_row::text, window_start, window_end, watermark, commit_lsn, commit_time FROM %1$I
                                               EXCEPT ALL SELECT late_row::text, window_start, window_end, watermark, commit_lsn, commit_time FROM %2$I)
                               AND (SELECT count(*) FROM %1$I) = (SELECT count(*) FROM %2$I)',
                           pair || '_panes_late', pair || '_windows_late') INTO same_late;
        END IF;
        SELECT max(s.rows_late), count(DISTINCT (s.rows_in, s.rows_processed, s.rows_late, s.rows_late_dropped, s.rows_late_side)) = 1
          INTO late, same_counters
          FROM pg_stat_stream_view s WHERE s.viewname IN (pair || '_panes', pair || '_windows');
        RETURN NEXT;
    END LOOP;
END $$;

-- What each policy must give, from the rows in their order: W is that before the row.
CREATE VIEW replayed AS
  SELECT *, max(ts) OVER before - interval '20 s' AS w, max(t) OVER before - 20 AS wt
    FROM archive WINDOW before AS (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
CREATE FUNCTION check_model() RETURNS TABLE (view text, rows bigint, same boolean, late bigint, counted bigint) LANGUAGE plpgsql AS $$
DECLARE
    hop text;
    columns text;
    is_late text;
    keep text;
BEGIN
    FOR view, columns, hop, is_late, keep IN VALUES
      ('updated', 'window_start', $q$hop(ts, '1 minute', '7 minutes')$q$, $q$w >= window_end + interval '30 s'$q$, 'true'),
      ('dropped', 'window_start', $q$hop(ts, '1 minute', '7 minutes 20 seconds')$q$, $q$w >= window_end + interval '30 s'$q$, 'NOT late'),
      ('aside', 'window_start, window_end', $q$hop(ts, '10 seconds', '2 minutes')$q$, $q$w >= window_end$q$, 'NOT late'),
      ('ends_aside', 'window_end', $q$hop(ts, '30 seconds', '100 seconds', '2026-01-01 00:00:07+00')$q$, $q$w >= window_end + interval '1 minute'$q$, 'NOT late'),
      ('closing', 'window_start', $q$hop(ts, '1 minute', '5 minutes')$q$, $q$w >= window_end$q$, 'NOT late AND window_end <= (SELECT max(ts) - interval ''20 s'' FROM archive)'),
      ('numbered', 'window_start', $q$hop(t, 7, 100)$q$, $q$wt >= window_end + 15$q$, 'NOT late')
    LOOP
        EXECUTE format('CREATE TEMP VIEW pairs AS SELECT p.*, coalesce(%s, false) AS late FROM (SELECT * FROM replayed r, %s x) p', is_late, hop);
        EXECUTE format('CREATE TEMP VIEW expected AS SELECT %s, url, count(*), sum(n) FROM pairs WHERE %s GROUP BY %1$s, url', columns, keep);
        EXECUTE format('SELECT NOT EXISTS (TABLE expected EXCEPT ALL TABLE %1$I) AND NOT EXISTS (TABLE %1$I EXCEPT ALL TABLE expected)', view || '_panes') INTO same;
        EXECUTE 'SELECT count(*) FROM expected' INTO rows;
        EXECUTE 'SELECT count(*) FROM pairs p WHERE p.late' INTO late;
        SELECT s.rows_late INTO counted FROM pg_stat_stream_view s WHERE s.viewname = check_model.view || '_panes';
        RETURN NEXT;
        DROP VIEW expected, pairs;
    END LOOP;
END $$;

-- Sends rows whose time goes on by a step and back by up to a spread.
CREATE FUNCTION send(first int, last int, step int, spread int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO archive SELECT i, '2026-01-01 00:00+00'::timestamptz + s * interval '1 s', 'u' || i % 3, s
      FROM generate_series(first, last) i, LATERAL (SELECT i * step - i * 7919 % spread AS s) x;
    INSERT INTO clicks SELECT n, ts, url FROM archive WHERE n BETWEEN first AND last ORDER BY n;
    INSERT INTO numbers SELECT n, t, url FROM archive WHERE n BETWEEN first AND last ORDER BY n;
END $$;

-- which of them go by panes
CREATE FUNCTION has_panes(view text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT * FROM %I', view) LOOP
        IF line ~ 'Memory Groups: panes' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT send(1, 300, 3, 40);
SELECT stream_sync();
SELECT viewname, has_panes(viewname) FROM pg_stat_stream_view ORDER BY viewname;
SELECT * FROM check_pairs();
SELECT * FROM check_model();

-- many of them late, some for all windows, some for none
SELECT send(301, 800, 2, 900);
SELECT send(801, 801, 1, 5);
SELECT * FROM check_pairs();
SELECT * FROM check_model();
SELECT count(send(i, i, 4, 300)) FROM generate_series(802, 860) i;
SELECT stream_flush(relid) FROM pg_stat_stream_view;
SELECT * FROM check_pairs();
SELECT * FROM check_model();

DROP TABLE clicks, numbers, archive CASCADE;
DROP FUNCTION make_pair, check_pairs, check_model, send, has_panes;
