-- Rows that are kept go by the event time of their stream, if it has one when the view is created.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
CREATE TABLE archive (id int, ts timestamptz, local timestamp, day date, n bigint);
CREATE TABLE events (LIKE archive) USING stream;
CREATE TABLE names (id int, name text);
INSERT INTO names VALUES (1, 'one'), (2, 'two');
CREATE VIEW some_events AS SELECT * FROM events WHERE id > 1;

-- by the commit time: there is no event time yet
CREATE MATERIALIZED VIEW before AS SELECT * FROM events;
SELECT stream_set_event_time('events', 'ts');
CREATE MATERIALIZED VIEW by_ts AS SELECT id, ts, ts AS again, ts + '1 hour' AS later FROM events;
CREATE MATERIALIZED VIEW hidden AS SELECT id FROM events;
CREATE MATERIALIZED VIEW only_ts AS SELECT ts FROM events;
CREATE MATERIALIZED VIEW joined AS SELECT name, ts FROM events JOIN names USING (id);
CREATE MATERIALIZED VIEW by_view AS SELECT id, ts FROM some_events;
SELECT stream_set_event_time('events', 'local');
CREATE MATERIALIZED VIEW by_local AS SELECT id, local FROM events;
SELECT stream_set_event_time('events', 'day');
CREATE MATERIALIZED VIEW by_day AS SELECT id, day FROM events;
-- integers are no time
CREATE TABLE numbers (id int, n bigint) USING stream;
SELECT stream_set_event_time('numbers', 'n', 0);
CREATE MATERIALIZED VIEW by_n AS SELECT id, n FROM numbers;
-- a later setting does not change what a view goes by
SELECT stream_set_event_time('events', NULL);

-- what storage goes by, and what of it the view shows
SELECT v.view, a.attname, a.atttypid::regtype, pg_get_viewdef(v.definition) LIKE '%_stream_ext_time%' AS event_time,
	(SELECT count(*) FROM pg_attribute c WHERE c.attrelid = v.storage AND c.attname LIKE 'c%' AND c.attnum > 0) AS others
  FROM _stream_ext.continuous_view v JOIN pg_attribute a ON a.attrelid = v.storage AND a.attnum = 1
 ORDER BY v.view::text;
\d by_ts

INSERT INTO archive
	SELECT g % 3, '2026-01-01 12:00+00'::timestamptz + g * interval '1 day', '2026-02-01'::timestamp + g * interval '1 hour',
		'2026-03-01'::date + g, g
	FROM generate_series(1, 60) g;
INSERT INTO archive VALUES (1, NULL, NULL, NULL, NULL), (2, 'infinity', '-infinity', 'infinity', 0),
	(2, '-infinity', 'infinity', '-infinity', 0), (1, '1970-01-01', '9999-12-31', '0001-01-01', 0);
INSERT INTO events SELECT * FROM archive;

CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES ('before', 'SELECT * FROM archive'),
	('by_ts', 'SELECT id, ts, ts AS again, ts + ''1 hour'' AS later FROM archive'),
	('hidden', 'SELECT id FROM archive'),
	('only_ts', 'SELECT ts FROM archive'),
	('joined', 'SELECT name, ts FROM archive JOIN names USING (id)'),
	('by_view', 'SELECT id, ts FROM archive WHERE id > 1'),
	('by_local', 'SELECT id, local FROM archive'),
	('by_day', 'SELECT id, day FROM archive');
CREATE FUNCTION differences(view text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((TABLE %1$s EXCEPT ALL %2$s) UNION ALL (%2$s EXCEPT ALL TABLE %1$s)) d', view, query)
		INTO n;
	RETURN n;
END $$;
SELECT name, differences(name, query) FROM queries ORDER BY name;
SELECT count(stream_flush(name::regclass)) FROM queries;
SELECT name, differences(name, query) FROM queries ORDER BY name;

-- a condition on the column that it is selects partitions of storage and rows of memory
CREATE FUNCTION plan_of(query text, OUT memory text, OUT partitions int) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	partitions := 0;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Memory Filter%' THEN memory := trim(line); END IF;
		IF line ~ 'on storage_' AND line !~ '_null' THEN partitions := partitions + 1; END IF;
	END LOOP;
END $$;
SELECT (plan_of('SELECT * FROM by_ts')).partitions > 3 AS several;
SELECT * FROM plan_of('SELECT * FROM by_ts WHERE ts = ''2026-01-20 12:00+00''');
SELECT * FROM plan_of('SELECT * FROM by_ts WHERE again = ''2026-01-20 12:00+00''');
SELECT * FROM plan_of('SELECT * FROM only_ts WHERE ts = ''2026-01-20 12:00+00''');
SELECT * FROM plan_of('SELECT * FROM by_local WHERE local = ''2026-02-02 12:00''');
INSERT INTO events VALUES (2, '2026-01-20 12:00+00', '2026-02-02 12:00', '2026-03-05', 5);
INSERT INTO archive VALUES (2, '2026-01-20 12:00+00', '2026-02-02 12:00', '2026-03-05', 5);
SELECT * FROM by_ts WHERE ts = '2026-01-20 12:00+00' ORDER BY id;
SELECT * FROM only_ts WHERE ts = '2026-01-20 12:00+00';
SELECT * FROM by_local WHERE local = '2026-02-02 12:00' ORDER BY id;
SELECT name, differences(name, query) FROM queries ORDER BY name;

-- names change
ALTER TABLE events RENAME COLUMN ts TO at;
ALTER MATERIALIZED VIEW by_ts RENAME COLUMN ts TO moment;
INSERT INTO events VALUES (1, '2026-01-21 12:00+00');
INSERT INTO archive VALUES (1, '2026-01-21 12:00+00');
SELECT * FROM by_ts WHERE moment BETWEEN '2026-01-21' AND '2026-01-22' ORDER BY id;
SELECT name, differences(name, query) FROM queries ORDER BY name;
ALTER TABLE events DROP COLUMN at;

-- retention goes by it
SELECT stream_set_event_time('events', 'at');
CREATE MATERIALIZED VIEW brief WITH (stream.retention = '1 day') AS SELECT id FROM events;
INSERT INTO events SELECT g, now() - g * interval '10 hours' FROM generate_series(-1, 4) g;
INSERT INTO events VALUES (100, NULL), (101, 'infinity'), (102, '-infinity');
SELECT * FROM brief ORDER BY id;
SELECT rows_in, rows_processed, rows_expired FROM pg_stat_stream_view WHERE viewname = 'brief';
SELECT stream_flush('brief');
SELECT * FROM brief ORDER BY id;
ALTER MATERIALIZED VIEW brief SET (stream.retention = '5 hours');
SELECT * FROM brief ORDER BY id;

-- the name of the hidden column is taken
CREATE MATERIALIZED VIEW v AS SELECT id AS _stream_ext_time FROM events;
CREATE MATERIALIZED VIEW v (_stream_ext_time) AS SELECT at FROM events;

DROP TABLE events, numbers CASCADE;
DROP TABLE archive, names, queries;
DROP FUNCTION differences, plan_of;
