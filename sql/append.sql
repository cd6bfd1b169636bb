-- Views without aggregates: the rows that pass are kept, each once, duplicates included.
SET stream_ext.read_timeout = '5 min';
CREATE TABLE archive (ts timestamptz NOT NULL, id int, url text, ms float8);
CREATE TABLE clicks (LIKE archive) USING stream;
CREATE TABLE site (id int, name text);
INSERT INTO site VALUES (1, 'one'), (2, 'two'), (2, 'two again'), (3, NULL);
CREATE VIEW slow_clicks AS SELECT ts, id, url, ms / 1000 AS s FROM clicks WHERE ms > 100;

-- what a view has and its query, over the archive, has not, and the other way
-- round; compared as text, because not every type has an equality
CREATE FUNCTION differences(view text, query text, OUT side text, OUT line text) RETURNS SETOF record
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT ''only in view'', left(l, 200) FROM
		(SELECT v::text AS l FROM %1$s v EXCEPT ALL SELECT wanted::text FROM (%2$s) wanted) d', view, query);
	RETURN QUERY EXECUTE format('SELECT ''only in query'', left(l, 200) FROM
		(SELECT wanted::text AS l FROM (%2$s) wanted EXCEPT ALL SELECT v::text FROM %1$s v) d', view, query);
END $$;

CREATE TABLE queries (name text, query text);
INSERT INTO queries VALUES
('everything', 'SELECT * FROM clicks'),
('filtered', 'SELECT ts, upper(url) AS u, site.name FROM clicks JOIN site USING (id) WHERE ms > 100'),
('kept', 'SELECT url, name, coalesce(name, url) AS label FROM clicks c LEFT JOIN site s ON s.id = c.id AND name LIKE ''two%'''),
('windows', 'SELECT window_start, url FROM clicks, tumble(ts, ''1 minute'')'),
('hops', 'SELECT w.*, ms FROM clicks c, LATERAL hop(c.ts, ''1 minute'', ''3 minutes'') w WHERE id = 1'),
('several', 'SELECT url, generate_series(1, id) AS n, unnest(ARRAY[url, NULL, upper(url)]) AS one FROM clicks WHERE id < 3'),
('through_view', 'SELECT id, s, s > 1 AS very FROM slow_clicks'),
('nested', 'SELECT a, b.name FROM (SELECT id AS a, ms FROM clicks WHERE url IS NOT NULL) c, LATERAL (SELECT name FROM site WHERE site.id = a) b'),
('looked_up', 'SELECT id, (SELECT count(*) FROM site WHERE site.id = clicks.id) AS sites FROM clicks WHERE id IN (SELECT id FROM site)'),
('whole', 'SELECT c, c.url FROM clicks c'),
('constant', 'SELECT 1 AS one, NULL AS nothing FROM clicks'),
('nothing', 'SELECT FROM clicks WHERE ms > 0');
SELECT format('CREATE MATERIALIZED VIEW %I AS %s', name, query) FROM queries \gexec
CREATE MATERIALIZED VIEW named (a, b) AS SELECT id, url AS c FROM clicks;
INSERT INTO queries VALUES ('named', 'SELECT id, url FROM clicks');
-- the same over the archive
UPDATE queries SET query = regexp_replace(replace(query, 'slow_clicks',
		'(SELECT ts, id, url, ms / 1000 AS s FROM clicks WHERE ms > 100) sc'), 'FROM clicks', 'FROM archive clicks');
UPDATE queries SET query = replace(query, 'archive clicks c', 'archive c');

-- as it is
\d filtered
SELECT pg_get_viewdef('filtered') ~ 'GROUP BY|finalize' AS grouped;

-- rows with duplicates, NULLs and every border of the conditions
CREATE FUNCTION send(first int, last int) RETURNS bigint LANGUAGE sql AS $$
	WITH new AS (INSERT INTO archive
		SELECT timestamptz '2026-01-01' + g % 50 * interval '10 s', nullif(g % 5, 4),
			CASE WHEN g % 7 > 0 THEN 'page ' || g % 6 END, CASE WHEN g % 11 > 0 THEN g % 13 * 25 END
		FROM generate_series(first, last) g RETURNING *)
	, copied AS (INSERT INTO clicks SELECT * FROM new RETURNING 1)
	SELECT count(*) FROM copied $$;
SELECT send(1, 300), send(1, 100);
SELECT name, d.* FROM queries, differences(name, query) d;
SELECT count(*), count(DISTINCT x) AS distinct_rows FROM everything x;
SELECT u, name, count(*) FROM filtered GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 5;

-- savepoints, rollbacks, several batches in one transaction
BEGIN;
SELECT send(301, 310);
SAVEPOINT a;
SELECT send(311, 320);
ROLLBACK TO a;
SELECT send(321, 330);
-- not of this transaction
SELECT count(*) FROM everything;
COMMIT;
BEGIN;
SELECT send(331, 340);
ROLLBACK;
SELECT count(*) FROM everything;
SELECT name, d.* FROM queries, differences(name, query) d;

-- storage, storage and memory, a second flush
SELECT count(stream_flush(name::regclass)) FROM queries;
SELECT name, d.* FROM queries, differences(name, query) d;
SELECT send(1, 300);
SELECT name, d.* FROM queries, differences(name, query) d;
SELECT count(stream_flush(name::regclass)) FROM queries;
SELECT name, d.* FROM queries, differences(name, query) d;

-- a table that changes later does not change what was appended
BEGIN;
SELECT count(*) FROM filtered WHERE name = 'one';
UPDATE site SET name = 'uno' WHERE name = 'one';
SELECT count(*) FROM filtered WHERE name = 'one';
COMMIT;
INSERT INTO clicks VALUES ('2026-01-01', 1, 'later', 500);
INSERT INTO archive VALUES ('2026-01-01', 1, 'later', 500);
SELECT DISTINCT u, name FROM filtered WHERE name = 'uno';
UPDATE site SET name = 'one' WHERE name = 'uno';
-- compared so far; from here on they differ from what the query says today
DELETE FROM queries WHERE name IN ('filtered', 'nested');

-- statistics: every row is a group
SELECT count(stream_flush(relid)) FROM pg_stat_stream_view;
SELECT viewname, rows_in, rows_processed, rows_filtered, rows_rejected, flushes > 0 AS flushed, flush_groups
  FROM pg_stat_stream_view WHERE viewname IN ('everything', 'filtered', 'several', 'nothing') ORDER BY viewname;

-- the plan: rows of memory, rows of storage, nothing on top
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		RETURN NEXT regexp_replace(line, '(storage|memory)_\d+\S*( storage_\S+)?', '\1', 'g');
	END LOOP;
END $$;
SELECT DISTINCT plan_of('SELECT * FROM everything WHERE id = 3') COLLATE "C" AS line ORDER BY 1;

-- a transaction so large that its rows go straight to storage, into partitions
-- that the plan of the next statement does not know yet
CREATE TABLE many (id int) USING stream;
CREATE MATERIALIZED VIEW many_rows AS SELECT id FROM many WHERE id % 2 = 0;
INSERT INTO many SELECT generate_series(1, 300000);
SELECT count(*), count(DISTINCT id), min(id), max(id) FROM many_rows;
INSERT INTO many SELECT generate_series(1, 300000);
SELECT count(*), count(DISTINCT id), min(id), max(id) FROM many_rows;
SELECT rows_in, rows_processed, oversize_transactions, memory_groups FROM pg_stat_stream_view WHERE viewname = 'many_rows';
DROP TABLE many CASCADE;

-- names, columns, options
ALTER MATERIALIZED VIEW everything RENAME TO rows;
ALTER MATERIALIZED VIEW rows RENAME COLUMN ms TO millis;
ALTER TABLE clicks RENAME COLUMN url TO path;
DELETE FROM queries WHERE name = 'whole';
DROP MATERIALIZED VIEW whole;
ALTER TABLE clicks ADD COLUMN extra int DEFAULT 7;
UPDATE queries SET name = 'rows', query = 'SELECT ts, id, url, ms FROM archive' WHERE name = 'everything';
INSERT INTO clicks VALUES ('2026-01-02', 3, 'new', 150, 8);
INSERT INTO archive VALUES ('2026-01-02', 3, 'new', 150);
SELECT name, d.* FROM queries, differences(name, query) d;
SELECT * FROM rows WHERE ts > '2026-01-01 12:00';
ALTER TABLE clicks DROP COLUMN ms;
REFRESH MATERIALIZED VIEW rows;
SELECT stream_pause('rows');
INSERT INTO clicks VALUES ('2026-01-03', 2, 'paused', 1, 9);
INSERT INTO archive VALUES ('2026-01-03', 2, 'paused', 1);
SELECT stream_resume('rows');
SELECT name, d.* FROM queries, differences(name, query) d;

SET client_min_messages = warning;
DROP TABLE clicks CASCADE;
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname = '_stream_ext' AND relname ~ '^(storage|memory|definition)_';
DROP FUNCTION send, plan_of;
DROP TABLE archive, queries, site;
RESET client_min_messages;

-- types: whatever a table holds, with or without equality and order
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a > 0);
CREATE TABLE archive (id int, j json, jb jsonb, p point, b box, poly polygon, path jsonpath, x xid, t tid,
	q tsquery, n numeric(20,3), vc varchar(5), bp char(5), bits bit(5), f4 float4, c "char", na name,
	ia int[], pa pair[], pr pair, m mood, ma mood[], pos positive, gp good_pair, rg int4range, mr int4multirange,
	i interval, u uuid, r regclass, bt bytea, tx text COLLATE "C", tt timetz, ov oidvector);
