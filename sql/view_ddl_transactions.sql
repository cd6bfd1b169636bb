-- DDL of continuous views in transactions of every kind.
CREATE TABLE s (a int) USING stream;

-- prepared: the view begins when it is committed
BEGIN;
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM s GROUP BY a;
PREPARE TRANSACTION 'view_ddl';
SELECT count(*) FROM _stream_ext.continuous_view;
COMMIT PREPARED 'view_ddl';
INSERT INTO s VALUES (1), (1);
SELECT * FROM v;
BEGIN;
DROP MATERIALIZED VIEW v;
PREPARE TRANSACTION 'view_ddl';
ROLLBACK PREPARED 'view_ddl';
INSERT INTO s VALUES (1), (1);
SELECT * FROM v;
BEGIN;
DROP TABLE s CASCADE;
PREPARE TRANSACTION 'view_ddl';
COMMIT PREPARED 'view_ddl';
SELECT count(*) FROM _stream_ext.continuous_view;

-- everything in one serializable transaction; rows after CREATE count
BEGIN ISOLATION LEVEL SERIALIZABLE;
CREATE TABLE s (a int) USING stream;
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM s GROUP BY a;
ALTER MATERIALIZED VIEW v RENAME TO w;
DROP MATERIALIZED VIEW w;
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM s GROUP BY a;
INSERT INTO s VALUES (3);
COMMIT;
SELECT * FROM v;

-- a rolled-back subtransaction drops nothing
BEGIN;
SAVEPOINT one;
DROP TABLE s CASCADE;
ROLLBACK TO one;
INSERT INTO s VALUES (4);
COMMIT;
SELECT * FROM v ORDER BY a;

-- ALTER between two readings of one snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM v ORDER BY a;
ALTER TABLE s ADD COLUMN b int;
ALTER MATERIALIZED VIEW v RENAME COLUMN count TO n;
INSERT INTO s VALUES (5, 5);
SELECT * FROM v ORDER BY a;
COMMIT;
SELECT * FROM v ORDER BY a;

-- what was flushed goes with the view: types in partitions, columns, collations
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE TABLE t (ts timestamptz, c colour, n int) USING stream;
CREATE MATERIALIZED VIEW by_colour AS
	SELECT date_trunc('day', ts) AS day, c, max(c) AS last, count(*) FROM t GROUP BY 1, 2;
INSERT INTO t SELECT '2026-01-01 00:00 UTC'::timestamptz + g * interval '10 days', 'red', g
  FROM generate_series(1, 10) g;
SELECT stream_flush('by_colour');
SELECT count(*) > 4 AS partitions FROM pg_partition_tree(
	(SELECT storage FROM _stream_ext.continuous_view WHERE view = 'by_colour'::regclass));
DROP TYPE colour CASCADE;
SELECT count(*) FROM pg_class WHERE relname ~ '^(storage|memory|definition)_';

-- an owner that changes after a flush takes the partitions along, and rows go on
CREATE ROLE view_ddl_owner;
CREATE MATERIALIZED VIEW per_day AS SELECT date_trunc('day', ts) AS day, count(*) FROM t GROUP BY 1;
INSERT INTO t SELECT '2026-01-01 00:00 UTC'::timestamptz + g * interval '10 days', g
  FROM generate_series(1, 10) g;
SELECT stream_flush('per_day');
GRANT SELECT ON t TO view_ddl_owner;
ALTER MATERIALIZED VIEW per_day OWNER TO view_ddl_owner;
INSERT INTO t SELECT '2026-01-01 00:00 UTC'::timestamptz + g * interval '40 days', g
  FROM generate_series(1, 10) g;
SELECT stream_flush('per_day');
SELECT sum(count), count(*) FROM per_day;
SELECT DISTINCT pg_get_userbyid(c.relowner) FROM pg_class c, pg_partition_tree(
	(SELECT storage FROM _stream_ext.continuous_view WHERE view = 'per_day'::regclass)) p
 WHERE c.oid = p.relid;

-- an ALTER does not make a view new: what was committed before is owed to its
-- reader in the same transaction, or an error where the view does not go on
CREATE MATERIALIZED VIEW other AS SELECT count(*) FROM s;
SELECT stream_pause('v');
SELECT stream_sync();
INSERT INTO s VALUES (6, 6);
BEGIN;
GRANT SELECT ON s TO view_ddl_owner;
ALTER MATERIALIZED VIEW v OWNER TO view_ddl_owner;
SELECT * FROM v ORDER BY a;
ROLLBACK;
SELECT stream_resume('v');
SELECT * FROM v ORDER BY a;

-- a new one is empty, and nobody waits for it; subtransactions come and go
BEGIN;
SAVEPOINT one;
CREATE MATERIALIZED VIEW fresh AS SELECT count(*) FROM s;
RELEASE one;
SAVEPOINT two;
ALTER MATERIALIZED VIEW fresh OWNER TO view_ddl_owner;
ROLLBACK TO two;
SELECT * FROM fresh;
SELECT stream_sync();
SAVEPOINT three;
SELECT stream_flush('fresh');
ROLLBACK TO three;
SELECT stream_flush('other');
COMMIT;
INSERT INTO s VALUES (7, 7);
SELECT * FROM fresh;
SELECT stream_flush('fresh');

DROP TABLE s, t CASCADE;
DROP ROLE view_ddl_owner;
