-- Default privileges: the view and the table of late rows have those of their
-- owner and nobody else's; the parts have none.
SET client_min_messages = warning;
CREATE ROLE alice;
CREATE ROLE eve;
CREATE ROLE friend;
CREATE SCHEMA alice AUTHORIZATION alice;
GRANT USAGE ON SCHEMA alice TO eve, friend;
CREATE TABLE events (ts timestamptz, secret text) USING stream;
SELECT stream_set_event_time('events', 'ts');
GRANT SELECT ON events TO alice;
-- of the superuser, global and in the schemas
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO eve;
ALTER DEFAULT PRIVILEGES IN SCHEMA alice GRANT ALL ON TABLES TO eve;
ALTER DEFAULT PRIVILEGES IN SCHEMA _stream_ext GRANT ALL ON TABLES TO eve;
-- of the owner
ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA alice GRANT SELECT ON TABLES TO friend;
ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE TRIGGER ON TABLES FROM alice;
SET ROLE alice;
CREATE MATERIALIZED VIEW alice.v WITH (stream.late = 'side') AS
  SELECT window_start, count(*) FROM events, tumble(ts, '1 minute') GROUP BY 1;
CREATE TABLE alice.plain (x int);
RESET ROLE;
INSERT INTO events VALUES ('2026-01-02', 'a');
SELECT stream_sync();
INSERT INTO events VALUES ('2026-01-01', 'the secret late row');
SELECT stream_flush('alice.v') IS NOT NULL AS flushed;
SET ROLE eve;
SELECT * FROM alice.v_late;
SELECT * FROM alice.v;
SET ROLE friend;
SELECT (late_row).secret FROM alice.v_late;
SELECT count(*) FROM alice.v;
RESET ROLE;
SELECT relname, relacl, relowner::regrole FROM pg_class
 WHERE relnamespace = 'alice'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname;
-- the parts: no privileges at all, also of the partition that the worker has made
SELECT relkind, relacl, relowner::regrole, count(*) FROM pg_class
 WHERE relname ~ ('_' || 'alice.v'::regclass::oid || '(_|$)') AND relkind <> 'i' AND relkind <> 'I' GROUP BY 1, 2, 3 ORDER BY 1, relacl::text;
-- a new owner
CREATE ROLE bob;
GRANT ALL ON SCHEMA alice TO bob;
ALTER MATERIALIZED VIEW alice.v OWNER TO bob;
SELECT relname, relacl, relowner::regrole FROM pg_class
 WHERE relnamespace = 'alice'::regnamespace AND relname LIKE 'v%' ORDER BY relname;
SET ROLE eve;
SELECT * FROM alice.v_late;
RESET ROLE;
-- a role that had default privileges only does not stay because of parts
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM eve, PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA alice REVOKE ALL ON TABLES FROM eve;
ALTER DEFAULT PRIVILEGES IN SCHEMA _stream_ext REVOKE ALL ON TABLES FROM eve;
REVOKE ALL ON SCHEMA alice FROM eve;
DROP ROLE eve;
DROP TABLE events CASCADE;
DROP SCHEMA alice CASCADE;
DROP OWNED BY alice, bob, friend;
DROP ROLE alice, bob, friend;
