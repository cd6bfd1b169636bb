/*
 * window_zone.c - calendar windows of SQL's tumble(): months, and days in a time zone.
 *
 * Windows are computed in local time and their bounds turned into instants.
 * Around a change of the clocks the local time of an instant may lie before
 * the instant that a local time stands for (midnight that comes twice), so the
 * instants decide: the window is the one whose bounds are around ts.  Hence
 * each instant is in exactly one window, whatever a zone has done.
 *
 * Without a zone local time is that of the value: UTC for a timestamptz, so
 * that the result does not depend on the session.
 *
 * Source: timestamptz_zone() and timestamp_zone() in
 * src/backend/utils/adt/timestamp.c.
 */
#include "postgres.h"

#include "compat.h"

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "window/window_args.h"
#include "window/window_calendar.h"
#include "window/window_zone.h"

#define ARG_TS			0
#define ARG_SIZE		1
#define ARG_ORIGIN		2
#define ARG_TIME_ZONE	3

/* Returns the time zone of the arguments, or NULL. */
static pg_tz *
zone_of_args(FunctionCallInfo fcinfo)
{
	char		name[TZ_STRLEN_MAX + 1];
	pg_tz	   *zone;

	if (PG_NARGS() <= ARG_TIME_ZONE || PG_ARGISNULL(ARG_TIME_ZONE))
		return NULL;
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(ARG_TIME_ZONE), name, sizeof(name));
	zone = pg_tzset(name);
	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("Full names are in pg_timezone_names, such as 'Europe/Berlin'.")));
	return zone;
}

/* Returns what the clocks of a zone show at an instant. */
static Timestamp
local_of_instant(TimestampTz instant, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	Timestamp	local;

	if (zone == NULL)
		return instant;
	if (timestamp2tm(instant, &offset, &tm, &fsec, NULL, zone) != 0 ||
		tm2timestamp(&tm, fsec, NULL, &local) != 0)
		window_out_of_range(&window_axis_time);
	return local;
}

/* Returns the instant at which the clocks of a zone show, or skip, a local time. */
static TimestampTz
instant_of_local(Timestamp local, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	TimestampTz instant;

	if (zone == NULL)
		return local;
	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		window_out_of_range(&window_axis_time);
	offset = DetermineTimeZoneOffset(&tm, zone);
	if (tm2timestamp(&tm, fsec, &offset, &instant) != 0)
		window_out_of_range(&window_axis_time);
	return instant;
}

/* Refuses sizes that are no calendar windows. */
static void
check_size(const Interval *size)
{
	if (size->month != 0 && (size->day != 0 || size->time != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window size must not mix months with days or hours"),
				 errhint("Give a size such as '1 month' or '1 year'.")));
	if (size->month == 0 && size->time != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window size in a time zone must be in days or months"),
				 errhint("Leave the time zone out: shorter windows are the same in all zones, but for their origin.")));
	if (size->month <= 0 && size->day <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("window size must be positive"),
				 errhint("Give a size such as '1 month'.")));
}

/* Fills the calendar from size and origin, in local time. */
static void
calendar_of_args(FunctionCallInfo fcinfo, pg_tz *zone, WindowCalendar *calendar)
{
	const Interval *size = PG_GETARG_INTERVAL_P(ARG_SIZE);

	check_size(size);
	calendar->months = size->month;
	calendar->days = size->day;
	if (PG_ARGISNULL(ARG_ORIGIN))
		calendar->origin = size->month > 0 ? WINDOW_DEFAULT_MONTH_ORIGIN : WINDOW_DEFAULT_ORIGIN;
	else
		calendar->origin = local_of_instant(window_arg_origin(fcinfo, ARG_ORIGIN, &window_axis_time),
											zone);
	if (calendar->months > 0 &&
		window_day_of_month(calendar->origin) > WINDOW_MAX_ORIGIN_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("origin of windows in months must be in the first %d days of a month",
						WINDOW_MAX_ORIGIN_DAY),
				 errhint("Give a day that every month has.")));
}

/* Computes the window of a local time; an error if it is out of range. */
static void
tumble_local(Timestamp local, const WindowCalendar *calendar, Timestamp *start, Timestamp *end)
{
	if (!IS_VALID_TIMESTAMP(local) || !window_calendar_tumble(local, calendar, start, end))
		window_out_of_range(&window_axis_time);
}

/* Tells whether the arguments ask for a calendar window. */
bool
window_zone_is_asked(FunctionCallInfo fcinfo)
{
	Assert(!PG_ARGISNULL(ARG_TS) && !PG_ARGISNULL(ARG_SIZE));
	return PG_GETARG_INTERVAL_P(ARG_SIZE)->month != 0 ||
		(PG_NARGS() > ARG_TIME_ZONE && !PG_ARGISNULL(ARG_TIME_ZONE));
}

/* Computes the calendar window. */
void
window_zone_tumble(FunctionCallInfo fcinfo, int64 *start, int64 *end)
{
	TimestampTz ts = PG_GETARG_INT64(ARG_TS);
	pg_tz	   *zone = zone_of_args(fcinfo);
	WindowCalendar calendar;
	Timestamp	first;
	Timestamp	last;

	calendar_of_args(fcinfo, zone, &calendar);
	if (TIMESTAMP_NOT_FINITE(ts))
	{
		*start = *end = ts;
		return;
	}

	tumble_local(local_of_instant(ts, zone), &calendar, &first, &last);
	*start = instant_of_local(first, zone);
	*end = instant_of_local(last, zone);
	while (ts < *start)
	{
		*end = *start;
		tumble_local(first - 1, &calendar, &first, &last);
		*start = instant_of_local(first, zone);
	}
	while (ts >= *end)
	{
		*start = *end;
		tumble_local(last, &calendar, &first, &last);
		*end = instant_of_local(last, zone);
	}
	Assert(*start <= ts && ts < *end);
}
