-- linreg, predict, standardise: against regr_* and a direct solution, NULLs,
-- singular systems, limits, parallel queries, continuous views.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

-- one feature: what regr_* say; rows with a NULL are ignored
CREATE TABLE samples AS
SELECT g, g % 4 AS grp, CASE WHEN g % 11 > 0 THEN 3 + 0.5 * g + (g * 7919 % 101) / 10.0 END AS y,
       CASE WHEN g % 13 > 0 THEN g::float8 END AS x1, (g * 31 % 17)::float8 AS x2, (g * g % 23) * 1e6 AS x3
  FROM generate_series(1, 2000) g;
SELECT grp, (m).n = regr_count AS n, abs((m).coefficients[1] - slope) < 1e-10 AS slope,
       abs((m).intercept - intercept) < 1e-9 AS intercept, abs((m).r2 - r2) < 1e-12 AS r2,
       abs((m).mse - (syy - sxy * sxy / sxx) / regr_count) < 1e-9 AS mse
  FROM (SELECT grp, linreg(y, ARRAY[x1]) AS m, regr_count(y, x1), regr_slope(y, x1) AS slope,
               regr_intercept(y, x1) AS intercept, regr_r2(y, x1) AS r2,
               regr_syy(y, x1) AS syy, regr_sxy(y, x1) AS sxy, regr_sxx(y, x1) AS sxx
          FROM samples GROUP BY grp) r ORDER BY grp;

-- a plane that is met exactly
SELECT (m).n, round((m).intercept::numeric, 9) AS intercept, round((m).coefficients[1]::numeric, 9) AS b1,
       round((m).coefficients[2]::numeric, 9) AS b2, round((m).r2::numeric, 9) AS r2, round((m).mse::numeric, 9) AS mse,
       round(predict(m, ARRAY[10, 100])::numeric, 6) AS predicted
  FROM (SELECT linreg(7 + 2 * x1 - 3 * x2, ARRAY[x1, x2]) FROM samples) r(m);
-- several features: the residuals are orthogonal to each feature and to 1,
-- which is what makes a solution the best one; r2 and mse are theirs
WITH model AS (SELECT linreg(y, ARRAY[x1, x2, x3]) AS m FROM samples),
     residual AS (SELECT y, x1, x2, x3, y - predict(m, ARRAY[x1, x2, x3]) AS r
                    FROM samples, model WHERE y IS NOT NULL AND x1 IS NOT NULL)
SELECT abs(sum(r)) < 1e-6 AS one, abs(sum(r * x1)) < 1e-3 AS x1, abs(sum(r * x2)) < 1e-3 AS x2,
       abs(sum(r * x3) / 1e6) < 1e-3 AS x3, count(*) = (SELECT (m).n FROM model) AS n,
       abs(avg(r * r) - (SELECT (m).mse FROM model)) < 1e-9 AS mse,
       abs(1 - sum(r * r) / (var_pop(y) * count(*)) - (SELECT (m).r2 FROM model)) < 1e-9 AS r2 FROM residual;
-- attributes as functions
SELECT n(linreg(y, ARRAY[x1])), r2(linreg(y, ARRAY[x1])) > 0.9 AS good, cardinality(coefficients(linreg(y, ARRAY[x1])))
  FROM samples;

