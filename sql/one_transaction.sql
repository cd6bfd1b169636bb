-- A migration script is one transaction: extension, streams and views together.
CREATE DATABASE one_transaction;
\c one_transaction
BEGIN;
CREATE EXTENSION stream_ext;
CREATE TABLE events (key int, v int) USING stream;
CREATE MATERIALIZED VIEW counts AS SELECT key, count(*) AS n FROM events GROUP BY key;
INSERT INTO events VALUES (1, 1), (1, 2), (2, 3);
COMMIT;
-- the view begins with the transaction that creates it
INSERT INTO events VALUES (1, 4), (3, 5);
SELECT * FROM counts ORDER BY key;

-- and all of it again, rolled back
BEGIN;
DROP EXTENSION stream_ext CASCADE;
CREATE EXTENSION stream_ext;
ROLLBACK;
INSERT INTO events VALUES (3, 6);
SELECT * FROM counts ORDER BY key;

-- a stream and a view that never were
BEGIN;
CREATE TABLE other (key int) USING stream;
CREATE MATERIALIZED VIEW other_counts AS SELECT key, count(*) AS n FROM other GROUP BY key;
INSERT INTO other VALUES (1);
ROLLBACK;
SELECT viewname, state FROM pg_stat_stream_view;
DROP EXTENSION stream_ext CASCADE;
\c contrib_regression
DROP DATABASE one_transaction;
