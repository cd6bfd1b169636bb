-- Query 0: pass through. What does it cost to keep every bid?
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q0 AS
  SELECT auction, bidder, price, date_time, extra
    FROM bid;

CREATE VIEW expected_q0 AS
  SELECT auction, bidder, price, date_time, extra
    FROM bid_archive;
