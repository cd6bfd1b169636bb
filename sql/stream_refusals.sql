-- What a stream cannot do or have, each said with a hint.
CREATE TABLE plain (id int PRIMARY KEY, v int);
INSERT INTO plain VALUES (1, 1);
CREATE TABLE s (ts timestamptz NOT NULL, k int, v float8) USING stream;

-- reading
SELECT * FROM s;
SELECT count(*) FROM plain LEFT JOIN s ON s.k = plain.id;
SELECT * FROM s TABLESAMPLE system (10);
SELECT ctid FROM s WHERE ctid = '(0,1)';
SELECT * FROM s FOR UPDATE;
INSERT INTO s SELECT * FROM s;
-- the shape of the rows can be had, a plan too
SELECT * FROM s LIMIT 0;
SELECT * FROM s WHERE false;
EXPLAIN (COSTS OFF) SELECT * FROM s;
CREATE FUNCTION count_s() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM s';
SELECT count_s();

-- pg_dump --inserts reads ONLY and COPY TO, and finds nothing
SELECT * FROM ONLY s;
SELECT * FROM ONLY s WHERE k = 1 AND v > 2;
SELECT x, k FROM (VALUES (1), (2)) AS a(x) LEFT JOIN ONLY s ON k = x;
COPY s TO STDOUT;
COPY (SELECT * FROM s) TO STDOUT;

-- changing rows
UPDATE s SET v = 0;
DELETE FROM s;
DELETE FROM ONLY s;
MERGE INTO s USING plain ON k = id WHEN MATCHED THEN DELETE;
WITH gone AS (DELETE FROM s RETURNING *) SELECT 1;
PREPARE change AS UPDATE s SET v = $1;
EXECUTE change(1);
EXECUTE change(2);
DEALLOCATE change;
INSERT INTO s VALUES (now(), 1, 1) ON CONFLICT DO NOTHING;
UPDATE plain SET v = s.v FROM s WHERE s.k = plain.id AND plain.id > 0;
-- a rule may do something else instead
CREATE RULE s_delete AS ON DELETE TO s DO INSTEAD NOTHING;
DELETE FROM s;
DROP RULE s_delete ON s;

-- indexes and constraints that need them
CREATE INDEX ON s (k);
CREATE INDEX CONCURRENTLY ON s (k);
CREATE TABLE s_pk (k int PRIMARY KEY) USING stream;
CREATE TABLE s_unique (k int UNIQUE) USING stream;
CREATE TABLE s_exclude (k int, EXCLUDE (k WITH =)) USING stream;
ALTER TABLE s ADD PRIMARY KEY (k);
CREATE TABLE s_like (LIKE plain INCLUDING ALL) USING stream;
SELECT count(*) FROM pg_index WHERE indrelid = 's'::regclass;

-- foreign keys
CREATE TABLE s_fk (k int REFERENCES plain) USING stream;
ALTER TABLE s ADD FOREIGN KEY (k) REFERENCES plain;
ALTER TABLE s ADD FOREIGN KEY (k) REFERENCES plain NOT VALID;
CREATE TABLE referencing (k int REFERENCES s (k));

-- triggers
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER after_row AFTER INSERT ON s FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE CONSTRAINT TRIGGER after_row AFTER INSERT ON s DEFERRABLE FOR EACH ROW EXECUTE FUNCTION nothing();

-- rules on SELECT
CREATE RULE "_RETURN" AS ON SELECT TO s DO INSTEAD SELECT now() AS ts, 1 AS k, 1.0::float8 AS v;

-- ways in and out of being a stream
ALTER TABLE s SET ACCESS METHOD heap;
ALTER TABLE plain SET ACCESS METHOD stream;
ALTER TABLE s SET ACCESS METHOD stream;
CREATE TABLE s_as USING stream AS SELECT 1 AS k;
EXPLAIN ANALYZE CREATE TABLE s_as USING stream AS SELECT 1 AS k;
CREATE MATERIALIZED VIEW s_matview USING stream AS SELECT 1 AS k;
SET default_table_access_method = stream;
CREATE TABLE s_as AS SELECT 1 AS k;
SELECT 1 AS k INTO s_as;
CREATE MATERIALIZED VIEW s_matview AS SELECT 1 AS k;
CREATE TABLE partition_of_stream (k int) PARTITION BY LIST (k);
CREATE TABLE a_stream_partition PARTITION OF partition_of_stream FOR VALUES IN (1);
DROP TABLE partition_of_stream;
RESET default_table_access_method;
CREATE UNLOGGED TABLE s_unlogged (k int) USING stream;
CREATE TEMP TABLE s_temp (k int) USING stream;
ALTER TABLE s SET UNLOGGED;

-- inheritance and partitions
CREATE TABLE heap_s (LIKE s INCLUDING ALL);
CREATE TABLE s_child () INHERITS (s);
CREATE TABLE s_child () INHERITS (plain) USING stream;
ALTER TABLE s INHERIT heap_s;
ALTER TABLE heap_s INHERIT s;
DROP TABLE heap_s;
CREATE TABLE parts (k int) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING stream;
CREATE TABLE parts_2 (k int) USING stream;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE parts_stream (k int) PARTITION BY LIST (k) USING stream;

-- tables of a type
CREATE TYPE row_type AS (ts timestamptz, k int, v float8);
CREATE TABLE s_typed OF row_type USING stream;
CREATE TABLE s_untyped (LIKE s) USING stream;
ALTER TABLE s_untyped OF row_type;
DROP TABLE s_untyped;
DROP TYPE row_type;

-- replication
ALTER TABLE s REPLICA IDENTITY FULL;
ALTER TABLE s REPLICA IDENTITY DEFAULT;
CREATE PUBLICATION p FOR TABLE s;
CREATE PUBLICATION p FOR TABLE plain;
ALTER PUBLICATION p ADD TABLE s;
DROP PUBLICATION p;

-- the handler is not for users
SELECT has_function_privilege('public', '_stream_ext.tableam_handler(internal)', 'execute');

SELECT relname, amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm') ORDER BY 1;
DROP FUNCTION count_s;
DROP TABLE s, plain, parts, parts_2;
DROP FUNCTION nothing;
