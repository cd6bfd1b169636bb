-- The Nexmark generator: people, auctions and bids of an online auction
--
-- Written from the published description of Nexmark and its present form in
-- Apache Beam and Flink (sources: README.md in this directory). Event n is a
-- person, an auction or a bid according to n modulo 50 (1 : 3 : 46), its time
-- follows from n and the rate, and everything else of it is drawn from hashes
-- of n: the same seed gives the same events, any range of them, in any order.
--
-- A quarter of the bids and of the auctions come from anybody active, the rest
-- from one hot person among the last hundred; half of the bids are for anything
-- recent, half for one hot auction among the last hundred.
CREATE SCHEMA nexmark;
SET search_path = nexmark, public;

CREATE TABLE config (
  seed bigint NOT NULL DEFAULT 1,
  base_time timestamptz NOT NULL DEFAULT '2015-07-14 23:59:00+00',
  events_per_second float8 NOT NULL DEFAULT 100,
  out_of_order int NOT NULL DEFAULT 50,        -- events arrive shuffled within groups of so many; 1: in order
  hot_auction_ratio int NOT NULL DEFAULT 2,    -- 1 of so many bids is not for the hot auction
  hot_seller_ratio int NOT NULL DEFAULT 4,
  hot_bidder_ratio int NOT NULL DEFAULT 4,
  active_people int NOT NULL DEFAULT 1000,
  auctions_in_flight int NOT NULL DEFAULT 100);
INSERT INTO config DEFAULT VALUES;

-- A number in [0, below), drawn for event n; "what" tells the draws of one event apart.
CREATE FUNCTION draw(seed bigint, n bigint, what int, below bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (hashint8extended(n, seed * 100 + what) & 9223372036854775807) % below
$$;

-- Prices are spread evenly over six orders of magnitude.
CREATE FUNCTION draw_price(seed bigint, n bigint, what int) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT round(power(10, draw(seed, n, what, 1000000) * 6.0 / 1000000) * 100)::bigint
$$;

-- Hexadecimal digits, so many that the row has about the size that the description gives.
CREATE FUNCTION draw_extra(seed bigint, n bigint, size int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT left(repeat(md5(n::text), size / 26 + 1), size * 4 / 5 + draw(seed, n, 99, size * 2 / 5)::int)
$$;

-- The newest person and the newest auction at event n, counted from 0.
CREATE FUNCTION last_person(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN n / 50;
CREATE FUNCTION last_auction(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN n / 50 * 3 + least(n % 50, 3) - 1;

-- Anybody of the active people, or one of the next ten who are not there yet.
CREATE FUNCTION draw_person(c config, n bigint, what int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT last_person(n) + 1 - active + draw(c.seed, n, what, active + 10)
    FROM (SELECT least(last_person(n) + 1, c.active_people) AS active) a
$$;

-- Any auction in flight, or one of the next ten.
CREATE FUNCTION draw_auction(c config, n bigint, what int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT oldest + draw(c.seed, n, what, last_auction(n) - oldest + 11)
    FROM (SELECT greatest(last_auction(n) - c.auctions_in_flight, 0) AS oldest) a
$$;

CREATE FUNCTION event_time(c config, n bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN c.base_time + floor(n * 1000 / c.events_per_second) * interval '1 millisecond';

-- The events number first .. last - 1 in the order in which they arrive: the
-- place in that order, and the number of the event that comes there.
CREATE FUNCTION arrivals(c config, first bigint, last bigint) RETURNS TABLE (place bigint, n bigint)
LANGUAGE sql IMMUTABLE AS $$
  SELECT i, i / c.out_of_order * c.out_of_order + i * 953 % c.out_of_order
    FROM generate_series(first, last - 1) i
$$;

CREATE FUNCTION people(first bigint, last bigint)
RETURNS TABLE (id bigint, name text, email_address text, credit_card text, city text, state text,
               date_time timestamptz, extra text)
LANGUAGE sql STABLE AS $$
  SELECT 1000 + last_person(n), first_name || ' ' || last_name,
         lower(first_name || '.' || last_name) || '@example.com',
         to_char(draw(seed, n, 3, 10000000000000000), 'FM0000 0000 0000 0000'),
         ('{Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne}'::text[])
           [1 + draw(seed, n, 4, 10)],
         ('{AZ,CA,ID,OR,WA,WY}'::text[])[1 + draw(seed, n, 5, 6)],
         event_time(c, n), draw_extra(seed, n, 100)
    FROM config c, arrivals(c, first, last),
         LATERAL (SELECT ('{Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter}'::text[])
                           [1 + draw(seed, n, 1, 11)] AS first_name,
                         ('{Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris}'::text[])
                           [1 + draw(seed, n, 2, 9)] AS last_name) names
   WHERE n % 50 = 0
   ORDER BY place
$$;

CREATE FUNCTION auctions(first bigint, last bigint)
RETURNS TABLE (id bigint, item_name text, description text, initial_bid bigint, reserve bigint,
               date_time timestamptz, expires timestamptz, seller bigint, category bigint, extra text)
LANGUAGE sql STABLE AS $$
  SELECT 1000 + last_auction(n), md5('item' || n), md5('description' || n),
         draw_price(seed, n, 1), draw_price(seed, n, 1) + draw_price(seed, n, 2), event_time(c, n),
         -- on average when as many auctions have begun as are in flight
         event_time(c, n) + (1 + draw(seed, n, 3, greatest(1, (2000 * (auctions_in_flight * 50 / 3)
                                                              / events_per_second)::bigint))) * interval '1 millisecond',
         1000 + CASE WHEN draw(seed, n, 4, hot_seller_ratio) > 0 THEN last_person(n) / 100 * 100
                     ELSE draw_person(c, n, 5) END,
         10 + draw(seed, n, 6, 5), draw_extra(seed, n, 400)
    FROM config c, arrivals(c, first, last)
   WHERE n % 50 BETWEEN 1 AND 3
   ORDER BY place
$$;

CREATE FUNCTION bids(first bigint, last bigint)
RETURNS TABLE (auction bigint, bidder bigint, price bigint, channel text, url text, date_time timestamptz, extra text)
LANGUAGE sql STABLE AS $$
  SELECT 1000 + CASE WHEN draw(seed, n, 1, hot_auction_ratio) > 0 THEN last_auction(n) / 100 * 100
                     ELSE draw_auction(c, n, 2) END,
         -- the second of the hundred: hot sellers are the first
         1000 + CASE WHEN draw(seed, n, 3, hot_bidder_ratio) > 0 THEN last_person(n) / 100 * 100 + 1
                     ELSE draw_person(c, n, 4) END,
         draw_price(seed, n, 5), channel,
         'https://www.nexmark.com/' || md5(channel) || '/item.htm?query=1',
         event_time(c, n), draw_extra(seed, n, 50)
    FROM config c, arrivals(c, first, last),
         LATERAL (SELECT CASE WHEN draw(seed, n, 6, 2) > 0
                              THEN ('{Google,Facebook,Baidu,Apple}'::text[])[1 + draw(seed, n, 7, 4)]
                              ELSE 'channel-' || draw(seed, n, 7, 10000) END AS channel) ch
   WHERE n % 50 > 3
   ORDER BY place
$$;
