-- Making a view runs no code of its owner with more rights than the owner's.
--
-- The rule of a view is made as superuser, from its query as text.  A literal
-- of a type with a domain in it runs the domain's CHECK as it is read: here
-- one of an unprivileged role that notes who runs it and tries to become
-- superuser.
SET client_min_messages = warning;
CREATE ROLE evil;
CREATE SCHEMA evil AUTHORIZATION evil;
CREATE TABLE events (ts timestamptz, a int) USING stream;
GRANT SELECT ON events TO evil;

SET ROLE evil;
SET search_path = evil, public;
CREATE TABLE report (who name, super boolean);
CREATE FUNCTION strike(a int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	-- the worker's transaction is read-only
	IF pg_catalog.current_setting('transaction_read_only') = 'off' THEN
		INSERT INTO evil.report
			SELECT current_user, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user;
	END IF;
	BEGIN
		ALTER ROLE evil SUPERUSER;
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	RETURN true;
END $$;
CREATE DOMAIN checked AS int CHECK (evil.strike(VALUE));
CREATE TYPE pair AS (x int, y checked);
CREATE TYPE span AS RANGE (SUBTYPE = checked);
CREATE DOMAIN many AS checked[] CHECK (cardinality(VALUE) < 9);
CREATE TYPE mood AS ENUM ('sad', 'happy');

-- every kind of type that reads a domain, as literals and in expressions
CREATE MATERIALIZED VIEW in_select AS
  SELECT '{1}'::checked[] AS arr, '(1,2)'::pair AS composite, '{"(1,2)","(3,4)"}'::pair[] AS pairs,
         '[1,5)'::span AS range, '{[1,5)}'::span_multirange AS ranges, '{7,8}'::checked[]::many AS dom,
         ('{1,2}'::checked[])[2] AS element, ('(1,2)'::pair).y AS field, ROW(1, '{1}'::checked[]) IS NULL AS in_row,
         CASE count(*) WHEN 0 THEN '{1}' ELSE '{2}'::checked[] END AS chosen,
         3::checked AS scalar, NULL::checked[] AS nothing, 'sad'::mood AS mood, count(*)
    FROM events;
CREATE MATERIALIZED VIEW in_group AS
  SELECT a, '{5}'::checked[] || a::checked AS added, array_length(ARRAY['{1}'::checked[], '{2}'], 1) AS n, count(*)
    FROM events GROUP BY a, '{5}'::checked[] || a::checked;
CREATE MATERIALIZED VIEW in_having AS
  SELECT a, count(*) FROM events GROUP BY a
  HAVING a = ANY ('{1,2}'::checked[]) AND '[1,5)'::span @> a::checked;
-- the same literal twice is one expression to the parser, in a subquery of its own
CREATE MATERIALIZED VIEW in_subquery AS
  SELECT a, (SELECT max(x::text || '{1}'::checked[]::text) FROM generate_series(1, 2) x
              GROUP BY '{1}'::checked[] HAVING '{1}'::checked[] IS NOT NULL ORDER BY '{1}'::checked[]) AS sub,
         a IN (SELECT unnest('{1,3}'::checked[])) AS found,
         (SELECT v FROM (VALUES ('{1}'::checked[]), ('{9}')) t (v) UNION SELECT '{1}'::checked[] ORDER BY 1 LIMIT 1) AS unioned,
         count(*)
    FROM events GROUP BY a;
-- with a window, and WHERE and FILTER, which the worker runs as the owner
CREATE MATERIALIZED VIEW in_window WITH (stream.retention = '1 day') AS
  SELECT date_trunc('hour', ts) AS w, '{1}'::checked[] AS arr, extract(year FROM date_trunc('hour', ts)) > 2000 AS late,
         count(*) FILTER (WHERE a = ANY ('{1,2}'::checked[])) AS n, 'abc'::varchar(2) AS cut,
         interval '90' minute AS minutes, pg_typeof('x') AS untyped
    FROM events WHERE a = ANY ('{1,2,3}'::checked[]) GROUP BY 1 HAVING count(*) < ALL ('{3,4}'::checked[]);
CREATE MATERIALIZED VIEW appending AS SELECT a, '{1}'::checked[] AS arr FROM events;

-- the rule is made anew by ALTER
ALTER MATERIALIZED VIEW in_window SET (stream.retention = '100000 days');
ALTER MATERIALIZED VIEW in_window RENAME COLUMN arr TO arr2;
ALTER MATERIALIZED VIEW in_window SET (stream.retention = '200000 days');
RESET ROLE;

SELECT rolsuper FROM pg_roles WHERE rolname = 'evil';
SELECT DISTINCT who, super FROM evil.report;

-- the constants are where they were
INSERT INTO events VALUES ('2020-01-01 00:10+00', 1), ('2020-01-01 00:20+00', 1), ('2020-01-01 01:30+00', 3);
SET ROLE evil;
SET timezone = 'UTC';
\x
SELECT * FROM in_select;
\x
SELECT * FROM in_group ORDER BY a;
SELECT * FROM in_having ORDER BY a;
SELECT * FROM in_subquery ORDER BY a;
SELECT * FROM in_window ORDER BY w;
SELECT * FROM appending ORDER BY a;
-- and are printed as such
SELECT split_part(pg_get_viewdef('in_select'::regclass), 'FROM', 1);
SELECT split_part(pg_get_viewdef('in_subquery'::regclass), 'count', 1);
EXPLAIN (COSTS OFF, VERBOSE) SELECT arr FROM in_select;
RESET ROLE;
SELECT count(stream_flush(view::text)) FROM _stream_ext.continuous_view;
SELECT rolsuper FROM pg_roles WHERE rolname = 'evil';
SELECT DISTINCT who, super FROM evil.report;

DROP TABLE events CASCADE;
DROP SCHEMA evil CASCADE;
DROP ROLE evil;
