/*
 * window_session.c - session() and what stands in its place in continuous views.
 *
 * A session's end depends on other rows, so no function of one row gives it.
 * In a continuous view the worker calls session_cell() instead.  Everywhere
 * else session() is an error, so that who tries it learns what to write.  The
 * planner asks the support function before any row is there; so the error
 * comes also where there are no rows.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "nodes/supportnodes.h"
#include "utils/timestamp.h"

#include "window/session_cell.h"
#include "window/window_args.h"
#include "window/window_session.h"

STREAM_FUNCTION(stream_ext_session);
STREAM_FUNCTION(stream_ext_session_support);
STREAM_FUNCTION(stream_ext_session_cell);
STREAM_FUNCTION(stream_ext_session_cell_integer);

/* Raises the error. */
static void
session_refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("session() windows cannot be computed row by row"),
			 errdetail("Which session a row belongs to depends on the rows around it."),
			 errhint("Use it in CREATE MATERIALIZED VIEW over a stream. Elsewhere number the sessions: take lag(ts) OVER (PARTITION BY key ORDER BY ts) AS previous in a subquery, then count(*) FILTER (WHERE previous IS NULL OR ts >= previous + gap) OVER (PARTITION BY key ORDER BY ts) AS session, and group by key and session.")));
}

/* session(ts, gap): an error. */
Datum
stream_ext_session(PG_FUNCTION_ARGS)
{
	session_refuse();
	PG_RETURN_NULL();
}

/* Planner support: an error where session() is planned. */
Datum
stream_ext_session_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		session_refuse();
	PG_RETURN_POINTER(NULL);
}

/* Returns the gap of a session() in a view. */
int64
window_session_gap(Datum gap, Oid time_type)
{
	bool		is_integer = time_type == INT4OID || time_type == INT8OID;
	int64		length;

	if (time_type == INT4OID)
		gap = Int64GetDatum(DatumGetInt32(gap));
	length = window_length(gap, is_integer ? &window_axis_integer : &window_axis_time, "gap");
	if (time_type == DATEOID && length % USECS_PER_DAY != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sessions of dates must have a gap in whole days"),
				 errhint("Give days or weeks, or cast the date to timestamp.")));
	return length;
}

/* Returns the cell of (value, gap); NULL has none, an infinity is its own. */
static Datum
session_cell_result(FunctionCallInfo fcinfo, const WindowAxis *axis)
{
	int64		value = PG_GETARG_INT64(0);
	int64		gap = window_arg_length(fcinfo, 1, axis, "gap");
	int64		cell;

	Assert(PG_NARGS() == 2);
	if (window_is_infinite(value, axis))
		PG_RETURN_INT64(value);
	if (!session_cell(value, gap, &axis->range, &cell))
		window_out_of_range(axis);
	PG_RETURN_INT64(cell);
}

/* Returns the start of the cell of a timestamp (with or without zone). Strict. */
Datum
stream_ext_session_cell(PG_FUNCTION_ARGS)
{
	return session_cell_result(fcinfo, &window_axis_time);
}

/* Returns the start of the cell of a bigint. Strict. */
Datum
stream_ext_session_cell_integer(PG_FUNCTION_ARGS)
{
	return session_cell_result(fcinfo, &window_axis_integer);
}
