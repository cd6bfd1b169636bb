-- The Nexmark queries of doc/examples/nexmark: what the generator makes, that
-- every query agrees with the published one over tables, and some results.
\getenv srcdir PG_ABS_SRCDIR
\set run :srcdir '/doc/examples/nexmark/run.sql'
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
\set ECHO none
\i :run
\set ECHO all

-- 1 : 3 : 46, ids without holes, in groups of 50 out of order
SELECT (SELECT count(*) FROM person_archive) AS people, (SELECT count(*) FROM auction_archive) AS auctions,
       (SELECT count(*) FROM bid_archive) AS bids,
       (SELECT count(DISTINCT id) FROM auction_archive WHERE id BETWEEN 1000 AND 2199) AS auction_ids;
SELECT count(*) FILTER (WHERE t < max_before) > count(*) / 2 AS out_of_order, max(max_before - t) < interval '0.5 s' AS within_groups
  FROM (SELECT event_time(c, n) AS t, max(event_time(c, n)) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS max_before
          FROM config c, arrivals(c, 0, 20000)) a;
-- about half of the bids are for hot auctions, three quarters by hot bidders, three quarters of the auctions by hot sellers
SELECT round(avg((auction % 100 = 0)::int), 2) AS hot_auctions, round(avg((bidder % 100 = 1)::int), 2) AS hot_bidders,
       (SELECT round(avg((seller % 100 = 0)::int), 2) FROM auction_archive) AS hot_sellers
  FROM bid_archive;
-- the same seed gives the same events, another one others
SELECT count(*) AS again FROM (SELECT * FROM bids(100, 300) INTERSECT SELECT * FROM bid_archive) b;
UPDATE config SET seed = 2;
SELECT count(*) AS other_seed FROM (SELECT * FROM bids(100, 300) INTERSECT SELECT * FROM bid_archive) b;

-- the hottest items of the windows that end on the minute
SELECT window_end, auction, num FROM q5 WHERE extract(second FROM window_end) = 0 ORDER BY window_end, auction;
-- the top three of one window
SELECT auction, num FROM q5_bids WHERE window_end = '2015-07-15 00:00+00' ORDER BY num DESC, auction LIMIT 3;
SELECT auction, bidder, price, date_time FROM q1 WHERE date_time < '2015-07-14 23:59:00.1+00' ORDER BY date_time;
SELECT auction, bidder, price, date_time FROM q7 ORDER BY date_time LIMIT 3;
SELECT * FROM q8 ORDER BY id LIMIT 4;
SELECT * FROM q11 ORDER BY bid_count DESC, bidder, start_time LIMIT 3;
SELECT * FROM q15 ORDER BY day \gx
SELECT * FROM q16 WHERE channel IN ('Apple', 'Baidu') ORDER BY day, channel;
SELECT * FROM q17 WHERE auction = 1200 ORDER BY day \gx
DROP SCHEMA nexmark CASCADE;
