
/* --- the access method: CREATE TABLE ... USING stream ------------------------- */

CREATE FUNCTION _stream_ext.tableam_handler(internal)
RETURNS table_am_handler
AS 'MODULE_PATHNAME', 'stream_ext_tableam_handler'
LANGUAGE C STRICT;
COMMENT ON FUNCTION _stream_ext.tableam_handler(internal) IS 'handler of the table access method "stream"';
REVOKE ALL ON FUNCTION _stream_ext.tableam_handler(internal) FROM PUBLIC;

CREATE ACCESS METHOD stream TYPE TABLE HANDLER _stream_ext.tableam_handler;
COMMENT ON ACCESS METHOD stream IS 'streams: rows go to continuous views and are not kept';
