-- Ordinary views: over the stream (stateless transforms), and of joined tables.
\getenv srcdir PG_ABS_SRCDIR
\set oracle :srcdir '/sql/include/oracle.sql'
\set ECHO none
\i :oracle
\set ECHO all

SELECT make_stream('clicks', 'ts timestamptz, user_id bigint, url text, ms float8');
CREATE TABLE users (id bigint PRIMARY KEY, name text, country text);
INSERT INTO users SELECT n, 'user ' || n, 'c' || n % 3 FROM generate_series(1, 6) n;

-- the same views, over the stream and over the archive
CREATE FUNCTION make_views(schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', schema || ', public', true);
    CREATE VIEW slow_clicks AS SELECT *, upper(url) AS page FROM clicks WHERE ms > 2;
    CREATE VIEW named_clicks (at, who, page, country) AS
      SELECT s.ts, u.name, s.page, u.country FROM slow_clicks s LEFT JOIN users u ON u.id = s.user_id;
    CREATE VIEW windowed_clicks AS
      SELECT w.window_start AS minute, w.window_end, c.* FROM clicks c, tumble(c.ts, '1 minute') w;
    CREATE VIEW truncated_clicks AS SELECT date_trunc('hour', ts) AS hour, url FROM clicks;
    CREATE VIEW guarded_clicks WITH (security_barrier) AS SELECT * FROM clicks WHERE user_id > 2;
END $$;
SELECT make_views('public');
SELECT make_views('archive');
CREATE VIEW rich_users AS SELECT id, name || '!' AS name, country FROM users WHERE country <> 'c0';
CREATE VIEW user_counts AS SELECT country, count(*) AS users FROM rich_users GROUP BY country;
SET search_path = public, archive;

SELECT make_view('over_view', $$ SELECT page, count(*), sum(ms) FROM slow_clicks GROUP BY page $$);
SELECT make_view('over_view_of_view', $$
  SELECT w.window_start, who, country, count(*) FROM named_clicks, tumble(at, '5 minutes') w GROUP BY 1, 2, 3 $$);
SELECT make_view('window_in_view', $$
  SELECT minute, window_end, url, count(*) FROM windowed_clicks GROUP BY minute, window_end, url $$);
SELECT make_view('trunc_in_view', $$ SELECT hour, count(*) FROM truncated_clicks GROUP BY hour $$);
SELECT make_view('over_barrier', $$ SELECT url, count(*) FROM guarded_clicks GROUP BY url $$);
SELECT make_view('subquery', $$
  SELECT k, count(*) FROM (SELECT url || user_id AS k, ms FROM (SELECT * FROM clicks WHERE ms < 3) a) b
   WHERE ms > 1 GROUP BY k $$);
SELECT make_view('window_in_subquery', $$
  SELECT h, count(*) FROM (SELECT date_bin('1 hour', ts, '2001-01-01') AS h FROM clicks) c GROUP BY h $$);
SELECT make_view('joined_view', $$
  SELECT r.name, count(*) FROM clicks c LEFT JOIN rich_users r ON r.id = c.user_id GROUP BY r.name $$);
SELECT make_view('joined_aggregated_view', $$
  SELECT n.country, n.users, count(*) FROM clicks c JOIN rich_users r ON r.id = c.user_id
    JOIN user_counts n ON n.country = r.country GROUP BY n.country, n.users $$);
SELECT make_view('view_in_where', $$
  SELECT url, count(*) FROM clicks WHERE user_id IN (SELECT id FROM rich_users) GROUP BY url $$);

-- the window of a view inside is found: its storage is partitioned by it
SELECT tv.name, c.relkind
  FROM tested_views tv
  JOIN _stream_ext.continuous_view v ON v.view = ('public.' || tv.name)::regclass
  JOIN pg_class c ON c.oid = v.storage
 WHERE c.relkind = 'p' ORDER BY 1;

SELECT send('clicks', $$
  SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '13 seconds', n % 9, 'u' || n % 3, n % 16 / 4.0
    FROM generate_series(1, 1500) n $$);
SELECT * FROM check_views();
SELECT flush_views();
SELECT send('clicks', $$
  SELECT '2026-01-01 01:00+00'::timestamptz + n * interval '13 seconds', n % 9, 'u' || n % 3, n % 16 / 4.0
    FROM generate_series(1, 300) n $$);
SELECT * FROM check_views();

-- renaming what the view reads changes nothing
ALTER VIEW public.slow_clicks RENAME TO lame_clicks;
ALTER TABLE public.clicks RENAME COLUMN url TO path;
ALTER TABLE public.users RENAME TO people;
INSERT INTO clicks VALUES ('2026-01-01 01:00+00', 1, 'renamed', 3);
INSERT INTO archive.clicks VALUES ('2026-01-01 01:00+00', 1, 'renamed', 3);
ALTER TABLE people RENAME TO users;
SELECT * FROM check_views();

DROP TABLE clicks CASCADE;
DROP SCHEMA archive CASCADE;
DROP TABLE users CASCADE;
DROP FUNCTION make_views;
