-- Which views may share a worker with the views of others: pg_stat_stream_view.isolation.
SET client_min_messages = warning;
CREATE ROLE tenant;
CREATE SCHEMA tenant AUTHORIZATION tenant;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE COLLATION mine (locale = 'C');
CREATE TABLE events (id int, k text, x float8, n numeric, price numeric(12, 2), ts timestamptz, day date,
                     doc jsonb, m mood, p positive, tags text[]) USING stream;
CREATE TABLE names (id int, name text);
CREATE FUNCTION plus(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = plus);
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, COMBINEFUNC = int4pl);

-- makes a view of each query, and says what is told of it
CREATE FUNCTION told(queries text[], OUT query text, OUT isolation text, OUT reason text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	FOREACH query IN ARRAY queries LOOP
		EXECUTE 'CREATE MATERIALIZED VIEW told AS ' || query;
		SELECT s.isolation, s.isolation_reason INTO isolation, reason
		  FROM pg_stat_stream_view s WHERE viewname = 'told';
		DROP MATERIALIZED VIEW told;
		RETURN NEXT;
	END LOOP;
END $$;

-- what people count with
SELECT * FROM told(ARRAY[
  'SELECT count(*) FROM events',
  'SELECT k, count(*), count(x) AS nx, sum(x) AS sx, avg(id) AS a, min(ts), max(k), sum(n) AS sn, avg(price) AS ap, stddev(x), corr(x, id) FROM events GROUP BY k',
  'SELECT lower(k) AS k, sum(price * id) AS paid, sum(price * 0.19) / 2 AS tax FROM events WHERE id > 3 AND k LIKE ''a%'' GROUP BY 1',
  'SELECT date_trunc(''hour'', ts) AS hour, extract(dow FROM ts) AS dow, count(*) FILTER (WHERE x > 0.5) FROM events GROUP BY 1, 2 HAVING count(*) > 1',
  'SELECT window_start, window_end, count(*) FROM events, tumble(ts, ''1 minute'') GROUP BY 1, 2',
  'SELECT window_start, k, count(*) FROM events, hop(ts, ''1 minute'', ''1 hour'') GROUP BY 1, 2',
  'SELECT window_end, sum(id) FROM events, cumulate(ts, ''1 hour'', ''1 day'') GROUP BY 1',
  'SELECT window_start, k, count(*) FROM events, session(ts, ''5 minutes'') GROUP BY 1, 2',
  'SELECT doc ->> ''type'' AS type, max((doc ->> ''size'')::int) FROM events WHERE doc ? ''type'' GROUP BY 1',
  'SELECT k, last(x, ts), first(n, ts), arg_max(k, x), bool_and(x > 1) FROM events GROUP BY k',
  'SELECT CASE WHEN id IN (1, 2, 3) THEN ''few'' ELSE coalesce(k, ''none'') END AS c, count(*) FROM events WHERE k IS NOT NULL OR id = ANY (''{4,5}'') GROUP BY 1',
  'SELECT id::text AS i, left(k, 3) AS l, day, greatest(x, 1) AS g, tags, ts AT TIME ZONE ''Asia/Kolkata'' AS t FROM events',
  'SELECT up, count(*) FROM (SELECT upper(k) AS up FROM events) e GROUP BY up']);

-- what burns time or memory, reads something else, or is code of somebody
SELECT * FROM told(ARRAY[
  'SELECT repeat(k, 1000000) AS r, count(*) FROM events GROUP BY 1',
  'SELECT k ~ ''(a|aa)+$'' AS r, count(*) FROM events GROUP BY 1',
  'SELECT regexp_replace(k, ''a'', ''b'') AS r, count(*) FROM events GROUP BY 1',
  'SELECT k LIKE k AS r, count(*) FROM events GROUP BY 1',
  'SELECT replace(k, ''a'', k) AS r, count(*) FROM events GROUP BY 1',
  'SELECT lpad(k, id) AS r, count(*) FROM events GROUP BY 1',
  'SELECT id, sum(2::numeric ^ n) FROM events GROUP BY 1',
  'SELECT id, sum(n * n) FROM events GROUP BY 1',
  'SELECT factorial(id) AS f, count(*) FROM events GROUP BY 1',
  'SELECT max(length(to_tsvector(''simple''::regconfig, k))) FROM events',
  'SELECT jsonb_path_query_first(doc, ''$.a'') AS t, count(*) FROM events GROUP BY 1',
  'SELECT max(tags) FROM events',
  'SELECT g, count(*) FROM events, generate_series(1, 100000000) g GROUP BY g',
  'SELECT window_start, count(*) FROM events, hop(ts, ''1 millisecond'', ''1 second'') GROUP BY 1',
  'SELECT a.window_start, count(*) FROM events, hop(ts, ''1 s'', ''10 s'') a, hop(ts, ''1 s'', ''20 s'') b GROUP BY 1',
  'SELECT id, count(*) FROM events JOIN names USING (id) GROUP BY id',
  'SELECT id, count(*) FROM events WHERE EXISTS (SELECT FROM names WHERE names.id = events.id) GROUP BY id',
  'SELECT plus(id, 1) AS p, count(*) FROM events GROUP BY 1',
  'SELECT id |+| 1 AS p, count(*) FROM events GROUP BY 1',
  'SELECT total(id) FROM events',
  'SELECT m, count(*) FROM events GROUP BY m',
  'SELECT p, count(*) FROM events GROUP BY p',
  'SELECT count(e) FROM events e',
  'SELECT k, count(*) FROM events WHERE k COLLATE mine > ''a'' GROUP BY k',
  'SELECT k, count(*) FROM events e WHERE e.* IS NOT NULL GROUP BY k',
  'SELECT pg_catalog.pg_table_is_visible(id::oid) AS v, count(*) FROM events GROUP BY 1',
  'SELECT d7, count(*) FROM (SELECT d6+d6 AS d7 FROM (SELECT d5+d5+d5+d5+d5 AS d6 FROM (SELECT d4+d4+d4+d4+d4 AS d5 FROM
     (SELECT d3+d3+d3+d3+d3 AS d4 FROM (SELECT d2+d2+d2+d2+d2 AS d3 FROM (SELECT id+id+id+id+id AS d2 FROM events) a) b) c) d) e) f GROUP BY d7']);