CREATE TABLE s (LIKE archive) USING stream;
CREATE MATERIALIZED VIEW typed AS SELECT * FROM s;
CREATE MATERIALIZED VIEW computed AS SELECT id, j -> 'a' AS ja, p <-> '(0,0)' AS distance, (pr).b, pa[1] AS first, ia || 9 AS longer,
	pos + 1 AS next, m::text, (pos % 5)::positive AS dom, tx || 'x' AS tx, ARRAY[p, p] AS points, pr AS pr2 FROM s WHERE id > 0;
INSERT INTO archive VALUES
(1, '{"a": [1, 2]}', '{"b": null}', '(1,2)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '$.a[*]', '42', '(3,4)',
 'a & b', 12345.678, 'five5', 'bp', B'10101', 1.5, 'x', 'a name',
 '{1,NULL,3}', '{"(1,x)","(2,y)"}', '(1,one)', 'happy', '{sad,ok}', 7, '(3,three)', '[1,5)', '{[1,3),[7,9)}',
 '1 mon 2 days', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'pg_class', '\xdeadbeef', 'text', '12:34:56+02', '1 2 3');
INSERT INTO archive (id) VALUES (2), (2);
INSERT INTO archive (id, tx, bt, jb, ia, pos) SELECT 10 + g, repeat('long ', g * 2000), decode(repeat('ab', g * 900), 'hex'),
	jsonb_build_object('k', repeat('v', g * 3000)), (SELECT array_agg(n) FROM generate_series(1, g * 1000) n), g
	FROM generate_series(1, 8) g;
