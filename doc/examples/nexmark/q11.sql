-- Query 11: user sessions. How many bids did each user make in each session of
-- activity, which ends when nothing came for 10 seconds?
SET search_path = nexmark, public;

CREATE MATERIALIZED VIEW q11 AS
  SELECT bidder, count(*) AS bid_count, w.window_start AS start_time, w.window_end AS end_time
    FROM bid, session(date_time, '10 seconds') w
   GROUP BY bidder, w.window_start, w.window_end;

-- over a table: a session begins where the bid before is 10 seconds or more away
CREATE VIEW expected_q11 AS
  SELECT bidder, count(*) AS bid_count, min(date_time) AS start_time, max(date_time) + interval '10 seconds' AS end_time
    FROM (SELECT bidder, date_time,
                 count(*) FILTER (WHERE previous IS NULL OR date_time >= previous + interval '10 seconds')
                   OVER (PARTITION BY bidder ORDER BY date_time) AS session
            FROM (SELECT bidder, date_time, lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) AS previous
                    FROM bid_archive) p) s
   GROUP BY bidder, session;
