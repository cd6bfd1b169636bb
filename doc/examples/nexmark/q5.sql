-- Query 5: hot items. Which auctions had the most bids in the last 10 seconds,
-- every 2 seconds?
--
-- The continuous view counts the bids of every auction in every window; the
-- ranking is a plain query over it. Auctions with equally many share a place,
-- so that a window has more than one line then; "rank() <= 10" would be the top ten.
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q5_bids AS
  SELECT w.window_start, w.window_end, auction, count(*) AS num
    FROM bid, hop(date_time, '2 seconds', '10 seconds') w
   GROUP BY w.window_start, w.window_end, auction;

CREATE VIEW q5 AS
  SELECT window_start, window_end, auction, num
    FROM (SELECT *, rank() OVER (PARTITION BY window_start, window_end ORDER BY num DESC) AS place FROM q5_bids) r
   WHERE place = 1;

-- as published: a join with the greatest count of each window
CREATE VIEW expected_q5 AS
  WITH auction_bids AS (
    SELECT w.window_start, w.window_end, auction, count(*) AS num
      FROM bid_archive, hop(date_time, '2 seconds', '10 seconds') w
     GROUP BY w.window_start, w.window_end, auction),
  max_bids AS (
    SELECT window_start, window_end, max(num) AS maxn FROM auction_bids GROUP BY window_start, window_end)
  SELECT window_start, window_end, auction, num
    FROM auction_bids JOIN max_bids USING (window_start, window_end)
   WHERE num >= maxn;
