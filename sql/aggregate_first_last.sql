-- first, last, arg_min, arg_max: in plain queries, in parallel ones, over windows, in continuous views.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE place AS (at timestamptz, name text);
CREATE DOMAIN score AS int CHECK (VALUE >= 0);

-- rows with NULL in either are ignored; no rows give NULL
SELECT first(v, k), last(v, k), arg_min(v, k), arg_max(v, k)
  FROM (VALUES (NULL, 1), ('b', 2), ('c', 3), ('d', 4), (NULL, 5), ('f', NULL)) r(v, k);
SELECT first(v, k), last(v, k) FROM (VALUES ('x', NULL::int), (NULL, 1)) r(v, k);
SELECT first(1, 1) FILTER (WHERE false), last('x'::text, now()) FILTER (WHERE false);

-- a tie of the key: the smallest value of first and arg_min, the largest of last and arg_max,
-- under collation "C"; equal values that differ by their text; values without an order
SELECT first(v, 1), last(v, 1), arg_min(v, 1), arg_max(v, 1)
  FROM unnest(ARRAY['b', 'B', 'a', 'A', 'b']) v;
SELECT first(v, 1), last(v, 1) FROM (VALUES (1.0), (1.000), (1.00)) r(v);
SELECT first(v, 1), last(v, 1) FROM (VALUES (1.00), (1.000), (1.0)) r(v);
SELECT first(v, 1), last(v, 1) FROM (VALUES ('{"b":1}'::json), ('{"a": 1}'), ('{"a":1}')) r(v);
SELECT first(v, 1), last(v, 1) FROM (VALUES (0.0::float8), ('-0'), (0)) r(v);
-- not a number is above all numbers
SELECT arg_max(v, k), arg_min(v, k) FROM (VALUES ('inf', 'Infinity'::float8), ('nan', 'NaN'), ('-inf', '-Infinity'), ('zero', 0)) r(v, k);

-- the collation is that of the call
SELECT arg_min(v, k COLLATE "C") FROM (VALUES (1, 'a'), (2, 'B')) r(v, k);
CREATE TABLE mixed (v text COLLATE "C", k text COLLATE "POSIX");
INSERT INTO mixed VALUES ('x', 'a'), ('y', 'b');
SELECT last(v, k) FROM mixed;
SELECT last(v, k COLLATE "C") FROM mixed;
SELECT last(v, length(k)) FROM mixed;

-- as window aggregates
SELECT k, first(v, k) OVER (ORDER BY k), last(v, k) OVER (ORDER BY k)
  FROM (VALUES ('b', 2), ('c', 3), ('a', 1)) r(v, k);

-- what cannot be
SELECT first(1, '(1,2)'::point);
SELECT first(ROW(1, 2), 1);
SELECT first(1, ROW(1, 2));
SELECT first(1);

-- values of any kind, in parts: the state goes through its stored form
CREATE TABLE samples AS
SELECT g, g % 3 AS part, (g * 37 % 101) AS k,
       'text ' || (g * 31 % 17) AS t, repeat('long ' || g || ' ', 1000) AS long,
       (g % 13)::numeric / 10 AS n, ARRAY[g % 3, NULL, g % 5] AS ints, ARRAY['ok', 'happy']::mood[] AS moods,
       (ARRAY['sad', 'ok', 'happy'])[g % 3 + 1]::mood AS mood, int4range(g % 7, 10) AS r,
       ROW(timestamptz '2020-01-01 12:00+02' + make_interval(hours => g), 'place "' || g || '"')::place AS place,
       (g % 11)::score AS score, make_interval(days => g) AS i, date '2020-01-01' + g % 77 AS d,
       ('\x0' || g % 10)::bytea AS raw, 'pg_class'::regclass AS class, (g % 2 = 0) AS b,
       json_build_object('a', g) AS j, 'x'::"char" AS c, g::float4 / 8 AS f, point(g, g) AS p,
       '{a,b}'::text[] AS words
  FROM generate_series(1, 100) g;
CREATE FUNCTION through_partials(value text, key text, aggregate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    -- each part is stored with one setting and read with another
    CREATE TEMP TABLE stored (p _stream_ext.stream_partial);
    SET LOCAL datestyle = 'SQL, DMY';
    SET LOCAL timezone = 'Asia/Tokyo';
    SET LOCAL extra_float_digits = 0;
    SET LOCAL intervalstyle = 'iso_8601';
    SET LOCAL search_path = '';
    EXECUTE format('INSERT INTO pg_temp.stored SELECT _stream_ext.partial(''public.%s(anyelement, anycompatible)''::regprocedure,
                    NULL::_stream_ext.stream_partial, %s, %s) FROM public.samples GROUP BY part', aggregate, value, key);
    SET LOCAL datestyle = 'ISO';
    SET LOCAL timezone = 'UTC';
    SET LOCAL extra_float_digits = 1;
    SET LOCAL intervalstyle = 'postgres';
    SET LOCAL search_path = public, archive;
    SET LOCAL client_encoding = 'LATIN1';
    EXECUTE format('SELECT (_stream_ext.finalize(''%s(anyelement, anycompatible)''::regprocedure, p,
                    (SELECT %s FROM samples LIMIT 0), (SELECT %2$s FROM samples LIMIT 0), (SELECT %s FROM samples LIMIT 0)))::text
                    FROM stored', aggregate, value, key) INTO result;
    DROP TABLE stored;
    RETURN result;
