-- No code of a view's owner runs with more rights than the owner's.
--
-- The worker is connected as superuser.  Each attack below is code of an
-- unprivileged role, reached from its own view's query: a function that says
-- IMMUTABLE and calls a volatile one.  Each tries to become superuser.  How it
-- went is told by the error of one row, a dead letter: the worker's transaction
-- is read-only.
CREATE ROLE evil;
CREATE SCHEMA evil AUTHORIZATION evil;
CREATE TABLE events (a int) USING stream;
GRANT SELECT ON events TO evil;
SELECT current_user AS boss \gset

CREATE FUNCTION is_superuser() RETURNS boolean LANGUAGE sql
	AS $$ SELECT rolsuper FROM pg_roles WHERE rolname = 'evil' $$;

SET ROLE evil;
SET search_path = evil, public;
CREATE TABLE attacks (attack text PRIMARY KEY, command text);
INSERT INTO attacks VALUES
	('reset session authorization', 'RESET SESSION AUTHORIZATION'),
	('set session authorization', 'SET SESSION AUTHORIZATION :boss'),
	('set_config role', $$SELECT set_config('role', 'none', false)$$),
	('set role', 'SET ROLE :boss'),
	('reset role', 'RESET ROLE'),
	('temporary table', 'CREATE TEMPORARY TABLE t (a int)'),
	('read-write', 'SET transaction_read_only = off'),
	('read-write by set_config', $$SELECT set_config('transaction_read_only', 'off', true)$$),
	('session authorization', 'SET SESSION AUTHORIZATION evil'),
	('catalog', 'UPDATE pg_authid SET rolsuper = true WHERE rolname = ''evil'''),
	('position', 'UPDATE _stream_ext.view_position SET lsn = ''0/1'''),
	('settings', 'SET lock_timeout = 1; SET search_path = evil; SET timezone = ''Europe/Berlin''');
UPDATE attacks SET command = replace(command, ':boss', quote_ident(:'boss'));

