-- The streams of Nexmark, and tables with the same rows
--
-- The tables are for the comparisons only: in each file of a query the view
-- that is named as the query is compared with expected_..., which is the
-- published query over the tables.
SET search_path = nexmark, public;

CREATE TABLE person (id bigint, name text, email_address text, credit_card text, city text, state text,
                     date_time timestamptz NOT NULL, extra text) USING stream;
CREATE TABLE auction (id bigint, item_name text, description text, initial_bid bigint, reserve bigint,
                      date_time timestamptz NOT NULL, expires timestamptz, seller bigint, category bigint,
                      extra text) USING stream;
CREATE TABLE bid (auction bigint, bidder bigint, price bigint, channel text, url text,
                  date_time timestamptz NOT NULL, extra text) USING stream;

CREATE TABLE person_archive (LIKE person);
CREATE TABLE auction_archive (LIKE auction);
CREATE TABLE bid_archive (LIKE bid);

-- Sends events first .. last - 1, so many in a transaction.
CREATE PROCEDURE send(first bigint, last bigint, events_per_transaction int DEFAULT 1000) LANGUAGE plpgsql AS $$
DECLARE
  upto bigint;
BEGIN
  WHILE first < last LOOP
    upto := least(first + events_per_transaction, last);
    WITH new AS (INSERT INTO person_archive SELECT * FROM people(first, upto) RETURNING *)
    INSERT INTO person SELECT * FROM new;
    WITH new AS (INSERT INTO auction_archive SELECT * FROM auctions(first, upto) RETURNING *)
    INSERT INTO auction SELECT * FROM new;
    WITH new AS (INSERT INTO bid_archive SELECT * FROM bids(first, upto) RETURNING *)
    INSERT INTO bid SELECT * FROM new;
    COMMIT;
    first := upto;
  END LOOP;
END
$$;

-- Compares the result of a query with what is expected.
CREATE FUNCTION compare(view_name text, OUT query text, OUT rows bigint, OUT only_in_view bigint, OUT only_expected bigint)
LANGUAGE plpgsql AS $$
BEGIN
  query := view_name;
  EXECUTE format('WITH v AS MATERIALIZED (TABLE %1$I), e AS MATERIALIZED (TABLE %2$I)
                  SELECT (SELECT count(*) FROM v),
                         (SELECT count(*) FROM (TABLE v EXCEPT ALL TABLE e) d),
                         (SELECT count(*) FROM (TABLE e EXCEPT ALL TABLE v) d)', view_name, 'expected_' || view_name)
     INTO rows, only_in_view, only_expected;
END
$$;

-- Compares all queries there are.
CREATE FUNCTION compare_all() RETURNS TABLE (query text, rows bigint, only_in_view bigint, only_expected bigint)
LANGUAGE sql AS $$
  SELECT c.*
    FROM (SELECT replace(relname, 'expected_', '') AS query FROM pg_class
           WHERE relnamespace = 'nexmark'::regnamespace AND relname LIKE 'expected\_%') q, compare(q.query) c
   ORDER BY regexp_replace(c.query, '\D', '', 'g')::int, c.query
$$;