-- no rows, one row, constant and dependent features, constant y
SELECT linreg(y, ARRAY[x1]) IS NULL AS none FROM samples WHERE false;
SELECT linreg(y, x) IS NULL AS none FROM (VALUES (NULL::float8, ARRAY[1.0::float8]), (1, NULL), (1, ARRAY[NULL::float8])) r(y, x);
SELECT (linreg(5, ARRAY[1, 2])).*;
SELECT (linreg(y, ARRAY[3, x])).* FROM (VALUES (2, 1), (4, 2), (6, 3)) r(y, x);
SELECT (linreg(y, ARRAY[x, 2 * x + 1, x * x])).* FROM (VALUES (1, 1), (4, 2), (9, 3), (16, 4)) r(y, x);
SELECT (linreg(7, ARRAY[x])).*, regr_r2(7, x) FROM generate_series(1, 4) x;
SELECT (linreg(y, ARRAY[1])).* FROM generate_series(1, 4) y;
-- predict leaves out what the model leaves out; NULL gives NULL
SELECT predict(linreg(y, ARRAY[3, x]), ARRAY[100, 10]) AS predicted,
       predict(linreg(y, ARRAY[3, x]), ARRAY[NULL, 10]) AS null_feature,
       predict(NULL, ARRAY[1]) AS null_model FROM (VALUES (2, 1), (4, 2), (6, 3)) r(y, x);
SELECT predict(ROW(1, NULL, '{1}', 1, 1)::linreg_model, '{1}') AS no_intercept, predict(ROW(1, 1, NULL, 1, 1)::linreg_model, '{1}') AS no_coefficients;

-- NaN and infinities
SELECT (linreg(y, ARRAY[x])).* FROM (VALUES (2, 1::float8), (4, 'NaN'), (6, 3)) r(y, x);
SELECT (linreg(y, ARRAY[x])).* FROM (VALUES (2::float8, 1), ('Infinity', 2), (6, 3)) r(y, x);
SELECT predict(ROW(1, 1, '{2}', 1, 1)::linreg_model, '{Infinity}');
SELECT linreg(y, ARRAY[x]) FROM (VALUES (1, 1e200), (2, -1e200)) r(y, x);

-- as a window aggregate
SELECT x, round(((linreg(y, ARRAY[x]) OVER (ORDER BY x)).coefficients[1])::numeric, 6) AS slope
  FROM (VALUES (1, 1), (2, 3), (3, 7)) r(x, y);

-- refusals
SELECT linreg(1, '{}');
SELECT linreg(1, '{{1,2}}');
SELECT linreg(1, x) FROM (VALUES ('{1,2}'::float8[]), ('{1}')) r(x);
SELECT linreg(1, x) FROM (VALUES ('{1,2}'::float8[]), ('{NULL}')) r(x);
SELECT linreg(1, x) FROM (SELECT array_agg(g::float8) FROM generate_series(1, 65) g) r(x);
SELECT cardinality((linreg(1, x)).coefficients) FROM (SELECT array_agg(g::float8) FROM generate_series(1, 64) g) r(x);
SELECT predict(ROW(1, 1, '{1,2}', 1, 1)::linreg_model, '{1}');
SELECT predict(ROW(1, 1, '{{1,2}}', 1, 1)::linreg_model, '{1}');
SELECT _stream_ext.linreg_combine('{1,1,1,1,1,1,1}', '{1,1,1,1,1,1,1}');
SELECT _stream_ext.finalize('linreg(float8,float8[])'::regprocedure, s::float8[], NULL::linreg_model, NULL::float8, NULL::float8[])
  FROM unnest(ARRAY['{1,1,1,1,1,1,1}', '{1,1,1}']) s;
SELECT _stream_ext.finalize('linreg(float8,float8[])'::regprocedure, s::float8[], NULL::linreg_model, NULL::float8, NULL::float8[])
  FROM unnest(ARRAY['{1,1,1,1,1,1,1}', '{1,2,0,0,0,0,0,0,0,0,0}']) s;

-- standardise
SELECT standardise(12, 10, 4), standardise(8, 10, 4), standardise(10, 10, 0) AS no_deviation,
       standardise(NULL, 10, 4) AS null, standardise('NaN', 0, 1), standardise('-Infinity', 0, 1);
SELECT standardise(1, 0, -1);
SELECT standardise(1e300, -1e300, 1e-300);
SELECT round(avg(z)::numeric, 9) AS mean, round(stddev_samp(z)::numeric, 9) AS deviation
  FROM (SELECT standardise(x1, avg(x1) OVER (), stddev_samp(x1) OVER ()) FROM samples) r(z);

