/* The foreign tables over shared memory, one per continuous view (src/memory_scan). */

CREATE FUNCTION _stream_ext.memory_handler()
RETURNS fdw_handler
LANGUAGE C STRICT
AS 'MODULE_PATHNAME', 'stream_ext_memory_handler';
COMMENT ON FUNCTION _stream_ext.memory_handler() IS
	'handler of foreign-data wrapper stream_memory';
REVOKE ALL ON FUNCTION _stream_ext.memory_handler() FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER stream_memory
	HANDLER _stream_ext.memory_handler;
COMMENT ON FOREIGN DATA WRAPPER stream_memory IS
	'groups of continuous views that are not in storage yet';

CREATE SERVER stream_memory FOREIGN DATA WRAPPER stream_memory;
COMMENT ON SERVER stream_memory IS
	'shared memory of stream_ext';

/*
 * ---- what is closed ----
 *
 * Volatile: what a condition finds must go with the groups that the statement
 * reads, and a stable function is also called before they are read, to leave
 * out partitions.  As a subquery it is called once, when it may leave them out.
 */

CREATE FUNCTION @extschema@.stream_closed_until(view regclass) RETURNS timestamptz
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_closed_until';
COMMENT ON FUNCTION @extschema@.stream_closed_until(regclass) IS
    'windows of the continuous view that end at or before this are closed';
REVOKE ALL ON FUNCTION @extschema@.stream_closed_until(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_closed_until(regclass) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_closed_until_integer(view regclass) RETURNS bigint
    LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_closed_until_integer';
COMMENT ON FUNCTION @extschema@.stream_closed_until_integer(regclass) IS
    'windows of the continuous view that end at or before this are closed, where time is an integer';
REVOKE ALL ON FUNCTION @extschema@.stream_closed_until_integer(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_closed_until_integer(regclass) TO PUBLIC;

CREATE FUNCTION _stream_ext.closed_until(memory regclass) RETURNS timestamptz
    LANGUAGE c STRICT STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_closed_until_of_memory';
COMMENT ON FUNCTION _stream_ext.closed_until(regclass) IS
    'windows that end at or before this are closed in the cut of the statement; for views that emit on close';
GRANT EXECUTE ON FUNCTION _stream_ext.closed_until(regclass) TO PUBLIC;

CREATE FUNCTION _stream_ext.closed_until_utc(memory regclass) RETURNS timestamp
    LANGUAGE c STRICT STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_closed_until_of_memory';
COMMENT ON FUNCTION _stream_ext.closed_until_utc(regclass) IS
    'windows that end at or before this are closed in the cut of the statement; for views that emit on close';
GRANT EXECUTE ON FUNCTION _stream_ext.closed_until_utc(regclass) TO PUBLIC;

CREATE FUNCTION _stream_ext.closed_until_integer(memory regclass) RETURNS bigint
    LANGUAGE c STRICT STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'stream_ext_closed_until_of_memory_integer';
COMMENT ON FUNCTION _stream_ext.closed_until_integer(regclass) IS
    'windows that end at or before this are closed in the cut of the statement; for views that emit on close';
GRANT EXECUTE ON FUNCTION _stream_ext.closed_until_integer(regclass) TO PUBLIC;
