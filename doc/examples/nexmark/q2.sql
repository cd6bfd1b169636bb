-- Query 2: selection. What are the bids for some of the auctions?
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q2 AS
  SELECT auction, price
    FROM bid
   WHERE auction % 123 = 0;

CREATE VIEW expected_q2 AS
  SELECT auction, price
    FROM bid_archive
   WHERE auction % 123 = 0;
