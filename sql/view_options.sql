-- WITH (stream....) of continuous views, and ALTER MATERIALIZED VIEW ... SET.
CREATE TABLE clicks (ts timestamptz NOT NULL, url text) USING stream;

CREATE MATERIALIZED VIEW per_hour WITH (stream.retention = '90 days', stream.partition_width = '1 day')
	AS SELECT date_trunc('hour', ts) AS hour, count(*) FROM clicks GROUP BY 1;
CREATE VIEW options AS
	SELECT v.view, v.retention, v.partition_width,
	       substring(pg_get_viewdef(v.view) FROM 'retention_horizon[^)]*') AS horizon
	  FROM _stream_ext.continuous_view v ORDER BY v.view::text;
SELECT * FROM options;

-- ALTER
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '1 day');
SELECT * FROM options;
ALTER VIEW per_hour RESET (stream.retention, stream.partition_width);
SELECT * FROM options;
ALTER MATERIALIZED VIEW per_hour RENAME COLUMN hour TO "the hour";
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '7 days', stream.partition_width = '12 hours');
SELECT * FROM options;
SELECT attname FROM pg_attribute WHERE attrelid = 'per_hour'::regclass AND attnum > 0 ORDER BY attnum;
BEGIN;
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '1 hour');
ROLLBACK;
SELECT * FROM options;

-- what we do not know is an error, not ignored
CREATE MATERIALIZED VIEW v WITH (stream.nonsense = 1) AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v WITH (retention = '1 day') AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v WITH (fillfactor = 50) AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v WITH (toast.autovacuum_enabled = off) AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v WITH (stream.retention = '1 day', stream.retention = '2 days')
	AS SELECT date_trunc('hour', ts), count(*) FROM clicks GROUP BY 1;
ALTER MATERIALIZED VIEW per_hour SET (stream.nonsense = 1);
ALTER MATERIALIZED VIEW per_hour SET (fillfactor = 50);
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '1 day', fillfactor = 50);
ALTER MATERIALIZED VIEW per_hour RESET (stream.nonsense);
ALTER VIEW per_hour SET (security_invoker = true);
ALTER VIEW per_hour SET (security_barrier = true);
ALTER MATERIALIZED VIEW IF EXISTS nothing SET (stream.retention = '1 day');
ALTER MATERIALIZED VIEW nothing SET (stream.retention = '1 day');

-- values are judged
CREATE MATERIALIZED VIEW v WITH (stream.retention = '1 day') AS SELECT count(*) FROM clicks;
CREATE MATERIALIZED VIEW v WITH (stream.partition_width = '1 day') AS SELECT url, count(*) FROM clicks GROUP BY 1;
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = 'for ever');
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '-1 day');
ALTER MATERIALIZED VIEW per_hour SET (stream.retention);
ALTER MATERIALIZED VIEW per_hour SET (stream.partition_width = '1 second');

-- an ordinary relation has none of these
CREATE MATERIALIZED VIEW plain WITH (stream.retention = '1 day') AS SELECT 1;
CREATE MATERIALIZED VIEW plain AS SELECT 1 AS one;
ALTER MATERIALIZED VIEW plain SET (stream.retention = '1 day');
ALTER MATERIALIZED VIEW plain SET (fillfactor = 50);

-- the owner only
CREATE ROLE view_options_other;
SET ROLE view_options_other;
ALTER MATERIALIZED VIEW per_hour SET (stream.retention = '1 day');
RESET ROLE;
SELECT * FROM options;

DROP VIEW options;
DROP MATERIALIZED VIEW plain, per_hour;
DROP TABLE clicks;
DROP ROLE view_options_other;
