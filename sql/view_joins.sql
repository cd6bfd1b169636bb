-- A stream joined to ordinary tables, read when the row is processed.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, country text);
CREATE TABLE countries (country text PRIMARY KEY, continent text);
CREATE TABLE prices (item int, valid tstzrange, price numeric);
INSERT INTO users SELECT n, 'user ' || n, 'c' || n % 4 FROM generate_series(1, 8) n;
INSERT INTO countries VALUES ('c0', 'north'), ('c1', 'south'), ('c2', NULL);
INSERT INTO prices SELECT i, tstzrange('2026-01-01 00:00+00'::timestamptz + d * interval '1 hour',
                                       '2026-01-01 01:00+00'::timestamptz + d * interval '1 hour'), i + d
  FROM generate_series(0, 3) i, generate_series(0, 5) d;

SELECT make_stream('clicks', 'ts timestamptz, user_id bigint, id bigint, url text, ms float8');

SELECT make_view('inner_join', $$
  SELECT w.window_start, u.country, count(*), sum(ms) FROM clicks c JOIN users u ON u.id = c.user_id,
         tumble(c.ts, '10 minutes') w GROUP BY w.window_start, u.country $$);
SELECT make_view('left_join', $$
  SELECT u.name, count(*) AS n, count(u.id) AS known FROM clicks c LEFT JOIN users u ON u.id = c.user_id
   GROUP BY u.name $$);
SELECT make_view('right_join', $$
  SELECT u.name, url, count(*) AS n FROM users u RIGHT JOIN clicks c ON u.id = c.user_id AND u.country = 'c1'
   GROUP BY 1, 2 $$);
SELECT make_view('left_joins', $$
  SELECT n.continent, count(*) AS n, count(u.name) AS users
    FROM clicks c LEFT JOIN users u ON u.id = c.user_id LEFT JOIN countries n ON n.country = u.country
   GROUP BY n.continent $$);
SELECT make_view('left_join_of_join', $$
  SELECT continent, count(*) AS n FROM clicks c
    LEFT JOIN (users u JOIN countries n USING (country)) ON u.id = c.user_id GROUP BY continent $$);
SELECT make_view('join_using', $$
  SELECT id, count(*) AS n, min(name) AS name FROM clicks JOIN users USING (id) GROUP BY id $$);
SELECT make_view('left_join_using', $$
  SELECT id, count(name) AS n FROM clicks LEFT JOIN users USING (id) GROUP BY id HAVING id > 1 OR id IS NULL $$);
SELECT make_view('natural_join', $$
  SELECT name, count(*) AS n FROM clicks NATURAL JOIN users GROUP BY name $$);
SELECT make_view('range_join', $$
  SELECT p.item, sum(p.price) FROM clicks c JOIN prices p ON c.ts <@ p.valid AND p.item = c.user_id % 4
   GROUP BY p.item $$);
SELECT make_view('cross_join', $$
  SELECT country, count(*) AS n FROM clicks, countries GROUP BY country $$);
SELECT make_view('semi_join', $$
  SELECT url, count(*) AS n FROM clicks c
   WHERE EXISTS (SELECT FROM users u WHERE u.id = c.user_id AND country = 'c1') GROUP BY url $$);
SELECT make_view('anti_join', $$
  SELECT url, count(*) AS n FROM clicks c WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = c.user_id)
   GROUP BY url $$);
SELECT make_view('lateral_join', $$
  SELECT l.name, count(*) AS n FROM clicks c,
         LATERAL (SELECT name FROM users u WHERE u.id <= c.user_id ORDER BY u.id DESC LIMIT 1) l
   GROUP BY l.name $$);
SELECT make_view('joined_aggregate', $$
  SELECT s.country, s.size, count(*) AS n FROM clicks c
    JOIN users u ON u.id = c.user_id
    JOIN (SELECT country, count(*) AS size FROM users GROUP BY country) s ON s.country = u.country
   GROUP BY s.country, s.size $$);
SELECT make_view('joined_union', $$
  SELECT x.k, count(*) AS n FROM clicks c
    JOIN (SELECT id AS k FROM users UNION ALL SELECT 100) x ON x.k = c.user_id GROUP BY x.k $$);
SELECT make_view('self_join_of_table', $$
  SELECT a.name, b.name AS other, count(*) AS n FROM clicks c JOIN users a ON a.id = c.user_id
    JOIN users b ON b.id = a.id + 1 GROUP BY a.name, b.name $$);
SELECT make_view('grouped_by_primary_key', $$
  SELECT u.id, u.name, count(*) AS n FROM clicks c JOIN users u ON u.id = c.user_id GROUP BY u.id, u.name $$);

-- small and large runs have plans of their own
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '13 seconds', NULLIF(n % 12, 11), n % 5, 'u' || n % 3, n % 16 / 4.0
    FROM generate_series(1, 5) n $$);
SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '13 seconds', NULLIF(n % 12, 11), n % 5, 'u' || n % 3, n % 16 / 4.0
    FROM generate_series(1, 3000) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT send('clicks', $$
  SELECT '2026-01-01 03:00+00'::timestamptz + n * interval '13 seconds', n % 12, NULL::bigint, 'u' || n % 3, n % 16 / 4.0
    FROM generate_series(1, 50) n $$);
SELECT * FROM check_views();

-- a row is joined with the table as it is then: later changes do not move it
CREATE MATERIALIZED VIEW by_country AS
  SELECT u.country, count(*) AS n FROM clicks c JOIN users u ON u.id = c.user_id GROUP BY u.country;
INSERT INTO clicks VALUES ('2026-02-01', 1), ('2026-02-01', 1);
SELECT * FROM by_country ORDER BY 1;
UPDATE users SET country = 'moved' WHERE id = 1;
INSERT INTO clicks VALUES ('2026-02-01', 1);
SELECT * FROM by_country ORDER BY 1;
-- a transaction's rows see what the same transaction did to the table
BEGIN;
INSERT INTO users VALUES (1000, 'new', 'new');
INSERT INTO clicks VALUES ('2026-02-01', 1000);
COMMIT;
SELECT * FROM by_country ORDER BY 1;
-- an index comes and goes, a column is added
ALTER TABLE users DROP CONSTRAINT users_pkey;
ALTER TABLE users ADD COLUMN more int;
INSERT INTO clicks VALUES ('2026-02-01', 1000);
SELECT * FROM by_country ORDER BY 1;

DROP TABLE clicks CASCADE;
DROP SCHEMA archive CASCADE;
DROP TABLE users, countries, prices;
