
/* ---- statistics: pg_stat_stream, pg_stat_stream_view, pg_stat_stream_database, pg_stat_stream_worker ---- */

CREATE FUNCTION _stream_ext.stat_stream(
    OUT relid oid, OUT rows_in bigint, OUT batches_in bigint, OUT bytes_in bigint,
    OUT rows_committed bigint, OUT rows_aborted bigint,
    OUT last_commit_lsn pg_lsn, OUT last_commit_time timestamptz,
    OUT backpressure_count bigint, OUT backpressure_time double precision,
    OUT stats_reset timestamptz)
    RETURNS SETOF record
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'stream_ext_stat_stream';
COMMENT ON FUNCTION _stream_ext.stat_stream() IS 'rows behind pg_stat_stream';
-- functions in a view are checked against whoever reads it
GRANT EXECUTE ON FUNCTION _stream_ext.stat_stream() TO PUBLIC;

CREATE FUNCTION _stream_ext.stat_view(
    OUT viewid oid, OUT state text,
    OUT worker_pid integer, OUT slow boolean,
    OUT rows_in bigint, OUT rows_processed bigint, OUT rows_filtered bigint,
    OUT rows_late bigint, OUT rows_late_dropped bigint, OUT rows_late_side bigint,
    OUT rows_expired bigint, OUT rows_rejected bigint,
    OUT dead_letters_dropped bigint,
    OUT batches bigint, OUT apply_time double precision, OUT retries bigint,
    OUT oversize_transactions bigint,
    OUT generations integer, OUT memory_groups bigint, OUT memory_bytes bigint,
    OUT generations_evicted bigint, OUT session_keys bigint, OUT session_bytes bigint,
    OUT flushes bigint, OUT flush_groups bigint, OUT flush_time double precision,
    OUT flushes_memory bigint, OUT flush_failures bigint, OUT groups_quarantined bigint,
    OUT last_flush_time timestamptz,
    OUT applied_lsn pg_lsn, OUT restart_lsn pg_lsn, OUT lag_bytes bigint,
    OUT last_commit_time timestamptz,
    OUT latency_p50 double precision, OUT latency_p99 double precision,
    OUT watermark bigint, OUT rows_untracked bigint,
    OUT last_error_time timestamptz, OUT last_error_sqlstate text, OUT last_error text,
    OUT stats_reset timestamptz)
    RETURNS SETOF record
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'stream_ext_stat_view';
COMMENT ON FUNCTION _stream_ext.stat_view() IS 'rows behind pg_stat_stream_view';
GRANT EXECUTE ON FUNCTION _stream_ext.stat_view() TO PUBLIC;

CREATE FUNCTION _stream_ext.view_waits_for(view oid) RETURNS text
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_view_waits_for';
COMMENT ON FUNCTION _stream_ext.view_waits_for(oid) IS 'why nobody serves a view of this database, or NULL';
GRANT EXECUTE ON FUNCTION _stream_ext.view_waits_for(oid) TO PUBLIC;

CREATE FUNCTION _stream_ext.stat_database(
    OUT datid oid, OUT on_hold boolean, OUT worker_starts bigint,
    OUT last_exit_time timestamptz, OUT read_lsn pg_lsn, OUT restart_lsn pg_lsn, OUT retained_bytes bigint,
    OUT last_commit_lsn pg_lsn, OUT oldest_xact_lsn pg_lsn,
    OUT transactions bigint, OUT slot_advances bigint, OUT batches_malformed bigint)
    RETURNS SETOF record
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED ROWS 2 AS 'MODULE_PATHNAME', 'stream_ext_stat_database';
COMMENT ON FUNCTION _stream_ext.stat_database() IS 'rows behind pg_stat_stream_database';
GRANT EXECUTE ON FUNCTION _stream_ext.stat_database() TO PUBLIC;

CREATE FUNCTION _stream_ext.stat_worker(
    OUT pid integer, OUT datid oid, OUT ownerid oid, OUT start_time timestamptz,
    OUT idle_since timestamptz, OUT views integer,
    OUT read_lsn pg_lsn,
    OUT transactions bigint, OUT transactions_reread bigint, OUT wal_bytes_read bigint)
    RETURNS SETOF record
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED ROWS 2 AS 'MODULE_PATHNAME', 'stream_ext_stat_worker';
COMMENT ON FUNCTION _stream_ext.stat_worker() IS 'rows behind pg_stat_stream_worker';
GRANT EXECUTE ON FUNCTION _stream_ext.stat_worker() TO PUBLIC;

CREATE FUNCTION _stream_ext.watermark_time(watermark bigint) RETURNS timestamptz
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_watermark_time';
COMMENT ON FUNCTION _stream_ext.watermark_time(bigint) IS 'a watermark as a time';
GRANT EXECUTE ON FUNCTION _stream_ext.watermark_time(bigint) TO PUBLIC;

