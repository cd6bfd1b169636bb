-- From clicks to recommendations
--
-- "Who clicked this also clicked that": for each pair of items, how many users
-- clicked both. A view reads one stream, so the former clicks of the user come
-- from an ordinary table, which the same statement fills. A click is joined with
-- the clicks of the same user that have a smaller id. That makes each pair count
-- once, also if the worker reads the table only after later clicks.
CREATE SCHEMA recommendations;
SET search_path = recommendations, public;

-- What each user has clicked, each item once. It is the archive of the stream.
CREATE TABLE clicked (id bigint GENERATED ALWAYS AS IDENTITY, user_id int, item text, PRIMARY KEY (user_id, item));

CREATE TABLE clicks (id bigint, user_id int, item text) USING stream;

CREATE MATERIALIZED VIEW clicked_together AS
  SELECT p.item, p.other, count(*) AS users
    FROM clicks c
    JOIN clicked earlier ON earlier.user_id = c.user_id AND earlier.id < c.id,
         LATERAL (VALUES (c.item, earlier.item), (earlier.item, c.item)) p(item, other)
   GROUP BY p.item, p.other;

CREATE MATERIALIZED VIEW item_users AS
  SELECT item, count(*) AS users FROM clicks GROUP BY item;

-- Only the first click of a user on an item goes on to the stream. Where several
-- sessions click for one user at the same time, let them take turns:
-- pg_advisory_xact_lock(user_id) in a statement before this one.
WITH new AS (INSERT INTO clicked (user_id, item)
             SELECT n % 60, (ARRAY['tea', 'pot', 'cup', 'milk', 'sugar', 'spoon', 'cake', 'book'])
                            [1 + n % 60 * n / 60 % 8]
               FROM generate_series(1, 400) n ORDER BY n
             ON CONFLICT DO NOTHING RETURNING id, user_id, item)
INSERT INTO clicks SELECT * FROM new;

SELECT * FROM clicked_together WHERE item = 'tea' ORDER BY users DESC, other;

-- How alike two items are: users of both by users of either (Jaccard).
SELECT t.item, t.other, t.users, round(t.users::numeric / (a.users + b.users - t.users), 3) AS alike
  FROM clicked_together t JOIN item_users a ON a.item = t.item JOIN item_users b ON b.item = t.other
 WHERE t.item < t.other ORDER BY alike DESC, t.item, t.other LIMIT 5;

-- A new user clicks two items: what to show next? What goes most often with
-- them, and has not been clicked yet.
SELECT stream_flush('clicked_together'), stream_flush('item_users');
WITH new AS (INSERT INTO clicked (user_id, item) VALUES (1000, 'tea'), (1000, 'cup')
             ON CONFLICT DO NOTHING RETURNING id, user_id, item)
INSERT INTO clicks SELECT * FROM new;

SELECT t.other AS recommended, sum(t.users) AS score
  FROM clicked c JOIN clicked_together t ON t.item = c.item
 WHERE c.user_id = 1000
   AND NOT EXISTS (SELECT FROM clicked known WHERE known.user_id = 1000 AND known.item = t.other)
 GROUP BY t.other ORDER BY score DESC, recommended LIMIT 3;

-- The views say what their queries say of a table with the same rows.
CREATE VIEW expected_together AS
  SELECT p.item, p.other, count(*) AS users
    FROM clicked c
    JOIN clicked earlier ON earlier.user_id = c.user_id AND earlier.id < c.id,
         LATERAL (VALUES (c.item, earlier.item), (earlier.item, c.item)) p(item, other)
   GROUP BY p.item, p.other;
SELECT (SELECT count(*) FROM clicked_together) AS groups,
       (SELECT count(*) FROM (TABLE clicked_together EXCEPT ALL TABLE expected_together) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected_together EXCEPT ALL TABLE clicked_together) d) AS only_in_query;

CREATE VIEW expected_users AS
  SELECT item, count(*) AS users FROM clicked GROUP BY item;
SELECT (SELECT count(*) FROM item_users) AS groups,
       (SELECT count(*) FROM (TABLE item_users EXCEPT ALL TABLE expected_users) d) AS only_in_view,
       (SELECT count(*) FROM (TABLE expected_users EXCEPT ALL TABLE item_users) d) AS only_in_query;
