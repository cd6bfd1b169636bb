/*
 * window_calendar.h - tumbling windows of whole months or days: arithmetic only.
 *
 * Everything is local time, microseconds since 2000-01-01 00:00 of the
 * proleptic Gregorian calendar, as in type timestamp.
 */
#ifndef STREAM_EXT_WINDOW_CALENDAR_H
#define STREAM_EXT_WINDOW_CALENDAR_H

#include "datatype/timestamp.h"

/* The first of January, a quarter, a month; not a Monday. */
#define WINDOW_DEFAULT_MONTH_ORIGIN INT64CONST(0)

/* The first instants of months at which windows may start: no month lacks them. */
#define WINDOW_MAX_ORIGIN_DAY	28

typedef struct WindowCalendar
{
	int32		months;			/* of these two one is positive, one is 0 */
	int32		days;
	int64		origin;
} WindowCalendar;

/* The day of the month, from 1, that holds a local time. */
extern int	window_day_of_month(int64 local);

/*
 * Sets [*start, *end) to the window of a local time.
 * Requires: origin valid; for months, in the first WINDOW_MAX_ORIGIN_DAY days.
 * Returns false, with nothing set, if the window leaves the range of timestamps.
 */
extern bool window_calendar_tumble(int64 local, const WindowCalendar *calendar,
								   int64 *start, int64 *end);

#endif							/* STREAM_EXT_WINDOW_CALENDAR_H */
