-- Nexmark: all queries
--
--     psql -d mydb -f doc/examples/nexmark/run.sql
--     psql -d mydb -v events=1000000 -v seed=7 -f doc/examples/nexmark/run.sql
--
-- Makes everything in schema nexmark, sends the events in three parts, with the
-- groups of the first one in storage when the second one comes and a part of
-- the last one in memory, and compares every query with its expectation.
\if :{?events}
\else
\set events 20000
\endif
\if :{?seed}
\else
\set seed 1
\endif

\ir generator.sql
UPDATE config SET seed = :seed;
\ir streams.sql
\ir q0.sql
\ir q1.sql
\ir q2.sql
\ir q5.sql
\ir q7.sql
\ir q8.sql
\ir q11.sql
\ir q12.sql
\ir q15.sql
\ir q16.sql
\ir q17.sql

\set half :events / 2
\set most :events * 9 / 10
CALL send(0, :half);
SELECT count(stream_flush(relid)) AS flushed FROM pg_stat_stream_view WHERE schemaname = 'nexmark';
CALL send(:half, :most);
SELECT count(stream_flush(relid)) AS flushed FROM pg_stat_stream_view WHERE schemaname = 'nexmark';
CALL send(:most, :events);
SELECT stream_sync();

SELECT c.* FROM unnest('{q0,q1,q2,q5,q7,q7_one,q8,q11,q12,q15,q16,q17}'::text[]) q, compare(q) c;
