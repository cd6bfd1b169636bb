-- Online regression with its error
--
-- The price of a ride, learned from rides as they end: one linear model per city
-- and week. The model is always the one that fits all rows so far; nothing is
-- trained again. Its mean squared error over the rows it was fitted to is part of
-- the model; the error that counts, over rows it has not seen, is a query.
CREATE SCHEMA regression;
SET search_path = regression, public;

CREATE TABLE rides (ts timestamptz NOT NULL, city text, km float8, minutes float8, price float8) USING stream;

CREATE MATERIALIZED VIEW price_models AS
  SELECT w.window_start AS week, city, linreg(price, ARRAY[km, minutes]) AS model
    FROM rides, tumble(ts, '7 days') w
   GROUP BY w.window_start, city;

-- Two weeks; in the second one a minute costs more in Oslo. The noise has steps
-- of 1/8 between -1 and 1. A price that is not known teaches nothing.
CREATE TABLE rides_archive (LIKE rides);
WITH new AS (INSERT INTO rides_archive
             SELECT '2026-03-02 00:00+00'::timestamptz + week * interval '7 days' + n * interval '10 minutes',
                    city, km, minutes,
                    CASE WHEN n % 100 <> 3
                         THEN base + 1.5 * km + per_minute * minutes + (n * 7919 % 17 - 8) / 8.0 END
               FROM (VALUES (0, 'Bonn', 3, 0.25), (0, 'Oslo', 6, 0.25), (1, 'Bonn', 3, 0.25), (1, 'Oslo', 6, 0.5))
                    c(week, city, base, per_minute),
                    generate_series(1, 600) n,
                    LATERAL (SELECT n % 40 AS km, n * 31 % 60 AS minutes) r
             RETURNING *)
INSERT INTO rides SELECT * FROM new;

SELECT week::date, city, (model).n, round((model).intercept::numeric, 2) AS base,
       round((model).coefficients[1]::numeric, 2) AS per_km, round((model).coefficients[2]::numeric, 2) AS per_minute,
       round((model).r2::numeric, 4) AS r2, round((model).mse::numeric, 4) AS mse
  FROM price_models ORDER BY week, city;

-- What will 12 km and 20 minutes cost?
SELECT city, round(predict(model, ARRAY[12, 20])::numeric, 2) AS price
  FROM price_models WHERE week = '2026-03-09 00:00+00' ORDER BY city;

-- The error of last week's model over this week's rides, beside that of this
-- week's own: where they differ much, something has changed.
SELECT r.city, count(*) AS rides,
       round(avg((price - predict(last_week.model, ARRAY[km, minutes])) ^ 2)::numeric, 4) AS mse_of_last_week,
       round(avg((price - predict(this_week.model, ARRAY[km, minutes])) ^ 2)::numeric, 4) AS mse_of_this_week
  FROM rides_archive r
  JOIN price_models this_week ON this_week.city = r.city AND this_week.week = '2026-03-09 00:00+00'
  JOIN price_models last_week ON last_week.city = r.city AND last_week.week = '2026-03-02 00:00+00'
 WHERE r.ts >= '2026-03-09 00:00+00' AND price IS NOT NULL
 GROUP BY r.city ORDER BY r.city;

-- The model learns from every further ride.
SELECT stream_flush('price_models');
WITH new AS (INSERT INTO rides_archive
             SELECT '2026-03-12 00:00+00', 'Rome', n, n * n, 2 + 0.5 * n + 0.125 * n * n FROM generate_series(1, 8) n
             RETURNING *)
INSERT INTO rides SELECT * FROM new;
SELECT (model).n, round((model).intercept::numeric, 6) AS base, round((model).coefficients[1]::numeric, 6) AS per_km,
       round((model).coefficients[2]::numeric, 6) AS per_minute, round((model).mse::numeric, 6) AS mse
  FROM price_models WHERE city = 'Rome';

-- The view says what its query says of a table with the same rows. The last
-- digits of a model depend on the order of rows, so six are compared.
CREATE FUNCTION six_digits(model linreg_model) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
  SELECT ARRAY[n(model), round(intercept(model)::numeric, 6), round((coefficients(model))[1]::numeric, 6),
               round((coefficients(model))[2]::numeric, 6), round(r2(model)::numeric, 6), round(mse(model)::numeric, 6)] $$;
CREATE VIEW expected AS
  SELECT w.window_start AS week, city, six_digits(linreg(price, ARRAY[km, minutes])) AS model
    FROM rides_archive, tumble(ts, '7 days') w
   GROUP BY w.window_start, city;
CREATE VIEW got AS SELECT week, city, six_digits(model) AS model FROM price_models;
SELECT (SELECT count(*) FROM price_models) AS groups,
       (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE expected) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE got) d) AS only_in_query;
