-- Every window function works for a role without rights in our schema: made by
-- it, and made by a superuser and given away; analysed, applied, flushed, read.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE ROLE tenant;
CREATE SCHEMA tenant AUTHORIZATION tenant;
CREATE TABLE events (ts timestamptz, local timestamp, day date, i int, b bigint) USING stream;
CREATE TABLE archive (LIKE events);
SELECT stream_set_event_time('events', 'ts', delay => '1000 days');
GRANT SELECT ON events, archive TO tenant;
CREATE TABLE windows (name text, source text, key text);
GRANT SELECT ON windows TO tenant;
INSERT INTO windows
  SELECT format('%s_%s', f, col), format(', %s(%s, %s) w', f, col, CASE WHEN col IN ('i', 'b') THEN ints ELSE times END), 'w.window_start, w.window_end'
    FROM (VALUES ('tumble', '''2 days''', '20'), ('hop', '''1 day'', ''3 days''', '10, 30'),
                 ('cumulate', '''1 day'', ''3 days''', '10, 30'), ('session', '''2 days''', '20')) f (f, times, ints),
         unnest('{ts,local,day,i,b}'::text[]) col;
INSERT INTO windows VALUES
  ('hop_origin', ', hop(ts, ''1 day'', ''3 days'', ''2026-01-01 07:00'') w', 'w.window_start'),
  ('tumble_zone', ', tumble(ts, ''1 month'', time_zone => ''Asia/Kolkata'') w', 'w.window_start, w.window_end'),
  ('bin_ts', '', 'date_bin(''2 days'', ts, ''2026-01-01'')'), ('bin_local', '', 'date_bin(''2 days'', local, ''2026-01-01'')'),
  ('trunc_ts', '', 'date_trunc(''month'', ts)'), ('trunc_local', '', 'date_trunc(''week'', local)'),
  ('trunc_zone', '', 'date_trunc(''day'', ts, ''Asia/Kolkata'')');

CREATE FUNCTION make(prefix text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	w windows;
BEGIN
	FOR w IN SELECT * FROM windows LOOP
		EXECUTE format('CREATE MATERIALIZED VIEW tenant.%s%s AS SELECT %s, count(*) AS n, sum(b) AS s FROM events%s GROUP BY %s',
			prefix, w.name, w.key, w.source, (SELECT string_agg(g::text, ',') FROM generate_series(1, CASE WHEN w.key LIKE '%window_end' THEN 2 ELSE 1 END) g));
	END LOOP;
	RETURN count(*) FROM windows;
END $$;
SET ROLE tenant;
SELECT make('own_');
RESET ROLE;
SELECT make('given_');
DO $$
DECLARE
	w windows;
BEGIN
	FOR w IN SELECT * FROM windows LOOP
		EXECUTE format('ALTER MATERIALIZED VIEW tenant.given_%s OWNER TO tenant', w.name);
	END LOOP;
END $$;
-- those whose windows close, where an event time can close them
SET ROLE tenant;
DO $$
DECLARE
	w windows;
BEGIN
	FOR w IN SELECT * FROM windows WHERE name ~ '_(ts|zone|origin)$' LOOP
		EXECUTE format('CREATE MATERIALIZED VIEW tenant.closing_%s WITH (stream.late = ''side'', stream.emit = ''on close'') AS SELECT %s, count(*) AS n FROM events%s GROUP BY %s',
			w.name, w.key, w.source, (SELECT string_agg(g::text, ',') FROM generate_series(1, CASE WHEN w.key LIKE '%window_end' THEN 2 ELSE 1 END) g));
	END LOOP;
END $$;
RESET ROLE;

INSERT INTO archive SELECT t, t, t, g, g FROM (SELECT g, timestamp '2026-01-01' + g * interval '7 hours' AS t FROM generate_series(1, 200) g) s;
INSERT INTO events SELECT * FROM archive;
SELECT stream_sync();
-- the plain query of a view over the table; sessions are counted only
CREATE FUNCTION differs(prefix text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	w windows;
	d bigint;
BEGIN
	FOR w IN SELECT * FROM windows WHERE name NOT LIKE 'session%' LOOP
		EXECUTE format('WITH q AS (SELECT %1$s, count(*) AS n, sum(b) AS s FROM archive%2$s GROUP BY %1$s)
			SELECT count(*) FROM ((TABLE tenant.%3$s%4$s EXCEPT ALL TABLE q) UNION ALL (TABLE q EXCEPT ALL TABLE tenant.%3$s%4$s)) x',
			w.key, w.source, prefix, w.name) INTO d;
		IF d <> 0 THEN
			RETURN NEXT w.name;
		END IF;
	END LOOP;
	FOR w IN SELECT * FROM windows WHERE name LIKE 'session%' LOOP
		EXECUTE format('SELECT sum(n) FROM tenant.%s%s', prefix, w.name) INTO d;
		IF d IS DISTINCT FROM 200 THEN
			RETURN NEXT w.name;
		END IF;
	END LOOP;
END $$;
SET ROLE tenant;
SELECT differs('own_') UNION ALL SELECT differs('given_');
SELECT count(stream_flush(relid::regclass)) FROM pg_stat_stream_view;
SELECT differs('own_') UNION ALL SELECT differs('given_');
SELECT viewname, state, last_error FROM pg_stat_stream_view WHERE state <> 'running' OR last_error IS NOT NULL;
RESET ROLE;
-- to another role without rights, with rows to come
CREATE ROLE other_tenant;
GRANT SELECT ON events, archive, windows TO other_tenant;
GRANT ALL ON SCHEMA tenant TO other_tenant;
REASSIGN OWNED BY tenant TO other_tenant;
INSERT INTO archive SELECT t, t, t, g, g FROM (SELECT g, timestamp '2026-05-01' + g * interval '7 hours' AS t FROM generate_series(1, 20) g) s;
INSERT INTO events SELECT * FROM archive WHERE ts > '2026-05-01';
SELECT stream_sync();
SET ROLE other_tenant;
SELECT name FROM differs('own_') name WHERE name NOT LIKE 'session%' UNION ALL SELECT name FROM differs('given_') name WHERE name NOT LIKE 'session%';
SELECT viewname, state, last_error FROM pg_stat_stream_view WHERE state <> 'running' OR last_error IS NOT NULL;
RESET ROLE;
DROP TABLE events CASCADE;
DROP TABLE archive, windows;
DROP FUNCTION make, differs;
DROP OWNED BY other_tenant;
DROP OWNED BY tenant;
DROP ROLE tenant, other_tenant;
