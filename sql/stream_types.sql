-- Every kind of value goes into a stream and comes out the same.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 100);
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a > 0);

CREATE TABLE archive (
	id int NOT NULL,
	t_bool bool, t_char "char", t_int2 int2, t_int4 int4, t_int8 int8, t_oid oid,
	t_float4 float4, t_float8 float8, t_numeric numeric, t_money money,
	t_date date, t_time time, t_timetz timetz, t_timestamp timestamp,
	t_timestamptz timestamptz, t_interval interval,
	t_uuid uuid, t_name name, t_text text, t_varchar varchar(20), t_bpchar char(5),
	t_bytea bytea, t_bit bit(5), t_varbit varbit,
	t_inet inet, t_cidr cidr, t_macaddr macaddr, t_macaddr8 macaddr8,
	t_json json, t_jsonb jsonb, t_jsonpath jsonpath,
	t_point point, t_box box, t_polygon polygon, t_circle circle,
	t_int4range int4range, t_multirange int4multirange,
	t_int_array int[], t_text_array text[], t_float_array float8[], t_pair_array pair[],
	t_pair pair, t_mood mood, t_positive positive, t_short_text short_text, t_good_pair good_pair,
	t_tsvector tsvector, t_tsquery tsquery, t_lsn pg_lsn, t_xid8 xid8, t_tid tid,
	t_oidvector oidvector, t_regclass regclass);
CREATE TABLE s (LIKE archive) USING stream;

-- one key for all columns: the view's rows are the stream's
CREATE MATERIALIZED VIEW v AS
SELECT id, md5(ROW(t_bool, t_char, t_int2, t_int4, t_int8, t_oid, t_float4, t_float8, t_numeric, t_money)::text) AS numbers,
	md5(ROW(t_date, t_time, t_timetz, t_timestamp, t_timestamptz, t_interval)::text) AS times,
	md5(ROW(t_uuid, t_name, t_text, t_varchar, t_bpchar, t_bytea, t_bit, t_varbit)::text) AS texts,
	md5(ROW(t_inet, t_cidr, t_macaddr, t_macaddr8, t_json, t_jsonb, t_jsonpath)::text) AS documents,
	md5(ROW(t_point, t_box, t_polygon, t_circle, t_int4range, t_multirange)::text) AS shapes,
	md5(ROW(t_int_array, t_text_array, t_float_array, t_pair_array)::text) AS arrays,
	md5(ROW(t_pair, t_mood, t_positive, t_short_text, t_good_pair)::text) AS own,
	md5(ROW(t_tsvector, t_tsquery, t_lsn, t_xid8, t_tid, t_oidvector, t_regclass)::text) AS others,
	count(*) AS n
FROM s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

CREATE VIEW wanted AS
SELECT id, md5(ROW(t_bool, t_char, t_int2, t_int4, t_int8, t_oid, t_float4, t_float8, t_numeric, t_money)::text) AS numbers,
	md5(ROW(t_date, t_time, t_timetz, t_timestamp, t_timestamptz, t_interval)::text) AS times,
	md5(ROW(t_uuid, t_name, t_text, t_varchar, t_bpchar, t_bytea, t_bit, t_varbit)::text) AS texts,
	md5(ROW(t_inet, t_cidr, t_macaddr, t_macaddr8, t_json, t_jsonb, t_jsonpath)::text) AS documents,
	md5(ROW(t_point, t_box, t_polygon, t_circle, t_int4range, t_multirange)::text) AS shapes,
	md5(ROW(t_int_array, t_text_array, t_float_array, t_pair_array)::text) AS arrays,
	md5(ROW(t_pair, t_mood, t_positive, t_short_text, t_good_pair)::text) AS own,
	md5(ROW(t_tsvector, t_tsquery, t_lsn, t_xid8, t_tid, t_oidvector, t_regclass)::text) AS others,
	count(*) AS n
FROM archive GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

INSERT INTO archive VALUES
(1, true, 'x', -2, 3, -4, 5, 1.5, -2.25, 12345.678901234567890, '12.34',
 '2026-01-02', '12:34:56.789', '12:34:56+02', '2026-01-02 03:04:05', '2026-01-02 03:04:05+01', '1 mon 2 days 3 s',
 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a name', 'some text', 'varchar', 'bp',
 '\xdeadbeef', B'10101', B'1',
 '10.0.0.1/24', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05',
 '{"a": [1, 2]}', '{"b": {"c": null}}', '$.a[*] ? (@ > 1)',
 '(1,2)', '((0,0),(1,1))', '((0,0),(1,1),(2,0))', '<(1,1),2>',
 '[1,5)', '{[1,3),[7,9)}',
 '{1,NULL,3}', '{a,"b c",NULL}', '{1.5,2.5}', '{"(1,x)","(2,y)"}',
 '(1,one)', 'happy', 7, 'short', '(3,three)',
 'a:1 b:2', 'a & b', '0/16B3748', '42', '(3,4)',
 '1 2 3', 'pg_class'),
