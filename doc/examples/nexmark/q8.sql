-- Query 8: monitor new users. Who joined and opened an auction within the same
-- 10 seconds?
--
-- A join of two streams by their window: a continuous view for each side, and
-- a plain query that joins them.
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q8_people AS
  SELECT w.window_start, w.window_end, id, name
    FROM person, tumble(date_time, '10 seconds') w
   GROUP BY w.window_start, w.window_end, id, name;

CREATE MATERIALIZED VIEW q8_sellers AS
  SELECT w.window_start, w.window_end, seller
    FROM auction, tumble(date_time, '10 seconds') w
   GROUP BY w.window_start, w.window_end, seller;

CREATE VIEW q8 AS
  SELECT p.id, p.name, p.window_start
    FROM q8_people p
    JOIN q8_sellers s ON p.id = s.seller AND p.window_start = s.window_start AND p.window_end = s.window_end;

CREATE VIEW expected_q8 AS
  SELECT p.id, p.name, p.window_start
    FROM (SELECT DISTINCT w.window_start, w.window_end, id, name
            FROM person_archive, tumble(date_time, '10 seconds') w) p
    JOIN (SELECT DISTINCT w.window_start, w.window_end, seller
            FROM auction_archive, tumble(date_time, '10 seconds') w) s
      ON p.id = s.seller AND p.window_start = s.window_start AND p.window_end = s.window_end;
