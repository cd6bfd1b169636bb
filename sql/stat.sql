-- pg_stat_stream, pg_stat_stream_view, pg_stat_stream_worker
CREATE TABLE events (ts timestamptz, k int, v int) USING stream;
CREATE MATERIALIZED VIEW per_key AS SELECT k, sum(100 / v) FROM events WHERE k <> 3 GROUP BY k;
CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM events;

-- before any row
SELECT stream_sync();
SELECT streamname, rows_in, batches_in, bytes_in, rows_committed, last_commit_time, stats_reset FROM pg_stat_stream;
SELECT viewname, stream, state, rows_in, memory_groups, last_error FROM pg_stat_stream_view ORDER BY viewname;

-- every row is accounted for
INSERT INTO events SELECT now(), g % 5, g % 4 FROM generate_series(1, 100) g;
BEGIN;
INSERT INTO events SELECT now(), 1, 1 FROM generate_series(1, 10) g;
ROLLBACK;
SELECT stream_sync();
SELECT rows_in, batches_in, bytes_in > 1000 AS bytes, rows_committed,
       last_commit_time > now() - interval '1 hour' AS lately FROM pg_stat_stream;
SELECT viewname, state, rows_in, rows_processed, rows_filtered, rows_late, rows_expired, rows_rejected,
       rows_in = rows_processed + rows_filtered + rows_late + rows_expired + rows_rejected AS complete,
       batches > 0 AS batches, apply_time > 0 AS apply_time,
       flush_failures, groups_quarantined, dead_letters_dropped
  FROM pg_stat_stream_view ORDER BY viewname;
SELECT viewname, last_error_sqlstate, last_error FROM pg_stat_stream_view ORDER BY viewname;

-- how far they have got
SELECT viewname, applied_lsn >= s.last_commit_lsn AS applied, lag_bytes, lag_time,
       v.last_commit_time = s.last_commit_time AS newest,
       latency_p50 > 0 AS p50, latency_p99 >= latency_p50 AS p99
  FROM pg_stat_stream_view v, pg_stat_stream s ORDER BY viewname;
SELECT stream_flush('total'), stream_flush('per_key');
SELECT viewname, flushed_lsn >= s.last_commit_lsn AS flushed, flushes > 0 AS flushes,
       flush_groups, flush_time > 0 AS flush_time, v.last_flush_time > now() - interval '1 hour' AS lately
  FROM pg_stat_stream_view v, pg_stat_stream s ORDER BY viewname;

-- a view that stands still falls behind
SELECT stream_pause('total');
INSERT INTO events VALUES (now(), 1, 1);
SELECT stream_sync();
SELECT viewname, state, lag_bytes > 0 AS lag, lag_time > '0' AS lag_time FROM pg_stat_stream_view ORDER BY viewname;
SELECT stream_resume('total');
SELECT stream_sync();
SELECT viewname, state, lag_bytes, lag_time FROM pg_stat_stream_view ORDER BY viewname;

-- rows that were written before their transaction was rolled back
BEGIN;
SET LOCAL stream_ext.batch_size = '1kB';
INSERT INTO events SELECT now(), 1, 1 FROM generate_series(1, 1000) g;
ROLLBACK;
INSERT INTO events VALUES (now(), 1, 1);
SELECT stream_sync();
SELECT rows_in - rows_committed = rows_aborted AS accounted, rows_aborted > 500 AS aborted FROM pg_stat_stream;

-- how far event time has got
CREATE MATERIALIZED VIEW per_hour AS
    SELECT w.window_start, count(*) FROM events, tumble(ts, '1 hour') w GROUP BY 1;
SELECT stream_set_event_time('events', 'ts', '1 hour');
SELECT event_time_column, event_time_delay, event_time_idle_timeout FROM pg_stat_stream;
SELECT watermark FROM pg_stat_stream_view WHERE viewname = 'per_hour';
INSERT INTO events VALUES ('2020-01-01 10:30+00', 1, 1), ('2020-01-01 12:30+00', 1, 1), ('infinity', 1, 1), (NULL, 1, 1);
INSERT INTO events VALUES ('2020-01-01 11:30+00', 1, 1);
SELECT stream_sync();
SELECT watermark FROM pg_stat_stream_view WHERE viewname = 'per_hour';
DROP MATERIALIZED VIEW per_hour;

