/*
 * window_sql.c - the window functions that SQL calls.
 *
 * tumble(), hop() and cumulate() themselves are SQL functions over these, so
 * that the planner inlines them: FROM t, tumble(ts, ...) plans as one scan of
 * t, and several windows per row cost a ProjectSet and no tuplestore, in any
 * query and in the inner query of a view alike.  That is also why a set
 * function gives one column only; the other end of each window follows from it.
 *
 * NULL gives NULL, once; an infinity is its own window, once.
 *
 * Failure: a window that leaves the axis is an error in all functions, so
 * that no row has half a window or half its windows.
 */
#include "postgres.h"

#include "compat.h"

#include "common/int.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "window/pane.h"
#include "window/window_args.h"
#include "window/window_zone.h"

STREAM_FUNCTION(stream_ext_tumble_start);
STREAM_FUNCTION(stream_ext_tumble_start_integer);
STREAM_FUNCTION(stream_ext_tumble_end);
STREAM_FUNCTION(stream_ext_tumble_end_integer);
STREAM_FUNCTION(stream_ext_hop_starts);
STREAM_FUNCTION(stream_ext_hop_starts_integer);
STREAM_FUNCTION(stream_ext_cumulate_ends);
STREAM_FUNCTION(stream_ext_cumulate_ends_integer);
STREAM_FUNCTION(stream_ext_hop_pane);
STREAM_FUNCTION(stream_ext_hop_pane_integer);
STREAM_FUNCTION(stream_ext_window_end);
STREAM_FUNCTION(stream_ext_window_end_integer);
STREAM_FUNCTION(stream_ext_whole_days);

/* The starts or the ends of a WindowSet. */
typedef struct WindowColumn
{
	int64		value;			/* of the first window */
	int64		step;
} WindowColumn;

/* Computes the windows of (value, part, size, origin). */
typedef bool (*window_set_cb) (int64 value, int64 part, int64 size, int64 origin,
							   const WindowRange *range, WindowSet *set);

/* --- one window ------------------------------------------------------------- */

/* Computes the window of (value, size, origin [, time zone]); false if it is NULL. */
static bool
tumble_args(FunctionCallInfo fcinfo, const WindowAxis *axis, int64 *start, int64 *end)
{
	int64		value = PG_GETARG_INT64(0);
	int64		size;
	int64		origin;

	Assert(PG_NARGS() == 3 || PG_NARGS() == 4);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	if (axis->is_time && window_zone_is_asked(fcinfo))
	{
		window_zone_tumble(fcinfo, start, end);
		return true;
	}

	size = window_arg_length(fcinfo, 1, axis, "size");
	origin = window_arg_origin(fcinfo, 2, axis);
	if (window_is_infinite(value, axis))
		*start = *end = value;
	else if (!window_tumble(value, size, origin, &axis->range, start, end))
		window_out_of_range(axis);
	return true;
}

/* Returns the start or the end of the window of the arguments. */
static Datum
tumble_result(FunctionCallInfo fcinfo, const WindowAxis *axis, bool want_end)
{
	int64		start;
	int64		end;

	if (!tumble_args(fcinfo, axis, &start, &end))
		PG_RETURN_NULL();
	PG_RETURN_INT64(want_end ? end : start);
}

/* Returns the start of the tumbling window of a timestamp (with or without zone). */
Datum
stream_ext_tumble_start(PG_FUNCTION_ARGS)
{
	return tumble_result(fcinfo, &window_axis_time, false);
}

/* Returns the start of the tumbling window of a bigint. */
Datum
stream_ext_tumble_start_integer(PG_FUNCTION_ARGS)
{
	return tumble_result(fcinfo, &window_axis_integer, false);
}

/* Returns the end of the tumbling window of a timestamp (with or without zone). */
Datum
stream_ext_tumble_end(PG_FUNCTION_ARGS)
{
	return tumble_result(fcinfo, &window_axis_time, true);
}

