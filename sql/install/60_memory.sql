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
