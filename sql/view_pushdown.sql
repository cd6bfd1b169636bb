-- Conditions on keys and on the window reach both halves of a view: the index
-- and the partitions of its storage, and the scan of shared memory.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE clicks (ts timestamptz, url text, user_id bigint, ms float8) USING stream;
CREATE MATERIALIZED VIEW per_hour WITH (stream.partition_width = '1 day') AS
  SELECT w.window_start, url, user_id, count(*) AS n, avg(ms) AS ms
    FROM clicks, tumble(ts, '1 hour') w GROUP BY w.window_start, url, user_id HAVING count(*) > 0;
CREATE MATERIALIZED VIEW total AS
  SELECT upper(url) AS url, user_id % 10 AS bucket, count(*) AS n FROM clicks GROUP BY 1, 2;
INSERT INTO clicks
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '30 minutes', 'u' || n % 50, n % 20, n
    FROM generate_series(1, 5000) n;
SELECT stream_flush('per_hour');
SELECT stream_flush('total');
INSERT INTO clicks VALUES ('2026-01-03 05:30+00', 'u7', 7, 1), (NULL, 'u7', 7, 1);
SELECT count(*) > 0 AS read FROM per_hour;

-- The scans of a plan and their conditions, without the oids and dates in the
-- names of the parts.
CREATE FUNCTION explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        CONTINUE WHEN line !~ 'Scan .*on |Index Cond|Filter|Subplans Removed';
        line := regexp_replace(line, '(storage|memory)_\d+', '\1', 'g');
        RETURN NEXT ltrim(regexp_replace(line, '_\d+_\d{6}_\d{6}', '_partition', 'g'));
    END LOOP;
END $$;
CREATE FUNCTION partitions_read(query text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM explain(query) e WHERE e ~ 'Scan.* on ';
$$;
ANALYZE;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- all keys, some keys, a key that is an expression
SELECT explain($$SELECT * FROM total WHERE url = 'U7' AND bucket = 7$$);
SELECT explain($$SELECT * FROM total WHERE url = 'U7'$$);
SELECT explain($$SELECT url, n FROM total WHERE url IN ('U1', 'U2')$$);
SELECT explain($$SELECT * FROM total t JOIN (VALUES ('U3')) v(url) USING (url)$$);

-- a window: one partition, that of windows that are NULL, and memory
SELECT explain($$SELECT * FROM per_hour WHERE window_start = '2026-01-03 05:00+00' AND url = 'u7' AND user_id = 7$$);
SELECT explain($$SELECT * FROM per_hour WHERE window_start >= '2026-01-02' AND window_start < '2026-01-03' AND url = 'u7'$$);
SELECT partitions_read($$SELECT * FROM per_hour$$) -
       partitions_read($$SELECT * FROM per_hour WHERE window_start >= '2026-03-01'$$) > 0 AS pruned;
SELECT explain($$SELECT * FROM per_hour WHERE window_start IS NULL$$);

-- a condition on an aggregate stays where it is
SELECT explain($$SELECT n FROM total WHERE n > 3 AND url = 'U7'$$);

-- and the rows are right, both halves together
SELECT * FROM per_hour WHERE url = 'u7' AND user_id = 7
   AND (window_start = '2026-01-03 05:00+00' OR window_start IS NULL) ORDER BY 1;
SELECT window_start, n FROM per_hour WHERE window_start = '2026-01-03 05:00+00' AND url = 'u7' AND user_id = 7;
SELECT * FROM total WHERE url = 'U7' AND bucket = 7;
SELECT window_start, n FROM per_hour WHERE window_start > '2100-01-01';

-- a parameter and a stable expression prune when the plan starts
PREPARE one (timestamptz, text) AS SELECT sum(n) FROM per_hour WHERE window_start = $1 AND url = $2;
SET plan_cache_mode = force_generic_plan;
SELECT count(*) FILTER (WHERE e ~ 'Subplans Removed') > 0 AS removed FROM explain($$EXECUTE one('2026-01-03 05:00+00', 'u7')$$) e;
EXECUTE one('2026-01-03 05:00+00', 'u7');
EXECUTE one('2026-01-03 10:00+00', 'u7');
EXECUTE one(NULL, 'u7');

DROP TABLE clicks CASCADE;
DROP FUNCTION partitions_read, explain;
