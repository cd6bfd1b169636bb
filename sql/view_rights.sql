-- Who may create, who may read, and what becomes of a view whose owner may no
-- longer read what its query reads.
SET client_min_messages = error;
CREATE ROLE regress_owner;
CREATE ROLE regress_reader;
GRANT CREATE ON SCHEMA public TO regress_owner;
CREATE TABLE clicks (ts timestamptz, user_id int, ms float8) USING stream;
CREATE TABLE users (id int, name text, keeper name);
INSERT INTO users VALUES (1, 'one', 'regress_owner'), (2, 'two', 'regress_reader'), (3, 'three', 'regress_owner');

-- the query runs as the owner: the owner's rights, the owner's policies
SET ROLE regress_owner;
CREATE MATERIALIZED VIEW per_user AS
  SELECT u.name, count(*) AS n FROM clicks c LEFT JOIN users u ON u.id = c.user_id GROUP BY u.name;
RESET ROLE;
GRANT SELECT ON clicks, users TO regress_owner;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON users USING (keeper = CURRENT_USER);
SET ROLE regress_owner;
CREATE MATERIALIZED VIEW per_user AS
  SELECT u.name, count(*) AS n FROM clicks c LEFT JOIN users u ON u.id = c.user_id GROUP BY u.name;
RESET ROLE;
INSERT INTO clicks SELECT now(), n % 4, n FROM generate_series(1, 40) n;
SELECT * FROM per_user ORDER BY 1;

-- a reader needs the view and nothing else
GRANT SELECT ON per_user TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM per_user ORDER BY 1;
SELECT count(*) FROM clicks;
SELECT count(*) FROM users;
INSERT INTO clicks VALUES (now(), 1, 1);
RESET ROLE;
SET ROLE regress_owner;
REVOKE SELECT ON per_user FROM regress_reader;
RESET ROLE;
SET ROLE regress_reader;
SELECT * FROM per_user;
RESET ROLE;

-- the owner loses a right: the view stops, keeps what it has, and says why
REVOKE SELECT ON users FROM regress_owner;
INSERT INTO clicks VALUES (now(), 1, 1);
SELECT * FROM per_user;
SELECT state, state_message FROM _stream_ext.continuous_view;
SET stream_ext.read_freshness = off;
SELECT * FROM per_user ORDER BY 1;
RESET stream_ext.read_freshness;
-- and goes on from there, with nothing lost, once it may
GRANT SELECT ON users TO regress_owner;
SELECT stream_resume('per_user');
SELECT * FROM per_user ORDER BY 1;

DROP TABLE clicks CASCADE;
DROP TABLE users;
REVOKE CREATE ON SCHEMA public FROM regress_owner;
DROP ROLE regress_owner, regress_reader;