/* Returns the end of the tumbling window of a bigint. */
Datum
stream_ext_tumble_end_integer(PG_FUNCTION_ARGS)
{
	return tumble_result(fcinfo, &window_axis_integer, true);
}

/* Returns start + size. */
static Datum
window_end_result(FunctionCallInfo fcinfo, const WindowAxis *axis)
{
	int64		start = PG_GETARG_INT64(0);
	int64		size = window_arg_length(fcinfo, 1, axis, "size");
	int64		end;

	Assert(PG_NARGS() == 2);
	if (window_is_infinite(start, axis))
		PG_RETURN_INT64(start);
	if (pg_add_s64_overflow(start, size, &end) || end > axis->range.last)
		window_out_of_range(axis);
	PG_RETURN_INT64(end);
}

/* Returns the end of the window that starts at a timestamp. Strict. */
Datum
stream_ext_window_end(PG_FUNCTION_ARGS)
{
	return window_end_result(fcinfo, &window_axis_time);
}

/* Returns the end of the window that starts at a bigint. Strict. */
Datum
stream_ext_window_end_integer(PG_FUNCTION_ARGS)
{
	return window_end_result(fcinfo, &window_axis_integer);
}

/* Returns a length for windows of dates; refuses what is not in whole days. Strict. */
Datum
stream_ext_whole_days(PG_FUNCTION_ARGS)
{
	Interval   *length = PG_GETARG_INTERVAL_P(0);

	if (length->time % USECS_PER_DAY != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("windows of dates must be in whole days"),
				 errhint("Give days, weeks or months, or cast the date to timestamp.")));
	PG_RETURN_INTERVAL_P(length);
}

/* --- several windows -------------------------------------------------------- */

/* Refuses lengths that make too many windows for one value. */
static void
check_windows_per_value(int64 size, int64 part, const char *name)
{
	if ((size - 1) / part >= WINDOW_MAX_PER_VALUE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("window size must not be more than %d times the %s",
						WINDOW_MAX_PER_VALUE, name),
				 errhint("Give a larger %s or a smaller size.", name)));
}

/*
 * Computes the windows of (value, part, size, origin), part being called
 * name; false if they are NULL.
 */
static bool
window_set_args(FunctionCallInfo fcinfo, const WindowAxis *axis, const char *name,
				window_set_cb compute, WindowSet *set)
{
	int64		value = PG_GETARG_INT64(0);
	int64		part;
	int64		size;
	int64		origin;

	Assert(PG_NARGS() >= 4);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return false;

	part = window_arg_length(fcinfo, 1, axis, name);
	size = window_arg_length(fcinfo, 2, axis, "size");
	origin = window_arg_origin(fcinfo, 3, axis);
	check_windows_per_value(size, part, name);
	if (compute == window_cumulate && size % part != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window size must be a multiple of the step"),
				 errhint("Windows cumulate in equal steps until they reach the size.")));

	if (window_is_infinite(value, axis))
	{
		memset(set, 0, sizeof(WindowSet));
		set->count = 1;
		set->start = set->end = value;
	}
	else if (!compute(value, part, size, origin, &axis->range, set))
		window_out_of_range(axis);
	return true;
}

/* Sets up a set-returning call with its windows; NULL is one row. */
static void
window_column_begin(FunctionCallInfo fcinfo, bool notnull, int64 count, int64 value, int64 step)
{
	FuncCallContext *call = SRF_FIRSTCALL_INIT();
	WindowColumn *column = MemoryContextAlloc(call->multi_call_memory_ctx, sizeof(WindowColumn));

	Assert(count >= 0 && step >= 0);
	column->value = value;
	column->step = step;
	call->user_fctx = notnull ? column : NULL;
	call->max_calls = notnull ? count : 1;
}

