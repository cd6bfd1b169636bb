-- CREATE, ALTER, COMMENT, REFRESH MATERIALIZED VIEW over a stream.
\set VERBOSITY default
CREATE TABLE clicks (ts timestamptz NOT NULL, url text, ms float8) USING stream;

-- what is made: a view that users read, and its parts in _stream_ext
CREATE MATERIALIZED VIEW per_minute AS
	SELECT w.window_start, url, count(*), avg(ms) AS mean
	  FROM clicks, tumble(ts, '1 minute') w
	 GROUP BY w.window_start, url;
SELECT c.relname, c.relkind FROM pg_class c WHERE c.oid = 'per_minute'::regclass;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid = 'per_minute'::regclass AND attnum > 0 ORDER BY attnum;
SELECT regexp_replace(c.relname, '\d+', 'N') AS part, c.relkind, n.nspname
  FROM _stream_ext.continuous_view v
  JOIN pg_class c ON c.oid IN (v.definition, v.storage, v.memory)
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1;
SELECT view, stream, state, retention, partition_width FROM _stream_ext.continuous_view;
SELECT pg_get_viewdef(definition) FROM _stream_ext.continuous_view;
SELECT p.lsn = p.restart_lsn AS at_start, p.any_group, p.max_window, p.database = d.oid AS here
  FROM _stream_ext.view_position p, pg_database d WHERE d.datname = current_database();

-- column names, names that need quotes, WITH NO DATA, a text that is a format
CREATE MATERIALIZED VIEW "we""ird.%s v" ("a b", "c""d")
	AS SELECT date_trunc('day', ts), count(*), sum(ms) AS "s%n" FROM clicks GROUP BY 1 WITH NO DATA;
SELECT attname FROM pg_attribute
 WHERE attrelid = '"we""ird.%s v"'::regclass AND attnum > 0 ORDER BY attnum;
CREATE MATERIALIZED VIEW too_many (a, b, c) AS SELECT url, count(*) FROM clicks GROUP BY url;

-- IF NOT EXISTS
CREATE MATERIALIZED VIEW per_minute AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW IF NOT EXISTS per_minute AS SELECT count(*) FROM clicks;
SELECT count(*) FROM _stream_ext.continuous_view;

-- clauses that mean nothing here
CREATE MATERIALIZED VIEW v USING heap AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW pg_temp.v AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v TABLESPACE pg_global AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v TABLESPACE nowhere AS SELECT count(*) FROM clicks;
CREATE UNLOGGED MATERIALIZED VIEW v AS SELECT count(*) FROM clicks;
EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks;
EXPLAIN (ANALYZE) CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks;

-- TABLESPACE
CREATE MATERIALIZED VIEW v TABLESPACE pg_default AS
	SELECT date_trunc('day', ts), count(*) FROM clicks GROUP BY 1;
DROP MATERIALIZED VIEW v;

