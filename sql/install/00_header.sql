/* stream_ext: the objects of the extension, part by part (sql/install/NN_*.sql). */

\echo Use "CREATE EXTENSION stream_ext" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE SCHEMA _stream_ext;
COMMENT ON SCHEMA _stream_ext IS 'internal objects of stream_ext';
REVOKE ALL ON SCHEMA _stream_ext FROM PUBLIC;
-- so that the owner of a database can dump it: LOCK TABLE of the parts names them
GRANT USAGE ON SCHEMA _stream_ext TO pg_database_owner;
