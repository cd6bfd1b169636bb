-- Panes: what the inner query of a view calls in place of hop(), with the same
-- arguments.  Both columns are the start of the pane (src/window/pane.h).

CREATE FUNCTION _stream_ext.hop_pane_start(ts timestamp with time zone, slide interval, size interval, origin timestamp with time zone)
RETURNS timestamp with time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_hop_pane';
COMMENT ON FUNCTION _stream_ext.hop_pane_start(timestamp with time zone, interval, interval, timestamp with time zone) IS 'start of the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane_start(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane(ts timestamp with time zone, slide interval, size interval, origin timestamp with time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp with time zone, window_end timestamp with time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.hop_pane_start(ts, slide, size, origin), _stream_ext.hop_pane_start(ts, slide, size, origin);
END;
COMMENT ON FUNCTION _stream_ext.hop_pane(timestamp with time zone, interval, interval, timestamp with time zone) IS 'the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane(timestamp with time zone, interval, interval, timestamp with time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane_start(ts timestamp without time zone, slide interval, size interval, origin timestamp without time zone)
RETURNS timestamp without time zone
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_hop_pane';
COMMENT ON FUNCTION _stream_ext.hop_pane_start(timestamp without time zone, interval, interval, timestamp without time zone) IS 'start of the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane_start(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane(ts timestamp without time zone, slide interval, size interval, origin timestamp without time zone DEFAULT NULL)
RETURNS TABLE (window_start timestamp without time zone, window_end timestamp without time zone)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.hop_pane_start(ts, slide, size, origin), _stream_ext.hop_pane_start(ts, slide, size, origin);
END;
COMMENT ON FUNCTION _stream_ext.hop_pane(timestamp without time zone, interval, interval, timestamp without time zone) IS 'the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane(timestamp without time zone, interval, interval, timestamp without time zone) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane_start(ts bigint, slide bigint, size bigint, origin bigint, low bigint, high bigint)
RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'stream_ext_hop_pane_integer';
COMMENT ON FUNCTION _stream_ext.hop_pane_start(bigint, bigint, bigint, bigint, bigint, bigint) IS 'start of the pane of hopping windows that holds ts, if they lie between low and high';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane_start(bigint, bigint, bigint, bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane(ts bigint, slide bigint, size bigint, origin bigint DEFAULT NULL)
RETURNS TABLE (window_start bigint, window_end bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.hop_pane_start(ts::bigint, slide::bigint, size::bigint, origin::bigint, '-9223372036854775808'::bigint, 9223372036854775807)::bigint,
		_stream_ext.hop_pane_start(ts::bigint, slide::bigint, size::bigint, origin::bigint, '-9223372036854775808'::bigint, 9223372036854775807)::bigint;
END;
COMMENT ON FUNCTION _stream_ext.hop_pane(bigint, bigint, bigint, bigint) IS 'the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane(bigint, bigint, bigint, bigint) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane(ts integer, slide integer, size integer, origin integer DEFAULT NULL)
RETURNS TABLE (window_start integer, window_end integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.hop_pane_start(ts::bigint, slide::bigint, size::bigint, origin::bigint, '-2147483648'::bigint, 2147483647)::integer,
		_stream_ext.hop_pane_start(ts::bigint, slide::bigint, size::bigint, origin::bigint, '-2147483648'::bigint, 2147483647)::integer;
END;
COMMENT ON FUNCTION _stream_ext.hop_pane(integer, integer, integer, integer) IS 'the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane(integer, integer, integer, integer) TO PUBLIC;

CREATE FUNCTION _stream_ext.hop_pane(ts date, slide interval, size interval, origin date DEFAULT NULL)
RETURNS TABLE (window_start date, window_end date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	SELECT _stream_ext.hop_pane_start(ts::timestamp, _stream_ext.whole_days(slide), _stream_ext.whole_days(size), origin::timestamp)::date,
		_stream_ext.hop_pane_start(ts::timestamp, _stream_ext.whole_days(slide), _stream_ext.whole_days(size), origin::timestamp)::date;
END;
COMMENT ON FUNCTION _stream_ext.hop_pane(date, interval, interval, date) IS 'the pane of hopping windows that holds ts';
GRANT EXECUTE ON FUNCTION _stream_ext.hop_pane(date, interval, interval, date) TO PUBLIC;