END $$;
CREATE FUNCTION in_one(value text, key text, aggregate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT %s(%s, %s)::text FROM samples', aggregate, value, key) INTO result;
    RETURN result;
END $$;
-- each type as a value, and as a key if it has an order
SELECT column_name, left(in_one(column_name, 'k', 'last'), 40) AS last,
       in_one(column_name, 'k', 'last') = through_partials(column_name, 'k', 'last') AS same_last,
       in_one(column_name, 'k', 'first') = through_partials(column_name, 'k', 'first') AS same_first,
       CASE WHEN column_name NOT IN ('j', 'p')
            THEN in_one('g', column_name, 'arg_max') = through_partials('g', column_name, 'arg_max') END AS same_key
  FROM information_schema.columns WHERE table_name = 'samples' ORDER BY ordinal_position;

-- what a state says of itself is checked
SELECT _stream_ext.finalize('last(anyelement,anycompatible)'::regprocedure, p, NULL::int, NULL::int, NULL::int)
  FROM (SELECT _stream_ext.partial('first(anyelement,anycompatible)'::regprocedure, NULL::_stream_ext.stream_partial, 1, 2)) r(p);
SELECT _stream_ext.finalize('last(anyelement,anycompatible)'::regprocedure, p, NULL::text, NULL::text, NULL::int)
  FROM (SELECT _stream_ext.partial('last(anyelement,anycompatible)'::regprocedure, NULL::_stream_ext.stream_partial, 1, 2)) r(p);
-- forged bytes under the right header
CREATE FUNCTION forged(change text, by text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    partial text;
BEGIN
    SELECT replace(_stream_ext.partial('last(anyelement,anycompatible)'::regprocedure,
                NULL::_stream_ext.stream_partial, v, 1)::text, change, by) INTO partial
      FROM (VALUES ('abc'::text)) r(v);
    RETURN _stream_ext.finalize('last(anyelement,anycompatible)'::regprocedure, partial::_stream_ext.stream_partial,
                                NULL::text, NULL::text, NULL::int);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT forged('', ''), forged(encode('text', 'hex'), encode('bool', 'hex')),
       forged(encode('text', 'hex'), encode('varchar', 'hex')), forged(encode('text', 'hex'), encode('tixt', 'hex')),
       forged('\x01', '\x02'), forged('00000003616263', '70000003616263'), forged('00000003616263', '00000002616263');

-- parallel
CREATE TABLE many AS SELECT g, g % 10 AS grp, g * 7919 % 100003 AS k, 'v' || g AS t FROM generate_series(1, 20000) g;
ANALYZE many;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
EXPLAIN (COSTS OFF) SELECT grp, first(t, k), last(t, k) FROM many GROUP BY grp;
SELECT grp, first(t, k), last(t, k), arg_min(g, t), arg_max(k, t), last(now() IS NULL, k) FROM many GROUP BY grp
EXCEPT ALL
SELECT grp, (array_agg(t ORDER BY k, t COLLATE "C"))[1], (array_agg(t ORDER BY k DESC, t COLLATE "C" DESC))[1],
       (array_agg(g ORDER BY t))[1], (array_agg(k ORDER BY t DESC))[1], false FROM many GROUP BY grp;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;

-- continuous views
SELECT make_stream('ticks', 'ts timestamptz, symbol text, price numeric(10,2), volume int, mood mood, place place');
SELECT make_view('candles', $$
  SELECT w.window_start, symbol, first(price, ts) AS open, max(price) AS high, min(price) AS low,
         last(price, ts) AS close, arg_max(ts, volume) AS busiest
    FROM ticks, tumble(ts, '1 hour') w GROUP BY w.window_start, symbol $$);
SELECT make_view('total', $$
  SELECT last(mood, ts) AS mood, first(place, ts) AS place, last(symbol, place) AS symbol,
         arg_min(ROW(ts, symbol)::place, price) FILTER (WHERE volume > 3) AS cheapest,
         last(price, ts) - first(price, ts) AS change FROM ticks $$);
SELECT make_view('by_mood', $$ SELECT mood, last(ARRAY[symbol], volume) AS words FROM ticks GROUP BY mood $$);
CREATE FUNCTION ticks(low int, high int) RETURNS SETOF public.ticks LANGUAGE sql AS $$
  SELECT timestamptz '2024-01-01 00:00+00' + make_interval(mins => g * 37 % 240),
         's' || g % 3, g * 53 % 211 / 4.0, NULLIF(g % 7, 4), ((ARRAY['sad', 'ok', 'happy'])[g % 3 + 1])::public.mood,
         CASE WHEN g % 5 > 0 THEN ROW(timestamptz '2024-01-01 00:00+00' + make_interval(mins => g * 41 % 100), 'é' || g)::public.place END
    FROM generate_series(low, high) g $$;
SELECT * FROM check_views();
SELECT send('ticks', 'SELECT * FROM ticks(1, 40)');
SELECT * FROM check_views();
SELECT flush_views();
SELECT * FROM check_views();
SELECT send('ticks', 'SELECT * FROM ticks(41, 300)');
SELECT send('ticks', $$ SELECT NULL, 's1', 1, 1, NULL, NULL $$);
SELECT send('ticks', $$ SELECT ts, symbol, NULL, NULL, NULL, NULL FROM ticks(5, 6) $$);
SELECT * FROM check_views();
SELECT flush_views();
SET client_encoding = 'LATIN1';
SELECT * FROM check_views();
RESET client_encoding;
SELECT send('ticks', 'SELECT * FROM ticks(301, 500)');
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SELECT * FROM check_views();
RESET intervalstyle;
SET datestyle = 'ISO';
SELECT * FROM candles WHERE symbol = 's1' ORDER BY window_start;
SELECT * FROM total;
SELECT "row", sqlstate, message FROM stream_dead_letter;

DROP TABLE ticks CASCADE;
DROP SCHEMA archive CASCADE;
DROP TABLE mixed, samples, many;
DROP FUNCTION through_partials, in_one, forged;
DROP TYPE mood, place;
DROP DOMAIN score;
