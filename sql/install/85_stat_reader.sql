
/* ---- statistics: pg_stat_stream_reader ---- */

CREATE FUNCTION _stream_ext.stat_reader(
    OUT pid integer, OUT reader_start_time timestamptz, OUT reader_starts bigint,
    OUT read_lsn pg_lsn, OUT restart_lsn pg_lsn, OUT wal_bytes_read bigint,
    OUT transactions bigint, OUT transactions_too_large bigint, OUT batches_malformed bigint,
    OUT ring_size bigint, OUT ring_used bigint, OUT ring_start_lsn pg_lsn, OUT ring_origin_lsn pg_lsn,
    OUT ring_overruns bigint)
    RETURNS record
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_stat_reader';
COMMENT ON FUNCTION _stream_ext.stat_reader() IS 'the row behind pg_stat_stream_reader';
GRANT EXECUTE ON FUNCTION _stream_ext.stat_reader() TO PUBLIC;

CREATE VIEW @extschema@.pg_stat_stream_reader AS
    SELECT r.pid, r.reader_start_time, r.reader_starts, r.read_lsn, r.restart_lsn, r.wal_bytes_read,
           r.transactions, r.transactions_too_large, r.batches_malformed,
           r.ring_size, r.ring_used, r.ring_start_lsn, r.ring_origin_lsn, r.ring_overruns
    FROM _stream_ext.stat_reader() r;
COMMENT ON VIEW @extschema@.pg_stat_stream_reader IS
    'statistics: one row, the process that reads WAL for the stream workers of the cluster';
REVOKE ALL ON @extschema@.pg_stat_stream_reader FROM PUBLIC;
GRANT SELECT ON @extschema@.pg_stat_stream_reader TO PUBLIC;
