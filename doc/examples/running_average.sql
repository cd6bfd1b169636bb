-- Running average per item
--
-- Ratings arrive one by one or in bulk; the average of each item is always the
-- one of all ratings so far. A view without a window is a running total: one
-- group per item, kept for ever.
CREATE SCHEMA running_average;
SET search_path = running_average, public;

CREATE TABLE ratings (item int, user_id int, stars float8 CHECK (stars BETWEEN 0 AND 5)) USING stream;

CREATE MATERIALIZED VIEW item_ratings AS
  SELECT item, count(*) AS ratings, avg(stars) AS stars, min(stars) AS worst, max(stars) AS best
    FROM ratings
   GROUP BY item;

-- Streams do not keep their rows. To compare at the end, each statement writes
-- what it inserts to an ordinary table as well.
CREATE TABLE ratings_archive (LIKE ratings);

WITH new AS (INSERT INTO ratings_archive
             SELECT n % 5, n, (n * 7 % 11) / 2.0 FROM generate_series(1, 1000) n
             RETURNING *)
INSERT INTO ratings SELECT * FROM new;

SELECT item, ratings, round(stars::numeric, 3) AS stars, worst, best FROM item_ratings ORDER BY item;

-- One more rating, and the average has it.
WITH new AS (INSERT INTO ratings_archive VALUES (7, 1, 4.5), (7, 2, 3) RETURNING *)
INSERT INTO ratings SELECT * FROM new;
SELECT * FROM item_ratings WHERE item = 7;

-- It makes no difference whether a group is in memory, in storage, or in both.
SELECT stream_flush('item_ratings');
WITH new AS (INSERT INTO ratings_archive VALUES (7, 3, 1.5) RETURNING *)
INSERT INTO ratings SELECT * FROM new;

-- The items worth reading about: enough ratings, and good ones.
SELECT item, ratings, round(stars::numeric, 3) AS stars
  FROM item_ratings WHERE ratings >= 100 ORDER BY item_ratings.stars DESC, item LIMIT 2;

-- The view says what its query says of a table with the same rows.
CREATE VIEW expected AS
  SELECT item, count(*) AS ratings, avg(stars) AS stars, min(stars) AS worst, max(stars) AS best
    FROM ratings_archive
   GROUP BY item;
SELECT (SELECT count(*) FROM item_ratings) AS groups,
       (SELECT count(*) FROM (TABLE item_ratings EXCEPT ALL TABLE expected) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE item_ratings) d) AS only_in_query;