/* Returns the next value of the column, or ends the set. */
static Datum
window_column_next(FunctionCallInfo fcinfo)
{
	FuncCallContext *call = SRF_PERCALL_SETUP();
	WindowColumn *column = call->user_fctx;
	int64		result;

	if (call->call_cntr >= call->max_calls)
		SRF_RETURN_DONE(call);
	if (column == NULL)
		SRF_RETURN_NEXT_NULL(call);
	/* the macro counts the call before it looks at the result */
	result = column->value + (int64) call->call_cntr * column->step;
	SRF_RETURN_NEXT(call, Int64GetDatum(result));
}

/* Returns the starts of the hopping windows of the arguments, one per call. */
static Datum
hop_result(FunctionCallInfo fcinfo, const WindowAxis *axis)
{
	if (SRF_IS_FIRSTCALL())
	{
		WindowSet	set = {0};
		bool		notnull = window_set_args(fcinfo, axis, "slide", window_hop, &set);

		window_column_begin(fcinfo, notnull, set.count, set.start, set.start_step);
	}
	return window_column_next(fcinfo);
}

/* Returns the ends of the cumulating windows of the arguments, one per call. */
static Datum
cumulate_result(FunctionCallInfo fcinfo, const WindowAxis *axis)
{
	if (SRF_IS_FIRSTCALL())
	{
		WindowSet	set = {0};
		bool		notnull = window_set_args(fcinfo, axis, "step", window_cumulate, &set);

		window_column_begin(fcinfo, notnull, set.count, set.end, set.end_step);
	}
	return window_column_next(fcinfo);
}

/* Returns the starts of the hopping windows of a timestamp (with or without zone). */
Datum
stream_ext_hop_starts(PG_FUNCTION_ARGS)
{
	return hop_result(fcinfo, &window_axis_time);
}

/* Returns the starts of the hopping windows of a bigint. */
Datum
stream_ext_hop_starts_integer(PG_FUNCTION_ARGS)
{
	return hop_result(fcinfo, &window_axis_integer);
}

/* Returns the ends of the cumulating windows of a timestamp (with or without zone). */
Datum
stream_ext_cumulate_ends(PG_FUNCTION_ARGS)
{
	return cumulate_result(fcinfo, &window_axis_time);
}

/* Returns the ends of the cumulating windows of a bigint. */
Datum
stream_ext_cumulate_ends_integer(PG_FUNCTION_ARGS)
{
	return cumulate_result(fcinfo, &window_axis_integer);
}

/* --- the pane of hopping windows ---------------------------------------------- */

/*
 * Returns the start of the pane that stands for all windows of the arguments;
 * what hop_result() refuses is refused, and so are windows beyond the range.
 */
static Datum
hop_pane_result(FunctionCallInfo fcinfo, const WindowAxis *axis, const WindowRange *range)
{
	WindowSet	set = {0};
	PaneShape	shape;

	if (!window_set_args(fcinfo, axis, "slide", window_hop, &set))
		PG_RETURN_NULL();
	if (window_is_infinite(PG_GETARG_INT64(0), axis))
		PG_RETURN_INT64(PG_GETARG_INT64(0));

	shape.slide = window_arg_length(fcinfo, 1, axis, "slide");
	shape.size = window_arg_length(fcinfo, 2, axis, "size");
	shape.origin = window_arg_origin(fcinfo, 3, axis);
	Assert(set.count > 0);
	if (set.start < range->first || set.end + (set.count - 1) * set.end_step > range->last)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("integer out of range")));
	PG_RETURN_INT64(pane_start(&shape, PG_GETARG_INT64(0)));
}

/* Returns the start of the pane of a timestamp (with or without zone). */
Datum
stream_ext_hop_pane(PG_FUNCTION_ARGS)
{
	return hop_pane_result(fcinfo, &window_axis_time, &window_axis_time.range);
}

/* Returns the start of the pane of a bigint; its windows must fit the integer type of arguments 4 and 5. */
Datum
stream_ext_hop_pane_integer(PG_FUNCTION_ARGS)
{
	WindowRange range = {PG_GETARG_INT64(4), PG_GETARG_INT64(5)};

	return hop_pane_result(fcinfo, &window_axis_integer, &range);
}
