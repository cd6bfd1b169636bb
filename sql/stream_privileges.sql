-- Who may put rows into a stream, and which.
CREATE ROLE stream_owner;
CREATE ROLE stream_writer;
CREATE ROLE stream_reader;
GRANT CREATE, USAGE ON SCHEMA public TO stream_owner;

SET ROLE stream_owner;
CREATE TABLE s (tenant name DEFAULT current_user, k int, v float8) USING stream;
CREATE MATERIALIZED VIEW v AS SELECT tenant, count(*) AS n, sum(k) AS sum FROM s GROUP BY tenant;
INSERT INTO s (k) VALUES (1);

-- nothing without a grant
SET ROLE stream_writer;
INSERT INTO s (k) VALUES (2);
\copy s (k) FROM '/dev/null'
COPY s TO STDOUT;
SELECT * FROM s LIMIT 0;
SELECT * FROM v;
ALTER TABLE s ADD COLUMN mine int;
ALTER TABLE s ALTER COLUMN v TYPE numeric;
ALTER TABLE s SET ACCESS METHOD heap;
DROP TABLE s;
TRUNCATE s;

-- INSERT only, and not into every column
SET ROLE stream_owner;
GRANT INSERT (k, v) ON s TO stream_writer;
GRANT SELECT ON v TO stream_reader;
SET ROLE stream_writer;
INSERT INTO s (k) VALUES (10);
INSERT INTO s (tenant, k) VALUES ('stream_owner', 10);
COPY s (k, v) FROM STDIN;
20	1
\.
\copy s FROM '/dev/null'
INSERT INTO s (k) VALUES (10) RETURNING k;
COPY s TO STDOUT;
SELECT * FROM ONLY s;
UPDATE s SET k = 1;
DELETE FROM s;

SET ROLE stream_reader;
SELECT * FROM v ORDER BY tenant;
SELECT * FROM s;
INSERT INTO s (k) VALUES (3);

-- row level security: WITH CHECK decides about each row
SET ROLE stream_owner;
GRANT INSERT, SELECT ON s TO stream_writer;
ALTER TABLE s ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON s FOR INSERT TO stream_writer WITH CHECK (tenant = current_user AND k < 100);
CREATE POLICY seen_rows ON s FOR SELECT TO stream_writer USING (tenant = current_user);
SET ROLE stream_writer;
INSERT INTO s (k) VALUES (30);
INSERT INTO s (k) VALUES (31), (100);
INSERT INTO s (tenant, k) VALUES ('stream_owner', 32);
-- (COPY is refused by PostgreSQL itself where row level security is on)
\copy s (k, v) FROM '/dev/null'
INSERT INTO s (k) SELECT i FROM generate_series(90, 101) i;
INSERT INTO s (k) VALUES (35) RETURNING tenant, k;
SELECT * FROM s;
COPY s TO STDOUT;
-- a role without a policy puts in nothing, the owner everything
SET ROLE stream_owner;
GRANT INSERT ON s TO stream_reader;
INSERT INTO s (k) VALUES (1000);
SET ROLE stream_reader;
INSERT INTO s (k) VALUES (36);
SELECT * FROM v ORDER BY tenant;

-- a function that inserts with its owner's rights
SET ROLE stream_owner;
CREATE FUNCTION put(k int) RETURNS void LANGUAGE sql SECURITY DEFINER AS
	'INSERT INTO public.s (tenant, k) VALUES (session_user, k)';
SET ROLE stream_reader;
SELECT put(40);
RESET ROLE;
SELECT n, sum FROM v WHERE tenant = session_user;

-- nobody but a superuser makes or drops the access method
SET ROLE stream_owner;
CREATE ACCESS METHOD stream2 TYPE TABLE HANDLER _stream_ext.tableam_handler;
DROP ACCESS METHOD stream;
RESET ROLE;

SET client_min_messages = warning;
DROP TABLE s CASCADE;
DROP OWNED BY stream_owner, stream_writer, stream_reader;
DROP ROLE stream_owner, stream_writer, stream_reader;
