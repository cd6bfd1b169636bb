
/* ---- aggregate: stored transition states ---- */

CREATE TYPE _stream_ext.stream_partial;

CREATE FUNCTION _stream_ext.stream_partial_in(cstring) RETURNS _stream_ext.stream_partial
    LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_partial_in';
COMMENT ON FUNCTION _stream_ext.stream_partial_in(cstring) IS 'I/O, superusers only';

CREATE FUNCTION _stream_ext.stream_partial_out(_stream_ext.stream_partial) RETURNS cstring
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_partial_out';
COMMENT ON FUNCTION _stream_ext.stream_partial_out(_stream_ext.stream_partial) IS 'I/O';

CREATE FUNCTION _stream_ext.stream_partial_recv(internal) RETURNS _stream_ext.stream_partial
    LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_partial_recv';
COMMENT ON FUNCTION _stream_ext.stream_partial_recv(internal) IS 'I/O, superusers only';

CREATE FUNCTION _stream_ext.stream_partial_send(_stream_ext.stream_partial) RETURNS bytea
    LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'stream_ext_partial_send';
COMMENT ON FUNCTION _stream_ext.stream_partial_send(_stream_ext.stream_partial) IS 'I/O';

CREATE TYPE _stream_ext.stream_partial (
    INPUT = _stream_ext.stream_partial_in,
    OUTPUT = _stream_ext.stream_partial_out,
    RECEIVE = _stream_ext.stream_partial_recv,
    SEND = _stream_ext.stream_partial_send,
    STORAGE = extended
);
COMMENT ON TYPE _stream_ext.stream_partial IS
    'stored transition state of an aggregate, opaque';
