-- Partitions of a view's storage: whatever time a row has, there is a place.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- the ranges of a view's partitions, without the oid in their names
CREATE FUNCTION ranges(of_view regclass) RETURNS TABLE (part text, bound text, level int, same_owner boolean)
LANGUAGE sql AS $$
  SELECT regexp_replace(c.relname, '\d+', 'N'), pg_get_expr(c.relpartbound, c.oid), t.level,
         c.relowner = (SELECT relowner FROM pg_class WHERE oid = of_view)
    FROM _stream_ext.continuous_view v, pg_partition_tree(v.storage) t JOIN pg_class c ON c.oid = t.relid
   WHERE v.view = of_view ORDER BY t.level, c.relname COLLATE "C" $$;

SELECT make_stream('events', 'ts timestamptz, local timestamp, key int');
SELECT make_view('minutes', $$
  SELECT w.window_start, key, count(*) FROM events, tumble(ts, '1 minute') w GROUP BY w.window_start, key $$,
  $$ WITH (stream.partition_width = '1 day') $$);
SELECT make_view('local_hours', $$
  SELECT key, w.window_start, w.window_end, count(*), max(ts) FROM events, tumble(local, '1 hour') w GROUP BY 1, 2, 3 $$,
  $$ WITH (stream.partition_width = '1000 days') $$);
SELECT make_view('days', $$ SELECT date_trunc('day', ts) AS day, count(*) FROM events GROUP BY day $$);
SELECT * FROM ranges('minutes');

-- rows without a time, at the ends of time, and beyond its ends
SELECT send('events', $$ SELECT t::timestamptz, t::timestamp, 1 FROM unnest(ARRAY[NULL, 'infinity', '-infinity',
  '1970-01-01', '9999-12-31 23:59:59.999999', '4713-01-01 00:00:30 BC', '294276-12-30 23:59:00', '0001-01-01', '0001-12-31 BC',
  '2000-01-03', '2000-01-02 23:59:59.999999']) t $$);
SELECT flush_views();
SELECT * FROM check_views();
-- which cells the others lie in depends on today's date
SELECT * FROM ranges('minutes') WHERE part !~ '\d{6}';
SELECT * FROM ranges('local_hours') WHERE part !~ '\d{6}';
SELECT count(*) AS partitions FROM ranges('minutes') WHERE level = 2 \gset

-- the same rows again find their groups
SELECT send('events', $$ SELECT ts, local, key FROM archive.events $$);
SELECT flush_views();
SELECT * FROM check_views();
SELECT count(*) = :partitions AS no_more_partitions FROM ranges('minutes') WHERE level = 2;

-- ten years of days, in no order, and what is near
SELECT send('events', $$ SELECT d, d, i % 3 FROM (SELECT i, '2026-01-01'::timestamptz - (i * 1237 % 3650) * interval '1 day' AS d
  FROM generate_series(1, 3650) i) s $$);
SELECT flush_views();
SELECT * FROM check_views();
SELECT count(*) BETWEEN 20 AND 150 AS few FROM ranges('minutes') WHERE level = 2;

-- no partition holds a row of its neighbour: rows are not routed by PostgreSQL but by the flush
CREATE FUNCTION misplaced(of_view regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  leaf regclass;
  wrong bigint;
  total bigint := 0;
BEGIN
  FOR leaf IN SELECT t.relid FROM _stream_ext.continuous_view v, pg_partition_tree(v.storage) t
               WHERE v.view = of_view AND t.isleaf LOOP
    EXECUTE format('SELECT count(*) FROM %s WHERE NOT (%s)', leaf, pg_get_partition_constraintdef(leaf)) INTO wrong;
    total := total + wrong;
  END LOOP;
  RETURN total;
END $$;
SELECT misplaced('minutes'), misplaced('local_hours'), misplaced('days');

-- rows of now: cells of the width that was asked for
INSERT INTO events SELECT now() - i * interval '1 day', now(), 1 FROM generate_series(0, 3) i;
SELECT stream_flush('minutes');
WITH cells AS MATERIALIZED (
  SELECT (regexp_match(bound, $r$FROM \('([^']*)'\)$r$))[1]::timestamptz AS first,
         (regexp_match(bound, $r$TO \('([^']*)'\)$r$))[1]::timestamptz AS last
    FROM ranges('minutes') WHERE level = 2 AND bound !~ 'infinity|MINVALUE|BC')
SELECT count(*) FROM cells WHERE last > now() - interval '3 days' AND last - first = '1 day';

-- conditions on the window leave the other partitions out
CREATE FUNCTION scanned(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  line text;
  n bigint := 0;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ 'storage_\d+_\d+' AND line ~ 'Scan' THEN n := n + 1; END IF;
  END LOOP;
  RETURN n;
END $$;
SELECT scanned($$ SELECT * FROM minutes WHERE window_start = '2000-01-03' $$) AS one,
       scanned($$ SELECT * FROM minutes WHERE window_start < '0001-01-01' $$) < 6 AS few,
       scanned($$ SELECT * FROM minutes $$) > 20 AS all;

-- they go with the view
DROP MATERIALIZED VIEW minutes;
DROP MATERIALIZED VIEW local_hours;
DROP MATERIALIZED VIEW days;
SELECT count(*) FROM pg_class WHERE relname LIKE 'storage%';

DROP TABLE events CASCADE;
DROP FUNCTION ranges(regclass), misplaced(regclass), scanned(text);
DROP SCHEMA archive CASCADE;

