/*
 * window_calendar.c - tumbling windows of whole months or days: arithmetic only.
 *
 * Months are counted; a window of months begins when the origin's day and
 * time of day come round.  The origin is moved to the first of its month and
 * everything else with it, so that only firsts of months are ever computed.
 *
 * Source of the calendar: Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms" (days_from_civil, civil_from_days): years begin in March, so
 * that the leap day is the last of a year, and 400 years are a unit.
 */
#include "postgres.h"

#include "common/int.h"

#include "window/window.h"
#include "window/window_calendar.h"

#define DAYS_PER_ERA			146097	/* 400 years */
#define EPOCH_DAY_OF_MARCH_0	730425	/* 0000-03-01 to 2000-01-01 */

/* Month numbers beyond this are out of range anyway; and do not overflow. */
#define MONTH_LIMIT				(INT64CONST(12) * 1000000)

static const WindowRange timestamps = WINDOW_TIMESTAMP_RANGE;

/* Returns the floor of a / b. */
static int64
floor_div(int64 a, int64 b)
{
	int64		quotient = a / b;

	Assert(b > 0);
	return (a % b < 0) ? quotient - 1 : quotient;
}

/* Returns the month, counted from January 2000, of a day counted from there. */
static int64
month_of_day(int64 day, int *day_of_month)
{
	int64		shifted = day + EPOCH_DAY_OF_MARCH_0;
	int64		era = floor_div(shifted, DAYS_PER_ERA);
	int64		day_of_era = shifted - era * DAYS_PER_ERA;
	int64		year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64		day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	int64		month = (5 * day_of_year + 2) / 153;	/* 0 is March */

	Assert(day_of_era >= 0 && day_of_era < DAYS_PER_ERA);
	*day_of_month = (int) (day_of_year - (153 * month + 2) / 5 + 1);
	return (era * 400 + year - 2000) * 12 + month + 2;
}

/* Returns the first day of a month, both counted from January 2000. */
static int64
first_day_of_month(int64 month)
{
	int64		shifted = month - 2;	/* from March 2000 */
	int64		years = floor_div(shifted, 12) + 2000;
	int64		era = floor_div(years, 400);
	int64		year = years - era * 400;
	int64		month_of_year = shifted - floor_div(shifted, 12) * 12;

	Assert(month_of_year >= 0 && month_of_year < 12);
	return era * DAYS_PER_ERA + year * 365 + year / 4 - year / 100 +
		(153 * month_of_year + 2) / 5 - EPOCH_DAY_OF_MARCH_0;
}

/* Returns the day of the month. */
int
window_day_of_month(int64 local)
{
	int			result;

	month_of_day(floor_div(local, USECS_PER_DAY), &result);
	Assert(result >= 1 && result <= 31);
	return result;
}

/* Sets *local to shift after the first of a month; false if that is out of range. */
static bool
month_to_local(int64 month, int64 shift, int64 *local)
{
	int64		day;

	if (month < -MONTH_LIMIT || month > MONTH_LIMIT)
		return false;
	day = first_day_of_month(month);
	if (day < MIN_TIMESTAMP / USECS_PER_DAY - 31 || day >= END_TIMESTAMP / USECS_PER_DAY)
		return false;
	return !pg_add_s64_overflow(day * USECS_PER_DAY, shift, local) && IS_VALID_TIMESTAMP(*local);
}

/* Computes a window of months. */
static bool
tumble_months(int64 local, int32 months, int64 origin, int64 *start, int64 *end)
{
	int			day_of_month;
	int64		origin_month = month_of_day(floor_div(origin, USECS_PER_DAY), &day_of_month);
	int64		shift = origin - first_day_of_month(origin_month) * USECS_PER_DAY;
	int64		month = month_of_day(floor_div(local - shift, USECS_PER_DAY), &day_of_month);
	int64		first_month;
	int64		first;
	int64		last;

	Assert(months > 0);
	Assert(shift >= 0 && shift < WINDOW_MAX_ORIGIN_DAY * USECS_PER_DAY);

	first_month = origin_month + floor_div(month - origin_month, months) * months;
	if (!month_to_local(first_month, shift, &first) ||
		!month_to_local(first_month + months, shift, &last))
		return false;
	Assert(first <= local && local < last);
	*start = first;
	*end = last;
	return true;
}

/* Computes the window. */
bool
window_calendar_tumble(int64 local, const WindowCalendar *calendar, int64 *start, int64 *end)
{
	Assert((calendar->months > 0) != (calendar->days > 0));
	Assert(IS_VALID_TIMESTAMP(local) && IS_VALID_TIMESTAMP(calendar->origin));

	if (calendar->months > 0)
		return tumble_months(local, calendar->months, calendar->origin, start, end);
	if (calendar->days > END_TIMESTAMP / USECS_PER_DAY)
		return false;
	return window_tumble(local, calendar->days * USECS_PER_DAY, calendar->origin, &timestamps,
						 start, end);
}
