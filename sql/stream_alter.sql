-- Streams change while rows are on their way.
CREATE TABLE s (a int, b text, c float8) USING stream;
CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n FROM s GROUP BY a;

-- rows written before a change are read after it: the view is paused meanwhile
SELECT stream_pause('v');
INSERT INTO s VALUES (1, 'one', 1), (2, 'two', 2);
ALTER TABLE s DROP COLUMN b;
INSERT INTO s VALUES (3, 3);
ALTER TABLE s ADD COLUMN d text DEFAULT 'missing';
ALTER TABLE s ADD COLUMN e int;
INSERT INTO s VALUES (4, 4, 'given', 5);
ALTER TABLE s RENAME COLUMN c TO c_new;
ALTER TABLE s RENAME COLUMN a TO key;
INSERT INTO s (key, c_new) VALUES (5, 5);
ALTER TABLE s RENAME TO renamed;
CREATE SCHEMA elsewhere;
ALTER TABLE renamed SET SCHEMA elsewhere;
INSERT INTO elsewhere.renamed (key) VALUES (6);
ALTER TABLE elsewhere.renamed SET SCHEMA public;
ALTER TABLE renamed RENAME TO s;
SELECT stream_resume('v');
SELECT stream_sync();
SELECT * FROM v ORDER BY a;

-- a view over the new columns: rows from before they came have the default
CREATE MATERIALIZED VIEW vd AS SELECT d, e, c_new, count(*) AS n FROM s GROUP BY d, e, c_new;
SELECT stream_pause('vd');
INSERT INTO s (key) VALUES (7);
ALTER TABLE s ALTER COLUMN d SET DEFAULT 'changed';
INSERT INTO s (key) VALUES (8);
ALTER TABLE s ADD COLUMN f numeric DEFAULT 1.50;
INSERT INTO s (key, f) VALUES (9, 2), (10, NULL);
SELECT stream_resume('vd');
SELECT stream_sync();
SELECT * FROM vd ORDER BY n, d;
-- a column that a view reads cannot go by itself
ALTER TABLE s DROP COLUMN d;
SELECT stream_flush('v'), stream_flush('vd');
\set VERBOSITY terse
ALTER TABLE s ALTER COLUMN c_new TYPE numeric;
\set VERBOSITY default
DROP MATERIALIZED VIEW vd;

-- a type changes only when no row is on its way
SELECT stream_pause('v');
INSERT INTO s (key) VALUES (11);
ALTER TABLE s ALTER COLUMN f TYPE text;
ALTER TABLE s ADD COLUMN volatile float8 DEFAULT random();
ALTER TABLE s ADD COLUMN id serial;
ALTER TABLE s ADD COLUMN id int GENERATED ALWAYS AS IDENTITY;
ALTER TABLE s ADD COLUMN double_key int GENERATED ALWAYS AS (key * 2) STORED;
-- ... a default that is the same for every row may come
ALTER TABLE s ADD COLUMN stable timestamptz DEFAULT now();
SELECT stream_resume('v');
SELECT stream_flush('v');
ALTER TABLE s ALTER COLUMN f TYPE text;
ALTER TABLE s ADD COLUMN volatile float8 DEFAULT random();
ALTER TABLE s ADD COLUMN id int GENERATED ALWAYS AS IDENTITY;
INSERT INTO s (key, f) VALUES (12, 'text') RETURNING f, volatile BETWEEN 0 AND 1 AS volatile, id;
SELECT a, n FROM v WHERE a > 10 ORDER BY a;
-- a domain with a constraint makes core rewrite, and so does a volatile default of the type
CREATE DOMAIN checked AS int CHECK (VALUE < 100);
CREATE DOMAIN required AS int DEFAULT 6 NOT NULL;
CREATE DOMAIN plain AS int DEFAULT 7;
CREATE DOMAIN dice AS float8 DEFAULT random();
CREATE DOMAIN over_checked AS checked DEFAULT 8;
CREATE TABLE sd (a int) USING stream;
CREATE MATERIALIZED VIEW vsd AS SELECT to_jsonb(sd) AS row, count(*) AS n FROM sd GROUP BY 1;
SELECT stream_pause('vsd');
INSERT INTO sd VALUES (1);
ALTER TABLE sd ADD COLUMN c int DEFAULT 5;
ALTER TABLE sd ADD COLUMN d checked;
ALTER TABLE sd ADD COLUMN d checked DEFAULT 1;
ALTER TABLE sd ADD COLUMN d over_checked;
ALTER TABLE sd ADD COLUMN d required;
ALTER TABLE sd ADD COLUMN d dice;
-- ... others may come
ALTER TABLE sd ADD COLUMN d plain, ADD COLUMN e dice DEFAULT 0.5, ADD COLUMN f text DEFAULT 'six';
INSERT INTO sd VALUES (2);
-- VACUUM FULL of one or of all keeps what rows on their way need
VACUUM FULL sd;
SELECT attname, atthasmissing, attmissingval FROM pg_attribute
 WHERE attrelid = 'sd'::regclass AND attnum > 0 ORDER BY attnum;
