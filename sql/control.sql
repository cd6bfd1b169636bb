-- stream_sync, stream_flush, stream_pause, stream_resume, stream_accept_gap
CREATE TABLE events (k int, v int) USING stream;
CREATE TABLE archive (k int, v int);
CREATE MATERIALIZED VIEW totals AS SELECT k, count(*), sum(v) FROM events GROUP BY k;
CREATE MATERIALIZED VIEW other AS SELECT count(*) FROM events;
CREATE VIEW oracle AS
    (SELECT * FROM totals EXCEPT ALL SELECT k, count(*), sum(v) FROM archive GROUP BY k)
    UNION ALL
    (SELECT k, count(*), sum(v) FROM archive GROUP BY k EXCEPT ALL SELECT * FROM totals);
CREATE FUNCTION fill(n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events SELECT g % 5, g FROM generate_series(1, n) g;
    INSERT INTO archive SELECT g % 5, g FROM generate_series(1, n) g;
$$;

-- what was committed is in every view, and after a flush in its storage
SELECT fill(100);
SET stream_ext.read_freshness = off;
SELECT stream_sync();
SELECT * FROM oracle;
SELECT memory_groups > 0 AS in_memory FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT stream_flush('totals');
SELECT flushed_lsn > '0/0' AND flushes > 0 AS flushed FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT * FROM oracle;
-- nothing to do is done at once
SELECT stream_flush('totals', '1 minute');

-- a paused view stays where it was, others go on; resumed it misses nothing
SELECT stream_pause('totals');
SELECT stream_pause('totals');
SELECT state FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT fill(50);
SELECT stream_sync();
SELECT count FROM other;
SELECT sum(count) FROM totals;
SELECT stream_flush('totals');
SELECT sum(count) FROM totals;
SELECT stream_resume('totals');
SELECT stream_resume('totals');
SELECT stream_sync();
SELECT state FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT * FROM oracle;

-- transactional: a pause that is rolled back never was
BEGIN;
SELECT stream_pause('totals');
ROLLBACK;
SELECT fill(10);
SELECT stream_sync();
SELECT state FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT * FROM oracle;

-- paused and resumed in one statement
SELECT stream_pause('totals'), stream_resume('totals');
SELECT fill(10);
SELECT stream_sync();
SELECT * FROM oracle;

-- there is no gap to accept, until there is one
SELECT stream_accept_gap('totals');
SELECT stream_flush('totals');
BEGIN;
SELECT stream_pause('totals');
UPDATE _stream_ext.continuous_view SET state = 'gap', state_message = 'for the test' WHERE view = 'totals'::regclass;
COMMIT;
SELECT stream_pause('totals');
SELECT stream_flush('totals');
INSERT INTO events VALUES (1, 1000000);
SELECT stream_sync();
SELECT count FROM other;
\set VERBOSITY terse
SELECT lost_from < lost_to AS some_is_lost FROM stream_accept_gap('totals');
\set VERBOSITY default
SELECT stream_sync();
SELECT * FROM oracle;
SELECT fill(20);
SELECT stream_sync();
SELECT * FROM oracle;

-- a view that failed goes on when it is told to
BEGIN;
SELECT stream_pause('totals');
UPDATE _stream_ext.continuous_view SET state = 'error', state_message = 'for the test' WHERE view = 'totals'::regclass;
COMMIT;
SELECT stream_pause('totals');
SELECT state, last_error FROM pg_stat_stream_view WHERE viewname = 'totals';
SELECT fill(20);
SELECT stream_resume('totals');
SELECT stream_sync();
SELECT * FROM oracle;

-- dead letters can be read after stream_sync()
CREATE MATERIALIZED VIEW fragile AS SELECT sum(100 / v) FROM events;
INSERT INTO events VALUES (1, 0), (1, 10);
SELECT stream_sync();
SELECT sum FROM fragile;
SELECT view, stream, "row", sqlstate, message FROM stream_dead_letter;

-- who may do what
CREATE ROLE regress_control_owner;
CREATE ROLE regress_control_other;
ALTER MATERIALIZED VIEW other OWNER TO regress_control_owner;
SET ROLE regress_control_other;
SELECT stream_sync();
SELECT stream_flush('other');
SELECT stream_pause('other');
SELECT stream_resume('other');
SELECT stream_accept_gap('other');
SET ROLE regress_control_owner;
SELECT stream_pause('other');
SELECT stream_resume('other');
SELECT stream_pause('totals');
RESET ROLE;

-- what is no view of ours
SELECT stream_flush('events');
SELECT stream_pause('oracle');
SELECT stream_resume('pg_class');
SELECT stream_accept_gap(0);
SELECT stream_sync('-1 second');
SELECT stream_sync(NULL);

DROP VIEW oracle;
DROP TABLE events CASCADE;
DROP TABLE archive;
DROP FUNCTION fill;
DROP ROLE regress_control_owner, regress_control_other;
