-- Rankings: the first three of every window
--
-- A ranking needs all groups of a window at once, so it is no part of a
-- continuous view: it is a plain query over one. The continuous view has the
-- groups counted; the query sorts what little is left of the window it asks for.
CREATE SCHEMA rankings;
SET search_path = rankings, public;

CREATE TABLE hits (ts timestamptz NOT NULL, page text, ms float8) USING stream;

CREATE MATERIALIZED VIEW page_minutes AS
  SELECT w.window_start AS minute, page, count(*) AS hits, max(ms) AS slowest
    FROM hits, tumble(ts, '1 minute') w
   GROUP BY w.window_start, page;

-- Rows can be ranked as well: a view without aggregates keeps those that matter.
CREATE MATERIALIZED VIEW slow_hits AS
  SELECT ts, page, ms FROM hits WHERE ms >= 18;

-- 20 pages in three minutes: page 0 is the first of the first minute, page 7 of
-- the next; some have equally many hits.
CREATE TABLE hits_archive (LIKE hits);
WITH new AS (INSERT INTO hits_archive
             SELECT '2026-03-01 12:00+00'::timestamptz + minute * interval '1 minute' + n % 60 * interval '1 s',
                    'page ' || (page + minute * 7) % 20, (page * 7 + n * 3 + minute) % 80 / 4.0
               FROM generate_series(0, 2) minute, generate_series(0, 19) page,
                    generate_series(1, 40 - page / 2 * 4 + minute) n
             RETURNING *)
INSERT INTO hits SELECT * FROM new;

-- The three most visited pages of every minute. Equal hits: the name decides, so
-- that the answer is the same each time.
CREATE VIEW top_pages AS
  SELECT minute, place, page, hits
    FROM (SELECT minute, page, hits,
                 row_number() OVER (PARTITION BY minute ORDER BY hits DESC, page) AS place
            FROM page_minutes) ranked
   WHERE place <= 3;
SELECT * FROM top_pages ORDER BY minute, place;

-- Of one minute: the condition goes down to storage and memory of the view.
SELECT place, page, hits FROM top_pages WHERE minute = '2026-03-01 12:01+00' ORDER BY place;

-- Of one minute, with all that share the last place.
SELECT page, hits FROM page_minutes WHERE minute = '2026-03-01 12:01+00'
 ORDER BY hits DESC FETCH FIRST 3 ROWS WITH TIES;

-- For a list of minutes: LATERAL asks for each of them.
SELECT m.minute, t.page, t.hits
  FROM generate_series('2026-03-01 12:01+00'::timestamptz, '2026-03-01 12:02+00', '1 minute') m(minute),
       LATERAL (SELECT page, hits FROM page_minutes p WHERE p.minute = m.minute
                 ORDER BY hits DESC, page LIMIT 2) t
 ORDER BY m.minute, t.hits DESC, t.page;

-- The slowest hits of every minute, from the rows that were kept.
SELECT date_trunc('minute', ts) AS minute, page, ms
  FROM (SELECT *, rank() OVER (PARTITION BY date_trunc('minute', ts) ORDER BY ms DESC, ts, page) AS place
          FROM slow_hits) ranked
 WHERE place <= 2
 ORDER BY minute, place;

-- The ranking changes with the next row.
SELECT stream_flush('page_minutes');
WITH new AS (INSERT INTO hits_archive
             SELECT '2026-03-01 12:01:30+00', 'page 11', 30 FROM generate_series(1, 20) RETURNING *)
INSERT INTO hits SELECT * FROM new;
SELECT place, page, hits FROM top_pages WHERE minute = '2026-03-01 12:01+00' ORDER BY place;

-- What matters of the plan: the minute is looked for in memory by its range, and
-- the ranking stops after three rows of a window.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		CONTINUE WHEN line !~ 'Run Condition|Sort Key: m[.]|Memory Filter';
		RETURN NEXT trim(line);
	END LOOP;
END $$;
SELECT plan_of('SELECT place, page, hits FROM top_pages WHERE minute = ''2026-03-01 12:01+00''');

-- The rankings are those of a table with the same rows.
CREATE VIEW expected AS
  SELECT minute, place, page, hits
    FROM (SELECT w.window_start AS minute, page, count(*) AS hits,
                 row_number() OVER (PARTITION BY w.window_start ORDER BY count(*) DESC, page) AS place
            FROM hits_archive, tumble(ts, '1 minute') w
           GROUP BY w.window_start, page) ranked
   WHERE place <= 3;
SELECT (SELECT count(*) FROM top_pages) AS rows,
       (SELECT count(*) FROM (TABLE top_pages EXCEPT ALL TABLE expected) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE top_pages) d) AS only_in_query,
       (SELECT count(*) FROM slow_hits) AS slow,
       (SELECT count(*) FROM (TABLE slow_hits EXCEPT ALL SELECT * FROM hits_archive WHERE ms >= 18) d) AS only_kept,
       (SELECT count(*) FROM (SELECT * FROM hits_archive WHERE ms >= 18 EXCEPT ALL TABLE slow_hits) d) AS only_in_archive;