-- a view over the stream is looked into, also when it is replaced
CREATE VIEW through AS SELECT id, k FROM events WHERE id > 0;
CREATE MATERIALIZED VIEW counted AS SELECT k, count(*) FROM through GROUP BY k;
SELECT isolation, isolation_reason FROM pg_stat_stream_view WHERE viewname = 'counted';
CREATE OR REPLACE VIEW through AS SELECT plus(id, 1) AS id, k FROM events WHERE id > 0;
SELECT isolation, isolation_reason FROM pg_stat_stream_view WHERE viewname = 'counted';
DROP MATERIALIZED VIEW counted;

-- its owner adds triggers to a table of late rows
SELECT stream_set_event_time('events', 'ts');
CREATE MATERIALIZED VIEW sided WITH (stream.lateness = '1 minute', stream.late = 'side') AS
  SELECT window_start, count(*) FROM events, tumble(ts, '1 minute') GROUP BY 1;
SELECT isolation, isolation_reason FROM pg_stat_stream_view WHERE viewname = 'sided';

-- policies, even those that do not apply to the owner
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
SELECT * FROM told(ARRAY['SELECT count(*) FROM events']);
ALTER TABLE events DISABLE ROW LEVEL SECURITY;

-- why is for the owner and monitors, like errors
CREATE MATERIALIZED VIEW other AS SELECT plus(id, 1) AS p, count(*) FROM events GROUP BY 1;
SET ROLE tenant;
SELECT viewname, isolation, isolation_reason FROM pg_stat_stream_view WHERE viewname = 'other';
RESET ROLE;

DROP MATERIALIZED VIEW other, sided;
DROP VIEW through;
DROP TABLE events, names;
DROP OPERATOR |+| (int, int);
DROP FUNCTION told, plus;
DROP AGGREGATE total(int);
DROP DOMAIN positive;
DROP TYPE mood;
DROP COLLATION mine;
DROP SCHEMA tenant;
DROP ROLE tenant;
