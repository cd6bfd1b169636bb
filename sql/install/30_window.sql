-- Windows: set-returning functions for FROM, usable on any table.
--
-- They are SQL so that the planner inlines them into the query; the work is
-- done by C functions, of which those that give several windows per row return
-- one column: a set function in a select list needs no tuplestore.
-- A NULL origin is the default one: a Monday; for windows of months the first
-- of January 2000.

-- timestamp with time zone

CREATE FUNCTION _stream_ext.tumble_start(ts timestamp with time zone, size interval, origin timestamp with time zone, time_zone text)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_start';
COMMENT ON FUNCTION _stream_ext.tumble_start(timestamp with time zone, interval, timestamp with time zone, text) IS 'start of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_start(timestamp with time zone, interval, timestamp with time zone, text) TO PUBLIC;

CREATE FUNCTION _stream_ext.tumble_end(ts timestamp with time zone, size interval, origin timestamp with time zone, time_zone text)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_end';
COMMENT ON FUNCTION _stream_ext.tumble_end(timestamp with time zone, interval, timestamp with time zone, text) IS 'end of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_end(timestamp with time zone, interval, timestamp with time zone, text) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_starts(ts timestamp with time zone, slide interval, size interval, origin timestamp with time zone)
RETURNS SETOF timestamp with time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_hop_starts';
COMMENT ON FUNCTION _stream_ext.hop_starts(timestamp with time zone, interval, interval, timestamp with time zone) IS 'starts of the hopping windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_starts(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.cumulate_ends(ts timestamp with time zone, step interval, size interval, origin timestamp with time zone)
RETURNS SETOF timestamp with time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_cumulate_ends';
COMMENT ON FUNCTION _stream_ext.cumulate_ends(timestamp with time zone, interval, interval, timestamp with time zone) IS 'ends of the cumulating windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.cumulate_ends(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.window_end(window_start timestamp with time zone, size interval)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_window_end';
COMMENT ON FUNCTION _stream_ext.window_end(timestamp with time zone, interval) IS 'end of the window of this size that starts at window_start';
GRANT EXECUTE ON FUNCTION _stream_ext.window_end(timestamp with time zone, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.tumble(ts timestamp with time zone, size interval, origin timestamp with time zone DEFAULT NULL, time_zone text DEFAULT NULL)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.tumble_start(ts, size, origin, time_zone), _stream_ext.tumble_end(ts, size, origin, time_zone);
END;
COMMENT ON FUNCTION @extschema@.tumble(timestamp with time zone, interval, timestamp with time zone, text) IS 'the tumbling window [window_start, window_end) that holds ts';
GRANT EXECUTE ON FUNCTION @extschema@.tumble(timestamp with time zone, interval, timestamp with time zone, text) TO PUBLIC;

CREATE FUNCTION @extschema@.hop(ts timestamp with time zone, slide interval, size interval, origin timestamp with time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT w.window_start, _stream_ext.window_end(w.window_start, size)
	  FROM (SELECT _stream_ext.hop_starts(ts, slide, size, origin) AS window_start) w;
END;
COMMENT ON FUNCTION @extschema@.hop(timestamp with time zone, interval, interval, timestamp with time zone) IS 'the windows [window_start, window_end) of this size, one every slide, that hold ts';
GRANT EXECUTE ON FUNCTION @extschema@.hop(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

CREATE FUNCTION @extschema@.cumulate(ts timestamp with time zone, step interval, size interval, origin timestamp with time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT CASE WHEN w.window_end IS NOT NULL THEN _stream_ext.tumble_start(ts, size, origin, NULL) END, w.window_end
	  FROM (SELECT _stream_ext.cumulate_ends(ts, step, size, origin) AS window_end) w;
END;
COMMENT ON FUNCTION @extschema@.cumulate(timestamp with time zone, interval, interval, timestamp with time zone) IS 'the windows [window_start, window_end) that hold ts and grow by step up to size';
GRANT EXECUTE ON FUNCTION @extschema@.cumulate(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

-- timestamp without time zone

CREATE FUNCTION _stream_ext.tumble_start(ts timestamp without time zone, size interval, origin timestamp without time zone)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_start';
COMMENT ON FUNCTION _stream_ext.tumble_start(timestamp without time zone, interval, timestamp without time zone) IS 'start of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_start(timestamp without time zone, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.tumble_end(ts timestamp without time zone, size interval, origin timestamp without time zone)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_end';
COMMENT ON FUNCTION _stream_ext.tumble_end(timestamp without time zone, interval, timestamp without time zone) IS 'end of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_end(timestamp without time zone, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_starts(ts timestamp without time zone, slide interval, size interval, origin timestamp without time zone)
RETURNS SETOF timestamp without time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_hop_starts';
COMMENT ON FUNCTION _stream_ext.hop_starts(timestamp without time zone, interval, interval, timestamp without time zone) IS 'starts of the hopping windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_starts(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.cumulate_ends(ts timestamp without time zone, step interval, size interval, origin timestamp without time zone)
RETURNS SETOF timestamp without time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_cumulate_ends';
COMMENT ON FUNCTION _stream_ext.cumulate_ends(timestamp without time zone, interval, interval, timestamp without time zone) IS 'ends of the cumulating windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.cumulate_ends(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.window_end(window_start timestamp without time zone, size interval)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_window_end';
COMMENT ON FUNCTION _stream_ext.window_end(timestamp without time zone, interval) IS 'end of the window of this size that starts at window_start';
GRANT EXECUTE ON FUNCTION _stream_ext.window_end(timestamp without time zone, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.tumble(ts timestamp without time zone, size interval, origin timestamp without time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.tumble_start(ts, size, origin), _stream_ext.tumble_end(ts, size, origin);
END;
COMMENT ON FUNCTION @extschema@.tumble(timestamp without time zone, interval, timestamp without time zone) IS 'the tumbling window [window_start, window_end) that holds ts';
GRANT EXECUTE ON FUNCTION @extschema@.tumble(timestamp without time zone, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION @extschema@.hop(ts timestamp without time zone, slide interval, size interval, origin timestamp without time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT w.window_start, _stream_ext.window_end(w.window_start, size)
	  FROM (SELECT _stream_ext.hop_starts(ts, slide, size, origin) AS window_start) w;
END;
COMMENT ON FUNCTION @extschema@.hop(timestamp without time zone, interval, interval, timestamp without time zone) IS 'the windows [window_start, window_end) of this size, one every slide, that hold ts';
GRANT EXECUTE ON FUNCTION @extschema@.hop(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION @extschema@.cumulate(ts timestamp without time zone, step interval, size interval, origin timestamp without time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT CASE WHEN w.window_end IS NOT NULL THEN _stream_ext.tumble_start(ts, size, origin) END, w.window_end
	  FROM (SELECT _stream_ext.cumulate_ends(ts, step, size, origin) AS window_end) w;
END;
COMMENT ON FUNCTION @extschema@.cumulate(timestamp without time zone, interval, interval, timestamp without time zone) IS 'the windows [window_start, window_end) that hold ts and grow by step up to size';
GRANT EXECUTE ON FUNCTION @extschema@.cumulate(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

-- bigint: any counter; the default origin is 0

CREATE FUNCTION _stream_ext.tumble_start(ts bigint, size bigint, origin bigint)
RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_start_integer';
COMMENT ON FUNCTION _stream_ext.tumble_start(bigint, bigint, bigint) IS 'start of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_start(bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.tumble_end(ts bigint, size bigint, origin bigint)
RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_tumble_end_integer';
COMMENT ON FUNCTION _stream_ext.tumble_end(bigint, bigint, bigint) IS 'end of the tumbling window that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.tumble_end(bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_starts(ts bigint, slide bigint, size bigint, origin bigint)
RETURNS SETOF bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_hop_starts_integer';
COMMENT ON FUNCTION _stream_ext.hop_starts(bigint, bigint, bigint, bigint) IS 'starts of the hopping windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_starts(bigint, bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.cumulate_ends(ts bigint, step bigint, size bigint, origin bigint)
RETURNS SETOF bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10
AS 'MODULE_PATHNAME', 'stream_ext_cumulate_ends_integer';
COMMENT ON FUNCTION _stream_ext.cumulate_ends(bigint, bigint, bigint, bigint) IS 'ends of the cumulating windows that hold ts';
GRANT EXECUTE ON FUNCTION _stream_ext.cumulate_ends(bigint, bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.window_end(window_start bigint, size bigint)
RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_window_end_integer';
COMMENT ON FUNCTION _stream_ext.window_end(bigint, bigint) IS 'end of the window of this size that starts at window_start';
GRANT EXECUTE ON FUNCTION _stream_ext.window_end(bigint, bigint) TO PUBLIC;

CREATE FUNCTION @extschema@.tumble(ts bigint, size bigint, origin bigint DEFAULT NULL)
RETURNS TABLE (window_start bigint, window_end bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.tumble_start(ts, size, origin), _stream_ext.tumble_end(ts, size, origin);
END;
COMMENT ON FUNCTION @extschema@.tumble(bigint, bigint, bigint) IS 'the tumbling window [window_start, window_end) that holds ts';
GRANT EXECUTE ON FUNCTION @extschema@.tumble(bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION @extschema@.hop(ts bigint, slide bigint, size bigint, origin bigint DEFAULT NULL)
RETURNS TABLE (window_start bigint, window_end bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT w.window_start, _stream_ext.window_end(w.window_start, size)
	  FROM (SELECT _stream_ext.hop_starts(ts, slide, size, origin) AS window_start) w;
END;
COMMENT ON FUNCTION @extschema@.hop(bigint, bigint, bigint, bigint) IS 'the windows [window_start, window_end) of this size, one every slide, that hold ts';
GRANT EXECUTE ON FUNCTION @extschema@.hop(bigint, bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION @extschema@.cumulate(ts bigint, step bigint, size bigint, origin bigint DEFAULT NULL)
RETURNS TABLE (window_start bigint, window_end bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT CASE WHEN w.window_end IS NOT NULL THEN _stream_ext.tumble_start(ts, size, origin) END, w.window_end
	  FROM (SELECT _stream_ext.cumulate_ends(ts, step, size, origin) AS window_end) w;
END;
COMMENT ON FUNCTION @extschema@.cumulate(bigint, bigint, bigint, bigint) IS 'the windows [window_start, window_end) that hold ts and grow by step up to size';
GRANT EXECUTE ON FUNCTION @extschema@.cumulate(bigint, bigint, bigint, bigint) TO PUBLIC;

-- integer: as bigint, with ends that fit

CREATE FUNCTION @extschema@.tumble(ts integer, size integer, origin integer DEFAULT NULL)
RETURNS TABLE (window_start integer, window_end integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.tumble_start(ts::bigint, size::bigint, origin::bigint)::integer,
		_stream_ext.tumble_end(ts::bigint, size::bigint, origin::bigint)::integer;
END;
COMMENT ON FUNCTION @extschema@.tumble(integer, integer, integer) IS 'the tumbling window [window_start, window_end) that holds ts';
GRANT EXECUTE ON FUNCTION @extschema@.tumble(integer, integer, integer) TO PUBLIC;

CREATE FUNCTION @extschema@.hop(ts integer, slide integer, size integer, origin integer DEFAULT NULL)
RETURNS TABLE (window_start integer, window_end integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT w.window_start::integer, _stream_ext.window_end(w.window_start, size::bigint)::integer
	  FROM (SELECT _stream_ext.hop_starts(ts::bigint, slide::bigint, size::bigint, origin::bigint) AS window_start) w;
END;
COMMENT ON FUNCTION @extschema@.hop(integer, integer, integer, integer) IS 'the windows [window_start, window_end) of this size, one every slide, that hold ts';
GRANT EXECUTE ON FUNCTION @extschema@.hop(integer, integer, integer, integer) TO PUBLIC;

CREATE FUNCTION @extschema@.cumulate(ts integer, step integer, size integer, origin integer DEFAULT NULL)
RETURNS TABLE (window_start integer, window_end integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT CASE WHEN w.window_end IS NOT NULL
			THEN _stream_ext.tumble_start(ts::bigint, size::bigint, origin::bigint)::integer END, w.window_end::integer
	  FROM (SELECT _stream_ext.cumulate_ends(ts::bigint, step::bigint, size::bigint, origin::bigint) AS window_end) w;
END;
COMMENT ON FUNCTION @extschema@.cumulate(integer, integer, integer, integer) IS 'the windows [window_start, window_end) that hold ts and grow by step up to size';
GRANT EXECUTE ON FUNCTION @extschema@.cumulate(integer, integer, integer, integer) TO PUBLIC;

-- date: as timestamp at midnight
CREATE FUNCTION _stream_ext.whole_days(length interval)
RETURNS interval
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_whole_days';
COMMENT ON FUNCTION _stream_ext.whole_days(interval) IS 'the same interval, or an error if it is not in whole days';
GRANT EXECUTE ON FUNCTION _stream_ext.whole_days(interval) TO PUBLIC;

CREATE FUNCTION @extschema@.tumble(ts date, size interval, origin date DEFAULT NULL)
RETURNS TABLE (window_start date, window_end date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.tumble_start(ts::timestamp, _stream_ext.whole_days(size), origin::timestamp)::date,
		_stream_ext.tumble_end(ts::timestamp, _stream_ext.whole_days(size), origin::timestamp)::date;
END;
COMMENT ON FUNCTION @extschema@.tumble(date, interval, date) IS 'the tumbling window [window_start, window_end) that holds ts';
GRANT EXECUTE ON FUNCTION @extschema@.tumble(date, interval, date) TO PUBLIC;

CREATE FUNCTION @extschema@.hop(ts date, slide interval, size interval, origin date DEFAULT NULL)
RETURNS TABLE (window_start date, window_end date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT w.window_start::date, _stream_ext.window_end(w.window_start, _stream_ext.whole_days(size))::date
	  FROM (SELECT _stream_ext.hop_starts(ts::timestamp, _stream_ext.whole_days(slide), _stream_ext.whole_days(size), origin::timestamp) AS window_start) w;
END;
COMMENT ON FUNCTION @extschema@.hop(date, interval, interval, date) IS 'the windows [window_start, window_end) of this size, one every slide, that hold ts';
GRANT EXECUTE ON FUNCTION @extschema@.hop(date, interval, interval, date) TO PUBLIC;

CREATE FUNCTION @extschema@.cumulate(ts date, step interval, size interval, origin date DEFAULT NULL)
RETURNS TABLE (window_start date, window_end date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	SELECT CASE WHEN w.window_end IS NOT NULL
			THEN _stream_ext.tumble_start(ts::timestamp, _stream_ext.whole_days(size), origin::timestamp)::date END, w.window_end::date
	  FROM (SELECT _stream_ext.cumulate_ends(ts::timestamp, _stream_ext.whole_days(step), _stream_ext.whole_days(size), origin::timestamp) AS window_end) w;
END;
COMMENT ON FUNCTION @extschema@.cumulate(date, interval, interval, date) IS 'the windows [window_start, window_end) that hold ts and grow by step up to size';
GRANT EXECUTE ON FUNCTION @extschema@.cumulate(date, interval, interval, date) TO PUBLIC;

-- session(): in FROM of a continuous view; an error elsewhere
CREATE FUNCTION _stream_ext.session_support(internal)
RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_session_support';
COMMENT ON FUNCTION _stream_ext.session_support(internal) IS 'planner support of session()';

CREATE FUNCTION @extschema@.session(ts timestamp with time zone, gap interval)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone)
LANGUAGE c IMMUTABLE PARALLEL SAFE SUPPORT _stream_ext.session_support
AS 'MODULE_PATHNAME', 'stream_ext_session';
COMMENT ON FUNCTION @extschema@.session(timestamp with time zone, interval) IS 'in continuous views: the session [window_start, window_end) of ts, which ends when nothing came for the gap';
GRANT EXECUTE ON FUNCTION @extschema@.session(timestamp with time zone, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.session(ts timestamp without time zone, gap interval)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone)
LANGUAGE c IMMUTABLE PARALLEL SAFE SUPPORT _stream_ext.session_support
AS 'MODULE_PATHNAME', 'stream_ext_session';
COMMENT ON FUNCTION @extschema@.session(timestamp without time zone, interval) IS 'in continuous views: the session [window_start, window_end) of ts, which ends when nothing came for the gap';
GRANT EXECUTE ON FUNCTION @extschema@.session(timestamp without time zone, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.session(ts date, gap interval)
RETURNS TABLE (window_start date, window_end date)
LANGUAGE c IMMUTABLE PARALLEL SAFE SUPPORT _stream_ext.session_support
AS 'MODULE_PATHNAME', 'stream_ext_session';
COMMENT ON FUNCTION @extschema@.session(date, interval) IS 'in continuous views: the session [window_start, window_end) of ts, which ends when nothing came for the gap';
GRANT EXECUTE ON FUNCTION @extschema@.session(date, interval) TO PUBLIC;

CREATE FUNCTION @extschema@.session(ts bigint, gap bigint)
RETURNS TABLE (window_start bigint, window_end bigint)
LANGUAGE c IMMUTABLE PARALLEL SAFE SUPPORT _stream_ext.session_support
AS 'MODULE_PATHNAME', 'stream_ext_session';
COMMENT ON FUNCTION @extschema@.session(bigint, bigint) IS 'in continuous views: the session [window_start, window_end) of ts, which ends when nothing came for the gap';
GRANT EXECUTE ON FUNCTION @extschema@.session(bigint, bigint) TO PUBLIC;

CREATE FUNCTION @extschema@.session(ts integer, gap integer)
RETURNS TABLE (window_start integer, window_end integer)
LANGUAGE c IMMUTABLE PARALLEL SAFE SUPPORT _stream_ext.session_support
AS 'MODULE_PATHNAME', 'stream_ext_session';
COMMENT ON FUNCTION @extschema@.session(integer, integer) IS 'in continuous views: the session [window_start, window_end) of ts, which ends when nothing came for the gap';
GRANT EXECUTE ON FUNCTION @extschema@.session(integer, integer) TO PUBLIC;

-- What stands in the place of session() in the worker's query: the cell of a
-- row, which is as wide as the gap, and its time on the axis of cells.  The
-- first two columns only have the types of session()'s.

CREATE FUNCTION _stream_ext.session_cell(ts timestamp with time zone, gap interval)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_session_cell';
COMMENT ON FUNCTION _stream_ext.session_cell(timestamp with time zone, interval) IS 'start of the cell that holds ts; rows of one cell are in one session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_cell(timestamp with time zone, interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_cell(ts timestamp without time zone, gap interval)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_session_cell';
COMMENT ON FUNCTION _stream_ext.session_cell(timestamp without time zone, interval) IS 'start of the cell that holds ts; rows of one cell are in one session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_cell(timestamp without time zone, interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_cell(ts bigint, gap bigint)
RETURNS bigint
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_session_cell_integer';
COMMENT ON FUNCTION _stream_ext.session_cell(bigint, bigint) IS 'start of the cell that holds ts; rows of one cell are in one session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_cell(bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_row(ts timestamp with time zone, gap interval)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone, cell timestamp with time zone, event_time timestamp with time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT ts, ts, _stream_ext.session_cell(ts, gap), ts;
END;
COMMENT ON FUNCTION _stream_ext.session_row(timestamp with time zone, interval) IS 'cell and event time of a row of a session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_row(timestamp with time zone, interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_row(ts timestamp without time zone, gap interval)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone, cell timestamp without time zone, event_time timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT ts, ts, _stream_ext.session_cell(ts, gap), ts;
END;
COMMENT ON FUNCTION _stream_ext.session_row(timestamp without time zone, interval) IS 'cell and event time of a row of a session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_row(timestamp without time zone, interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_row(ts date, gap interval)
RETURNS TABLE (window_start date, window_end date, cell timestamp without time zone, event_time timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT ts, ts, _stream_ext.session_cell(ts::timestamp, gap), ts::timestamp;
END;
COMMENT ON FUNCTION _stream_ext.session_row(date, interval) IS 'cell and event time of a row of a session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_row(date, interval) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_row(ts bigint, gap bigint)
RETURNS TABLE (window_start bigint, window_end bigint, cell bigint, event_time bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT ts, ts, _stream_ext.session_cell(ts, gap), ts;
END;
COMMENT ON FUNCTION _stream_ext.session_row(bigint, bigint) IS 'cell and event time of a row of a session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_row(bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.session_row(ts integer, gap integer)
RETURNS TABLE (window_start integer, window_end integer, cell bigint, event_time bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT ts, ts, _stream_ext.session_cell((ts + gap)::bigint - gap, gap::bigint), ts::bigint;
END;
COMMENT ON FUNCTION _stream_ext.session_row(integer, integer) IS 'cell and event time of a row of a session';
GRANT EXECUTE ON FUNCTION _stream_ext.session_row(integer, integer) TO PUBLIC;

CREATE FUNCTION _stream_ext.trunc_end(unit text, window_start timestamp with time zone, time_zone text)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_trunc_end';
COMMENT ON FUNCTION _stream_ext.trunc_end(text, timestamp with time zone, text) IS 'end of the window of date_trunc(unit, ...) that starts at window_start';
GRANT EXECUTE ON FUNCTION _stream_ext.trunc_end(text, timestamp with time zone, text) TO PUBLIC;

CREATE FUNCTION _stream_ext.trunc_end(unit text, window_start timestamp without time zone)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_trunc_end';
COMMENT ON FUNCTION _stream_ext.trunc_end(text, timestamp without time zone) IS 'end of the window of date_trunc(unit, ...) that starts at window_start';
GRANT EXECUTE ON FUNCTION _stream_ext.trunc_end(text, timestamp without time zone) TO PUBLIC;