INSERT INTO sd VALUES (3);
ALTER TABLE sd ADD COLUMN g int DEFAULT 9;
SET client_min_messages = error;
VACUUM FULL;
RESET client_min_messages;
SELECT attname, atthasmissing, attmissingval FROM pg_attribute
 WHERE attrelid = 'sd'::regclass AND attnum > 0 ORDER BY attnum;
SELECT stream_resume('vsd');
SELECT stream_sync();
SELECT * FROM vsd ORDER BY row->'a';
-- when nothing is on its way the columns may come
SELECT stream_flush('vsd');
ALTER TABLE sd ADD COLUMN h over_checked, ADD COLUMN i required, ADD COLUMN j dice;
INSERT INTO sd VALUES (4);
SELECT row->'h' AS h, row->'i' AS i, (row->>'j')::float8 BETWEEN 0 AND 1 AS j, n FROM vsd WHERE (row->>'a') = '4';
SET client_min_messages = warning;
DROP TABLE sd CASCADE;
DROP DOMAIN over_checked, checked, required, plain, dice;
RESET client_min_messages;

-- not in a transaction that has rows of its own
BEGIN;
INSERT INTO s (key) VALUES (13);
ALTER TABLE s ALTER COLUMN f TYPE bytea USING NULL;
ROLLBACK;
-- holding off the others
BEGIN;
LOCK TABLE s IN SHARE MODE;
SELECT stream_flush('v');
ALTER TABLE s ALTER COLUMN f DROP DEFAULT, ALTER COLUMN f TYPE bytea USING NULL;
COMMIT;
INSERT INTO s (key, f) VALUES (14, '\x01');
SELECT a, n FROM v WHERE a > 12 ORDER BY a;

-- constraints hold for rows to come
ALTER TABLE s ADD CONSTRAINT small CHECK (key < 100);
ALTER TABLE s ADD CONSTRAINT later CHECK (key < 90) NOT VALID;
ALTER TABLE s VALIDATE CONSTRAINT later;
ALTER TABLE s ALTER COLUMN key SET NOT NULL;
\set VERBOSITY terse
INSERT INTO s (key) VALUES (100);
INSERT INTO s (key) VALUES (NULL);
\set VERBOSITY default
CREATE DOMAIN digit AS int;
CREATE TABLE digits (d digit) USING stream;
ALTER DOMAIN digit ADD CHECK (VALUE BETWEEN 0 AND 9);
INSERT INTO digits VALUES (10);

-- nothing is stored, so that nothing has to be vacuumed, also after a rewrite
SELECT pg_relation_size('digits') AS bytes, reltoastrelid AS toast, relpages, relfrozenxid = '0' AND relminmxid = '0' AS never_frozen
  FROM pg_class WHERE oid = 'digits'::regclass;
SELECT relfrozenxid = '0' AS never_frozen FROM pg_class WHERE oid = 's'::regclass;
SELECT relfrozenxid AS before FROM pg_class WHERE oid = 's'::regclass \gset
VACUUM s;
SELECT age(relfrozenxid) < age(:'before'::xid) AS moved_on FROM pg_class WHERE oid = 's'::regclass;
ANALYZE s;
VACUUM (FREEZE, ANALYZE) s;
VACUUM (FULL) s;
SELECT relfrozenxid = '0' AS never_frozen FROM pg_class WHERE oid = 's'::regclass;
CLUSTER s;
REINDEX TABLE s;
ALTER TABLE s SET TABLESPACE pg_default;
ALTER TABLE s SET (fillfactor = 50);
ALTER TABLE s SET LOGGED;
COMMENT ON TABLE s IS 'a stream';
TRUNCATE s;
TRUNCATE s RESTART IDENTITY CASCADE;
INSERT INTO s (key) VALUES (15) RETURNING id;
SELECT sum(n) FROM v;

-- a dropped stream takes its views along only if told to
DROP TABLE s;
SET client_min_messages = warning;
DROP TABLE s, digits CASCADE;
DROP DOMAIN digit;
DROP SCHEMA elsewhere;
SELECT count(*) FROM _stream_ext.continuous_view;
