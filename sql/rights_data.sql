-- What statistics and dead letters show of data, and to whom.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE writer;
CREATE ROLE analyst;
CREATE ROLE eve;
CREATE ROLE monitor IN ROLE pg_read_all_stats;
CREATE SCHEMA analyst AUTHORIZATION analyst;
GRANT CREATE ON SCHEMA public TO writer;
SET ROLE writer;
CREATE TABLE events (ts timestamptz, k int) USING stream;
CREATE TABLE ids (id bigint, k int) USING stream;
SELECT stream_set_event_time('events', 'ts'), stream_set_event_time('ids', 'id');
GRANT SELECT ON events, ids TO analyst;
SET ROLE analyst;
CREATE TABLE analyst.salaries (k int, secret text);
INSERT INTO analyst.salaries VALUES (1, 'a million'), (2, '200');
CREATE MATERIALIZED VIEW analyst.paid AS SELECT sum(s.secret::int) FROM events JOIN analyst.salaries s USING (k);
CREATE MATERIALIZED VIEW analyst.numbered AS SELECT count(*) FROM ids;
SET ROLE writer;
CREATE MATERIALIZED VIEW own AS SELECT sum(10 / k) FROM events;
INSERT INTO events VALUES ('2026-01-01 12:00', 1), ('2026-01-01 13:00', 2), ('2026-01-01 14:00', 0);
INSERT INTO ids VALUES (17, 1);
SELECT stream_sync();
-- whoever owns the stream sees the row, but not what a view made of it with rights of its own
SELECT view, "row", sqlstate, message FROM stream_dead_letter ORDER BY view::text;
SET ROLE analyst;
SELECT view, "row", sqlstate, message FROM stream_dead_letter;
RESET ROLE;
SELECT view, "row", sqlstate, message FROM stream_dead_letter ORDER BY view::text;
-- a watermark is the time of a row
SELECT viewname, watermark, watermark_integer FROM pg_stat_stream_view ORDER BY 1;
SET ROLE eve;
SELECT viewname, watermark, watermark_integer FROM pg_stat_stream_view ORDER BY 1;
SET ROLE analyst;
SELECT viewname, watermark, watermark_integer FROM pg_stat_stream_view ORDER BY 1;
SET ROLE monitor;
SELECT viewname, watermark, watermark_integer FROM pg_stat_stream_view ORDER BY 1;
RESET ROLE;
-- who may read the view may see it too
GRANT SELECT ON own TO eve;
SET ROLE eve;
SELECT viewname, watermark, watermark_integer FROM pg_stat_stream_view ORDER BY 1;
RESET ROLE;
DROP TABLE events, ids CASCADE;
DROP OWNED BY analyst, writer, eve;
DROP ROLE writer, analyst, eve, monitor;
