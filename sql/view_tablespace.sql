-- A view's storage lies where TABLESPACE says, partitions and indexes included.
SET client_min_messages = warning;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast LOCATION '';
CREATE TABLESPACE slow LOCATION '';
CREATE ROLE tenant;
GRANT CREATE ON SCHEMA public TO tenant;
GRANT CREATE ON TABLESPACE fast TO tenant;
-- neither the database nor the role decides
SELECT format('ALTER DATABASE %I SET default_tablespace = slow', current_database()) AS sql \gset
:sql;
ALTER ROLE CURRENT_USER SET default_tablespace = slow;
SET default_tablespace = slow;
SELECT count(pg_terminate_backend(pid, 10000)) > 0 AS restarted FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'stream%';
CREATE TABLE events (ts timestamptz, n int) USING stream;
CREATE TABLE archive (LIKE events) TABLESPACE pg_default;
SELECT stream_set_event_time('events', 'ts', delay => '1000 days');
GRANT SELECT ON events TO tenant;
SET ROLE tenant;
CREATE MATERIALIZED VIEW v WITH (stream.late = 'side', stream.partition_width = '1 day') TABLESPACE fast AS
  SELECT window_start, n, count(*) FROM events, tumble(ts, '1 hour') GROUP BY 1, 2;
CREATE MATERIALIZED VIEW plain WITH (stream.partition_width = '1 day') AS
  SELECT window_start, n, count(*) FROM events, tumble(ts, '1 hour') GROUP BY 1, 2;
RESET ROLE;
CREATE FUNCTION places(view regclass) RETURNS TABLE (kind "char", tablespace name, n bigint) LANGUAGE sql AS $$
	SELECT relkind, coalesce(spcname, 'the database''s'), count(*) FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = reltablespace
	 WHERE relkind IN ('r', 'p', 'i', 'I') AND relname ~ ('^storage_' || view::oid || '(_|$)') GROUP BY 1, 2 ORDER BY 1, 2
$$;
INSERT INTO archive SELECT timestamptz '2026-01-01 12:00+00' + n * interval '1 day', n % 3 FROM generate_series(1, 3) n;
INSERT INTO events SELECT * FROM archive;
SELECT stream_flush('v') IS NOT NULL AND stream_flush('plain') IS NOT NULL AS flushed;
SELECT * FROM places('v');
SELECT * FROM places('plain');
-- moved, and partitions that come later
SET ROLE tenant;
ALTER MATERIALIZED VIEW v SET TABLESPACE slow;
ALTER MATERIALIZED VIEW plain SET TABLESPACE nowhere;
ALTER MATERIALIZED VIEW plain SET TABLESPACE pg_global;
ALTER MATERIALIZED VIEW plain SET TABLESPACE fast;
ALTER MATERIALIZED VIEW v SET TABLESPACE pg_default;
RESET ROLE;
SET ROLE pg_read_all_data;
ALTER MATERIALIZED VIEW v SET TABLESPACE pg_default;
RESET ROLE;
INSERT INTO archive SELECT timestamptz '2026-02-01 12:00+00' + n * interval '1 day', n % 3 FROM generate_series(1, 2) n;
INSERT INTO events SELECT * FROM archive WHERE ts > '2026-02-01';
INSERT INTO events SELECT * FROM archive WHERE ts < '2026-02-01';
INSERT INTO archive SELECT * FROM archive WHERE ts < '2026-02-01';
SELECT stream_flush('v') IS NOT NULL AND stream_flush('plain') IS NOT NULL AS flushed;
SELECT * FROM places('v');
SELECT * FROM places('plain');
SELECT coalesce(spcname, 'the database''s') FROM pg_class LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname = 'v_late';
SELECT * FROM ((TABLE v EXCEPT ALL SELECT date_trunc('hour', ts), n, count(*) FROM archive GROUP BY 1, 2) UNION ALL
  (SELECT date_trunc('hour', ts), n, count(*) FROM archive GROUP BY 1, 2 EXCEPT ALL TABLE plain)) d;
SELECT viewname, state, last_error FROM pg_stat_stream_view ORDER BY viewname;
DROP TABLE events CASCADE;
DROP TABLE archive;
DROP FUNCTION places;
ALTER ROLE CURRENT_USER RESET default_tablespace;
SELECT format('ALTER DATABASE %I RESET default_tablespace', current_database()) AS sql \gset
:sql;
DROP OWNED BY tenant;
DROP ROLE tenant;
RESET default_tablespace;
DROP TABLESPACE fast;
DROP TABLESPACE slow;
