
/* ---- control: waiting for views, stopping and starting them ---- */

CREATE FUNCTION @extschema@.stream_sync(timeout interval DEFAULT '1 minute') RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_sync';
COMMENT ON FUNCTION @extschema@.stream_sync(interval) IS
    'waits until every running continuous view of this database holds what was committed before the call; fails where one that the caller may read has a gap or an error';
REVOKE ALL ON FUNCTION @extschema@.stream_sync(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_sync(interval) TO PUBLIC;

-- for owners of the view only: checked inside, as ALTER does
CREATE FUNCTION @extschema@.stream_flush(view regclass, timeout interval DEFAULT '1 minute') RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_flush';
COMMENT ON FUNCTION @extschema@.stream_flush(regclass, interval) IS
    'waits until what the continuous view holds is in its storage';
REVOKE ALL ON FUNCTION @extschema@.stream_flush(regclass, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_flush(regclass, interval) TO PUBLIC;

-- flushes views of others: for superusers, unless granted
CREATE FUNCTION @extschema@.stream_prepare_backup(timeout interval DEFAULT '1 minute') RETURNS pg_lsn
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_prepare_backup';
COMMENT ON FUNCTION @extschema@.stream_prepare_backup(interval) IS
    'waits until the storage of every continuous view of this database holds what was committed before the call; returns where WAL ends then';
REVOKE ALL ON FUNCTION @extschema@.stream_prepare_backup(interval) FROM PUBLIC;

/*
 * Three variants, so that the delay may be an interval, an integer, or a
 * literal of no type: that is text, and means what the column is.
 */
CREATE FUNCTION @extschema@.stream_set_event_time(stream regclass, event_column name,
    delay interval DEFAULT '0', idle_timeout interval DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_set_event_time';
COMMENT ON FUNCTION @extschema@.stream_set_event_time(regclass, name, interval, interval) IS
    'says which column of a stream is its event time; NULL takes it back';
REVOKE ALL ON FUNCTION @extschema@.stream_set_event_time(regclass, name, interval, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_set_event_time(regclass, name, interval, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_set_event_time(stream regclass, event_column name,
    delay bigint, idle_timeout interval DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_set_event_time_integer';
COMMENT ON FUNCTION @extschema@.stream_set_event_time(regclass, name, bigint, interval) IS
    'says which integer column of a stream is its event time';
REVOKE ALL ON FUNCTION @extschema@.stream_set_event_time(regclass, name, bigint, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_set_event_time(regclass, name, bigint, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_set_event_time(stream regclass, event_column name,
    delay text, idle_timeout interval DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_set_event_time_text';
COMMENT ON FUNCTION @extschema@.stream_set_event_time(regclass, name, text, interval) IS
    'says which column of a stream is its event time, with the delay as text';
REVOKE ALL ON FUNCTION @extschema@.stream_set_event_time(regclass, name, text, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_set_event_time(regclass, name, text, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_pause(view regclass) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_pause';
COMMENT ON FUNCTION @extschema@.stream_pause(regclass) IS
    'stops a continuous view; it keeps its position and its WAL';
REVOKE ALL ON FUNCTION @extschema@.stream_pause(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_pause(regclass) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_resume(view regclass) RETURNS void
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_resume';
COMMENT ON FUNCTION @extschema@.stream_resume(regclass) IS
    'lets a paused, failed or disabled continuous view read on from its position, or one in a gap whose WAL is to be had';
REVOKE ALL ON FUNCTION @extschema@.stream_resume(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_resume(regclass) TO PUBLIC;

CREATE FUNCTION @extschema@.stream_accept_gap(view regclass, OUT lost_from pg_lsn, OUT lost_to pg_lsn)
    LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_accept_gap';
COMMENT ON FUNCTION @extschema@.stream_accept_gap(regclass) IS
    'lets a continuous view whose WAL is gone go on from now; returns the part of the WAL that it lost';
REVOKE ALL ON FUNCTION @extschema@.stream_accept_gap(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_accept_gap(regclass) TO PUBLIC;

-- for owners of the stream, or of the view: checked inside
CREATE FUNCTION @extschema@.stream_purge_dead_letters(relation regclass, before timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'stream_ext_purge_dead_letters';
COMMENT ON FUNCTION @extschema@.stream_purge_dead_letters(regclass, timestamptz) IS
    'deletes the dead letters of a continuous view, or of all views over a stream; returns how many there were';
REVOKE ALL ON FUNCTION @extschema@.stream_purge_dead_letters(regclass, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stream_purge_dead_letters(regclass, timestamptz) TO PUBLIC;
