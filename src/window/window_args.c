/*
 * window_args.c - the arguments of SQL's window functions as int64.
 *
 * Failure: everything that makes no window is refused here, also where the
 * value is infinite and the answer would not need it.
 */
#include "postgres.h"

#include "compat.h"

#include "common/int.h"
#include "utils/timestamp.h"

#include "window/window_args.h"

const WindowAxis window_axis_time = {
	.range = WINDOW_TIMESTAMP_RANGE,
	.default_origin = WINDOW_DEFAULT_ORIGIN,
	.is_time = true,
};

const WindowAxis window_axis_integer = {
	.range = WINDOW_INTEGER_RANGE,
	.default_origin = 0,
	.is_time = false,
};

/* Returns the microseconds of an interval; refuses what is no fixed length. */
static int64
interval_length_us(const Interval *length, const char *name)
{
	int64		us;

	if (length->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window %s must not contain months or years", name),
				 errhint("Give the %s in days or smaller units; tumble() has windows of months.", name)));
	if (pg_mul_s64_overflow(length->day, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, length->time, &us))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("window %s out of range", name)));
	return us;
}

/* Returns a length in units of the axis. */
int64
window_length(Datum datum, const WindowAxis *axis, const char *name)
{
	int64		length = axis->is_time ?
	interval_length_us(DatumGetIntervalP(datum), name) : DatumGetInt64(datum);

	if (length <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window %s must be positive", name),
				 errhint("Give a %s such as %s.", name, axis->is_time ? "'1 minute'" : "100")));
	return length;
}

/* Returns the length in an argument. */
int64
window_arg_length(FunctionCallInfo fcinfo, int argno, const WindowAxis *axis, const char *name)
{
	Assert(argno < PG_NARGS() && !PG_ARGISNULL(argno));
	return window_length(PG_GETARG_DATUM(argno), axis, name);
}

/* Returns the origin. */
int64
window_arg_origin(FunctionCallInfo fcinfo, int argno, const WindowAxis *axis)
{
	int64		origin;

	Assert(argno < PG_NARGS());
	if (PG_ARGISNULL(argno))
		return axis->default_origin;
	origin = PG_GETARG_INT64(argno);
	if (window_is_infinite(origin, axis))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window origin must be finite"),
				 errhint("Leave the origin out, or give a timestamp at which some window starts.")));
	return origin;
}

/* Tells whether value is an infinity of the axis. */
bool
window_is_infinite(int64 value, const WindowAxis *axis)
{
	return axis->is_time && TIMESTAMP_NOT_FINITE(value);
}

/* Raises the error of a window that leaves the axis. */
void
window_out_of_range(const WindowAxis *axis)
{
	if (!axis->is_time)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range"),
				 errdetail("A window of this value is not within the range of bigint.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range"),
			 errdetail("A window of this timestamp is not within the range of timestamps.")));
}
