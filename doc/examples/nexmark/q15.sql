-- Query 15: bidding statistics of a day. How many bids, bidders and auctions were
-- there at each level of price?
--
-- count(DISTINCT bidder) has no state that could be combined: a continuous view
-- refuses it and says to group by the column. One view has a line for each day
-- and bidder, one for each day and auction; counting their lines is exact.
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q15_bidders AS
  SELECT w.window_start AS day, bidder, count(*) AS bids,
         count(*) FILTER (WHERE price < 10000) AS rank1,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2,
         count(*) FILTER (WHERE price >= 1000000) AS rank3
    FROM bid, tumble(date_time, '1 day') w
   GROUP BY w.window_start, bidder;

CREATE MATERIALIZED VIEW q15_auctions AS
  SELECT w.window_start AS day, auction, count(*) AS bids,
         count(*) FILTER (WHERE price < 10000) AS rank1,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2,
         count(*) FILTER (WHERE price >= 1000000) AS rank3
    FROM bid, tumble(date_time, '1 day') w
   GROUP BY w.window_start, auction;

CREATE VIEW q15 AS
  SELECT day, total_bids, rank1_bids, rank2_bids, rank3_bids,
         total_bidders, rank1_bidders, rank2_bidders, rank3_bidders,
         total_auctions, rank1_auctions, rank2_auctions, rank3_auctions
    FROM (SELECT day, sum(bids) AS total_bids, sum(rank1) AS rank1_bids, sum(rank2) AS rank2_bids, sum(rank3) AS rank3_bids,
                 count(*) AS total_bidders, count(*) FILTER (WHERE rank1 > 0) AS rank1_bidders,
                 count(*) FILTER (WHERE rank2 > 0) AS rank2_bidders, count(*) FILTER (WHERE rank3 > 0) AS rank3_bidders
            FROM q15_bidders GROUP BY day) b
    JOIN (SELECT day, count(*) AS total_auctions, count(*) FILTER (WHERE rank1 > 0) AS rank1_auctions,
                 count(*) FILTER (WHERE rank2 > 0) AS rank2_auctions, count(*) FILTER (WHERE rank3 > 0) AS rank3_auctions
            FROM q15_auctions GROUP BY day) a USING (day);

CREATE VIEW expected_q15 AS
  SELECT date_trunc('day', date_time, 'UTC') AS day, count(*)::numeric AS total_bids,
         count(*) FILTER (WHERE price < 10000)::numeric AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000)::numeric AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000)::numeric AS rank3_bids,
         count(DISTINCT bidder) AS total_bidders,
         count(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
         count(DISTINCT auction) AS total_auctions,
         count(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
    FROM bid_archive
   GROUP BY 1;
