-- Every built-in aggregate with a combine function, in one view and in another
-- without GROUP BY, through memory and storage.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
SELECT make_stream('sample', $$g int, int2 int2, int4 int4, int8 int8, float4 float4, float8 float8, "numeric" numeric,
  money money, "interval" interval, text text, bpchar bpchar, date date, "time" time, timetz timetz,
  "timestamp" timestamp, "timestamptz" timestamptz, oid oid, tid tid, inet inet, xid8 xid8, pg_lsn pg_lsn, bool bool,
  "bit" bit(8), anyarray int[], anyenum mood, anyrange int4range, anymultirange int4multirange$$);

-- The call of each aggregate over the columns named as their types; what is
-- float is rounded, because its sums depend on the order of the rows.
CREATE VIEW calls AS
SELECT a.aggfnoid::regprocedure AS agg, row_number() OVER (ORDER BY a.aggfnoid) AS number,
       format(CASE WHEN p.prorettype IN ('float4'::regtype, 'float8'::regtype)
              THEN 'round((%s(%s))::numeric, 3)' ELSE '%s(%s)' END, p.proname,
              coalesce(nullif((SELECT string_agg(CASE t WHEN '"any"'::regtype THEN 'int4'
                                          ELSE quote_ident(typname) END || CASE WHEN o = 2 THEN ' * 2 + g % 3' ELSE '' END, ', ' ORDER BY o)
                          FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, o)
                          JOIN pg_type ON pg_type.oid = t), ''), '*')) AS call
  FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
 WHERE aggcombinefn <> 0 AND p.pronamespace = 'pg_catalog'::regnamespace;
SELECT count(*) > 100 AS many FROM calls;

SELECT make_view('grouped', (SELECT format('SELECT g %% 7 AS k, %s FROM sample GROUP BY g %% 7',
  string_agg(format('%s AS a%s', call, number), ', ' ORDER BY number)) FROM calls));
SELECT make_view('ungrouped', (SELECT format('SELECT %s FROM sample',
  string_agg(format('%s AS a%s', call, number), ', ' ORDER BY number)) FROM calls));
SELECT make_view('filtered', (SELECT format('SELECT g %% 3 AS k, %s FROM sample GROUP BY 1',
  string_agg(format('%s AS a%s', regexp_replace(call, '^(round\()?(.*?)(\)::numeric, 3\))?$',
                    '\1\2 FILTER (WHERE g > 500)\3'), number), ', ' ORDER BY number)) FROM calls
   WHERE call NOT LIKE 'round%'));

-- nothing yet: the aggregates of no rows
SELECT * FROM check_views();

CREATE FUNCTION rows_of_sample(first int, last int) RETURNS text LANGUAGE sql AS $f$
SELECT format($$SELECT g, NULLIF(g %% 17, 3)::int2, NULLIF(g * 37 %% 1001 - 500, 7)::int4,
       NULLIF(g::int8 * 4000000001, 36000000009), (NULLIF(g %% 64, 5)::float8 / 4)::float4,
       NULLIF(g %% 128 - 64, 5)::float8 / 8,
       CASE WHEN g %% 13 <> 2 THEN (g * 1000003 %% 7919)::numeric / 100 END, (g * 7)::money,
       make_interval(hours => g %% 100, months => g %% 5), 'text ' || (g * 31 %% 977),
       ('char ' || (g * 29 %% 977))::bpchar, date '2020-01-01' + g %% 400, time '00:00' + make_interval(secs => g),
       timetz '00:00+00' + make_interval(secs => g), timestamp '2020-01-01' + make_interval(mins => g * 37 %% 999),
       timestamptz '2020-01-01 00:00+00' + make_interval(mins => g * 37 %% 999), (g %% 100)::oid,
       format('(%%s,%%s)', g %% 10, g %% 7 + 1)::tid, ('10.0.0.' || g %% 200)::inet, (g %% 300)::text::xid8,
       ('0/' || g %% 90)::pg_lsn, g %% 3 = 1, (g %% 256)::bit(8), ARRAY[g %% 5, g %% 11],
       (ARRAY['sad', 'ok', 'happy'])[g %% 2 + 1]::mood, int4range(g %% 20, 40), int4multirange(int4range(g %% 20, 40))
  FROM generate_series(%s, %s) g$$, first, last);
$f$;

SELECT send('sample', rows_of_sample(1, 1));
SELECT * FROM check_views();
SELECT send('sample', rows_of_sample(2, 400));
SELECT send('sample', rows_of_sample(401, 700));
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('sample', rows_of_sample(701, 1000));
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();

DROP TABLE sample CASCADE;
DROP SCHEMA archive CASCADE;
DROP VIEW calls;
DROP FUNCTION rows_of_sample;
DROP TYPE mood;
