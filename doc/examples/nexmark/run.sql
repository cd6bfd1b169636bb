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

\ir setup.sql
UPDATE config SET seed = :seed;

\set half :events / 2
\set most :events * 9 / 10
CALL send(0, :half);
SELECT count(stream_flush(relid)) AS flushed FROM pg_stat_stream_view WHERE schemaname = 'nexmark';
CALL send(:half, :most);
SELECT count(stream_flush(relid)) AS flushed FROM pg_stat_stream_view WHERE schemaname = 'nexmark';
CALL send(:most, :events);
SELECT stream_sync();

SELECT * FROM compare_all();
