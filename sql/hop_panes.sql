-- Hopping windows by panes: a row updates one group, readers and storage have
-- the windows.  Everything is compared with the plain query.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

SELECT make_stream('clicks', 'ts timestamptz, local timestamp, day date, n int, big bigint, url text, ms float8');
CREATE TABLE site (url text PRIMARY KEY, name text);
INSERT INTO site SELECT 'u' || i, 'site ' || i % 2 FROM generate_series(0, 3) i;

-- Whether rows of a view go to panes, as EXPLAIN says it.
CREATE FUNCTION has_panes(view text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT * FROM %I', view) LOOP
        IF line ~ 'Memory Groups: panes' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;

-- slides and sizes: multiples and not, near each other, many windows a row
SELECT make_view(format('hop_ts_%s_%s', slide, size), format($$
  SELECT w.window_start, w.window_end, url, count(*), sum(ms), avg(ms), min(ms), max(ms), count(*) FILTER (WHERE ms > 3) AS over
    FROM clicks, hop(ts, '%s s', '%s s') w GROUP BY 1, 2, 3 $$, slide, size))
  FROM (VALUES (60, 3600), (60, 61), (60, 119), (7, 50), (3600, 9000), (1000, 1500)) v(slide, size) ORDER BY slide, size;
SELECT make_view(format('hop_origin_%s', i), format($$
  SELECT w.window_start, count(*), sum(ms) FROM clicks, hop(ts, '10 minutes', '25 minutes', '%s') w GROUP BY 1 $$, origin))
  FROM (VALUES (1, '2026-01-01 00:03:07.000001+00'), (2, '1970-01-01 00:00+00'), (3, '2100-02-03 04:05:06+00')) v(i, origin) ORDER BY i;
-- each end alone, with keys before and behind, no other key
SELECT make_view('hop_end', $$
  SELECT url, w.window_end, count(*), max(ms) FROM clicks, hop(ts, '5 minutes', '1 hour') w GROUP BY 1, 2 $$);
SELECT make_view('hop_end_alone', $$
  SELECT w.window_end, count(*) FROM clicks, hop(ts, '5 minutes', '12 minutes') w GROUP BY 1 $$);
SELECT make_view('hop_order', $$
  SELECT url, w.window_end AS closed, n % 3 AS third, w.window_start AS opened, count(*), sum(n)
    FROM clicks CROSS JOIN LATERAL hop(size => '1 hour', ts => clicks.ts, slide => '20 minutes') w GROUP BY url, w.window_end, n % 3, w.window_start
  HAVING count(*) > 1 AND w.window_start > '2000-01-01' $$);
SELECT make_view('hop_computed', $$
  SELECT w.window_start + interval '1 hour' AS later, lower(url) AS url, count(*) + 1 AS n, regr_slope(ms, n) IS NULL AS none
    FROM clicks, hop(ts, '15 minutes', '1 hour') w WHERE ms IS NOT NULL GROUP BY w.window_start, lower(url) $$);
-- other axes
SELECT make_view('hop_local', $$
  SELECT w.*, count(*) FROM clicks, hop(local, '2 hours', '7 hours') w GROUP BY 1, 2 $$);
SELECT make_view('hop_day', $$
  SELECT w.window_start, w.window_end, url, count(*) FROM clicks, hop(day, '3 days', '10 days', '2026-01-02') w GROUP BY 1, 2, 3 $$);
SELECT make_view('hop_day_end', $$
  SELECT w.window_end, sum(ms) FROM clicks, hop(day, '1 day', '7 days') w GROUP BY 1 $$);
SELECT make_view('hop_integer', $$
  SELECT w.window_start, count(*), sum(big) FROM clicks, hop(n, 4, 10) w GROUP BY 1 $$);
SELECT make_view('hop_bigint', $$
  SELECT w.window_start, w.window_end, url, avg(big) FROM clicks, hop(big, 100, 1000, -7) w GROUP BY 1, 2, 3 $$);
-- tables beside the stream; aggregates with states of type internal, and our own
SELECT make_view('hop_joined', $$
  SELECT s.name, w.window_start, count(*) FROM clicks c LEFT JOIN site s USING (url), hop(ts, '5 minutes', '20 minutes') w GROUP BY 1, 2 $$);
SELECT make_view('hop_internal', $$
  SELECT w.window_start, sum(big), avg(n::numeric), stddev(n::numeric), arg_max(url, big), first(n, big), last(n, big)
    FROM clicks, hop(ts, '10 minutes', '45 minutes') w GROUP BY 1 $$);
SELECT make_view('hop_keys_only', $$
  SELECT url, w.window_start FROM clicks, hop(ts, '30 minutes', '2 hours') w GROUP BY 1, 2 $$);
-- one bound, or another key, as several columns: it is one key
SELECT make_view('hop_start_twice', $$
  SELECT w.window_start, w.window_start AS again, count(*), sum(ms) FROM clicks, hop(ts, '1 minute', '5 minutes') w GROUP BY 1, 2 $$);
SELECT make_view('hop_end_twice', $$
  SELECT w.window_end, url, w.window_end AS again, count(*) FROM clicks, hop(ts, '7 minutes', '45 minutes') w GROUP BY 1, 2, 3 $$);
SELECT make_view('hop_both_twice', $$
  SELECT url, w.window_end AS closed, w.window_start AS opened, w.window_end, lower(url) AS l, w.window_start, lower(url) AS ll, count(*), max(big)
    FROM clicks CROSS JOIN hop(ts, '20 minutes', '1 hour') w GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING w.window_start < w.window_end $$);
SELECT make_view('row_tumble_twice', $$
  SELECT w.window_start, w.window_end, w.window_start AS again, count(*), sum(ms) FROM clicks, tumble(ts, '10 minutes') w GROUP BY 1, 2, 3 $$);
SELECT make_view('row_cumulate_twice', $$
  SELECT w.window_end, w.window_start, w.window_end AS again, count(*) FROM clicks, cumulate(ts, '10 minutes', '1 hour') w GROUP BY 1, 2, 3 $$);
SELECT (SELECT v.view::regclass FROM _stream_ext.continuous_view v WHERE v.storage = a.attrelid) AS view, string_agg(attname, ' ' ORDER BY attnum)
  FROM pg_attribute a WHERE attnum > 0 AND attrelid IN (SELECT storage FROM _stream_ext.continuous_view WHERE view::regclass::text ~ 'twice') GROUP BY attrelid ORDER BY attrelid;

-- what needs the windows one by one
SELECT make_view('row_where', $$
  SELECT w.window_start, count(*) FROM clicks, hop(ts, '5 minutes', '1 hour') w WHERE w.window_end > ts + interval '30 minutes' GROUP BY 1 $$);
SELECT make_view('row_argument', $$
  SELECT w.window_start, max(ts - w.window_start) FROM clicks, hop(ts, '5 minutes', '1 hour') w WHERE isfinite(ts) GROUP BY 1 $$);
SELECT make_view('row_filter', $$
  SELECT w.window_start, count(*) FILTER (WHERE ts < w.window_end - interval '10 minutes') FROM clicks, hop(ts, '5 minutes', '1 hour') w GROUP BY 1 $$);
SELECT make_view('row_expression', $$
  SELECT date_trunc('hour', w.window_start), count(*) FROM clicks, hop(ts, '5 minutes', '1 hour') w GROUP BY 1 $$);
SELECT make_view('row_expression_too', $$
  SELECT w.window_start, w.window_start < ts AS inside, count(*) FROM clicks, hop(ts, '5 minutes', '1 hour') w GROUP BY 1, 2 $$);
SELECT make_view('row_no_key', $$ SELECT url, count(*) FROM clicks, hop(ts, '5 minutes', '1 hour') w GROUP BY 1 $$);
SELECT make_view('row_join', $$
  SELECT w.window_start, count(*) FROM clicks JOIN hop(ts, '5 minutes', '1 hour') w ON w.window_start > ts - interval '20 minutes' GROUP BY 1 $$);
SELECT make_view('row_alias', $$
  SELECT j.window_start, count(*) FROM (clicks CROSS JOIN hop(ts, '5 minutes', '1 hour') w) j WHERE j.window_end > j.ts + interval '7 minutes' GROUP BY 1 $$);
SELECT make_view('row_subquery', $$
  SELECT w.window_start, count(*) FROM clicks, hop(ts, '5 minutes', '1 hour') w
   WHERE (SELECT count(*) FROM site s WHERE s.name IS NOT NULL AND w.window_start IS NOT NULL) > 0 GROUP BY 1 $$);
SELECT make_view('row_two', $$
  SELECT w.window_start, x.window_start AS other, count(*)
    FROM clicks, hop(ts, '20 minutes', '1 hour') w, hop(local, '10 days', '20 days') x GROUP BY 1, 2 $$);
SELECT make_view('row_variable', $$
  SELECT w.window_start, count(*) FROM clicks, hop(ts, make_interval(mins => 5 + n % 2), '1 hour') w GROUP BY 1 $$);
SELECT make_view('row_gaps', $$
  SELECT w.window_start, count(*) FROM clicks, hop(ts, '1 hour', '10 minutes') w GROUP BY 1 $$);

SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + i * interval '7.25 seconds', '2026-03-29 00:00'::timestamp + i * interval '7 minutes',
         '2026-01-01'::date + i % 40, i % 97, i * 13 % 5000, 'u' || i % 5, (i % 64)::float8 / 4
    FROM generate_series(1, 1000) i $$);
