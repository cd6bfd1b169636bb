-- Type stream_partial: only its own aggregate reads it, only a superuser
-- can bring one in from outside.
CREATE TABLE parts AS
SELECT g % 2 AS k,
       _stream_ext.partial('sum(int8)'::regprocedure, NULL::_stream_ext.stream_partial, g::int8) AS p
  FROM generate_series(1, 100) g GROUP BY 1;
SELECT k, p FROM parts ORDER BY k;
SELECT _stream_ext.finalize('sum(int8)'::regprocedure, p, NULL::numeric, NULL::int8) FROM parts;

-- another aggregate, also one with the same state, does not take it
SELECT _stream_ext.finalize('avg(int8)'::regprocedure, p, NULL::numeric, NULL::int8) FROM parts;
SELECT _stream_ext.finalize('sum(numeric)'::regprocedure, p, NULL::numeric, NULL::numeric) FROM parts;

-- dump and restore, as text and as binary
CREATE TABLE restored (k int, p _stream_ext.stream_partial);
INSERT INTO restored SELECT k, p::text::_stream_ext.stream_partial FROM parts;
SELECT _stream_ext.finalize('sum(int8)'::regprocedure, p, NULL::numeric, NULL::int8) FROM restored;
SELECT encode(_stream_ext.stream_partial_send(p), 'hex') FROM parts WHERE k = 0;

-- no casts, no operators
SELECT p::bytea FROM parts;
SELECT p = p FROM parts;
SELECT count(*) FROM pg_cast
 WHERE '_stream_ext.stream_partial'::regtype IN (castsource, casttarget);

-- malformed text
SELECT ''::_stream_ext.stream_partial;
SELECT '1 \x00'::_stream_ext.stream_partial;
SELECT '1 \x00 name'::_stream_ext.stream_partial;
SELECT '1 \x00 "name'::_stream_ext.stream_partial;
SELECT '1 \x00 "name"x'::_stream_ext.stream_partial;
SELECT '1 \x0 "name"'::_stream_ext.stream_partial;
SELECT '2 \x00 "name"'::_stream_ext.stream_partial;
SELECT ('1 \x00 "a"' || repeat(' "x"', 9))::_stream_ext.stream_partial;
SELECT '1 \x "a ""quoted"" name" "int"'::_stream_ext.stream_partial;

-- the right name with wrong bytes: for superusers, and checked by PostgreSQL
SELECT _stream_ext.finalize('sum(int8)'::regprocedure,
    '1 \x00 "pg_catalog.sum(bigint)" "bigint"'::_stream_ext.stream_partial, NULL::numeric, NULL::int8);

-- large enough to be compressed and moved out of line
CREATE AGGREGATE huge(numeric) (SFUNC = numeric_avg_accum, STYPE = internal,
    COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize,
    DESERIALFUNC = numeric_avg_deserialize, FINALFUNC = numeric_sum);
INSERT INTO restored
SELECT 7, _stream_ext.partial('huge(numeric)'::regprocedure, NULL::_stream_ext.stream_partial,
                              repeat('123456789', 1000)::numeric);
SELECT _stream_ext.finalize('huge(numeric)'::regprocedure, p, NULL::numeric, NULL::numeric)
       = repeat('123456789', 1000)::numeric AS same FROM restored WHERE k = 7;
-- renamed: said clearly, and undone by the old name
ALTER AGGREGATE huge(numeric) RENAME TO "very huge";
SELECT _stream_ext.finalize('"very huge"(numeric)'::regprocedure, p, NULL::numeric, NULL::numeric) FROM restored WHERE k = 7;
ALTER AGGREGATE "very huge"(numeric) RENAME TO huge;
SELECT length(_stream_ext.finalize('huge(numeric)'::regprocedure, p, NULL::numeric, NULL::numeric)::text)
  FROM restored WHERE k = 7;

CREATE ROLE regress_stream_writer;
GRANT USAGE ON SCHEMA _stream_ext TO regress_stream_writer;
GRANT SELECT ON parts TO regress_stream_writer;
SET ROLE regress_stream_writer;
SELECT '1 \x00 "a"'::_stream_ext.stream_partial;
SELECT p::text::_stream_ext.stream_partial FROM parts;
SELECT ROW(p)::text IS NOT NULL AS readable FROM parts;
SELECT json_populate_record(NULL::parts, '{"p": "1 \\x00 \"a\""}');
RESET ROLE;

DROP TABLE restored, parts;
DROP AGGREGATE huge(numeric);
DROP OWNED BY regress_stream_writer;
DROP ROLE regress_stream_writer;
