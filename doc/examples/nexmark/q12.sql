-- Query 12: windows of a user. How many bids did each user make in each 10 seconds?
--
-- The published query has windows of processing time, the time at which a bid
-- happens to be worked on: its result is another one at each run. Here it is the
-- event time, which is what the question asks for. For the time of arrival give
-- the stream a column "arrived timestamptz DEFAULT clock_timestamp()".
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q12 AS
  SELECT bidder, count(*) AS bid_count, w.window_start, w.window_end
    FROM bid, tumble(date_time, '10 seconds') w
   GROUP BY bidder, w.window_start, w.window_end;

CREATE VIEW expected_q12 AS
  SELECT bidder, count(*) AS bid_count, w.window_start, w.window_end
    FROM bid_archive, tumble(date_time, '10 seconds') w
   GROUP BY bidder, w.window_start, w.window_end;
