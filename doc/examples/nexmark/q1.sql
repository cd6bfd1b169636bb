-- Query 1: currency conversion. What are the bids in euros?
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q1 AS
  SELECT auction, bidder, 0.908 * price AS price, date_time, extra
    FROM bid;

CREATE VIEW expected_q1 AS
  SELECT auction, bidder, 0.908 * price AS price, date_time, extra
    FROM bid_archive;