CREATE VIEW @extschema@.pg_stat_stream AS
    SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS streamname,
           coalesce(s.rows_in, 0) AS rows_in,
           coalesce(s.batches_in, 0) AS batches_in,
           coalesce(s.bytes_in, 0) AS bytes_in,
           coalesce(s.rows_committed, 0) AS rows_committed,
           coalesce(s.rows_aborted, 0) AS rows_aborted,
           s.last_commit_lsn, s.last_commit_time,
           coalesce(s.backpressure_count, 0) AS backpressure_count,
           coalesce(s.backpressure_time, 0) AS backpressure_time,
           e.event_column AS event_time_column,
           CASE WHEN e.is_time
                THEN pg_catalog.make_interval(secs => e.delay::pg_catalog.float8 OPERATOR(pg_catalog./) 1000000)::pg_catalog.text
                ELSE e.delay::pg_catalog.text END AS event_time_delay,
           CASE WHEN e.idle_timeout OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.make_interval(secs => e.idle_timeout::pg_catalog.float8 OPERATOR(pg_catalog./) 1000000)
                END AS event_time_idle_timeout,
           s.stats_reset
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    LEFT JOIN _stream_ext.stat_stream() s ON s.relid OPERATOR(pg_catalog.=) c.oid
    LEFT JOIN LATERAL (
        SELECT t.event_column, t.is_time, t.delay, t.idle_timeout
        FROM _stream_ext.event_time t
        WHERE t.stream::pg_catalog.oid OPERATOR(pg_catalog.=) c.oid
        ORDER BY t.since DESC LIMIT 1) e ON e.event_column IS NOT NULL
    WHERE a.amname OPERATOR(pg_catalog.=) 'stream' AND c.relkind OPERATOR(pg_catalog.=) 'r';
COMMENT ON VIEW @extschema@.pg_stat_stream IS
    'statistics: one row for each stream of this database';
REVOKE ALL ON @extschema@.pg_stat_stream FROM PUBLIC;
GRANT SELECT ON @extschema@.pg_stat_stream TO PUBLIC;

CREATE FUNCTION _stream_ext.view_isolation(view oid, OUT isolation text, OUT reason text)
    LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_view_isolation';
COMMENT ON FUNCTION _stream_ext.view_isolation(oid) IS
    'shared where a view runs harmless built-in code only, else owner, and why';
GRANT EXECUTE ON FUNCTION _stream_ext.view_isolation(oid) TO PUBLIC;

/*
 * A worker keeps state "lagging" to itself, and a view that goes on but has no
 * worker is "waiting"; every other state is durable.
 * Texts of errors may tell of data, so they are for the owner and monitors.  A
 * watermark is data, the latest time of some row: who may read the view or the
 * stream sees it, as in stream_closed_until().
 */
