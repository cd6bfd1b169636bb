-- The rule of a view says what its query says, under whatever settings it is
-- made or altered: constants of every type, in every clause.
SET client_min_messages = warning;
SET datestyle = 'ISO, MDY';
SET timezone = 'UTC';
CREATE TYPE reading AS (f float8, t timestamptz);
CREATE TABLE events (id int, f4 float4, f8 float8, n numeric, ts timestamp, tz timestamptz, d date, iv interval,
                     tm time, tmz timetz, mo money, b bytea, x xml, tx text, fs float8[], txs text[],
                     r tstzrange, rs tsmultirange, c reading, cs reading[]) USING stream;
CREATE TABLE archive (LIKE events);

-- one constant of each type, as a column of events and as SQL
CREATE TABLE constants (id int, col text, sql text);
INSERT INTO constants VALUES
  (1, 'f4', $$'0.1000001'::float4$$), (2, 'f8', $$'0.30000000000000004'::float8$$),
  (3, 'n', $$'0.30000000000000004'::numeric$$), (4, 'ts', $$'2026-11-12 12:00:00.000001'::timestamp$$),
  (5, 'tz', $$'2026-11-12 12:00:00.000001+05:30'::timestamptz$$), (6, 'd', $$'2026-11-12'::date$$),
  (7, 'iv', $$'1 year 2 mons -3 days 04:05:06.7'::interval$$), (8, 'tm', $$'13:14:15.000016'::time$$),
  (9, 'tmz', $$'13:14:15.000016+05:45'::timetz$$), (10, 'mo', $$'1234.56'::numeric::money$$),
  (11, 'b', $$decode('00275cff', 'hex')$$), (12, 'b', $$convert_to(E'a\\b', 'UTF8')$$),
  (13, 'tx', $$E'a\\n''\\\\b'::text$$), (14, 'fs', $$'{0.1,0.30000000000000004,-0}'::float8[]$$),
  (15, 'txs', $$ARRAY[E'a\\b', 'NULL', NULL, '{"']$$),
  (16, 'r', $$tstzrange('2026-11-12 12:00+05:30', '2026-12-11 12:00+05:30')$$),
  (17, 'rs', $$tsmultirange(tsrange('2026-11-12 12:00', '2026-12-11 12:00'))$$),
  (18, 'c', $$ROW(0.30000000000000004::float8, '2026-11-12 12:00+05:30'::timestamptz)::reading$$),
  (19, 'cs', $$ARRAY[ROW(0.30000000000000004::float8, '2026-11-12 12:00+05:30'::timestamptz)::reading]$$),
  (20, 'f8', $$'-Infinity'::float8$$), (21, 'ts', $$'0044-03-15 BC'::timestamp$$),
  (22, 'tz', $$'infinity'::timestamptz$$), (23, 'iv', $$'-1 mons +40 days -00:00:01'::interval$$),
  (24, 'b', $$'\x00275cff'::bytea$$), (25, 'tz', $$'2026-11-12 12:00 IST'::timestamptz$$),
  (26, 'fs', $$'{0.1,0.30000000000000004}'::float8[]$$), (27, 'tx', $$'abcdef'::varchar(3)::text$$),
  (28, 'd', $$'04/05/2026'::date$$), (29, 'iv', $$'-1 2:03:04'::interval$$), (30, 'tx', $$'x'::char(3)::text || '|'$$);