SELECT name, has_panes(name) FROM tested_views ORDER BY name COLLATE "C";
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

-- late, out of order, before origins, sparse; in several transactions, onto what is stored
SELECT send('clicks', $$
  SELECT '2026-01-01 02:00+00'::timestamptz - (i * 7919 % 100) * interval '3 minutes', '2025-12-31 00:00'::timestamp - i * interval '7 hours',
         '1999-12-31'::date - i % 30, -i, -i * 13 % 7000, 'u' || i % 7, (i % 64)::float8 / 4
    FROM generate_series(1, 300) i $$);
SELECT send('clicks', $$ VALUES
  (NULL::timestamptz, NULL::timestamp, NULL::date, NULL::int, NULL::bigint, NULL, NULL::float8),
  ('infinity', '-infinity', 'infinity', 2000000000, 9000000000000000000, 'u2', 3),
  ('-infinity', 'infinity', '-infinity', -2000000000, -9000000000000000000, 'u2', 4),
  ('1970-01-01 00:00+00', '1970-01-01', '1970-01-01', 0, 0, 'epoch', 1),
  ('2029-12-31 23:59:59.999999+00', '2029-12-31 23:59:59.999999', '2029-12-31', 1, 1, 'future', 2) $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + i * interval '61 seconds', '2026-03-29 00:00'::timestamp + i * interval '1 day',
         '2026-03-29'::date + i, i, i, 'u' || i % 3, i
    FROM generate_series(-60, 60) i $$);