-- the database and its worker: all views here are harmless
SELECT datname = current_database() AS here, worker_starts > 0 AS starts, on_hold,
       read_lsn >= last_commit_lsn AS has_read, retained_bytes >= 0 AS retained, transactions > 0 AS transactions
  FROM pg_stat_stream_database WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT datname = current_database() AS here, worker_type, usename, views > 0 AS views,
       backend_start < now() AS started, transactions > 0 AS transactions, wal_bytes_read > 0 AS wal
  FROM pg_stat_stream_worker WHERE worker_type = 'shared' AND datid = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT viewname, isolation, worker_pid = (SELECT pid FROM pg_stat_stream_worker WHERE datname = current_database() AND worker_type = 'shared') AS its_worker
  FROM pg_stat_stream_view ORDER BY viewname;

-- the oldest open transaction, here a prepared one, holds up what may be forgotten
CREATE VIEW here AS SELECT d.*, w.pid FROM pg_stat_stream_database d
  LEFT JOIN pg_stat_stream_worker w ON w.datid = d.datid AND w.worker_type = 'shared' WHERE d.datname = current_database();
SELECT oldest_xact_lsn FROM here;
BEGIN;
INSERT INTO events VALUES (now(), 1, 1);
PREPARE TRANSACTION 'regress_stat';
INSERT INTO events VALUES (now(), 1, 1);
SELECT stream_sync();
SELECT restart_lsn <= oldest_xact_lsn AS kept, oldest_xact_lsn < read_lsn AS older FROM here;
COMMIT PREPARED 'regress_stat';
SELECT stream_sync();
SELECT oldest_xact_lsn FROM here;

-- what is in memory (the next flush is ten seconds away), and when something failed
SELECT stream_flush('total');
INSERT INTO events VALUES (now(), 1, 0);
SELECT stream_sync();
SELECT generations > 0 AS generations, memory_groups > 0 AS groups, memory_bytes > 0 AS bytes FROM pg_stat_stream_view WHERE viewname = 'total';
SELECT viewname, last_error_time > now() - interval '1 hour' AS lately FROM pg_stat_stream_view ORDER BY viewname;

-- another worker in its place
SELECT pid, worker_starts FROM here \gset
SELECT pg_terminate_backend(pid) FROM here;
INSERT INTO events VALUES (now(), 1, 1);
SELECT count > 0 AS read FROM total;
SELECT pid <> :pid AS other, worker_starts - :worker_starts AS starts, last_exit_time > now() - interval '1 hour' AS ended FROM here;
DROP VIEW here;

-- texts of errors are for the owner and for monitors
CREATE ROLE regress_stat_reader;
SET ROLE regress_stat_reader;
SELECT viewname, rows_in > 0 AS rows, last_error_sqlstate, last_error FROM pg_stat_stream_view ORDER BY viewname;
SELECT rows_in > 0 AS rows FROM pg_stat_stream;
SELECT count(*) > 0 AS workers FROM pg_stat_stream_worker;
SELECT count(*) > 0 AS databases FROM pg_stat_stream_database;
SELECT * FROM _stream_ext.stat_view();
SELECT pg_stat_reset_stream();
RESET ROLE;
GRANT pg_read_all_stats TO regress_stat_reader;
SET ROLE regress_stat_reader;
SELECT viewname, last_error FROM pg_stat_stream_view ORDER BY viewname;
RESET ROLE;
DROP ROLE regress_stat_reader;

-- reset: one, then all
SELECT pg_stat_reset_stream('per_key');
SELECT viewname, rows_in, rows_rejected, last_error, latency_p50 IS NULL AS no_latency,
       stats_reset IS NOT NULL AS reset, state, applied_lsn IS NOT NULL AS applied
  FROM pg_stat_stream_view WHERE viewname = 'per_key';
SELECT rows_in > 0 AS kept FROM pg_stat_stream_view WHERE viewname = 'total';
SELECT pg_stat_reset_stream();
SELECT rows_in, stats_reset IS NOT NULL AS reset FROM pg_stat_stream_view WHERE viewname = 'total';
SELECT rows_in, rows_committed, stats_reset IS NOT NULL AS reset FROM pg_stat_stream;

-- every object says what it is
SELECT c.oid::regclass FROM pg_class c
 WHERE relname LIKE 'pg\_stat\_stream%' AND obj_description(c.oid, 'pg_class') IS NULL;

DROP TABLE events CASCADE;
SELECT count(*) FROM pg_stat_stream_view;
SELECT count(*) FROM pg_stat_stream;
