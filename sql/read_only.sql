-- Functions of a view read; they do not write.  A view whose code writes stops
-- with that error, whatever the row; others go on.
CREATE ROLE writer;
CREATE SCHEMA writer AUTHORIZATION writer;
CREATE TABLE events (a int) USING stream;
GRANT SELECT, INSERT ON events TO writer;
CREATE MATERIALIZED VIEW healthy AS SELECT count(*) AS n, sum(a) AS s FROM events;
CREATE FUNCTION await_state(name, text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 6000 LOOP
		EXIT WHEN (SELECT state FROM pg_stat_stream_view WHERE viewname = $1) = $2;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN (SELECT format('%s: %s %s', state, last_error_sqlstate, last_error) FROM pg_stat_stream_view WHERE viewname = $1);
END $$;

SET ROLE writer;
SET search_path = writer, public;
CREATE TABLE log (a int);
CREATE SEQUENCE counter;
CREATE FUNCTION feed(a int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.events VALUES (a + 1); RETURN a; END $$;
CREATE FUNCTION note(a int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO writer.log VALUES (a); RETURN a; END $$;
-- writes for some rows only
CREATE FUNCTION sometimes(a int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN IF a > 2 THEN INSERT INTO writer.log VALUES (a); END IF; RETURN a; END $$;
CREATE FUNCTION count_on(a int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM nextval('writer.counter'); RETURN a; END $$;
CREATE FUNCTION pretend(a int, what text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ DECLARE r int; BEGIN EXECUTE format('SELECT writer.%I($1)', what) INTO r USING a; RETURN r; END $$;
CREATE FUNCTION add_up(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN IF $1 + $2 > 5 THEN PERFORM writer.note($1 + $2); END IF; RETURN $1 + $2; END $$;
CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = add_up, INITCOND = '0');
CREATE MATERIALIZED VIEW feeds AS SELECT pretend(a, 'feed') AS a, count(*) AS n FROM events GROUP BY 1;
CREATE MATERIALIZED VIEW notes AS SELECT count(*) AS n FROM events WHERE pretend(a, 'note') > 0;
CREATE MATERIALIZED VIEW some_notes AS SELECT sum(pretend(a, 'sometimes')) AS s FROM events;
CREATE MATERIALIZED VIEW counts AS SELECT pretend(a, 'count_on') AS a FROM events;
CREATE MATERIALIZED VIEW totals AS SELECT total(a) AS t FROM events;
CREATE MATERIALIZED VIEW catches AS SELECT sum(a) AS s, count(*) FILTER (WHERE a > 0) AS n FROM events;
RESET ROLE;

INSERT INTO events VALUES (1), (2);
SELECT await_state('feeds', 'error');
SELECT await_state('notes', 'error');
SELECT await_state('counts', 'error');
-- combining in memory
INSERT INTO events VALUES (1), (3), (4);
SELECT await_state('some_notes', 'error');
SELECT await_state('totals', 'error');
SELECT * FROM healthy;
SELECT * FROM writer.catches;
-- nothing was written, and no row was blamed
SELECT count(*) FROM writer.log;
SELECT count(*) FROM stream_dead_letter;
SELECT count(*) FROM _stream_ext.quarantine;

-- mended, it has every row
CREATE OR REPLACE FUNCTION writer.sometimes(a int) RETURNS int LANGUAGE sql AS 'SELECT a';
SELECT stream_resume('writer.some_notes');
SELECT * FROM writer.some_notes;

-- a combine function that writes when storage meets memory
SET ROLE writer;
CREATE OR REPLACE FUNCTION writer.add_up(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + $2; END';
CREATE MATERIALIZED VIEW stored AS SELECT total(a) AS t FROM events;
RESET ROLE;
INSERT INTO events VALUES (4);
SELECT stream_flush('writer.stored');
CREATE OR REPLACE FUNCTION writer.add_up(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN IF $1 + $2 > 5 THEN PERFORM writer.note($1 + $2); END IF; RETURN $1 + $2; END $$;
INSERT INTO events VALUES (5);
\set VERBOSITY terse
SELECT stream_flush('writer.stored', '100 ms');
\set VERBOSITY default
SELECT await_state('stored', 'error');
CREATE OR REPLACE FUNCTION writer.add_up(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + $2; END';
SELECT stream_resume('writer.stored');
SELECT stream_flush('writer.stored');
SELECT * FROM writer.stored;
SELECT count(*) FROM _stream_ext.quarantine;

SET client_min_messages = warning;
DROP TABLE events CASCADE;
DROP SCHEMA writer CASCADE;
DROP FUNCTION await_state;
DROP ROLE writer;
