-- Whose fault is an error?  A row that fails with whatever SQLSTATE becomes a
-- dead letter; a view that lost something it needs stops, with all its rows.
CREATE TABLE readings (id int, name text) USING stream;
CREATE FUNCTION check_name(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    result int;
BEGIN
    CASE $1 WHEN 'custom' THEN RAISE EXCEPTION 'refused' USING ERRCODE = 'MY001';
            WHEN 'no case' THEN CASE $1 WHEN 'x' THEN result := 1; END CASE;
            WHEN 'fine' THEN result := 1;
            WHEN 'no return' THEN result := NULL;
            ELSE EXECUTE format('SELECT count(*) FROM %I', $1) INTO result; END CASE;
    IF $1 <> 'no return' THEN RETURN result; END IF;
END $$;
CREATE MATERIALIZED VIEW checked AS SELECT count(*) AS n, sum(check_name(name)) AS s FROM readings;
CREATE MATERIALIZED VIEW plain AS SELECT count(*) AS n FROM readings;

-- errors of classes that PostgreSQL's manual does not list, or lists for functions: one row each
INSERT INTO readings VALUES (1, 'custom');
INSERT INTO readings VALUES (2, 'fine'), (3, 'no case');
INSERT INTO readings VALUES (4, 'no return');
INSERT INTO readings VALUES (5, 'fine');
SELECT * FROM checked;
SELECT stream_sync();
SELECT (row::readings).id, sqlstate, message FROM stream_dead_letter ORDER BY 1;

-- a row that names what is not there, among others
INSERT INTO readings VALUES (6, 'fine'), (7, 'missing'), (8, 'fine');
SELECT * FROM checked;
SELECT stream_sync();
SELECT (row::readings).id, sqlstate, message FROM stream_dead_letter ORDER BY 1 OFFSET 3;

-- alone it might be the view's fault: that stops, and loses nothing
CREATE FUNCTION await_state(name, text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6000 LOOP
        EXIT WHEN (SELECT state FROM pg_stat_stream_view WHERE viewname = $1) = $2;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN (SELECT state || ': ' || last_error FROM pg_stat_stream_view WHERE viewname = $1);
END $$;
INSERT INTO readings VALUES (9, 'missing');
SELECT await_state('checked', 'error');
SELECT * FROM plain;
-- what was missing is there now
CREATE TABLE missing AS SELECT generate_series(1, 100);
INSERT INTO readings VALUES (10, 'fine');
SELECT stream_resume('checked');
SELECT * FROM checked;
DROP TABLE missing;

-- it never comes back: the row goes as soon as another one shows that the view is well
INSERT INTO readings VALUES (11, 'missing');
SELECT await_state('checked', 'error');
INSERT INTO readings VALUES (12, 'fine');
SELECT stream_resume('checked');
SELECT * FROM checked;
SELECT stream_sync();
SELECT (row::readings).id, sqlstate, message FROM stream_dead_letter ORDER BY 1 OFFSET 4;

-- all rows miss it: none is rejected, however many
CREATE FUNCTION lookup(text) RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT x FROM dim WHERE name = $1); END $$;
CREATE TABLE dim (name text, x int);
INSERT INTO dim VALUES ('fine', 5);
CREATE MATERIALIZED VIEW looked_up AS SELECT count(*) AS n, sum(lookup(name)) AS s FROM readings;
ALTER TABLE dim RENAME TO elsewhere;
INSERT INTO readings SELECT i, 'fine' FROM generate_series(1, 3000) i;
SELECT await_state('looked_up', 'error');
SELECT count(*) FROM stream_dead_letter WHERE view = 'looked_up'::regclass;
ALTER TABLE elsewhere RENAME TO dim;
SELECT stream_resume('looked_up');
SELECT * FROM looked_up;
SELECT count(*) FROM stream_dead_letter WHERE view = 'looked_up'::regclass;

DROP TABLE readings CASCADE;
DROP TABLE dim;
DROP FUNCTION check_name(text), lookup(text), await_state(name, text);
