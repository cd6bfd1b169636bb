-- Query 17: statistics of an auction. How many bids did it have in a day, at
-- which prices?
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q17 AS
  SELECT auction, w.window_start AS day, count(*) AS total_bids,
         count(*) FILTER (WHERE price < 10000) AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
         min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price
    FROM bid, tumble(date_time, '1 day') w
   GROUP BY auction, w.window_start;

CREATE VIEW expected_q17 AS
  SELECT auction, date_trunc('day', date_time, 'UTC') AS day, count(*) AS total_bids,
         count(*) FILTER (WHERE price < 10000) AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
         min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price, sum(price) AS sum_price
    FROM bid_archive
   GROUP BY 1, 2;
