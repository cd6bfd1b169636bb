-- Group keys under a collation in which different strings are equal.  Needs
-- a server with ICU; expected/view_nocase_1.out is for those without.
SELECT NOT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') AS no_icu \gset
\if :no_icu
\quit
\endif
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE clicks (url text COLLATE nocase, n int) USING stream;
CREATE MATERIALIZED VIEW per_url AS SELECT url, count(*) AS n, sum(n) FROM clicks GROUP BY url;
CREATE MATERIALIZED VIEW per_prefix AS
  SELECT left(url, 2) AS prefix, min(url COLLATE "C") AS first, count(*) AS n FROM clicks GROUP BY 1;
INSERT INTO clicks SELECT CASE n % 3 WHEN 0 THEN 'aBc' WHEN 1 THEN 'ABC' ELSE 'abd' END, n FROM generate_series(1, 30) n;
SELECT lower(url) AS url, n, sum FROM per_url ORDER BY 1;
SELECT stream_flush('per_url'), stream_flush('per_prefix');
INSERT INTO clicks VALUES ('abC', 1000), ('ABD', 1000), ('b', 1);
SELECT lower(url) AS url, n, sum FROM per_url ORDER BY 1;
SELECT stream_flush('per_url'), stream_flush('per_prefix');
SELECT lower(url) AS url, n, sum FROM per_url ORDER BY 1;
SELECT lower(prefix) AS prefix, first, n FROM per_prefix ORDER BY 1;
SELECT n FROM per_url WHERE url = 'ABc';
DROP TABLE clicks CASCADE;
DROP COLLATION nocase;
