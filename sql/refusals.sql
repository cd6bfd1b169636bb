-- Every query that cannot be a continuous view says why, with a hint.
CREATE TABLE clicks (ts timestamptz NOT NULL, url text, user_id bigint, ms float8,
                     place point, doc json) USING stream;
CREATE TABLE orders (ts timestamptz NOT NULL, user_id bigint) USING stream;
CREATE TABLE users (id bigint PRIMARY KEY, name text, country text);
CREATE SEQUENCE numbers;

-- clauses that need all rows at once
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY url ORDER BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY url LIMIT 10;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY url OFFSET 1;
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT url FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT ON (url) url, ms FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*), rank() OVER (ORDER BY count(*)) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url FROM clicks GROUP BY url UNION SELECT name FROM users;
CREATE MATERIALIZED VIEW v AS SELECT name FROM users EXCEPT SELECT url FROM clicks;
CREATE MATERIALIZED VIEW v AS WITH c AS (SELECT * FROM clicks) SELECT url, count(*) FROM c GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, user_id, count(*) FROM clicks GROUP BY ROLLUP (url, user_id);
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY GROUPING SETS ((url), ());
CREATE MATERIALIZED VIEW v AS SELECT url, grouping(url), count(*) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM (SELECT * FROM clicks FOR UPDATE) c GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, unnest(ARRAY[1, 2]), count(*) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks TABLESAMPLE SYSTEM (10) GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT name, count(*) FROM clicks JOIN users TABLESAMPLE SYSTEM (10) ON id = user_id GROUP BY name;

-- nothing to aggregate: the rows are appended, and nothing else
CREATE MATERIALIZED VIEW v AS SELECT 1 AS one FROM clicks HAVING true;
CREATE MATERIALIZED VIEW v AS SELECT ROW(url, ms) AS pair FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT url FROM clicks ORDER BY ms DESC LIMIT 10;
CREATE MATERIALIZED VIEW v AS SELECT url, row_number() OVER (ORDER BY ms) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT url FROM (SELECT url, unnest(ARRAY[1, 2]) FROM clicks) c;
CREATE MATERIALIZED VIEW v WITH (stream.retention = '0') AS SELECT url FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT url, window_start FROM clicks, session(ts, '5 minutes');

-- aggregates
CREATE MATERIALIZED VIEW v AS SELECT count(DISTINCT user_id) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT array_agg(url ORDER BY ts) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT rank(3.0) WITHIN GROUP (ORDER BY ms) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT jsonb_agg(url) FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT sum(ms) + sum((SELECT count(DISTINCT ms) FROM clicks)) FROM clicks;

-- the time, the session, chance
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE ts > now() - interval '1 day';
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE ts > CURRENT_TIMESTAMP - interval '1 day';
CREATE MATERIALIZED VIEW v AS SELECT count(*) FILTER (WHERE age(ts) < '1 day') FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT count(*), CURRENT_USER FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT count(*), current_setting('work_mem') FROM clicks;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE random() < 0.1;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY url HAVING random() < 0.1;
CREATE MATERIALIZED VIEW v AS SELECT nextval('numbers'), count(*) FROM clicks;
CREATE VIEW recent AS SELECT * FROM users WHERE name <> CURRENT_USER;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks JOIN recent ON id = user_id;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE user_id IN (SELECT id FROM recent);

-- where the stream stands
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks a JOIN clicks b USING (user_id);
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks JOIN orders USING (user_id);
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks WHERE user_id IN (SELECT user_id FROM orders);
CREATE MATERIALIZED VIEW v AS SELECT name, count(*) FROM users LEFT JOIN clicks ON id = user_id GROUP BY name;
CREATE MATERIALIZED VIEW v AS SELECT name, count(*) FROM clicks RIGHT JOIN users ON id = user_id GROUP BY name;
CREATE MATERIALIZED VIEW v AS SELECT name, count(*) FROM clicks FULL JOIN users ON id = user_id GROUP BY name;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM users WHERE id IN (SELECT user_id FROM clicks);
CREATE MATERIALIZED VIEW v AS SELECT name, count(*), (SELECT max(ms) FROM clicks) FROM users GROUP BY name;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*), (SELECT max(user_id) FROM orders) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks GROUP BY url HAVING count(*) > (SELECT count(*) FROM orders);
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM (SELECT url FROM clicks GROUP BY url) c;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM (SELECT url FROM clicks ORDER BY ms LIMIT 10) c;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM (SELECT url FROM clicks UNION ALL SELECT name FROM users) c;
CREATE VIEW counted AS SELECT url, count(*) AS n FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT sum(n) FROM counted;
CREATE MATERIALIZED VIEW v AS SELECT tableoid, count(*) FROM clicks GROUP BY tableoid;
CREATE MATERIALIZED VIEW v AS SELECT max(ctid) FROM clicks;

