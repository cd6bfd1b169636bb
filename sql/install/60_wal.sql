/* Reading streams from WAL, to look at (src/wal/feed_sql.c). */

CREATE FUNCTION _stream_ext.feed_transactions(
	restart_lsn pg_lsn,
	applied_lsn pg_lsn,
	memory_kb integer,
	follow boolean DEFAULT false,
	OUT xid xid,
	OUT commit_lsn pg_lsn,
	OUT end_lsn pg_lsn,
	OUT commit_time timestamptz,
	OUT nrows bigint,
	OUT nbatches integer,
	OUT in_memory boolean,
	OUT feed_restart_lsn pg_lsn,
	OUT from_ring boolean)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'stream_ext_feed_transactions';
COMMENT ON FUNCTION _stream_ext.feed_transactions(pg_lsn, pg_lsn, integer, boolean) IS
	'committed transactions with stream rows: what a worker starting at restart_lsn would apply, from WAL alone, or following the stream reader';
REVOKE ALL ON FUNCTION _stream_ext.feed_transactions(pg_lsn, pg_lsn, integer, boolean) FROM PUBLIC;
