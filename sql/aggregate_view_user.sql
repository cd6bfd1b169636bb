-- Aggregates of users in continuous views, in functions of several languages.
CREATE TABLE events (k text, v int) USING stream;
CREATE TABLE archive (k text, v int);

-- a polymorphic state; the order of rows is that of their commits
CREATE AGGREGATE gather(anycompatible) (
    SFUNC = array_append, STYPE = anycompatiblearray,
    COMBINEFUNC = array_cat, INITCOND = '{}');
-- transition functions in plpgsql and SQL, a final function that is told the type
CREATE FUNCTION add_square(numeric, int) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    IF $2 = 13 THEN
        RAISE EXCEPTION 'thirteen' USING ERRCODE = 'data_exception';
    END IF;
    RETURN $1 + $2 * $2;
END $$;
CREATE AGGREGATE squares(int) (SFUNC = add_square, STYPE = numeric, COMBINEFUNC = numeric_add, INITCOND = '0');
CREATE FUNCTION bump(int8, anyelement) RETURNS int8 LANGUAGE sql AS $$ SELECT $1 + 1 $$;
CREATE FUNCTION describe(int8, anyelement) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN $1 || ' of ' || pg_typeof($2); END $$;
CREATE AGGREGATE described(anyelement) (
    SFUNC = bump, STYPE = int8, COMBINEFUNC = int8pl, INITCOND = '0',
    FINALFUNC = describe, FINALFUNC_EXTRA);
-- a composite state, strict, without initial value
CREATE TYPE span AS (low int, high int);
CREATE FUNCTION widen(span, span) RETURNS span LANGUAGE sql STRICT AS
    $$ SELECT ROW(least($1.low, $2.low), greatest($1.high, $2.high))::span $$;
CREATE AGGREGATE span_of(span) (SFUNC = widen, STYPE = span, COMBINEFUNC = widen);

CREATE MATERIALIZED VIEW summary AS
    SELECT k, gather(v) AS gathered, squares(v) AS squares, described(v) AS described,
           span_of(ROW(v, v)::span) FILTER (WHERE v > 2) AS span, count(*)
      FROM events GROUP BY k;
CREATE VIEW oracle AS
    WITH q AS (SELECT k, (SELECT array_agg(a ORDER BY a) FROM unnest(gather(v)) a) AS gathered, squares(v) AS squares,
                      described(v) AS described, span_of(ROW(v, v)::span) FILTER (WHERE v > 2) AS span, count(*)
                 FROM archive GROUP BY k),
         s AS (SELECT k, (SELECT array_agg(a ORDER BY a) FROM unnest(gathered) a), squares, described, span, count
                 FROM summary)
    (SELECT * FROM s EXCEPT ALL SELECT * FROM q) UNION ALL (SELECT * FROM q EXCEPT ALL SELECT * FROM s);

INSERT INTO archive SELECT 'k' || g % 3, g FROM generate_series(1, 9) g;
INSERT INTO events SELECT * FROM archive;
SELECT k, (SELECT array_agg(a ORDER BY a) FROM unnest(gathered) a) AS gathered, squares, described, span, count
  FROM summary ORDER BY k;
SELECT * FROM oracle;
SELECT stream_flush('summary');
INSERT INTO events VALUES ('k0', 10), (NULL, 4);
INSERT INTO archive VALUES ('k0', 10), (NULL, 4);
SELECT k, (SELECT array_agg(a ORDER BY a) FROM unnest(gathered) a) AS gathered, squares, described, span, count
  FROM summary ORDER BY k;
SELECT * FROM oracle;
SELECT stream_flush('summary');
SELECT * FROM oracle;

-- the row that fails in one aggregate is in none of them
INSERT INTO events VALUES ('k0', 11), ('k0', 13), ('k1', 12);
INSERT INTO archive VALUES ('k0', 11), ('k1', 12);
SELECT * FROM oracle;
SELECT stream_sync();
SELECT "row", sqlstate, message FROM stream_dead_letter;

-- rights of the aggregate are those of whoever reads, as in any view
CREATE ROLE regress_aggregate_reader;
GRANT SELECT ON summary TO regress_aggregate_reader;
REVOKE EXECUTE ON FUNCTION squares(int) FROM PUBLIC;
SET ROLE regress_aggregate_reader;
SELECT k, count FROM summary ORDER BY k;
SELECT k, squares FROM summary ORDER BY k;
RESET ROLE;
GRANT EXECUTE ON FUNCTION squares(int) TO PUBLIC;
DROP OWNED BY regress_aggregate_reader;
DROP ROLE regress_aggregate_reader;

-- what a view is built on stays
DROP AGGREGATE squares(int);
DROP TYPE span;

-- refusals
CREATE MATERIALIZED VIEW refused AS SELECT json_agg(k) FROM events;
CREATE MATERIALIZED VIEW refused AS SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM events;

DROP VIEW oracle;
DROP TABLE events CASCADE;
DROP TABLE archive;
DROP AGGREGATE gather(anycompatible), squares(int), described(anyelement), span_of(span);
DROP FUNCTION add_square, bump, describe, widen;
DROP TYPE span;
