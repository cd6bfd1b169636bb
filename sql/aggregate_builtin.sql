-- Every built-in aggregate with a combine function: partials of parts of the
-- rows, combined and finalised, are what the aggregate says of all rows.
SET search_path TO public;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE sample AS
SELECT g,
       NULLIF(g % 17, 3)::int2 AS int2,
       NULLIF(g * 37 % 1001 - 500, 7)::int4 AS int4,
       NULLIF(g::int8 * 4000000001, 36000000009) AS int8,
       (NULLIF(g % 64, 5)::float8 / 4)::float4 AS float4,
       CASE WHEN g > 1000 THEN (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '7'])[g % 5 + 1]::float8
            ELSE NULLIF(g % 128 - 64, 5)::float8 / 8 END AS float8,
       CASE WHEN g % 13 <> 2 THEN (g * 1000003 % 7919)::numeric / 100 END AS "numeric",
       (g * 7)::money AS money,
       make_interval(hours => g % 100, months => g % 5) AS "interval",
       'text ' || (g * 31 % 977) AS text,
       ('char ' || (g * 29 % 977))::bpchar AS bpchar,
       date '2020-01-01' + g % 400 AS date,
       time '00:00' + make_interval(secs => g) AS "time",
       timetz '00:00+00' + make_interval(secs => g) AS "timetz",
       timestamp '2020-01-01' + make_interval(mins => g * 37 % 999) AS "timestamp",
       timestamptz '2020-01-01 00:00+00' + make_interval(mins => g * 37 % 999) AS "timestamptz",
       (g % 100)::oid AS oid,
       format('(%s,%s)', g % 10, g % 7 + 1)::tid AS tid,
       ('10.0.0.' || g % 200)::inet AS inet,
       (g % 300)::text::xid8 AS xid8,
       ('0/' || g % 90)::pg_lsn AS pg_lsn,
       g % 3 = 1 AS bool,
       (g % 256)::bit(8) AS "bit",
       ARRAY[g % 5, g % 11] AS anyarray,
       (ARRAY['sad', 'ok', 'happy'])[g % 2 + 1]::mood AS anyenum,
       int4range(g % 20, 40) AS anyrange,
       int4multirange(int4range(g % 20, 40)) AS anymultirange,
       true AS unused
FROM generate_series(1, 1010) g;

-- Runs one aggregate both ways over the rows of a condition; NULL if they agree.
CREATE FUNCTION compare(agg regprocedure, partial_type regtype, args text[], rows text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    call text := format('%s(%s)', split_part(agg::text, '(', 1),
                        CASE WHEN args = '{}' THEN '*' ELSE array_to_string(args, ', ') END);
    passed text := CASE WHEN args = '{}' THEN 'NULL::int' ELSE array_to_string(args, ', ') END;
    -- of the arguments, for finalize()
    types text := (SELECT coalesce(string_agg(', NULL::' || a.atttypid::regtype, '' ORDER BY o), '')
                     FROM unnest(args) WITH ORDINALITY u(arg, o)
                     JOIN pg_attribute a ON a.attrelid = 'sample'::regclass
                      AND quote_ident(a.attname) = split_part(arg, ' ', 1));
    result_type regtype;
    expected text;
    got text;
BEGIN
    EXECUTE format('SELECT %s::text, pg_typeof(%1$s) FROM sample WHERE %s', call, rows)
        INTO expected, result_type;
    EXECUTE format($q$SELECT _stream_ext.finalize(%L::regprocedure, p, NULL::%s %s)::text
        FROM (SELECT _stream_ext.partial(%1$L::regprocedure, NULL::%4$s, %5$s) AS p
                FROM sample WHERE %6$s GROUP BY g %% 7
              UNION ALL SELECT NULL) parts$q$,
        agg, result_type, types, partial_type, passed, rows) INTO got;
    -- sums of floats depend on the order of the rows
    IF result_type IN ('float4'::regtype, 'float8'::regtype) AND
        abs(expected::float8 - got::float8) <= 1e-12 * abs(expected::float8) THEN
        got := expected;
    END IF;
    IF expected IS DISTINCT FROM got THEN
        RETURN format('%s where %s: %s instead of %s', call, rows, got, expected);
    END IF;
    RETURN NULL;
END $$;

-- The column of sample for each argument, and the type of the partial.
CREATE VIEW candidate AS
SELECT a.aggfnoid::regprocedure AS agg,
       ARRAY(SELECT CASE t WHEN '"any"'::regtype THEN 'int4'
                    ELSE quote_ident(typname) END || CASE WHEN o = 2 THEN ' * 2 + g % 3' ELSE '' END
               FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, o)
               JOIN pg_type ON pg_type.oid = t ORDER BY o) AS args,
       CASE aggtranstype::regtype::text
           WHEN 'internal' THEN '_stream_ext.stream_partial'
           WHEN 'anyarray' THEN 'int4[]'
           WHEN 'anyenum' THEN 'mood'
           WHEN 'anyrange' THEN 'int4range'
           WHEN 'anymultirange' THEN 'int4multirange'
           ELSE aggtranstype::regtype::text
       END::regtype AS partial_type
  FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
 WHERE aggcombinefn <> 0 AND p.pronamespace = 'pg_catalog'::regnamespace;

SELECT count(*) > 100 AS many FROM candidate;
SELECT rows, count(*) > 100 AS compared, string_agg(difference, E'\n') AS differences
  FROM (SELECT rows, compare(agg, partial_type, args, rows) AS difference
          FROM candidate,
               unnest(ARRAY['g <= 1000', 'false', 'g = 1', 'g < 20', 'int2 IS NULL',
                            'g > 1000', 'g > 1000 AND g % 5 IN (1, 3)']) rows) c
 GROUP BY rows ORDER BY rows;

-- Strings compare under the collation of the call (without one they cannot).
SELECT _stream_ext.finalize('max(text)'::regprocedure, p COLLATE "C", NULL::text, NULL::text) AS c_collation
  FROM (VALUES ('a'), ('B')) v(p);

-- Text that had to be detoasted to become a state.
CREATE TABLE wide (g int, t text);
ALTER TABLE wide ALTER t SET STORAGE EXTERNAL;
INSERT INTO wide SELECT g, repeat(g::text, 10000) FROM generate_series(1, 9) g;
SELECT md5(_stream_ext.finalize('max(text)'::regprocedure, p, NULL::text, NULL::text)) = md5(repeat('9', 10000)) AS same
  FROM (SELECT _stream_ext.partial('max(text)'::regprocedure, NULL::text, t) AS p FROM wide GROUP BY g % 2) parts;

DROP VIEW candidate;
DROP FUNCTION compare;
DROP TABLE sample, wide;
DROP TYPE mood;
