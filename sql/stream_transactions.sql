-- Rows go the way of their transaction: savepoints, aborts, two-phase commit.
CREATE TABLE s (k int, note text) USING stream;
CREATE TABLE s2 (k int) USING stream;
CREATE TABLE witness (k int, note text);
CREATE MATERIALIZED VIEW v AS SELECT k, note, count(*) AS n FROM s GROUP BY k, note;
CREATE MATERIALIZED VIEW v2 AS SELECT count(*), sum(k) FROM s2;
-- each row into the stream and into an ordinary table
CREATE FUNCTION add(k int, note text) RETURNS void LANGUAGE sql AS
	'INSERT INTO s VALUES (k, note); INSERT INTO witness VALUES (k, note)';
CREATE VIEW differences AS
	(SELECT * FROM v EXCEPT ALL SELECT k, note, count(*) FROM witness GROUP BY k, note)
	UNION ALL
	(SELECT k, note, count(*) FROM witness GROUP BY k, note EXCEPT ALL SELECT * FROM v);
-- many small batches, so that rows of every level are in WAL before the end
SET stream_ext.batch_size = '1kB';

-- commit and rollback
BEGIN; SELECT add(i, 'committed') FROM generate_series(1, 500) i \g /dev/null
COMMIT;
BEGIN; SELECT add(i, 'rolled back') FROM generate_series(1, 500) i \g /dev/null
ROLLBACK;
SELECT add(1, 'failed'), 1 / 0;
SELECT sum(n) FROM v;
SELECT * FROM differences;

-- rows of one's own transaction are not in the view before it commits
BEGIN;
SELECT add(1, 'own');
SELECT count(*) FROM v WHERE note = 'own';
COMMIT;
SELECT count(*) FROM v WHERE note = 'own';

-- savepoints: released, rolled back, nested; rows before, in between and after
BEGIN;
SELECT add(i, 'top before') FROM generate_series(1, 100) i \g /dev/null
SAVEPOINT a;
SELECT add(i, 'a, rolled back') FROM generate_series(1, 100) i \g /dev/null
ROLLBACK TO a;
SELECT add(i, 'a again') FROM generate_series(1, 100) i \g /dev/null
SAVEPOINT b;
SELECT add(i, 'b, released into a') FROM generate_series(1, 100) i \g /dev/null
RELEASE b;
SELECT add(i, 'a after b') FROM generate_series(1, 100) i \g /dev/null
RELEASE a;
SAVEPOINT c;
SELECT add(i, 'c') FROM generate_series(1, 100) i \g /dev/null
SAVEPOINT d;
SELECT add(i, 'd, released into c') FROM generate_series(1, 100) i \g /dev/null
RELEASE d;
SELECT add(i, 'c after d') FROM generate_series(1, 100) i \g /dev/null
ROLLBACK TO c;
SELECT add(i, 'top after') FROM generate_series(1, 100) i \g /dev/null
COMMIT;
SELECT note, sum(n) FROM v WHERE note NOT LIKE 'committed' GROUP BY note ORDER BY note;
SELECT * FROM differences;

-- one row at a time, none of them written before the end
RESET stream_ext.batch_size;
BEGIN;
SELECT add(1, 'small top');
SAVEPOINT a;
SELECT add(1, 'small a');
SAVEPOINT b;
SELECT add(1, 'small b');
ROLLBACK TO b;
SELECT add(2, 'small b again');
RELEASE a;
SELECT add(2, 'small top');
COMMIT;
SELECT note, sum(n) FROM v WHERE note LIKE 'small%' GROUP BY note ORDER BY note;

-- subtransactions of plpgsql, two streams in turn
DO $$
BEGIN
	FOR i IN 1 .. 200 LOOP
		BEGIN
			PERFORM add(i, 'loop');
			INSERT INTO s2 VALUES (i);
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'no';
			END IF;
			INSERT INTO s2 VALUES (i);
		EXCEPTION WHEN raise_exception THEN
			PERFORM add(i, 'handler');
		END;
	END LOOP;
