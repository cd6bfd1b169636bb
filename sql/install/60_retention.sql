/* Retention: where a view's windows end. */

CREATE FUNCTION _stream_ext.retention_horizon(retention pg_catalog.interval)
RETURNS pg_catalog.timestamptz
AS 'MODULE_PATHNAME', 'stream_ext_retention_horizon'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _stream_ext.retention_horizon(pg_catalog.interval) IS
	'windows that start before this moment are expired';
REVOKE ALL ON FUNCTION _stream_ext.retention_horizon(pg_catalog.interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION _stream_ext.retention_horizon(pg_catalog.interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.retention_horizon_utc(retention pg_catalog.interval)
RETURNS pg_catalog.timestamp
AS 'MODULE_PATHNAME', 'stream_ext_retention_horizon'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION _stream_ext.retention_horizon_utc(pg_catalog.interval) IS
	'the same for windows without time zone: the moment in UTC';
REVOKE ALL ON FUNCTION _stream_ext.retention_horizon_utc(pg_catalog.interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION _stream_ext.retention_horizon_utc(pg_catalog.interval) TO PUBLIC;