-- borders
(2, false, '', -32768, 2147483647, -9223372036854775808, 4294967295, 'NaN', '-Infinity', 'NaN', '-1',
 'infinity', '24:00:00', '00:00:00-15', '-infinity', 'infinity', '-178000000 years',
 '00000000-0000-0000-0000-000000000000', repeat('n', 63), '', '', '', '', B'00000', B'',
 '::1', '::/0', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '""', '[]', '$',
 '(NaN,Infinity)', '((-1,-1),(-2,-2))', '((0,0))', '<(0,0),0>', 'empty', '{}',
 '{}', '{}', '[0:1]={1,2}', '{}',
 '(,)', 'sad', 2147483647, '', '(1,)', '', 'c', '0/0', '0', '(0,0)', '', NULL);
-- nothing but NULLs
INSERT INTO archive (id) VALUES (3);
-- lengths around the borders of varlena headers, at changing alignment
INSERT INTO archive (id, t_text, t_int2, t_float_array, t_bytea, t_numeric)
	SELECT 1000 + i, repeat('x', i), i % 3, array_fill(i, ARRAY[i % 5]), decode(repeat('ab', 300 - i), 'hex'), i::numeric / 7
	FROM generate_series(0, 300) i;
INSERT INTO archive (id, t_text, t_jsonb, t_int_array)
	SELECT 2000 + i, repeat('long ', i * 1000), jsonb_build_object('k', repeat('v', i * 500)), array_agg(j)
	FROM generate_series(1, 20) i, generate_series(1, i * 300) j GROUP BY i;

-- plain values, and values that the archive has compressed or put out of line
INSERT INTO s SELECT * FROM archive;
SELECT count(*), sum(n) FROM v;
SELECT * FROM v EXCEPT ALL SELECT * FROM wanted;
SELECT * FROM wanted EXCEPT ALL SELECT * FROM v;

-- values that are expanded objects in plpgsql, and short-header copies of them
DO $$
DECLARE
	a int[] := '{}';
	p pair;
	r archive;
BEGIN
	FOR i IN 1 .. 50 LOOP
		a := a || i;
		p := ROW(i, repeat('p', i));
		INSERT INTO s (id, t_int_array, t_pair, t_pair_array) VALUES (3000 + i, a, p, ARRAY[p, p]);
		INSERT INTO archive (id, t_int_array, t_pair, t_pair_array) VALUES (3000 + i, a, p, ARRAY[p, p]);
	END LOOP;
	FOR r IN SELECT * FROM archive WHERE id = 2020 LOOP
		r.id := 4000;
		INSERT INTO s SELECT r.*;
		INSERT INTO archive SELECT r.*;
	END LOOP;
END $$;
-- every way a value can be stored
ALTER TABLE archive ALTER t_text SET STORAGE EXTERNAL, ALTER t_bytea SET STORAGE MAIN, ALTER t_jsonb SET STORAGE PLAIN;
INSERT INTO archive (id, t_text, t_bytea, t_jsonb)
	SELECT 5000 + i, repeat('e', i * 3000), decode(repeat('00ff', i * 900), 'hex'), '{"plain": 1}' FROM generate_series(1, 5) i;
INSERT INTO s SELECT * FROM archive WHERE id BETWEEN 5000 AND 5999;
SELECT count(*), sum(n) FROM v;
SELECT * FROM v EXCEPT ALL SELECT * FROM wanted;
SELECT * FROM wanted EXCEPT ALL SELECT * FROM v;

-- rows that do not fit their column never get in
INSERT INTO s (id, t_positive) VALUES (1, 0);
INSERT INTO s (id, t_good_pair) VALUES (1, '(0,)');
INSERT INTO s (id, t_varchar) VALUES (1, repeat('x', 21));
\set VERBOSITY terse
INSERT INTO s (id) VALUES (NULL);
\set VERBOSITY default
SELECT sum(n) FROM v;

-- a value of 100 MB, next to small ones
CREATE TABLE large (id int, t text, n int) USING stream;
CREATE MATERIALIZED VIEW large_v AS
	SELECT id, length(t) AS length, md5(t) AS md5, n, count(*) FROM large GROUP BY 1, 2, 3, 4;
INSERT INTO large VALUES (1, 'small', 1), (2, repeat('0123456789', 10000000), 2), (3, 'small', 3);
SELECT id, length, md5 = md5(repeat('0123456789', 10000000)) AS same, n, count FROM large_v ORDER BY id;

-- no columns, no values
CREATE TABLE nothing () USING stream;
CREATE MATERIALIZED VIEW nothing_v AS SELECT count(*) FROM nothing;
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing SELECT FROM generate_series(1, 100000);
SELECT * FROM nothing_v;

SET client_min_messages = warning;
DROP TABLE s, large, nothing CASCADE;
DROP TABLE archive CASCADE;
DROP TYPE pair, mood CASCADE;
DROP DOMAIN positive, short_text;