CREATE FUNCTION strike(attack_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := 'ran';
BEGIN
	BEGIN
		EXECUTE (SELECT command FROM evil.attacks WHERE attack = attack_name);
	EXCEPTION WHEN OTHERS THEN
		result := sqlerrm;
	END;
	BEGIN
		ALTER ROLE evil SUPERUSER;
		result := 'SUPERUSER after ' || result;
	EXCEPTION WHEN OTHERS THEN
		NULL;
	END;
	RETURN format('%s, %s, %s: %s', attack_name, current_user, session_user, result);
END $$;
CREATE FUNCTION harmless(a int, attack_name text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
DECLARE report text := evil.strike(attack_name);
BEGIN
	IF a = 9 THEN
		RAISE EXCEPTION '%', report;
	END IF;
	RETURN a;
END $$;

-- one view for each attack, in the target list
SELECT format('CREATE MATERIALIZED VIEW %I AS SELECT evil.harmless(a, %L) AS a, count(*) FROM events GROUP BY 1',
	attack, attack) FROM attacks \gexec
-- and the places where code of the owner may hide: WHERE, FILTER, an aggregate's
-- argument, a domain, planning, a joined table's policy
CREATE MATERIALIZED VIEW in_where AS
	SELECT count(*) FROM events WHERE evil.harmless(a, 'reset role') > 0;
CREATE MATERIALIZED VIEW in_filter AS
	SELECT count(*) FILTER (WHERE evil.harmless(a, 'reset role') > 0) FROM events;
CREATE MATERIALIZED VIEW in_argument AS
	SELECT sum(evil.harmless(a, 'reset role')) FROM events;
CREATE DOMAIN checked AS int CHECK (evil.harmless(VALUE, 'reset role') > 0);
CREATE MATERIALIZED VIEW in_domain AS
	SELECT a::checked, count(*) FROM events GROUP BY 1;
CREATE FUNCTION add(int, int) RETURNS int IMMUTABLE LANGUAGE sql
	AS $$ SELECT evil.harmless(coalesce($1, 0) + coalesce($2, 0), 'reset role') $$;
CREATE AGGREGATE total (int) (SFUNC = add, STYPE = int, COMBINEFUNC = add);
CREATE MATERIALIZED VIEW in_aggregate AS SELECT a, total(a) FROM events GROUP BY a;
CREATE TABLE joined (a int);
INSERT INTO joined SELECT generate_series(1, 9);
ALTER TABLE joined ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY snare ON joined USING (evil.harmless(a, 'reset role') > 0);
CREATE MATERIALIZED VIEW in_policy AS
	SELECT e.a, count(*) FROM events e JOIN joined j USING (a) GROUP BY e.a;

-- a trigger that waits for COMMIT, when nobody is the owner any more
CREATE TABLE bait (a int);
CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM evil.strike('reset role');
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION spring();
INSERT INTO attacks VALUES ('deferred trigger', 'INSERT INTO evil.bait VALUES (1)');
CREATE MATERIALIZED VIEW deferred AS
	SELECT evil.harmless(a, 'deferred trigger') AS a, count(*) FROM events GROUP BY 1;
RESET ROLE;

-- triggers, rules and policies on what the worker writes: the owner cannot
-- even name it ...
SELECT storage AS storage FROM _stream_ext.continuous_view WHERE view = 'evil.in_where'::regclass \gset
SELECT replace(:'storage', '_stream_ext.', '') AS storage \gset
SET ROLE evil;
\set VERBOSITY terse
CREATE TRIGGER t BEFORE INSERT ON _stream_ext.:storage FOR EACH ROW EXECUTE FUNCTION spring();
RESET ROLE;
-- ... and what a superuser lets himself be talked into is not run
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON _stream_ext.:storage FOR EACH ROW EXECUTE FUNCTION spring();
CREATE CONSTRAINT TRIGGER u AFTER INSERT OR UPDATE ON _stream_ext.:storage DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION spring();
CREATE TRIGGER s BEFORE INSERT OR UPDATE ON _stream_ext.:storage FOR EACH STATEMENT EXECUTE FUNCTION spring();
CREATE RULE r AS ON INSERT TO _stream_ext.:storage DO ALSO SELECT evil.strike('reset role');
ALTER TABLE _stream_ext.:storage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- who may name the tables may not change them, be they his or not
GRANT USAGE ON SCHEMA _stream_ext TO evil;
SET ROLE evil;
CREATE TRIGGER v BEFORE INSERT ON _stream_ext.:storage FOR EACH ROW EXECUTE FUNCTION spring();
CREATE TRIGGER t BEFORE UPDATE ON _stream_ext.view_position FOR EACH ROW EXECUTE FUNCTION spring();
CREATE TRIGGER t BEFORE INSERT ON _stream_ext.dead_letter FOR EACH ROW EXECUTE FUNCTION spring();
RESET ROLE;
REVOKE USAGE ON SCHEMA _stream_ext FROM evil;
\set VERBOSITY default

-- strike
SELECT count(*) AS views FROM _stream_ext.continuous_view \gset
INSERT INTO events VALUES (1), (2);
SELECT stream_sync();
INSERT INTO events VALUES (2), (3);
SELECT count(stream_flush(view::text)) = :views AS all_flushed FROM _stream_ext.continuous_view;
SELECT is_superuser();
INSERT INTO events VALUES (9), (4);
SELECT stream_sync();
SELECT count(stream_flush(view::text)) = :views AS all_flushed FROM _stream_ext.continuous_view;
SELECT is_superuser();
SELECT message, count(*) AS views FROM stream_dead_letter GROUP BY 1 ORDER BY message COLLATE "C";
SELECT viewname, state FROM pg_stat_stream_view WHERE state <> 'running';

-- reading a view is running its owner's code as oneself, as with any view:
-- confined to this test, the owner reads what it made
SET ROLE evil;
SELECT * FROM in_argument;
RESET ROLE;
SELECT is_superuser();

DROP TABLE events CASCADE;
SET client_min_messages = warning;
DROP SCHEMA evil CASCADE;
DROP FUNCTION is_superuser;
DROP ROLE evil;

-- the worker follows the owner: REASSIGN OWNED names no view
CREATE ROLE former;
CREATE ROLE latter;
CREATE TABLE events (a int) USING stream;
GRANT SELECT ON events TO former, latter;
CREATE FUNCTION worker_user(a int) RETURNS name IMMUTABLE LANGUAGE plpgsql
	AS $$ BEGIN RETURN current_user; END $$;
CREATE SCHEMA belongings AUTHORIZATION former;
SET ROLE former;
CREATE MATERIALIZED VIEW belongings.by_user AS
	SELECT worker_user(a) AS worker_user, count(*) AS n FROM events GROUP BY 1;
RESET ROLE;
INSERT INTO events VALUES (1), (2);
SELECT * FROM belongings.by_user ORDER BY 1;
-- not if it is rolled back
BEGIN;
REASSIGN OWNED BY former TO latter;
ROLLBACK;
INSERT INTO events VALUES (3);
SELECT * FROM belongings.by_user ORDER BY 1;
REASSIGN OWNED BY former TO latter;
INSERT INTO events VALUES (4);
SELECT * FROM belongings.by_user ORDER BY 1;
-- the former owner may go
DROP OWNED BY former;
DROP ROLE former;
INSERT INTO events VALUES (5);
SELECT stream_flush('belongings.by_user');
SELECT * FROM belongings.by_user ORDER BY 1;
SELECT state FROM pg_stat_stream_view WHERE viewname = 'by_user';
SET client_min_messages = warning;
DROP TABLE events CASCADE;
DROP SCHEMA belongings;
DROP FUNCTION worker_user;
DROP OWNED BY latter;
DROP ROLE latter;