INSERT INTO s SELECT * FROM archive;
SELECT * FROM differences('typed', 'SELECT * FROM archive');
SELECT * FROM differences('computed', 'SELECT id, j -> ''a'', p <-> ''(0,0)'', (pr).b, pa[1], ia || 9,
	pos + 1, m::text, (pos % 5)::positive, tx || ''x'', ARRAY[p, p], pr FROM archive WHERE id <> 15');
SELECT stream_flush('typed'), stream_flush('computed');
SELECT * FROM differences('typed', 'SELECT * FROM archive');
SELECT * FROM differences('computed', 'SELECT id, j -> ''a'', p <-> ''(0,0)'', (pr).b, pa[1], ia || 9,
	pos + 1, m::text, (pos % 5)::positive, tx || ''x'', ARRAY[p, p], pr FROM archive WHERE id <> 15');
-- 5 % 5 is not positive: that row is a dead letter, once, and nobody else's matter
SELECT view, left("row", 4) AS row, sqlstate, message FROM stream_dead_letter;
SELECT viewname, rows_in, rows_processed, rows_rejected FROM pg_stat_stream_view ORDER BY 1;

-- a value of 100 MB between small ones, and one out of line in a joined table
CREATE TABLE large (id int, t text) USING stream;
CREATE TABLE texts (id int, body text);
ALTER TABLE texts ALTER body SET STORAGE EXTERNAL;
INSERT INTO texts SELECT g, repeat(md5(g::text), 1000) FROM generate_series(1, 2) g;
CREATE MATERIALIZED VIEW large_rows AS SELECT id, t, body FROM large LEFT JOIN texts USING (id);
INSERT INTO large VALUES (1, 'small'), (2, 'small');
SELECT stream_sync() \g /dev/null
TRUNCATE texts;
SELECT id, t, md5(body) FROM large_rows ORDER BY id;
INSERT INTO large VALUES (3, repeat('0123456789', 10000000)), (4, 'small');
SELECT id, length(t), md5(t) = md5(repeat('0123456789', 10000000)) AS same, md5(body) FROM large_rows ORDER BY id;
SELECT stream_flush('large_rows');
SELECT id, length(t), md5(t) = md5(repeat('0123456789', 10000000)) AS same, md5(body) FROM large_rows ORDER BY id;

-- rights: the view reads with its owner's, whoever reads the view
CREATE ROLE regress_append_owner;
CREATE ROLE regress_append_reader;
GRANT CREATE ON SCHEMA public TO regress_append_owner;
CREATE TABLE secrets (id int, word text);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON secrets TO regress_append_owner USING (id < 3);
INSERT INTO secrets SELECT g, 'word ' || g FROM generate_series(1, 4) g;
SET ROLE regress_append_owner;
CREATE MATERIALIZED VIEW v AS SELECT id, word FROM large JOIN secrets USING (id);
RESET ROLE;
GRANT SELECT ON large, secrets TO regress_append_owner;
SET ROLE regress_append_owner;
CREATE MATERIALIZED VIEW v AS SELECT id, word FROM large JOIN secrets USING (id);
GRANT SELECT ON v TO regress_append_reader;
RESET ROLE;
INSERT INTO large SELECT g, 't' FROM generate_series(1, 4) g;
SELECT * FROM v ORDER BY id;
SET ROLE regress_append_reader;
SELECT * FROM v ORDER BY id;
SELECT * FROM secrets;
RESET ROLE;

-- retention goes by the time of the commit
CREATE MATERIALIZED VIEW brief WITH (stream.retention = '1 hour', stream.partition_width = '1 minute') AS SELECT id FROM large;
INSERT INTO large VALUES (1, 'x'), (2, 'y');
SELECT * FROM brief ORDER BY id;
SELECT stream_flush('brief');
SET stream_ext.clock_offset = '59 min';
SELECT * FROM brief ORDER BY id;
SET stream_ext.clock_offset = '61 min';
SELECT * FROM brief ORDER BY id;
ALTER MATERIALIZED VIEW brief RESET (stream.retention);
SELECT * FROM brief ORDER BY id;
RESET stream_ext.clock_offset;

SET client_min_messages = warning;
DROP TABLE s, large, archive, texts, secrets CASCADE;
DROP FUNCTION differences;
DROP TYPE pair, mood CASCADE;
DROP DOMAIN positive;
REVOKE CREATE ON SCHEMA public FROM regress_append_owner;
DROP ROLE regress_append_owner, regress_append_reader;
