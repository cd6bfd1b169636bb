-- Groups from memory to storage: new ones, known ones, several flushes.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

SELECT make_stream('events', 'ts timestamptz, key text, num numeric, value int, amount float8');

SELECT make_view('windowed', $$
  SELECT w.window_start, key, count(*), sum(value), avg(num), stddev(value), max(key)
    FROM events, tumble(ts, '1 minute') w GROUP BY w.window_start, key $$);
SELECT make_view('window_last', $$
  SELECT num, key, w.window_start, count(*), bool_and(value > 0), min(num)
    FROM events, tumble(ts, '1 hour') w GROUP BY num, key, w.window_start $$);
SELECT make_view('totals', $$ SELECT key, count(*), count(value) AS values, sum(num), min(value) FROM events GROUP BY key $$);
SELECT make_view('one_row', $$ SELECT count(*), sum(value), max(num) FROM events $$);
SELECT make_view('many_keys', $$
  SELECT value, key, num, value % 7 AS seven, count(*) FROM events GROUP BY value, key, num, value % 7 $$);
SELECT make_view('long_values', $$ SELECT key, count(*), max(key || repeat('y', 100)), min(num) FROM events GROUP BY key $$);

-- nothing to write is no group, and one row where there is no GROUP BY
SELECT flush_views();
SELECT * FROM check_views();

-- new groups
SELECT send('events', $$ SELECT '2026-01-01'::timestamptz + i * interval '1 s', 'k' || i % 5, (i % 9)::numeric, i, i / 4.0
  FROM generate_series(1, 2000) i $$);
SELECT flush_views();
SELECT * FROM check_views();

-- the same groups again, in storage and in memory, then combined
SELECT send('events', $$ SELECT '2026-01-01'::timestamptz + i * interval '2 s', 'k' || i % 5, (i % 9)::numeric, -i, i / 4.0
  FROM generate_series(1, 1500) i $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

-- new, old and known windows in one flush; NULL keys; equal keys that look different
SELECT send('events', $$ SELECT '2026-01-01'::timestamptz + (i - 500) * interval '1 minute', nullif('k' || i % 5, 'k3'),
  CASE i % 3 WHEN 0 THEN 1.0 WHEN 1 THEN 1.000 ELSE NULL END, i % 11, NULL FROM generate_series(1, 1000) i $$);
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('events', $$ SELECT '2026-01-01'::timestamptz + (i - 500) * interval '1 minute', nullif('k' || i % 5, 'k3'),
  CASE i % 3 WHEN 0 THEN 1.00 WHEN 1 THEN 1 ELSE NULL END, i % 11, NULL FROM generate_series(1, 1000) i $$);
SELECT flush_views();
SELECT * FROM check_views();

-- a group that was flushed is one row of storage, however often it was written
CREATE FUNCTION storage_rows(view regclass) RETURNS TABLE (stored bigint, groups bigint) LANGUAGE plpgsql AS $$
DECLARE storage regclass := (SELECT v.storage FROM _stream_ext.continuous_view v WHERE v.view = $1);
BEGIN
  RETURN QUERY EXECUTE format('SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s)', storage, view);
END $$;
SELECT * FROM storage_rows('windowed');
SELECT * FROM storage_rows('totals');
SELECT * FROM storage_rows('one_row');

-- long keys and long partials; the longest key that storage can index, and beyond it a dead letter
SELECT send('events', $$ SELECT NULL, string_agg(md5(i::text), ''), 1 FROM generate_series(1, 78) i $$);
SELECT send('events', $$ SELECT NULL, repeat('x', 100000), 1 $$);
SELECT flush_views();
SELECT name, same FROM check_views() WHERE name = 'long_values';
INSERT INTO events SELECT NULL, string_agg(md5(i::text), ''), 1 FROM generate_series(1, 300) i;
SELECT stream_sync();
SELECT view, sqlstate, message FROM stream_dead_letter ORDER BY view::text COLLATE "C";

-- a group that cannot be written goes to quarantine and holds up no other
CREATE TABLE weights (key int, w float8) USING stream;
CREATE MATERIALIZED VIEW weight AS SELECT key, count(*) AS n, sum(w) AS w FROM weights GROUP BY key;
INSERT INTO weights SELECT i, 1e308 FROM generate_series(1, 100) i;
SELECT stream_flush('weight');
INSERT INTO weights SELECT i, CASE WHEN i IN (17, 60) THEN 1e308 ELSE -1e308 END FROM generate_series(1, 100) i;
SELECT stream_flush('weight');
SELECT n, w, count(*) FROM weight GROUP BY n, w ORDER BY n;
SELECT view, keys, sqlstate, message FROM _stream_ext.quarantine ORDER BY keys;
SELECT groups_quarantined, flush_failures, state FROM pg_stat_stream_view WHERE viewname = 'weight';
-- a group that fails again is counted in its row
INSERT INTO weights VALUES (17, 1e308), (18, 1);
SELECT stream_flush('weight');
INSERT INTO weights VALUES (17, 1e308), (19, 1e308), (60, -1);
SELECT stream_flush('weight');
SELECT n, w, count(*) FROM weight GROUP BY n, w ORDER BY n, w;
SELECT keys, failures FROM _stream_ext.quarantine ORDER BY keys;
SELECT groups_quarantined, flush_failures, state FROM pg_stat_stream_view WHERE viewname = 'weight';

-- what a user adds to storage is kept: an index, used or not
DO $$ BEGIN
  EXECUTE format('CREATE INDEX ON %s ((p1 + 1))',
    (SELECT storage FROM _stream_ext.continuous_view WHERE view = 'totals'::regclass));
END $$;
SELECT send('events', $$ SELECT NULL, 'k' || i, 1, 1, 1 FROM generate_series(1, 20) i $$);
SELECT flush_views();
SELECT name, same FROM check_views() WHERE name = 'totals';
SELECT * FROM storage_rows('totals');

-- a storage that somebody has altered is left alone until it is mended: values are written as they are
SELECT storage AS weight_storage FROM _stream_ext.continuous_view WHERE view = 'weight'::regclass \gset
ALTER TABLE :weight_storage ALTER COLUMN p1 TYPE text;
INSERT INTO weights SELECT i, 0 FROM generate_series(1, 100) i;
\set VERBOSITY terse
SELECT stream_flush('weight', '1 s');
\set VERBOSITY default
SELECT state, last_error FROM pg_stat_stream_view WHERE viewname = 'weight';
ALTER TABLE :weight_storage ALTER COLUMN p1 TYPE bigint USING p1::bigint;
SELECT stream_flush('weight');
SELECT n, w, count(*) FROM weight GROUP BY n, w ORDER BY n;

DROP TABLE events CASCADE;
DROP TABLE weights CASCADE;
DROP FUNCTION storage_rows(regclass);
DROP SCHEMA archive CASCADE;

