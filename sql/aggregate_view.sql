-- Every built-in aggregate with a combine function, in one continuous view:
-- advanced by many transactions, combined in memory and in storage, flushed in
-- between, it says what the query says of the archived rows.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE archive AS
SELECT g, g % 4 AS k,
       CASE WHEN g > 40 THEN NULLIF(g % 17, 3)::int2 END AS int2,
       CASE WHEN g > 40 THEN NULLIF(g * 37 % 1001 - 500, 7)::int4 END AS int4,
       CASE WHEN g > 40 THEN g::int8 * 4000000001 END AS int8,
       CASE WHEN g > 40 THEN ((g % 64) / 4.0)::float4 END AS float4,
       CASE WHEN g > 40 THEN ((g % 128) / 8.0 - 7)::float8 END AS float8,
       CASE WHEN g > 40 THEN (g * 1000003 % 7919)::numeric / 100 END AS "numeric",
       CASE WHEN g > 40 THEN (g * 7)::money END AS money,
       CASE WHEN g > 40 THEN make_interval(hours => g % 100, months => g % 5) END AS "interval",
       CASE WHEN g > 40 THEN 'text ' || (g * 31 % 977) END AS text,
       CASE WHEN g > 40 THEN ('char ' || (g * 29 % 977))::bpchar END AS bpchar,
       CASE WHEN g > 40 THEN date '2020-01-01' + g % 400 END AS date,
       CASE WHEN g > 40 THEN time '00:00' + make_interval(secs => g) END AS "time",
       CASE WHEN g > 40 THEN timetz '00:00+00' + make_interval(secs => g) END AS "timetz",
       CASE WHEN g > 40 THEN timestamp '2020-01-01' + make_interval(mins => g * 37 % 999) END AS "timestamp",
       CASE WHEN g > 40 THEN timestamptz '2020-01-01 00:00+00' + make_interval(mins => g * 37 % 999) END AS "timestamptz",
       CASE WHEN g > 40 THEN (g % 100)::oid END AS oid,
       CASE WHEN g > 40 THEN format('(%s,%s)', g % 10, g % 7 + 1)::tid END AS tid,
       CASE WHEN g > 40 THEN ('10.0.0.' || g % 200)::inet END AS inet,
       CASE WHEN g > 40 THEN (g % 300)::text::xid8 END AS xid8,
       CASE WHEN g > 40 THEN ('0/' || g % 90)::pg_lsn END AS pg_lsn,
       CASE WHEN g > 40 THEN g % 3 = 1 END AS bool,
       CASE WHEN g > 40 THEN (g % 256)::bit(8) END AS "bit",
       CASE WHEN g > 40 THEN ARRAY[g % 5, g % 11] END AS anyarray,
       CASE WHEN g > 40 THEN (ARRAY['sad', 'ok', 'happy'])[g % 2 + 1]::mood END AS anyenum,
       CASE WHEN g > 40 THEN int4range(g % 20, 40) END AS anyrange,
       CASE WHEN g > 40 THEN int4multirange(int4range(g % 20, 40)) END AS anymultirange
FROM generate_series(1, 1000) g;
ALTER TABLE archive ALTER bit TYPE bit(8);

SELECT format('CREATE TABLE samples (%s) USING stream',
              string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum))
  FROM pg_attribute WHERE attrelid = 'archive'::regclass AND attnum > 0 \gexec

-- One view with all of them, with and without FILTER.
CREATE TABLE target AS
SELECT row_number() OVER (ORDER BY a.aggfnoid) AS n,
       format('%I(%s)', proname, coalesce(nullif(
           (SELECT string_agg(CASE t WHEN '"any"'::regtype THEN 'int4' ELSE quote_ident(typname) END
                              || CASE WHEN o = 2 THEN ' * 2 + g % 3' ELSE '' END, ', ' ORDER BY o)
              FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, o)
              JOIN pg_type ON pg_type.oid = t), ''), '*')) AS call,
       prorettype IN ('float4'::regtype, 'float8'::regtype) AS is_float
  FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
 WHERE aggcombinefn <> 0 AND p.pronamespace = 'pg_catalog'::regnamespace;
SELECT count(*) > 100 AS many FROM target;
SELECT format('CREATE MATERIALIZED VIEW everything AS SELECT k, %s FROM samples GROUP BY k',
              string_agg(format('%s AS a%s', call, n), ', ' ORDER BY n)) FROM target \gexec
SELECT format('CREATE MATERIALIZED VIEW filtered AS SELECT %s FROM samples',
              string_agg(format('%s FILTER (WHERE g %% 7 = 3) AS a%s', call, n), ', ' ORDER BY n)) FROM target \gexec

-- before any row; then rows that are all NULL, then rows in memory, in storage, in both
CREATE FUNCTION differences() RETURNS TABLE (k int, call text, got text, expected text)
LANGUAGE plpgsql AS $$
DECLARE
    calls text := (SELECT string_agg(format('%s AS a%s', t.call, n), ', ') FROM target t);
    filtered_calls text := (SELECT string_agg(format('%s FILTER (WHERE g %% 7 = 3) AS a%s', t.call, n), ', ') FROM target t);
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH seen AS (SELECT * FROM archive WHERE g <= (SELECT max FROM done)),
             v AS (SELECT k, e.* FROM everything r, jsonb_each_text(to_jsonb(r)) e
                   UNION ALL SELECT -1, e.* FROM filtered r, jsonb_each_text(to_jsonb(r)) e),
             q AS (SELECT k, e.* FROM (SELECT k, %s FROM seen GROUP BY k) r, jsonb_each_text(to_jsonb(r)) e
                   UNION ALL SELECT -1, e.* FROM (SELECT %s FROM seen) r, jsonb_each_text(to_jsonb(r)) e)
        SELECT k, coalesce(call, key), v.value, q.value
          FROM v FULL JOIN q USING (k, key) LEFT JOIN target ON key = 'a' || n
         WHERE v.value IS DISTINCT FROM q.value
           AND NOT coalesce(is_float AND abs(v.value::float8 - q.value::float8) <= 1e-9 * abs(q.value::float8), false)
         ORDER BY 1, 2$q$, calls, filtered_calls);
END $$;
CREATE TABLE done AS SELECT 0 AS max;
SELECT stream_sync();
SELECT * FROM differences();

INSERT INTO samples SELECT * FROM archive WHERE g <= 20;
INSERT INTO samples SELECT * FROM archive WHERE g BETWEEN 21 AND 40;
UPDATE done SET max = 40;
SELECT * FROM differences();
-- (one row more in the archive: the comparison sees it)
UPDATE done SET max = 41;
SELECT count(*) > 50 AS differs FROM differences();
INSERT INTO samples SELECT * FROM archive WHERE g = 41;
SELECT * FROM differences();
SELECT stream_flush('everything'), stream_flush('filtered');
SELECT * FROM differences();
INSERT INTO samples SELECT * FROM archive WHERE g BETWEEN 42 AND 300;
UPDATE done SET max = 300;
SELECT * FROM differences();
INSERT INTO samples SELECT * FROM archive WHERE g BETWEEN 301 AND 600;
SELECT stream_flush('everything'), stream_flush('filtered');
INSERT INTO samples SELECT * FROM archive WHERE g BETWEEN 601 AND 1000;
UPDATE done SET max = 1000;
SELECT * FROM differences();
SELECT stream_flush('everything'), stream_flush('filtered');
SELECT * FROM differences();
SELECT count(*) AS groups, count(a1) AS filled FROM everything;

DROP TABLE samples CASCADE;
DROP FUNCTION differences;
DROP TABLE archive, target, done;
DROP TYPE mood;