-- parallel
CREATE TABLE many AS SELECT y, x1, x2 FROM samples, generate_series(1, 20);
ANALYZE many;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT linreg(y, ARRAY[x1, x2]) FROM many;
SELECT linreg(y, ARRAY[x1, x2]) AS p FROM many \gset
SET max_parallel_workers_per_gather = 0;
SELECT (s).n = (p).n AS n, abs((s).r2 - (p).r2) < 1e-9 AS r2, abs((s).coefficients[2] - (p).coefficients[2]) < 1e-9 AS b2
  FROM (SELECT linreg(y, ARRAY[x1, x2]) FROM many) r(s), (SELECT :'p'::linreg_model) q(p);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET parallel_leader_participation; RESET max_parallel_workers_per_gather;

-- continuous views: rounded, as the last digits depend on the order of rows
CREATE FUNCTION rounded(m linreg_model) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (m).n || ' ' || round((m).intercept::numeric, 6) || ' ' || array_to_string(ARRAY(SELECT round(c::numeric, 6) FROM unnest((m).coefficients) c), ' ', 'NULL')
         || ' ' || round((m).r2::numeric, 6) || ' ' || round((m).mse::numeric, 6) $$;
SELECT make_stream('readings', 'ts timestamptz, sensor int, heat float8, load float8, noise float8, features float8[]');
SELECT make_view('models', $$
  SELECT w.window_start, sensor, rounded(linreg(heat, ARRAY[load, noise, 1])) AS model
    FROM readings, tumble(ts, '1 hour') w GROUP BY w.window_start, sensor $$);
SELECT make_view('model', $$
  SELECT rounded(linreg(heat, ARRAY[load, noise]) FILTER (WHERE sensor > 0)) AS m,
         round(predict(linreg(heat, ARRAY[load]), ARRAY[50])::numeric, 6) AS at_50, count(*) FROM readings $$);
CREATE FUNCTION readings(low int, high int) RETURNS SETOF public.readings LANGUAGE sql AS $$
  SELECT timestamptz '2024-01-01 00:00+00' + make_interval(mins => g * 37 % 240), g % 3,
         20 + g * 53 % 211 / 4.0 - 2 * (g % 7) + g * 7919 % 10 / 10.0, CASE WHEN g % 19 > 0 THEN g * 53 % 211 END, g % 7, NULL::float8[]
    FROM generate_series(low, high) g $$;
SELECT * FROM check_views();
SELECT send('readings', 'SELECT * FROM readings(1, 40)');
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('readings', 'SELECT * FROM readings(41, 300)');
SELECT * FROM check_views();
SELECT flush_views();
SELECT send('readings', 'SELECT * FROM readings(301, 500)');
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT * FROM model;
SELECT * FROM models WHERE sensor = 1 ORDER BY window_start;

-- a model itself as a column, used in a query
CREATE MATERIALIZED VIEW trained AS SELECT sensor, linreg(heat, ARRAY[load, noise]) AS model FROM readings GROUP BY sensor;
INSERT INTO readings SELECT * FROM readings(1, 300);
SELECT sensor, (model).n, round(predict(model, ARRAY[100, 3])::numeric, 3) AS predicted FROM trained ORDER BY sensor;

-- a row with another number of features than the rows of its run is a dead letter
CREATE MATERIALIZED VIEW ragged AS SELECT sensor, (linreg(heat, features)).n FROM readings GROUP BY sensor;
INSERT INTO readings (sensor, heat, features) VALUES (1, 1, '{1,2}'), (1, 2, '{3,4}'), (1, 3, '{5}'), (2, 1, '{1}');
SELECT * FROM ragged ORDER BY sensor;
SELECT stream_sync();
SELECT view, "row", sqlstate, message FROM stream_dead_letter;

DROP TABLE readings CASCADE;
DROP SCHEMA archive CASCADE;
DROP TABLE samples, many;
DROP FUNCTION rounded;