-- group keys
CREATE MATERIALIZED VIEW v AS SELECT place, count(*) FROM clicks GROUP BY place;
CREATE MATERIALIZED VIEW v AS SELECT place::text::box, count(*) FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW v AS SELECT (url, user_id), count(*) FROM clicks GROUP BY (url, user_id), 1;
CREATE MATERIALIZED VIEW v AS SELECT w, count(*) FROM clicks, tumble(ts, '1 minute') w GROUP BY w;
CREATE MATERIALIZED VIEW v AS SELECT ms::int::text::money, count(*) FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW v AS SELECT user_id::text::xid, count(*) FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW v AS SELECT id, name, count(*) FROM clicks JOIN users ON id = user_id GROUP BY id;
CREATE MATERIALIZED VIEW v AS SELECT a || b, count(*)
  FROM (SELECT url COLLATE "C" AS a, url COLLATE "POSIX" AS b FROM clicks) c GROUP BY 1;
SELECT format('CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks GROUP BY %s',
              string_agg('user_id + ' || n, ', ')) FROM generate_series(1, 33) n \gexec

-- sessions (more in session.sql)
CREATE MATERIALIZED VIEW v AS SELECT url, count(*) FROM clicks, session(ts, '5 minutes') w GROUP BY 1;

-- row-level security that would hide rows from the view's owner
CREATE ROLE regress_refused;
GRANT CREATE ON SCHEMA public TO regress_refused;
GRANT SELECT ON clicks TO regress_refused;
ALTER TABLE clicks ENABLE ROW LEVEL SECURITY;
SET ROLE regress_refused;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks;
RESET ROLE;
ALTER TABLE clicks DISABLE ROW LEVEL SECURITY;

-- rights that the owner of the view does not have
CREATE FUNCTION forbidden(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1';
REVOKE EXECUTE ON FUNCTION forbidden FROM PUBLIC;
SET ROLE regress_refused;
CREATE MATERIALIZED VIEW v AS SELECT forbidden(user_id), count(*) FROM clicks GROUP BY 1;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks JOIN users ON id = user_id;
RESET ROLE;
REVOKE SELECT ON clicks FROM regress_refused;
SET ROLE regress_refused;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks;
RESET ROLE;
DROP FUNCTION forbidden;
REVOKE CREATE ON SCHEMA public FROM regress_refused;
DROP ROLE regress_refused;

-- a continuous view over a continuous view, or what was meant as a snapshot of one
CREATE MATERIALIZED VIEW per_url AS SELECT url, count(*) AS n FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW v AS SELECT sum(n) FROM per_url;
CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clicks JOIN per_url USING (url);
CREATE MATERIALIZED VIEW v AS SELECT * FROM per_url ORDER BY n;
CREATE MATERIALIZED VIEW v AS SELECT name FROM users WHERE EXISTS (SELECT FROM per_url WHERE url = name);
CREATE VIEW over_per_url AS SELECT * FROM per_url;
CREATE MATERIALIZED VIEW v AS SELECT now(), n FROM over_per_url;

-- nothing was left behind
DROP VIEW over_per_url;
SELECT count(*) FROM _stream_ext.continuous_view;
SELECT count(*) FROM pg_class WHERE relname = 'v';
DROP MATERIALIZED VIEW per_url;
DROP VIEW recent, counted;
DROP TABLE clicks, orders, users;
DROP SEQUENCE numbers;