END $$;
SELECT note, sum(n) FROM v WHERE note IN ('loop', 'handler') GROUP BY note ORDER BY note;
SELECT * FROM v2;
SELECT * FROM differences;
-- deeper than the subtransaction cache of a backend
DO $$
BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN
			PERFORM add(i, 'many');
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
	RAISE EXCEPTION 'all of them';
EXCEPTION WHEN raise_exception THEN
	PERFORM add(0, 'instead of many');
END $$;
SELECT note, sum(n) FROM v WHERE note LIKE '%many%' GROUP BY note ORDER BY note;
-- procedures commit in the middle
CREATE PROCEDURE in_parts() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 10 LOOP
		PERFORM add(i, 'part');
		IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
	END LOOP;
END $$;
CALL in_parts();
SELECT sum(n) FROM v WHERE note = 'part';

-- an error in the middle of a statement after a savepoint
BEGIN;
SELECT add(1, 'kept');
SAVEPOINT a;
INSERT INTO s SELECT i, 'half' FROM generate_series(1, 5000) i WHERE 10 / (4000 - i) IS NOT NULL;
ROLLBACK TO a;
SELECT add(2, 'kept');
COMMIT;
SELECT note, sum(n) FROM v WHERE note IN ('kept', 'half') GROUP BY note;
SELECT * FROM differences;

-- two-phase commit: the session that commits sees the rows
BEGIN;
SELECT add(1, 'prepared');
SAVEPOINT a;
SELECT add(1, 'prepared, rolled back');
ROLLBACK TO a;
SAVEPOINT b;
SELECT add(2, 'prepared');
PREPARE TRANSACTION 'stream_1';
SELECT sum(n) FROM v WHERE note LIKE 'prepared%';
COMMIT PREPARED 'stream_1';
SELECT note, sum(n) FROM v WHERE note LIKE 'prepared%' GROUP BY note;
BEGIN;
SELECT add(3, 'prepared');
PREPARE TRANSACTION 'stream_2';
ROLLBACK PREPARED 'stream_2';
SELECT note, sum(n) FROM v WHERE note LIKE 'prepared%' GROUP BY note;
COMMIT PREPARED 'stream_3';
SELECT * FROM differences;

-- the table changes within a transaction that has rows
BEGIN;
INSERT INTO s VALUES (1, 'two columns');
ALTER TABLE s ADD COLUMN extra int DEFAULT 5;
INSERT INTO s VALUES (2, 'three columns', 6);
COMMIT;
SELECT k, note, n FROM v WHERE note LIKE '% columns' ORDER BY k;
-- ... and is gone
CREATE TABLE gone (k int) USING stream;
BEGIN;
INSERT INTO gone VALUES (1);
DROP TABLE gone;
COMMIT;

-- TRUNCATE: a stream holds nothing, and what is on its way stays on its way
BEGIN;
INSERT INTO s VALUES (1, 'before truncate');
TRUNCATE s;
INSERT INTO s VALUES (1, 'after truncate');
COMMIT;
SELECT note, n FROM v WHERE note LIKE '%truncate' ORDER BY note;

-- deferred constraint triggers of other tables may insert at commit
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN INSERT INTO s VALUES (1, 'at commit'); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON witness DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.note = 'deferred') EXECUTE FUNCTION late();
BEGIN;
INSERT INTO witness VALUES (1, 'deferred');
COMMIT;
SELECT note, n FROM v WHERE note = 'at commit';

-- read-only transactions do not write
BEGIN READ ONLY;
INSERT INTO s VALUES (1, 'read only');
ROLLBACK;

SET client_min_messages = warning;
DROP TABLE s, s2, witness CASCADE;
DROP FUNCTION add, late;
DROP PROCEDURE in_parts;
