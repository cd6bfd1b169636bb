/* Reading streams from WAL, to look at (src/wal/feed_sql.c). */

CREATE FUNCTION _stream_ext.feed_transactions(
	restart_lsn pg_lsn,
	applied_lsn pg_lsn,
	memory_kb integer,
	OUT xid xid,
	OUT commit_lsn pg_lsn,
	OUT end_lsn pg_lsn,
	OUT commit_time timestamptz,
	OUT nrows bigint,
	OUT nbatches integer,
	OUT in_memory boolean,
	OUT feed_restart_lsn pg_lsn)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'stream_ext_feed_transactions';
COMMENT ON FUNCTION _stream_ext.feed_transactions(pg_lsn, pg_lsn, integer) IS
	'committed transactions with stream rows, read from WAL: what a worker starting at restart_lsn would apply';
REVOKE ALL ON FUNCTION _stream_ext.feed_transactions(pg_lsn, pg_lsn, integer) FROM PUBLIC;