SELECT bool_and(same) AS all_the_same FROM check_views();

-- conditions on the window and the keys, in memory and in storage: every
-- window and key by itself, ranges, from a join, twice in a statement
CREATE FUNCTION check_pushdown(view text, start_column text) RETURNS TABLE (checked bigint, wrong bigint)
LANGUAGE plpgsql SET search_path = archive, public AS $$
DECLARE
    query text := (SELECT t.query FROM tested_views t WHERE name = view);
    line record;
    condition text;
    same boolean;
BEGIN
    checked := 0;
    wrong := 0;
    -- in an order that is none
    FOR line IN EXECUTE format('SELECT start, url FROM (SELECT DISTINCT %1$I::text AS start, url FROM (%2$s) q) d ORDER BY md5(d::text)', start_column, query) LOOP
        FOREACH condition IN ARRAY CASE WHEN line.start IS NULL THEN '{}' ELSE ARRAY[
            format('%I = %L AND url = %L', start_column, line.start, line.url),
            format('%I >= %L AND %1$I < %2$L::timestamptz + interval ''1 minute''', start_column, line.start),
            format('%I > %L AND url = %L', start_column, line.start, line.url),
            format('%I <= %L', start_column, line.start)] END LOOP
            CONTINUE WHEN checked >= 120;
            EXECUTE format('SELECT NOT EXISTS (SELECT * FROM public.%1$I WHERE %3$s EXCEPT ALL SELECT * FROM (%2$s) q WHERE %3$s)
                               AND NOT EXISTS (SELECT * FROM (%2$s) q WHERE %3$s EXCEPT ALL SELECT * FROM public.%1$I WHERE %3$s)',
                           view, query, condition) INTO same;
            checked := checked + 1;
            wrong := wrong + (NOT same)::int;
        END LOOP;
    END LOOP;
    RETURN NEXT;
