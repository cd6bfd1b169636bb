-- Query 16: statistics of a channel. The numbers of query 15 for every channel,
-- with the last minute in which it had a bid.
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q16_bidders AS
  SELECT w.window_start AS day, channel, bidder, max(date_time) AS last_bid, count(*) AS bids,
         count(*) FILTER (WHERE price < 10000) AS rank1,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2,
         count(*) FILTER (WHERE price >= 1000000) AS rank3
    FROM bid, tumble(date_time, '1 day') w
   GROUP BY w.window_start, channel, bidder;

CREATE MATERIALIZED VIEW q16_auctions AS
  SELECT w.window_start AS day, channel, auction, count(*) AS bids,
         count(*) FILTER (WHERE price < 10000) AS rank1,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2,
         count(*) FILTER (WHERE price >= 1000000) AS rank3
    FROM bid, tumble(date_time, '1 day') w
   GROUP BY w.window_start, channel, auction;

CREATE VIEW q16 AS
  SELECT channel, day, minute, total_bids, rank1_bids, rank2_bids, rank3_bids,
         total_bidders, rank1_bidders, rank2_bidders, rank3_bidders,
         total_auctions, rank1_auctions, rank2_auctions, rank3_auctions
    FROM (SELECT channel, day, to_char(max(last_bid) AT TIME ZONE 'UTC', 'HH24:MI') AS minute,
                 sum(bids) AS total_bids, sum(rank1) AS rank1_bids, sum(rank2) AS rank2_bids, sum(rank3) AS rank3_bids,
                 count(*) AS total_bidders, count(*) FILTER (WHERE rank1 > 0) AS rank1_bidders,
                 count(*) FILTER (WHERE rank2 > 0) AS rank2_bidders, count(*) FILTER (WHERE rank3 > 0) AS rank3_bidders
            FROM q16_bidders GROUP BY channel, day) b
    JOIN (SELECT channel, day, count(*) AS total_auctions, count(*) FILTER (WHERE rank1 > 0) AS rank1_auctions,
                 count(*) FILTER (WHERE rank2 > 0) AS rank2_auctions, count(*) FILTER (WHERE rank3 > 0) AS rank3_auctions
            FROM q16_auctions GROUP BY channel, day) a USING (channel, day);

CREATE VIEW expected_q16 AS
  SELECT channel, date_trunc('day', date_time, 'UTC') AS day,
         max(to_char(date_time AT TIME ZONE 'UTC', 'HH24:MI')) AS minute, count(*)::numeric AS total_bids,
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
   GROUP BY 1, 2;
