/*
 * window_trunc.c - where the windows of date_trunc() end.
 *
 * date_trunc() tells a window's start only.  The end is the next start: one
 * unit later, in local time where the unit is a day or longer and there is a
 * time zone.  A start may lie after local midnight, where that does not exist,
 * so the sum is truncated once more.
 *
 * Source: timestamptz_trunc_zone() in PostgreSQL's timestamp.c, which treats
 * units up to the hour as stretches of absolute time.
 *
 * Failure: near the end of the axis the end is infinity, not an error; an
 * infinity is its own end.
 */
#include "postgres.h"

#include "compat.h"

#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

STREAM_FUNCTION(stream_ext_trunc_end);

/* From here on the longest unit, a millennium, may lead beyond the axis. */
#define LAST_START (END_TIMESTAMP - INT64CONST(1100) * 366 * USECS_PER_DAY)

/* Returns the length of a unit of date_trunc(). */
static Interval
unit_length(const text *unit)
{
	char	   *name = downcase_truncate_identifier(VARDATA_ANY(unit), VARSIZE_ANY_EXHDR(unit), false);
	Interval	length = {0};
	int			value;

	if (DecodeUnits(0, name, &value) != UNITS)
		value = -1;
	switch (value)
	{
		case DTK_MICROSEC:
			length.time = 1;
			break;
		case DTK_MILLISEC:
			length.time = 1000;
			break;
		case DTK_SECOND:
			length.time = USECS_PER_SEC;
			break;
		case DTK_MINUTE:
			length.time = USECS_PER_MINUTE;
			break;
		case DTK_HOUR:
			length.time = USECS_PER_HOUR;
			break;
		case DTK_DAY:
			length.day = 1;
			break;
		case DTK_WEEK:
			length.day = 7;
			break;
		case DTK_MONTH:
			length.month = 1;
			break;
		case DTK_QUARTER:
			length.month = 3;
			break;
		case DTK_YEAR:
			length.month = 12;
			break;
		case DTK_DECADE:
			length.month = 120;
			break;
		case DTK_CENTURY:
			length.month = 1200;
			break;
		case DTK_MILLENNIUM:
			length.month = 12000;
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unit \"%s\" not recognized", name)));
	}
	return length;
}

/* Returns the start that follows a local one. */
static Datum
next_local_start(text *unit, Interval *length, Datum local)
{
	local = DirectFunctionCall2(timestamp_pl_interval, local, IntervalPGetDatum(length));
	return DirectFunctionCall2(timestamp_trunc, PointerGetDatum(unit), local);
}

/* SQL: trunc_end(unit, timestamp), trunc_end(unit, timestamptz, time zone). */
Datum
stream_ext_trunc_end(PG_FUNCTION_ARGS)
{
	text	   *unit = PG_GETARG_TEXT_PP(0);
	Timestamp	start = PG_GETARG_TIMESTAMP(1);
	Interval	length = unit_length(unit);
	Datum		local;

	Assert(PG_NARGS() == 2 || PG_NARGS() == 3);
	if (TIMESTAMP_NOT_FINITE(start))
		PG_RETURN_TIMESTAMP(start);
	if (start >= LAST_START)
		PG_RETURN_TIMESTAMP(DT_NOEND);
	if (length.time > 0)
		PG_RETURN_TIMESTAMP(start + length.time);
	if (PG_NARGS() == 2)
		PG_RETURN_DATUM(next_local_start(unit, &length, TimestampGetDatum(start)));

	local = DirectFunctionCall2(timestamptz_zone, PG_GETARG_DATUM(2), TimestampGetDatum(start));
	local = next_local_start(unit, &length, local);
	return DirectFunctionCall2(timestamp_zone, PG_GETARG_DATUM(2), local);
}