END $$;
SELECT * FROM check_pushdown('hop_ts_3600_9000', 'window_start');
SELECT * FROM check_pushdown('hop_ts_3600_9000', 'window_end');
SELECT * FROM check_pushdown('hop_ts_1000_1500', 'window_start');
SELECT * FROM check_pushdown('hop_end', 'window_end');
SELECT * FROM check_pushdown('hop_keys_only', 'window_start');
SELECT * FROM check_pushdown('hop_both_twice', 'window_end');

-- all keys: one look-up for each pane of the window
CREATE FUNCTION memory_filter(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Memory' THEN RETURN NEXT ltrim(line); END IF;
    END LOOP;
END $$;
SELECT memory_filter($$ SELECT * FROM hop_keys_only WHERE window_start = '2026-01-01 00:30+00' AND url = 'u1' $$);
SELECT memory_filter($$ SELECT * FROM hop_keys_only WHERE window_start >= '2026-01-01 00:30+00' $$);
SELECT memory_filter($$ SELECT * FROM hop_keys_only WHERE url = 'u1' $$);
SELECT memory_filter($$ SELECT * FROM hop_integer WHERE window_start = 4 $$);
SELECT count(*), sum(count) FROM hop_integer WHERE window_start BETWEEN -8 AND 8;
SELECT count FROM hop_integer WHERE window_start = 4;
SELECT count FROM hop_integer WHERE window_start = 4::bigint;
SELECT count FROM hop_integer WHERE window_start = 5;
SELECT count FROM hop_day WHERE window_start = '2026-03-24' AND window_end = '2026-04-03' AND url = 'u1';
SELECT count FROM hop_day WHERE window_start = '2026-03-24' AND window_end = '2026-04-04' AND url = 'u1';

-- look-ups that repeat, and the view twice in one statement
SELECT sum(v.count) AS n, count(*) FROM (SELECT DISTINCT window_start, url FROM hop_ts_3600_9000) k,
    LATERAL (SELECT * FROM hop_ts_3600_9000 v WHERE v.window_start = k.window_start AND v.window_end = k.window_start + interval '9000 s'
                                                 AND v.url = k.url OFFSET 0) v;
SELECT sum(count) AS n, count(*) FROM hop_ts_3600_9000 WHERE window_start IS NOT NULL AND isfinite(window_start) AND url IS NOT NULL;
SELECT count(*) FROM hop_ts_7_50 a JOIN hop_ts_7_50 b USING (window_start, url) WHERE a.count <> b.count;

-- statistics count a row once for each window
SELECT rows_in, rows_processed, rows_filtered, rows_rejected, rows_expired FROM pg_stat_stream_view WHERE viewname = 'hop_ts_60_3600';
SELECT rows_processed = (SELECT sum(count) FROM hop_ts_60_61) AS same FROM pg_stat_stream_view WHERE viewname = 'hop_ts_60_61';

-- a window beyond the axis: the row is a dead letter and in none of its windows
INSERT INTO clicks (ts, n, big, url) VALUES
  ('294276-12-31 23:59:00+00', 2147483647, 9223372036854775807, 'end'), ('4714-11-24 00:00:00+00 BC', -2147483648, -9223372036854775808, 'start');
SELECT stream_sync();
SELECT v.viewname, count(*), min(l.sqlstate), min(l.message)
  FROM stream_dead_letter l JOIN pg_stat_stream_view v ON v.relid = l.view
 WHERE v.viewname IN ('hop_ts_7_50', 'hop_integer', 'hop_bigint') GROUP BY 1 ORDER BY 1;

-- retention, window by window: of each row some windows are kept, those that
-- the same view keeps when its rows come window by window
CREATE TABLE recent_rows (ts timestamptz) USING stream;
CREATE MATERIALIZED VIEW recent_panes WITH (stream.retention = '20 hours') AS
  SELECT w.window_start, count(*) FROM recent_rows, hop(ts, '1 day', '10 days') w GROUP BY 1;
CREATE MATERIALIZED VIEW recent_windows WITH (stream.retention = '20 hours') AS
  SELECT w.window_start, count(*) FROM recent_rows, hop(ts, '1 day', '10 days') w WHERE w.window_end IS NOT NULL GROUP BY 1;
CREATE MATERIALIZED VIEW twice_recent WITH (stream.retention = '20 hours') AS
  SELECT w.window_start, w.window_start AS again, count(*) FROM recent_rows, hop(ts, '1 day', '10 days') w GROUP BY 1, 2;
INSERT INTO recent_rows SELECT now() - i * interval '10 hours' FROM generate_series(-30, 30) i;
SELECT stream_sync();
SELECT has_panes('recent_panes') AS panes, has_panes('recent_windows') AS windows;
TABLE recent_panes EXCEPT ALL TABLE recent_windows;
TABLE recent_windows EXCEPT ALL TABLE recent_panes;
TABLE twice_recent EXCEPT ALL SELECT window_start, window_start, count FROM recent_windows;
SELECT again, count FROM recent_windows, LATERAL (SELECT window_start) a(again) EXCEPT ALL SELECT again, count FROM twice_recent;
SELECT count(*) > 5 AS some FROM recent_panes;
SELECT rows_in, rows_processed + rows_expired AS pairs, rows_expired > 100 AS expired, rows_processed > 100 AS kept
  FROM pg_stat_stream_view WHERE viewname LIKE 'recent%' ORDER BY viewname;
SELECT stream_flush('recent_panes'), stream_flush('recent_windows'), stream_flush('twice_recent');
TABLE recent_panes EXCEPT ALL TABLE recent_windows;
TABLE recent_windows EXCEPT ALL TABLE recent_panes;
TABLE twice_recent EXCEPT ALL SELECT window_start, window_start, count FROM recent_windows;
SELECT again, count FROM recent_windows, LATERAL (SELECT window_start) a(again) EXCEPT ALL SELECT again, count FROM twice_recent;

-- panes that cannot be combined: what storage cannot hold is in quarantine,
-- window by window, and the rest is there
CREATE TABLE heavy (n int, url text, ms float8) USING stream;
CREATE MATERIALIZED VIEW heavy_hop AS
  SELECT w.window_start, url, count(*), sum(ms) FROM heavy, hop(n, 1, 3) w GROUP BY 1, 2;
INSERT INTO heavy VALUES (0, 'a', 1e308), (1, 'a', 1e308), (5, 'a', 1), (0, 'b', 1), (1, 'b', 2), (2, 'c', 3);
SELECT stream_flush('heavy_hop');
SELECT * FROM heavy_hop ORDER BY 2, 1;
SELECT keys, sqlstate, message FROM _stream_ext.quarantine WHERE view = 'heavy_hop'::regclass ORDER BY keys;
SELECT groups_quarantined, rows_rejected, state FROM pg_stat_stream_view WHERE viewname = 'heavy_hop';

DROP TABLE clicks, recent_rows, heavy CASCADE;
DROP TABLE site;
DROP FUNCTION has_panes, check_pushdown, memory_filter;
DROP SCHEMA archive CASCADE;
