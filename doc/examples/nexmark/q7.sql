-- Query 7: highest bid. Which bids were the highest in each 10 seconds?
--
-- The published query joins the bids with the maximum of their window. Here the
-- bids are kept by query 0, the maximum by a view of its own, and the join is a
-- plain query over both. Where one of the highest bids is enough, the maximum and
-- arg_max() say it without keeping any bid: q7_one.
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q7_max AS
  SELECT w.window_start, w.window_end, max(price) AS price
    FROM bid, tumble(date_time, '10 seconds') w
   GROUP BY w.window_start, w.window_end;

CREATE VIEW q7 AS
  SELECT b.auction, b.bidder, b.price, b.date_time, b.extra
    FROM q7_max m
    JOIN q0 b ON b.price = m.price AND b.date_time >= m.window_start AND b.date_time < m.window_end;

CREATE VIEW expected_q7 AS
  WITH m AS (
    SELECT w.window_start, w.window_end, max(price) AS price
      FROM bid_archive, tumble(date_time, '10 seconds') w
     GROUP BY w.window_start, w.window_end)
  SELECT b.auction, b.bidder, b.price, b.date_time, b.extra
    FROM m
    JOIN bid_archive b ON b.price = m.price AND b.date_time >= m.window_start AND b.date_time < m.window_end;

CREATE MATERIALIZED VIEW q7_one AS
  SELECT w.window_start, max(price) AS price, arg_max(auction, price) AS auction,
         arg_max(bidder, price) AS bidder, arg_max(date_time, price) AS date_time
    FROM bid, tumble(date_time, '10 seconds') w
   GROUP BY w.window_start;

CREATE VIEW expected_q7_one AS
  SELECT w.window_start, max(price) AS price, arg_max(auction, price) AS auction,
         arg_max(bidder, price) AS bidder, arg_max(date_time, price) AS date_time
    FROM bid_archive, tumble(date_time, '10 seconds') w
   GROUP BY w.window_start;
