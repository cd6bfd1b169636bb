-- Who may create, read, change and drop what; and what happens to a view whose
-- owner loses a right.
CREATE ROLE rights_owner;
CREATE ROLE rights_reader;
CREATE ROLE rights_stranger;
CREATE SCHEMA place;
GRANT USAGE ON SCHEMA place TO rights_owner, rights_reader;
CREATE TABLE clicks (ts timestamptz, url text, secret int) USING stream;
CREATE FUNCTION page(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT split_part($1, '?', 1) $$;
REVOKE ALL ON FUNCTION page FROM PUBLIC;
CREATE TABLE names (url text, name text);

-- CREATE needs the schema, the columns read, the functions called
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.v AS SELECT url, count(*) FROM clicks GROUP BY url;
RESET ROLE;
GRANT CREATE ON SCHEMA place TO rights_owner;
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.v AS SELECT url, count(*) FROM clicks GROUP BY url;
RESET ROLE;
GRANT SELECT (ts, url) ON clicks TO rights_owner;
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.v AS SELECT url, sum(secret) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW place.v AS SELECT page(url), count(*) FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW place.v AS
	SELECT n.name, count(*) FROM clicks c JOIN names n USING (url) GROUP BY 1;
RESET ROLE;
GRANT EXECUTE ON FUNCTION page TO rights_owner;
GRANT SELECT ON names TO rights_owner;
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.v AS SELECT page(url) AS page, count(*) AS n FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW place.named AS
	SELECT n.name, count(*) FROM clicks c JOIN names n USING (url) GROUP BY 1;
RESET ROLE;

-- reading needs SELECT on the view and nothing else
INSERT INTO clicks VALUES (now(), '/a?1', 1), (now(), '/a?2', 2), (now(), '/b', 3);
SELECT stream_sync();
SET ROLE rights_reader;
SELECT * FROM place.v;
RESET ROLE;
GRANT SELECT ON place.v TO rights_reader;
SET ROLE rights_reader;
SELECT * FROM place.v ORDER BY page;
SELECT url FROM clicks;
SELECT * FROM _stream_ext.continuous_view;
SELECT count(*) FROM stream_dead_letter;
RESET ROLE;

-- the owner's hands do not reach the parts
SELECT v.storage, v.memory, v.definition FROM _stream_ext.continuous_view v WHERE v.view = 'place.v'::regclass \gset
SET ROLE rights_owner;
\set VERBOSITY terse
SELECT * FROM :storage;
INSERT INTO :storage SELECT * FROM :memory;
DELETE FROM :storage;
TRUNCATE :storage;
ALTER TABLE :storage DISABLE TRIGGER ALL;
ALTER TABLE :storage ADD COLUMN more int;
CREATE INDEX ON :storage (k1);
CREATE POLICY p ON :storage;
GRANT ALL ON :storage TO PUBLIC;
DROP TABLE :storage;
DROP VIEW :definition;
ALTER FOREIGN TABLE :memory OWNER TO rights_owner;
CREATE TABLE _stream_ext.mine (a int);
RESET ROLE;

-- not even where an administrator lets the owner into the schema
GRANT USAGE ON SCHEMA _stream_ext TO rights_owner;
GRANT SELECT, INSERT ON _stream_ext.quarantine TO rights_owner;
CREATE FUNCTION place.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT :'storage' || '_key' AS storage_key \gset
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.windowed AS SELECT date_trunc('hour', ts) AS hour, count(*) FROM clicks GROUP BY 1;
RESET ROLE;
SELECT v.storage AS windowed_storage FROM _stream_ext.continuous_view v WHERE v.view = 'place.windowed'::regclass \gset
SET ROLE rights_owner;
SELECT count(*) FROM :storage;
SELECT count(*) FROM _stream_ext.quarantine;
INSERT INTO _stream_ext.quarantine VALUES (1, '', '', '', '0/0', now());
INSERT INTO :storage SELECT * FROM :memory;
UPDATE :storage SET p1 = 7;
DELETE FROM :storage;
WITH gone AS (DELETE FROM :storage RETURNING 1) SELECT count(*) FROM gone;
MERGE INTO :storage s USING (SELECT 1) n ON true WHEN MATCHED THEN DELETE;
PREPARE change AS DELETE FROM :storage;
EXECUTE change;
DEALLOCATE change;
TRUNCATE :storage;
ALTER TABLE :storage ADD COLUMN more int;
ALTER TABLE :storage ALTER COLUMN k1 TYPE varchar(1);
ALTER TABLE :storage RENAME COLUMN p1 TO p9;
ALTER TABLE :storage RENAME TO mine;
ALTER TABLE :storage SET SCHEMA place;
ALTER TABLE :storage FORCE ROW LEVEL SECURITY;
ALTER TABLE :storage OWNER TO rights_owner;
ALTER FOREIGN TABLE :memory DROP COLUMN p1;
ALTER VIEW :definition RENAME TO mine;
CREATE INDEX ON :storage (k1);
CREATE POLICY p ON :storage;
CREATE RULE r AS ON INSERT TO :storage DO INSTEAD NOTHING;
CREATE TRIGGER t BEFORE INSERT ON :storage FOR EACH ROW EXECUTE FUNCTION place.touch();
CREATE TABLE place.child () INHERITS (:storage);
CREATE TABLE place.child (LIKE :storage);
ALTER TABLE place.child INHERIT :storage;
ALTER TABLE :windowed_storage ATTACH PARTITION place.child DEFAULT;
DROP TABLE place.child;
DROP TABLE :storage CASCADE;
DROP INDEX :storage_key;
DROP TRIGGER t ON :storage;
SET search_path = _stream_ext;
DROP VIEW :definition, public.nothing;
RESET search_path;
SET client_min_messages = error;
DROP MATERIALIZED VIEW place.windowed;
RESET client_min_messages;
RESET ROLE;
REVOKE SELECT, INSERT ON _stream_ext.quarantine FROM rights_owner;
REVOKE USAGE ON SCHEMA _stream_ext FROM rights_owner;
DROP FUNCTION place.touch;
\set VERBOSITY default

-- others can do nothing with the view
RESET ROLE;
GRANT USAGE ON SCHEMA place TO rights_stranger;
SET ROLE rights_stranger;
ALTER MATERIALIZED VIEW place.v RENAME TO w;
ALTER MATERIALIZED VIEW place.v OWNER TO rights_stranger;
ALTER MATERIALIZED VIEW place.v SET SCHEMA public;
COMMENT ON MATERIALIZED VIEW place.v IS 'mine';
DROP MATERIALIZED VIEW place.v;
DROP VIEW place.v;
RESET ROLE;

-- a right is lost: the view stops with its data kept, and goes on when told to
REVOKE SELECT ON names FROM rights_owner;
INSERT INTO names VALUES ('/b', 'B');
INSERT INTO clicks VALUES (now(), '/b', 4);
SELECT count(*) FROM stream_sync();
SELECT view, state, state_message FROM _stream_ext.continuous_view ORDER BY view::text;
SELECT page, n FROM place.v ORDER BY page;
SET ROLE rights_owner;
SELECT * FROM place.named;
RESET ROLE;
GRANT SELECT ON names TO rights_owner;
SELECT stream_resume('place.named');
SELECT stream_sync();
SELECT * FROM place.named;

-- likewise for the right to call a function, taken away and given back
REVOKE EXECUTE ON FUNCTION page FROM rights_owner;
INSERT INTO clicks VALUES (now(), '/b', 4);
SELECT stream_sync();
SELECT view, state, state_message FROM _stream_ext.continuous_view ORDER BY view::text;
GRANT EXECUTE ON FUNCTION page TO rights_owner;
SELECT stream_resume('place.v');
SELECT stream_sync();
SELECT page, n FROM place.v ORDER BY page;
SELECT * FROM place.named;

-- a new owner without the rights: the same
ALTER MATERIALIZED VIEW place.v OWNER TO rights_reader;
GRANT CREATE ON SCHEMA place TO rights_reader;
ALTER MATERIALIZED VIEW place.v OWNER TO rights_reader;
INSERT INTO clicks VALUES (now(), '/b', 4);
SELECT stream_sync();
SELECT view, state, state_message FROM _stream_ext.continuous_view ORDER BY view::text;
GRANT SELECT ON clicks TO rights_reader;
GRANT EXECUTE ON FUNCTION page TO rights_reader;
SELECT stream_resume('place.v');
SELECT stream_sync();
SELECT page, n FROM place.v ORDER BY page;

-- dead letters hold rows of the stream: its owner reads them, nobody else
SET ROLE rights_owner;
CREATE MATERIALIZED VIEW place.parsed AS SELECT url::int AS number, count(*) FROM clicks GROUP BY 1;
RESET ROLE;
INSERT INTO clicks VALUES (now(), '7', 1), (now(), 'seven', 2);
SELECT stream_sync();
SELECT * FROM place.parsed;
SELECT stream_flush('place.parsed');
SELECT view, stream, sqlstate, message FROM stream_dead_letter;
SET ROLE rights_owner;
SELECT count(*) FROM stream_dead_letter;
RESET ROLE;
ALTER TABLE clicks OWNER TO rights_stranger;
SET ROLE rights_stranger;
SELECT view, stream, sqlstate, message FROM stream_dead_letter;
RESET ROLE;

-- row-level security: the view would keep what its owner may see only today
ALTER TABLE clicks ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON clicks FOR SELECT USING (secret < 3);
SET ROLE rights_reader;
CREATE MATERIALIZED VIEW place.mine AS SELECT count(*) FROM clicks;
RESET ROLE;
SET ROLE rights_stranger;
CREATE MATERIALIZED VIEW place.mine AS SELECT count(*) FROM clicks;
RESET ROLE;
GRANT CREATE ON SCHEMA place TO rights_stranger;
SET ROLE rights_stranger;
CREATE MATERIALIZED VIEW place.mine AS SELECT count(*) FROM clicks;
RESET ROLE;

-- forced upon the owner of the stream as well: the view stops, and says why
INSERT INTO clicks VALUES (now(), '/c', 5);
SELECT * FROM place.mine;
ALTER TABLE clicks FORCE ROW LEVEL SECURITY;
INSERT INTO clicks VALUES (now(), '/c', 6);
SELECT stream_sync();
SELECT state, state_message FROM _stream_ext.continuous_view WHERE view = 'place.mine'::regclass;
SET ROLE rights_stranger;
CREATE MATERIALIZED VIEW place.other AS SELECT count(*) FROM clicks;
RESET ROLE;
ALTER TABLE clicks NO FORCE ROW LEVEL SECURITY;
SELECT stream_resume('place.mine');
SELECT stream_sync();
SELECT * FROM place.mine;

-- control functions: the owner of the view only
SET ROLE rights_reader;
SELECT stream_pause('place.named');
SELECT stream_resume('place.named');
SELECT stream_flush('place.named');
RESET ROLE;

DROP TABLE clicks, names CASCADE;
DROP FUNCTION page;
DROP SCHEMA place;
DROP ROLE rights_owner, rights_reader, rights_stranger;
