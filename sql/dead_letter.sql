-- A row that makes an expression fail becomes a dead letter and changes
-- nothing else: no aggregate of the view, no other view, no other row.
CREATE TABLE readings (id int, key text, value int) USING stream;
CREATE TABLE archive (LIKE readings);

-- the second of three aggregates divides by zero for value 5
CREATE MATERIALIZED VIEW v AS
	SELECT key, count(*) AS n, sum(100 / (value - 5)) AS s, max(value) AS m
	  FROM readings GROUP BY key;
CREATE MATERIALIZED VIEW plain AS SELECT key, count(*) AS n FROM readings GROUP BY key;

INSERT INTO readings SELECT i, 'k' || i % 3, i % 11 FROM generate_series(1, 5000) i;
INSERT INTO archive SELECT i, 'k' || i % 3, i % 11 FROM generate_series(1, 5000) i;
SELECT stream_sync();

-- oracle: the view is the query over the rows that can be digested
(SELECT * FROM v EXCEPT ALL
 SELECT key, count(*), sum(100 / (value - 5)), max(value) FROM archive WHERE value <> 5 GROUP BY key)
UNION ALL
(SELECT key, count(*), sum(100 / (value - 5)), max(value) FROM archive WHERE value <> 5 GROUP BY key
 EXCEPT ALL SELECT * FROM v);
-- other views have all rows
(SELECT * FROM plain EXCEPT ALL SELECT key, count(*) FROM archive GROUP BY key)
UNION ALL
(SELECT key, count(*) FROM archive GROUP BY key EXCEPT ALL SELECT * FROM plain);

-- accepted and rejected make up what was sent
SELECT sum(n) AS accepted FROM v;
SELECT count(*) AS rejected, min(sqlstate), min(message) FROM stream_dead_letter;
SELECT rows_in, rows_processed, rows_rejected, rows_filtered
  FROM pg_stat_stream_view WHERE viewname = 'v';

-- a dead letter holds the row: mended, it can be sent again
SELECT row FROM stream_dead_letter ORDER BY (row::readings).id LIMIT 2;
INSERT INTO readings SELECT (row::readings).id, (row::readings).key, 6 FROM stream_dead_letter;
SELECT stream_sync();
SELECT sum(n) AS accepted FROM v;

-- one bad row among a transaction's good ones, in several transactions
INSERT INTO readings VALUES (1, 'one', 5);
INSERT INTO readings VALUES (2, 'one', 1), (3, 'one', 5), (4, 'one', 6);
SELECT * FROM v WHERE key = 'one';

-- WHERE may fail as well, and so may keys and a function of the user
CREATE FUNCTION strict_key(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF $1 = 'bad' THEN RAISE EXCEPTION 'bad key'; END IF; RETURN upper($1); END $$;
CREATE MATERIALIZED VIEW picky AS
	SELECT strict_key(key) AS k, count(*) AS n FROM readings WHERE 10 / value > 0
	 GROUP BY strict_key(key);
INSERT INTO readings VALUES (10, 'good', 1), (11, 'bad', 1), (12, 'good', 0), (13, 'good', 2);
SELECT * FROM picky;
SELECT stream_sync();
SELECT row, sqlstate, message FROM stream_dead_letter
 WHERE view = 'picky'::regclass ORDER BY (row::readings).id;

-- adding two values of which each is fine may fail: the row that is too much goes
CREATE TABLE weights (w float8) USING stream;
CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(w) AS s FROM weights;
INSERT INTO weights VALUES (1e308), (1e308), (1);
SELECT n, s = 1e308 AS s FROM total;
SELECT stream_sync();
SELECT sqlstate FROM stream_dead_letter WHERE view = 'total'::regclass;

DROP TABLE readings, weights CASCADE;
DROP TABLE archive;
DROP FUNCTION strict_key(text);
