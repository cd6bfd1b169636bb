-- Aggregates of users: strictness, initial values, polymorphic states, extra
-- arguments of the final function, and what is refused.
CREATE TABLE numbers AS SELECT g, NULLIF(g % 10, 0) AS n FROM generate_series(1, 100) g;

-- strict transition, no initial value: the first input is the state
CREATE AGGREGATE strict_larger(int4) (SFUNC = int4larger, STYPE = int4, COMBINEFUNC = int4larger);
SELECT _stream_ext.finalize('strict_larger(int4)'::regprocedure, p, NULL::int4, NULL::int4) AS max
  FROM (SELECT _stream_ext.partial('strict_larger(int4)'::regprocedure, NULL::int4, n) AS p
          FROM numbers GROUP BY g % 3) parts;

-- a strict transition function that once returned NULL stays NULL
CREATE FUNCTION fragile(int4, int4) RETURNS int4 LANGUAGE sql STRICT AS
    $$ SELECT CASE WHEN $2 = 5 THEN NULL ELSE $1 + $2 END $$;
CREATE AGGREGATE fragile_sum(int4) (SFUNC = fragile, STYPE = int4, COMBINEFUNC = int4pl, INITCOND = '0');
SELECT _stream_ext.partial('fragile_sum(int4)'::regprocedure, NULL::int4, n) AS partial,
       fragile_sum(n) AS plain FROM numbers;

-- polymorphic state held as an expanded array
CREATE AGGREGATE gather(anycompatible) (
    SFUNC = array_append, STYPE = anycompatiblearray,
    COMBINEFUNC = array_cat, INITCOND = '{}');
SELECT _stream_ext.finalize('gather(anycompatible)'::regprocedure, p, NULL::text[], NULL::text) AS gathered
  FROM (SELECT _stream_ext.partial('gather(anycompatible)'::regprocedure, NULL::text[], v) AS p
          FROM (VALUES ('a'), ('b'), (NULL), ('d')) t(v)) parts;
SELECT _stream_ext.finalize('gather(anycompatible)'::regprocedure, NULL::int4[], NULL::int4[], NULL::int4) AS empty;

-- the final function's extra arguments tell it the types
CREATE FUNCTION describe(int8, anyelement) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN $1 || ' of ' || pg_typeof($2); END $$;
CREATE FUNCTION bump(int8, anyelement) RETURNS int8 LANGUAGE sql AS $$ SELECT $1 + 1 $$;
CREATE AGGREGATE described(anyelement) (
    SFUNC = bump, STYPE = int8, COMBINEFUNC = int8pl, INITCOND = '0',
    FINALFUNC = describe, FINALFUNC_EXTRA);
SELECT described(g) FROM numbers;
SELECT _stream_ext.finalize('described(anyelement)'::regprocedure, p, NULL::text, NULL::int4) AS described
  FROM (SELECT _stream_ext.partial('described(anyelement)'::regprocedure, NULL::int8, g) AS p
          FROM numbers GROUP BY n) parts;

-- a user function that raises an error
CREATE FUNCTION picky(int8, int4) RETURNS int8 LANGUAGE plpgsql AS
    $$ BEGIN IF $2 = 7 THEN RAISE 'no sevens'; END IF; RETURN $1 + $2; END $$;
CREATE AGGREGATE picky_sum(int4) (SFUNC = picky, STYPE = int8, COMBINEFUNC = int8pl, INITCOND = '0');
SELECT _stream_ext.partial('picky_sum(int4)'::regprocedure, NULL::int8, n) FROM numbers;
SELECT _stream_ext.partial('picky_sum(int4)'::regprocedure, NULL::int8, n) FROM numbers WHERE n < 7;

-- overflow is reported as by PostgreSQL
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, p, NULL::int8, NULL::int4)
  FROM (VALUES (9223372036854775807), (1)) v(p);

-- what cannot be combined
SELECT _stream_ext.finalize('json_agg(anyelement)'::regprocedure, NULL::text, NULL::json, NULL::text);
SELECT _stream_ext.finalize('mode(anyelement)'::regprocedure, NULL::int4, NULL::int4, NULL::int4);
SELECT _stream_ext.finalize('int4pl(int4, int4)'::regprocedure, NULL::int4, NULL::int4, NULL::int4, NULL::int4);

-- forged calls end in an error
SELECT _stream_ext.finalize(NULL, 1, NULL::int4);
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, 1::int8, NULL::int8);
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, 1::int8, NULL::int8, NULL::int4, NULL::int4);
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, 1::int8, NULL::int8, NULL::int8);
SELECT _stream_ext.finalize(0::regprocedure, 1, NULL::int4);
SELECT _stream_ext.finalize('sum(int8)'::regprocedure, 1, NULL::numeric, NULL::int8);
SELECT _stream_ext.finalize('sum(int8)'::regprocedure, 'x'::bytea, NULL::numeric, NULL::int8);
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, 1::int8, NULL::text, NULL::int4);
SELECT _stream_ext.finalize('sum(int4)'::regprocedure, NULL::int8, NULL::text, NULL::int4);
SELECT _stream_ext.finalize('avg(float8)'::regprocedure, '{1,2}'::float8[], NULL::float8, NULL::float8)
  FROM generate_series(1, 2);
SELECT _stream_ext.finalize('avg(float8)'::regprocedure, '{1}'::float8[], NULL::float8, NULL::float8);
SELECT _stream_ext.finalize('avg(int4)'::regprocedure, '{1,NULL}'::int8[], NULL::numeric, NULL::int4);
SELECT _stream_ext.finalize(f::regprocedure, 1, NULL::int4, NULL::int4)
  FROM unnest(ARRAY['max(int4)', 'min(int4)']) f;
SELECT _stream_ext.finalize('max(int4)'::regprocedure, 1, NULL::int4, NULL::int4) OVER ();
SELECT _stream_ext.partial('sum(int8)'::regprocedure, NULL::numeric, 1::int8);
SELECT _stream_ext.partial('sum(int8)'::regprocedure, NULL::_stream_ext.stream_partial, 1::int4);
SELECT _stream_ext.partial('corr(float8, float8)'::regprocedure, NULL::float8[], 1::float8);
DO $$ BEGIN
    PERFORM _stream_ext.finalize_transition(NULL, 'max(int4)'::regprocedure, 1, NULL::int4);
EXCEPTION WHEN feature_not_supported OR undefined_function THEN RAISE NOTICE 'refused';
END $$;

-- the aggregate's own rights count, for whoever reads
CREATE ROLE regress_stream_reader;
GRANT USAGE ON SCHEMA _stream_ext TO regress_stream_reader;
REVOKE ALL ON FUNCTION strict_larger(int4) FROM PUBLIC;
SET ROLE regress_stream_reader;
SELECT _stream_ext.finalize('max(int4)'::regprocedure, 1, NULL::int4, NULL::int4);
SELECT _stream_ext.finalize('strict_larger(int4)'::regprocedure, 1, NULL::int4, NULL::int4);
SELECT _stream_ext.partial('max(int4)'::regprocedure, NULL::int4, 1);
RESET ROLE;

DROP OWNED BY regress_stream_reader;
DROP ROLE regress_stream_reader;
DROP AGGREGATE strict_larger(int4), fragile_sum(int4), gather(anycompatible),
    described(anyelement), picky_sum(int4);
DROP FUNCTION fragile(int4, int4), describe(int8, anyelement), bump(int8, anyelement), picky(int8, int4);
DROP TABLE numbers;