-- the literals as they are: constants of the query, not calls
CREATE FUNCTION literal(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT format(''%%L::%%s'', v::text, pg_typeof(v)) FROM (SELECT %s AS v) s', sql) INTO result;
	RETURN result;
END $$;

-- the query over a relation: constants in select list, keys, FILTER, WHERE, HAVING, window
CREATE FUNCTION query_over(relation text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT window_start, window_end, id, k AS key, %s, count(*) FILTER (WHERE %s) AS filtered,
	  xmlserialize(CONTENT xmlelement(name a, ''<b>c</b>''::xml) AS text) AS x1, xmlparse(CONTENT ''a<b/>'')::text AS x2,
	  extract(isodow FROM window_start) AS dow, (''2026-01-02 03:04+00''::timestamptz AT TIME ZONE ''Asia/Kolkata'') AS zoned,
	  CASE id WHEN 1 THEN NULL ELSE max(f8) = NULL END AS nothing, ''abc''::varchar(2) AS cut, interval ''90'' minute AS minutes,
	  (SELECT string_agg(v::text, '','' ORDER BY v) FROM (VALUES (0.1::float8), (0.30000000000000004), (max(f8))) t (v)) AS sub,
	  trim(both ''x'' from max(tx)) AS trimmed, substring(max(tx) from 2 for 3) AS part, max(tx) LIKE E''a\\n%%'' AS liked
	  FROM %s, tumble(tz, ''1 day 02:03:04.5'', ''2026-01-02 03:04:05.6+05:30'')
	  , LATERAL (SELECT CASE WHEN id %% 2 = 0 THEN %s ELSE %s END AS k) l
	  WHERE %s GROUP BY 1, 2, 3, 4 HAVING %s',
	  (SELECT string_agg(format('last(%s, id) = %s AS is%s, %2$s AS c%3$s', col, literal(sql), id), ', ') FROM constants),
	  (SELECT format('CASE id %s END', string_agg(format('WHEN %s THEN %s = %s', id, col, literal(sql)), ' ')) FROM constants),
	  relation, literal($c$'0.30000000000000004'::float8$c$), literal($c$'0.1'::float8$c$),
	  (SELECT format('CASE id %s END', string_agg(format('WHEN %s THEN %s = %s', id, col, literal(sql)), ' ')) FROM constants),
	  (SELECT format('CASE id %s END', string_agg(format('WHEN %s THEN last(%s, id) = %s', id, col, literal(sql)), ' ')) FROM constants));
$$;

CREATE TABLE settings (id int, name text[], value text[]);
INSERT INTO settings VALUES
  (0, '{}', '{}'),
  (1, '{DateStyle,TimeZone}', '{"SQL, DMY",Asia/Kolkata}'),
  (2, '{DateStyle,TimeZone}', '{"Postgres, MDY",America/St_Johns}'),
  (3, '{DateStyle,TimeZone}', '{"German, YMD",Australia/Sydney}'),
  (4, '{extra_float_digits}', '{0}'), (5, '{extra_float_digits}', '{-15}'),
  (6, '{IntervalStyle}', '{sql_standard}'), (7, '{IntervalStyle}', '{iso_8601}'),
  (8, '{IntervalStyle}', '{postgres_verbose}'), (9, '{bytea_output}', '{escape}'),
  (10, '{xmloption,xmlbinary}', '{document,hex}'), (11, '{standard_conforming_strings}', '{off}'),
  (12, '{quote_all_identifiers,transform_null_equals}', '{on,on}'), (13, '{array_nulls}', '{off}'),
  (14, '{lc_monetary,lc_numeric,lc_time}', '{C,C,C}'),
  (15, '{DateStyle,TimeZone,extra_float_digits,IntervalStyle,bytea_output,xmloption,standard_conforming_strings,quote_all_identifiers,transform_null_equals,array_nulls}',
       '{"SQL, DMY",Asia/Kolkata,-15,sql_standard,escape,document,off,on,on,off}');

-- sets or resets what a line of settings says
CREATE FUNCTION put(line int, odd boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	setting record;
BEGIN
	FOR setting IN SELECT u.* FROM settings s, unnest(s.name, s.value) u (name, value) WHERE s.id = line LOOP
		IF odd THEN
			PERFORM set_config(setting.name, setting.value, false);
		ELSE
			EXECUTE format('RESET %I', setting.name);
		END IF;
	END LOOP;
	IF NOT odd THEN
		SET datestyle = 'ISO, MDY';
		SET timezone = 'UTC';
	END IF;
END $$;

-- the text of the query is made once, under the settings of the top
CREATE TABLE queries AS SELECT query_over('events') AS over_events, query_over('archive') AS over_archive;

-- a view made under each line of settings, and one altered under it
CREATE FUNCTION make(line int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	query text := over_events FROM queries;
BEGIN
	EXECUTE format('CREATE MATERIALIZED VIEW altered%s AS %s', line, query);
	EXECUTE format('CREATE TABLE defined%s AS SELECT pg_get_viewdef(''altered%1$s''::regclass)', line);
	PERFORM put(line, true);
	EXECUTE format('ALTER MATERIALIZED VIEW altered%s SET (stream.retention = ''200 years'')', line);
	EXECUTE format('ALTER MATERIALIZED VIEW altered%s RESET (stream.retention)', line);
	EXECUTE format('CREATE MATERIALIZED VIEW made%s AS %s', line, query);
	PERFORM put(line, false);
END $$;
SELECT count(make(id)) FROM settings;

-- an altered rule is the rule
CREATE FUNCTION rule_changed(line int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('SELECT pg_get_viewdef(''altered%s''::regclass) <> (TABLE defined%1$s)', line) INTO result;
	RETURN result;
END $$;
SELECT id, name FROM settings WHERE rule_changed(id) ORDER BY id;

-- each row has the constant of its number
\set ECHO none
SELECT format('INSERT INTO archive (id, tz, %s) VALUES (%s, ''2026-11-12'', %s)', col, id, sql) FROM constants WHERE col <> 'tz' \gexec
SELECT format('INSERT INTO archive (id, tz) VALUES (%s, %s)', id, sql) FROM constants WHERE col = 'tz' \gexec
\set ECHO all
INSERT INTO archive SELECT (a).* FROM (SELECT a FROM archive a WHERE id < 12) s;
INSERT INTO archive (id, tz, tx, f8) SELECT id, '2026-11-14', 'xa', 0.1 + 0.2 FROM constants;
INSERT INTO events SELECT * FROM archive;
SELECT stream_sync();

-- counts the rows by which a view and its query differ, both read under the settings of a line
CREATE FUNCTION differs(view text, line int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	query text := over_archive FROM queries;
	result bigint;
BEGIN
	PERFORM put(line, true);
	EXECUTE format('SELECT count(*) FROM ((TABLE %s EXCEPT ALL %s) UNION ALL (%2$s EXCEPT ALL TABLE %1$s)) d', view, query) INTO result;
	PERFORM put(line, false);
	RETURN result;
END $$;
SELECT count(*) > 20 AS some, bool_or(is2) AND bool_or(is5) AND bool_or(is18) AND bool_or(is25) AS right FROM altered0;
SELECT id, name FROM settings WHERE differs('altered' || id, 0) <> 0 ORDER BY id;
SELECT id, name FROM settings WHERE differs('made' || id, id) <> 0 ORDER BY id;
CREATE FUNCTION alter_made(line int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER MATERIALIZED VIEW made%s SET (stream.retention = ''200 years'')', line);
END $$;
SELECT count(alter_made(id)) FROM settings;
SELECT id, name FROM settings WHERE differs('made' || id, id) <> 0 ORDER BY id;

-- also what says when windows are closed, and which sessions there are
SELECT stream_set_event_time('events', 'tz');
CREATE MATERIALIZED VIEW closed WITH (stream.late = 'drop', stream.emit = 'on close', stream.retention = '-1 hour 400 days', stream.lateness = '-1 hour 2 days') AS
  SELECT window_start, count(*) FROM events, tumble(tz, '1 day 02:03:04.5', '2026-01-02 03:04:05.6+05:30') GROUP BY 1;
CREATE MATERIALIZED VIEW binned WITH (stream.late = 'drop', stream.emit = 'on close') AS
  SELECT date_bin('1 day 02:03:04.5', tz, '2026-01-02 03:04:05.6+05:30') AS w, count(*) FROM events GROUP BY 1;
CREATE MATERIALIZED VIEW truncated WITH (stream.late = 'drop', stream.emit = 'on close') AS
  SELECT date_trunc('day', tz) AS w, count(*) FROM events GROUP BY 1;
CREATE MATERIALIZED VIEW zoned WITH (stream.late = 'drop', stream.emit = 'on close') AS
  SELECT window_start, count(*) FROM events, tumble(tz, '1 day', time_zone => 'Asia/Kolkata') GROUP BY 1;
CREATE MATERIALIZED VIEW sessions WITH (stream.late = 'drop', stream.emit = 'on close') AS
  SELECT window_start, max(f8) > 0.30000000000000004 AS big, count(*) FROM events, session(tz, '02:03:04.5') GROUP BY 1;
CREATE TABLE defined AS SELECT v, pg_get_viewdef(v) FROM unnest('{closed,binned,truncated,zoned,sessions}'::regclass[]) v;
CREATE FUNCTION alter_all(line int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v regclass;
BEGIN
	PERFORM put(line, true);
	FOR v IN SELECT defined.v FROM defined LOOP
		EXECUTE format('ALTER MATERIALIZED VIEW %s SET (stream.partition_width = ''40 days'')', v);
	END LOOP;
	PERFORM put(line, false);
	RETURN EXISTS (SELECT FROM defined WHERE pg_get_viewdef(defined.v) <> pg_get_viewdef);
END $$;
SELECT id, name FROM settings WHERE alter_all(id);

-- values kept as text, written by the worker and read by us
CREATE TABLE kept (id int, tz timestamptz, iv interval, mo money, c reading) USING stream;
CREATE MATERIALIZED VIEW last_kept AS SELECT last(tz, id) AS tz, last(iv, id) AS iv, last(mo, id) AS mo, last(c, id) AS c FROM kept;
INSERT INTO kept VALUES (1, '2026-11-12 12:00+05:30', '1 year 2 mons -3 days 04:05:06.7', 1234.56::numeric::money, ROW(0.1 + 0.2::float8, '2026-11-12 12:00+05:30'));
SELECT stream_sync();
SELECT put(15, true);
SELECT tz = '2026-11-12 12:00+05:30' AS tz, extract(epoch FROM iv) AS iv, mo::numeric, (c).f = 0.1 + 0.2::float8 AS f FROM last_kept;
SELECT put(15, false);

DO $$
BEGIN
	FOR i IN 0 .. 15 LOOP
		EXECUTE format('DROP MATERIALIZED VIEW made%s, altered%1$s', i);
		EXECUTE format('DROP TABLE defined%s', i);
	END LOOP;
END $$;
DROP MATERIALIZED VIEW closed, binned, truncated, zoned, sessions, last_kept;
DROP FUNCTION make, put, rule_changed, differs, alter_made, alter_all, query_over, literal;
DROP TABLE events, archive, constants, settings, queries, defined, kept;
DROP TYPE reading;