-- inside a function, a prepared statement, a DO block; parameters are refused
CREATE FUNCTION make_view(lower_limit float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE ms > lower_limit;
END $$;
SELECT make_view(3);
CREATE OR REPLACE FUNCTION make_view(lower_limit float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE ms > %L', lower_limit);
	CREATE MATERIALIZED VIEW v2 AS SELECT max(ms) FROM clicks;
END $$;
SELECT make_view(3);
SELECT view, pg_get_viewdef(definition) FROM _stream_ext.continuous_view WHERE view = 'v'::regclass;
DROP MATERIALIZED VIEW v, v2;
SELECT make_view(4);	-- again, from the cached plan
DROP MATERIALIZED VIEW v, v2;
CREATE FUNCTION make_view_sql() RETURNS void LANGUAGE sql
	AS 'CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks';
SELECT make_view_sql();
DROP MATERIALIZED VIEW v;

-- in the transaction that made the stream, and not after rows of one's own
BEGIN;
CREATE TABLE s2 (a int) USING stream;
CREATE MATERIALIZED VIEW of_s2 AS SELECT count(*) FROM s2;
SAVEPOINT one;
CREATE MATERIALIZED VIEW never AS SELECT sum(a) FROM s2;
ROLLBACK TO one;
COMMIT;
BEGIN;
INSERT INTO s2 VALUES (1);
CREATE MATERIALIZED VIEW too_late AS SELECT count(*) FROM s2;
ROLLBACK;
SELECT view FROM _stream_ext.continuous_view WHERE stream = 's2'::regclass;
BEGIN READ ONLY;
CREATE MATERIALIZED VIEW v3 AS SELECT count(*) FROM s2;
ROLLBACK;

-- through an ordinary view
CREATE VIEW slow_clicks AS SELECT * FROM clicks WHERE ms > 100;
CREATE MATERIALIZED VIEW slow AS SELECT url, count(*) AS n FROM slow_clicks GROUP BY url;

-- ALTER: MATERIALIZED VIEW and VIEW both do
CREATE SCHEMA elsewhere;
ALTER MATERIALIZED VIEW slow RENAME TO slow_urls;
ALTER VIEW slow_urls RENAME TO "Slow";
ALTER MATERIALIZED VIEW "Slow" RENAME COLUMN n TO number;
ALTER MATERIALIZED VIEW "Slow" SET SCHEMA elsewhere;
ALTER MATERIALIZED VIEW IF EXISTS "Slow" RENAME TO nothing;
SELECT view FROM _stream_ext.continuous_view ORDER BY view::text;
SELECT attname FROM pg_attribute WHERE attrelid = 'elsewhere."Slow"'::regclass AND attnum > 0 ORDER BY attnum;
ALTER MATERIALIZED VIEW elsewhere."Slow" ALTER COLUMN number SET STATISTICS 5;
ALTER MATERIALIZED VIEW elsewhere."Slow" SET TABLESPACE pg_default;
ALTER MATERIALIZED VIEW elsewhere."Slow" CLUSTER ON nothing;

-- renaming what the query reads needs no more than for a view
ALTER TABLE clicks RENAME COLUMN ms TO milliseconds;
SELECT pg_get_viewdef(definition) FROM _stream_ext.continuous_view WHERE view = 'per_minute'::regclass;
ALTER TABLE clicks RENAME COLUMN milliseconds TO ms;

-- the query cannot be changed
CREATE OR REPLACE VIEW per_minute AS SELECT 1;
CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO per_minute DO INSTEAD SELECT 1;
CREATE INDEX ON per_minute (url);
CREATE UNIQUE INDEX ON per_minute (url);
INSERT INTO per_minute VALUES (now(), '/', 1, 1);
DELETE FROM per_minute;
TRUNCATE per_minute;

-- OWNER TO and REASSIGN OWNED take the parts along
CREATE ROLE view_ddl_one;
CREATE ROLE view_ddl_two;
GRANT CREATE ON SCHEMA elsewhere, public TO view_ddl_one;
GRANT SELECT ON clicks TO view_ddl_one;
ALTER MATERIALIZED VIEW per_minute OWNER TO view_ddl_one;
CREATE FUNCTION owners(view regclass) RETURNS TABLE (kind "char", owner name) LANGUAGE sql AS $$
	SELECT DISTINCT relkind, pg_get_userbyid(relowner)
	  FROM _stream_ext.continuous_view v
	  JOIN pg_class c ON c.oid IN (v.view, v.definition, v.memory) OR
	       c.oid IN (SELECT relid FROM pg_partition_tree(v.storage))
	 WHERE v.view = $1 ORDER BY 1 $$;
SELECT * FROM owners('per_minute');
REASSIGN OWNED BY view_ddl_one TO view_ddl_two;
SELECT * FROM owners('per_minute');
ALTER VIEW per_minute OWNER TO CURRENT_USER;
SELECT count(*) FROM owners('per_minute') WHERE owner <> current_user;

-- COMMENT, GRANT, REFRESH
COMMENT ON MATERIALIZED VIEW per_minute IS 'clicks';
COMMENT ON COLUMN per_minute.url IS 'path';
SELECT obj_description('per_minute'::regclass, 'pg_class'), col_description('per_minute'::regclass, 2);
GRANT SELECT ON per_minute TO view_ddl_one;
SELECT has_table_privilege('view_ddl_one', 'per_minute', 'SELECT'),
       has_table_privilege('view_ddl_two', 'per_minute', 'SELECT');
REFRESH MATERIALIZED VIEW per_minute;
REFRESH MATERIALIZED VIEW CONCURRENTLY per_minute;
REFRESH MATERIALIZED VIEW per_minute WITH NO DATA;
SET ROLE view_ddl_one;
REFRESH MATERIALIZED VIEW per_minute;
RESET ROLE;

-- event triggers see one command with its parts, and drops
CREATE FUNCTION report_command() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT command_tag, object_type, regexp_replace(object_identity, '\d+', 'N', 'g') AS what
	           FROM pg_event_trigger_ddl_commands()
	LOOP
		RAISE NOTICE '%: % % as %', r.command_tag, r.object_type, r.what, current_user;
	END LOOP;
END $$;
CREATE FUNCTION report_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT object_type, object_identity AS what FROM pg_event_trigger_dropped_objects() WHERE original
	LOOP
		RAISE NOTICE 'dropped: % %', r.object_type, r.what;
	END LOOP;
END $$;
CREATE EVENT TRIGGER report_command ON ddl_command_end EXECUTE FUNCTION report_command();
CREATE EVENT TRIGGER report_drop ON sql_drop EXECUTE FUNCTION report_drop();
SET ROLE view_ddl_one;
CREATE MATERIALIZED VIEW watched AS SELECT url, count(*) FROM clicks GROUP BY url;
DROP MATERIALIZED VIEW watched;
RESET ROLE;
DROP EVENT TRIGGER report_command;
DROP EVENT TRIGGER report_drop;

-- settings are frozen
SET timezone = 'Europe/Berlin';
SET search_path = elsewhere, public;
CREATE MATERIALIZED VIEW frozen AS SELECT date_trunc('day', ts) AS day, count(*) FROM clicks GROUP BY 1;
RESET timezone;
RESET search_path;
SELECT s FROM _stream_ext.continuous_view, unnest(settings) s
 WHERE view = 'elsewhere.frozen'::regclass AND s ~ '^(TimeZone|search_path)';

-- clean up
DROP TABLE clicks, s2 CASCADE;
DROP SCHEMA elsewhere;
DROP FUNCTION make_view, make_view_sql, report_command, report_drop, owners;
SELECT count(*) FROM _stream_ext.continuous_view;
DROP OWNED BY view_ddl_one, view_ddl_two;
DROP ROLE view_ddl_one, view_ddl_two;
