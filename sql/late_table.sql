-- The table of late rows: windows without bounds, and a table that is no longer as it was made.
SET client_min_messages = warning;
CREATE TABLE events (id int, ts timestamptz) USING stream;
SELECT stream_set_event_time('events', 'ts');
-- what starts at -infinity also ends there, whether the end is a key or not
CREATE MATERIALIZED VIEW by_start WITH (stream.late = 'side') AS
    SELECT window_start, count(*) AS n FROM events, tumble(ts, '10 minutes') GROUP BY window_start;
CREATE MATERIALIZED VIEW by_bin WITH (stream.late = 'side') AS
    SELECT date_bin('10 minutes', ts, '2000-01-01') AS bin, count(*) AS n FROM events GROUP BY bin;
CREATE MATERIALIZED VIEW by_month WITH (stream.late = 'side') AS
    SELECT date_trunc('month', ts, 'UTC') AS month, count(*) AS n FROM events GROUP BY month;
CREATE MATERIALIZED VIEW by_both WITH (stream.late = 'side') AS
    SELECT window_start, window_end, count(*) AS n FROM events, hop(ts, '10 minutes', '20 minutes') GROUP BY window_start, window_end;
INSERT INTO events VALUES (1, '2026-01-01 12:00+00'), (2, '-infinity'), (3, 'infinity'), (4, NULL);
SELECT count(stream_flush(viewname::regclass)) FROM pg_stat_stream_view;
SELECT (late_row).id, window_start, window_end FROM by_start_late;
SELECT (late_row).id, window_start, window_end FROM by_bin_late;
SELECT (late_row).id, window_start, window_end FROM by_month_late;
SELECT (late_row).id, window_start, window_end FROM by_both_late;
DROP MATERIALIZED VIEW by_bin, by_month, by_both;

-- a superuser may alter it; then nothing is written to it until it is as it was
ALTER TABLE by_start_late ALTER watermark TYPE text;
INSERT INTO events VALUES (5, '2026-01-01 11:00+00');
DO $$
BEGIN
    FOR i IN 1..1000 LOOP
        EXIT WHEN (SELECT last_error FROM pg_stat_stream_view) IS NOT NULL;
        BEGIN
            PERFORM stream_flush('by_start', timeout => '100 ms');
        EXCEPTION WHEN query_canceled THEN NULL;
        END;
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END
$$;
SELECT last_error FROM pg_stat_stream_view;
ALTER TABLE by_start_late ALTER watermark TYPE timestamptz USING watermark::timestamptz;
SELECT stream_flush('by_start') IS NOT NULL AS flushed;
SELECT (late_row).id, window_start, window_end, watermark FROM by_start_late ORDER BY 1;
SELECT * FROM by_start ORDER BY 1;
DROP TABLE events CASCADE;
