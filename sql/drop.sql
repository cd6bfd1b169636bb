-- However a continuous view goes, nothing of it is left.
CREATE VIEW leftovers AS
	SELECT (SELECT count(*) FROM _stream_ext.continuous_view) AS views,
	       (SELECT count(*) FROM _stream_ext.view_position) AS positions,
	       (SELECT count(*) FROM _stream_ext.dead_letter) AS letters,
	       (SELECT count(*) FROM pg_class WHERE relname ~ '^(storage|memory|definition)_\d') AS parts;
CREATE FUNCTION make_views() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE s (ts timestamptz, a int) USING stream;
	CREATE MATERIALIZED VIEW v1 AS SELECT date_trunc('day', ts) AS day, count(*) FROM s GROUP BY 1;
	CREATE MATERIALIZED VIEW v2 AS SELECT a, count(*) FROM s GROUP BY a;
	INSERT INTO _stream_ext.dead_letter
		VALUES ('v1', 's', '(,1)', '22012', 'division by zero', '0/1', now());
	CREATE VIEW on_top AS SELECT * FROM v2;
END $$;

-- by its own name
SELECT make_views();
SELECT * FROM leftovers;
DROP MATERIALIZED VIEW v1;
SELECT * FROM leftovers;
DROP MATERIALIZED VIEW v2;
DROP MATERIALIZED VIEW v2 CASCADE;
SELECT * FROM leftovers;
DROP MATERIALIZED VIEW v2;
DROP MATERIALIZED VIEW IF EXISTS v2, nowhere.v2;
DROP TABLE s;

-- as a view; rolled back; in a subtransaction that is rolled back
SELECT make_views();
BEGIN;
DROP VIEW v1;
SELECT * FROM leftovers;
ROLLBACK;
BEGIN;
SAVEPOINT one;
DROP TABLE s CASCADE;
ROLLBACK TO one;
COMMIT;
SELECT * FROM leftovers;
DROP VIEW v1, v2, on_top;
SELECT * FROM leftovers;
DROP TABLE s;

-- continuous and ordinary ones in one statement, also when they depend on each other
SELECT make_views();
CREATE MATERIALIZED VIEW plain AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW joined AS SELECT p.a, count(*) FROM s JOIN plain p USING (a) GROUP BY p.a;
DROP MATERIALIZED VIEW plain;
DROP MATERIALIZED VIEW plain, v1, joined;
DROP MATERIALIZED VIEW v2, s;
DROP MATERIALIZED VIEW on_top, v2;
SELECT * FROM leftovers;

-- with its stream
DROP TABLE s;
DROP TABLE s CASCADE;
SELECT * FROM leftovers;

-- with a column, a type, a function that it uses
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
CREATE TABLE s (ts timestamptz, a int, b int, c colour) USING stream;
CREATE MATERIALIZED VIEW v1 AS SELECT a, count(*) FROM s GROUP BY a;
CREATE MATERIALIZED VIEW v2 AS SELECT c, sum(twice(b)) FROM s GROUP BY c;
DROP FUNCTION twice(int);
DROP FUNCTION twice(int) CASCADE;
SELECT view FROM _stream_ext.continuous_view;
CREATE MATERIALIZED VIEW v2 AS SELECT c, sum(b) FROM s GROUP BY c;
CREATE MATERIALIZED VIEW v3 WITH (stream.retention = '1 day')
	AS SELECT date_trunc('day', ts), c, max(c) FROM s GROUP BY 1, 2;
ALTER MATERIALIZED VIEW v3 RESET (stream.retention);
DROP TYPE colour CASCADE;
SELECT view FROM _stream_ext.continuous_view;
ALTER TABLE s DROP COLUMN a CASCADE;
SELECT * FROM leftovers;
DROP TABLE s;

-- with its schema, its owner
CREATE SCHEMA place;
SET search_path = place, public;
SELECT make_views();
SET search_path = public;
DROP SCHEMA place;
SET client_min_messages = warning;
DROP SCHEMA place CASCADE;
RESET client_min_messages;
SELECT * FROM leftovers;
CREATE ROLE drop_owner;
GRANT CREATE ON SCHEMA public TO drop_owner;
CREATE TABLE s (ts timestamptz, a int) USING stream;
GRANT SELECT ON s TO drop_owner;
SET ROLE drop_owner;
CREATE MATERIALIZED VIEW v1 AS SELECT date_trunc('day', ts) AS day, count(*) FROM s GROUP BY 1;
CREATE MATERIALIZED VIEW v2 AS SELECT a, count(*) FROM s GROUP BY a;
RESET ROLE;
\set VERBOSITY terse
DROP ROLE drop_owner;
\set VERBOSITY default
SET ROLE pg_monitor;
DROP MATERIALIZED VIEW v1;
RESET ROLE;
DROP OWNED BY drop_owner;
SELECT * FROM leftovers;
DROP ROLE drop_owner;
DROP TABLE s;

-- a part cannot go by itself
SELECT make_views();
DO $$
DECLARE part regclass;
BEGIN
	FOR part IN SELECT unnest(ARRAY[definition, storage, memory]) FROM _stream_ext.continuous_view
	            WHERE view = 'v2'::regclass
	LOOP
		BEGIN
			EXECUTE format('DROP %s %s', CASE (SELECT relkind FROM pg_class WHERE oid = part)
				WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, part);
		EXCEPTION WHEN dependent_objects_still_exist THEN
			RAISE NOTICE '%', regexp_replace(SQLERRM, '\d+', 'N');
		END;
	END LOOP;
END $$;

-- with the extension: what uses it keeps it
DROP VIEW leftovers;
DROP FUNCTION make_views;
DROP EXTENSION stream_ext;
SET client_min_messages = warning;
DROP EXTENSION stream_ext CASCADE;
RESET client_min_messages;
SELECT count(*) FROM pg_class WHERE relname IN ('s', 'v1', 'v2', 'on_top') OR
	relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = '_stream_ext');
-- our words mean nothing any more
CREATE MATERIALIZED VIEW v WITH (stream.retention = '1 day') AS SELECT 1;

-- a schema of our name, made by somebody else, is not looked at
CREATE SCHEMA _stream_ext;
CREATE TABLE _stream_ext.continuous_view (nonsense int);
CREATE MATERIALIZED VIEW plain AS SELECT 1 AS one;
REFRESH MATERIALIZED VIEW plain;
DROP MATERIALIZED VIEW plain;
DROP SCHEMA _stream_ext CASCADE;
CREATE EXTENSION stream_ext;
CREATE TABLE s (a int) USING stream;
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM s GROUP BY a;
SELECT view FROM _stream_ext.continuous_view;
DROP TABLE s CASCADE;