CREATE VIEW @extschema@.pg_stat_stream_view AS
    SELECT c.oid AS relid, n.nspname AS schemaname, c.relname AS viewname, v.stream AS stream,
           CASE WHEN v.state OPERATOR(pg_catalog.<>) 'running' THEN v.state
                WHEN w.reason IS NOT NULL THEN 'waiting'
                WHEN s.state OPERATOR(pg_catalog.=) 'lagging' THEN s.state
                ELSE v.state END AS state,
           s.worker_pid,
           coalesce(s.rows_in, 0) AS rows_in,
           coalesce(s.rows_processed, 0) AS rows_processed,
           coalesce(s.rows_filtered, 0) AS rows_filtered,
           coalesce(s.rows_late, 0) AS rows_late,
           coalesce(s.rows_late_dropped, 0) AS rows_late_dropped,
           coalesce(s.rows_late_side, 0) AS rows_late_side,
           coalesce(s.rows_expired, 0) AS rows_expired,
           coalesce(s.rows_rejected, 0) AS rows_rejected,
           coalesce(s.dead_letters_dropped, 0) AS dead_letters_dropped,
           coalesce(s.batches, 0) AS batches,
           coalesce(s.apply_time, 0) AS apply_time,
           coalesce(s.retries, 0) AS retries,
           coalesce(s.oversize_transactions, 0) AS oversize_transactions,
           coalesce(s.generations, 0) AS generations,
           coalesce(s.memory_groups, 0) AS memory_groups,
           coalesce(s.memory_bytes, 0) AS memory_bytes,
           coalesce(s.generations_evicted, 0) AS generations_evicted,
           coalesce(s.session_keys, 0) AS session_keys,
           coalesce(s.session_bytes, 0) AS session_bytes,
           coalesce(s.flushes, 0) AS flushes,
           coalesce(s.flush_groups, 0) AS flush_groups,
           coalesce(s.flush_time, 0) AS flush_time,
           coalesce(s.flushes_memory, 0) AS flushes_memory,
           coalesce(s.flush_failures, 0) AS flush_failures,
           coalesce(s.groups_quarantined, 0) AS groups_quarantined,
           s.last_flush_time,
           coalesce(s.applied_lsn, p.lsn) AS applied_lsn,
           p.lsn AS flushed_lsn,
           coalesce(s.restart_lsn, p.restart_lsn) AS restart_lsn,
           s.lag_bytes,
           CASE WHEN s.lag_bytes OPERATOR(pg_catalog.>) 0
                THEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.last_commit_time
                WHEN s.lag_bytes OPERATOR(pg_catalog.=) 0
                THEN interval '0' END AS lag_time,
           s.last_commit_time,
           s.latency_p50, s.latency_p99,
           CASE WHEN e.is_time AND r.may_read
                THEN _stream_ext.watermark_time(coalesce(s.watermark, p.watermark)) END AS watermark,
           CASE WHEN NOT e.is_time AND r.may_read
                THEN nullif(coalesce(s.watermark, p.watermark), (-9223372036854775808)::pg_catalog.int8)
                END AS watermark_integer,
           coalesce(s.rows_untracked, 0) AS rows_untracked,
           s.last_error_time, s.last_error_sqlstate,
           CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE')
                     OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
                THEN coalesce(CASE WHEN v.state OPERATOR(pg_catalog.=) 'running' THEN w.reason END,
                              s.last_error, v.state_message) END AS last_error,
           CASE WHEN s.slow THEN 'owner' ELSE i.isolation END AS isolation,
           CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE')
                     OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
                THEN CASE WHEN s.slow THEN 'slow runs' ELSE i.reason END END AS isolation_reason,
           s.stats_reset
    FROM _stream_ext.continuous_view v
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) v.view::pg_catalog.oid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    LEFT JOIN _stream_ext.view_position p ON p.view::pg_catalog.oid OPERATOR(pg_catalog.=) c.oid
    LEFT JOIN _stream_ext.stat_view() s ON s.viewid OPERATOR(pg_catalog.=) c.oid
    CROSS JOIN LATERAL (SELECT _stream_ext.view_waits_for(c.oid) AS reason OFFSET 0) w
    LEFT JOIN LATERAL _stream_ext.view_isolation(c.oid) i ON true
    CROSS JOIN LATERAL (
        SELECT pg_catalog.has_table_privilege(c.oid, 'SELECT')
               OR pg_catalog.has_table_privilege(v.stream::pg_catalog.oid, 'SELECT')
               OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS may_read) r
    LEFT JOIN LATERAL (
        SELECT t.event_column, t.is_time
        FROM _stream_ext.event_time t
        WHERE t.stream::pg_catalog.oid OPERATOR(pg_catalog.=) v.stream::pg_catalog.oid
        ORDER BY t.since DESC LIMIT 1) e ON e.event_column IS NOT NULL;
COMMENT ON VIEW @extschema@.pg_stat_stream_view IS
    'statistics: one row for each continuous view of this database';
REVOKE ALL ON @extschema@.pg_stat_stream_view FROM PUBLIC;
GRANT SELECT ON @extschema@.pg_stat_stream_view TO PUBLIC;

CREATE VIEW @extschema@.pg_stat_stream_database AS
    SELECT s.datid, d.datname, s.on_hold, s.worker_starts, s.last_exit_time, s.read_lsn, s.restart_lsn,
           s.retained_bytes, s.last_commit_lsn, s.oldest_xact_lsn, s.transactions, s.slot_advances,
           s.batches_malformed
    FROM _stream_ext.stat_database() s
    LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.datid;
COMMENT ON VIEW @extschema@.pg_stat_stream_database IS
    'statistics: one row for each database of the cluster that has streams';
REVOKE ALL ON @extschema@.pg_stat_stream_database FROM PUBLIC;
GRANT SELECT ON @extschema@.pg_stat_stream_database TO PUBLIC;

CREATE VIEW @extschema@.pg_stat_stream_worker AS
    SELECT w.pid, w.datid, d.datname,
           CASE WHEN w.ownerid IS NULL THEN 'shared' ELSE 'owner' END AS worker_type,
           w.ownerid AS usesysid, pg_catalog.pg_get_userbyid(w.ownerid) AS usename,
           w.start_time AS backend_start, w.idle_since, w.views, w.read_lsn,
           w.transactions, w.transactions_reread, w.wal_bytes_read
    FROM _stream_ext.stat_worker() w
    LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) w.datid;
COMMENT ON VIEW @extschema@.pg_stat_stream_worker IS
    'statistics: one row for each stream worker of the cluster';
REVOKE ALL ON @extschema@.pg_stat_stream_worker FROM PUBLIC;
GRANT SELECT ON @extschema@.pg_stat_stream_worker TO PUBLIC;

CREATE FUNCTION @extschema@.pg_stat_reset_stream(relation regclass DEFAULT NULL) RETURNS void
    LANGUAGE c CALLED ON NULL INPUT VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'stream_ext_stat_reset';
COMMENT ON FUNCTION @extschema@.pg_stat_reset_stream(regclass) IS
    'statistics: sets the counters of a stream, a continuous view, or all of this database, to zero';
REVOKE ALL ON FUNCTION @extschema@.pg_stat_reset_stream(regclass) FROM PUBLIC;
