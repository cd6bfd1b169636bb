/*
 * calendar_test.c - windows of months against a walk through the calendar.
 *
 * The model knows the lengths of months and counts days from one month to the
 * next, which needs no formula for dates.
 */
#include "postgres.h"

#include "unit.h"

#include "window/window.h"
#include "window/window_calendar.h"

#define RANDOM_CASES 200000
#define MODEL_MONTHS 30000		/* on either side of January 2000 */

static int64 first_days[2 * MODEL_MONTHS + 1];

/* Returns the length of a month of 0 .. 11. */
static int
days_in_month(int64 year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month] + (month == 1 && leap);
}

/* Counts the days from month to month, forwards and backwards. */
static void
build_model(void)
{
	int64	   *january = &first_days[MODEL_MONTHS];

	for (int n = 0; n < MODEL_MONTHS; n++)
		january[n + 1] = january[n] + days_in_month(2000 + n / 12, n % 12);
	for (int n = 0; n < MODEL_MONTHS; n++)
		january[-n - 1] = january[-n] - days_in_month(1999 - n / 12, 11 - n % 12);
}

/* Returns the start of the month that many months after January 2000. */
static int64
month_start(int64 month)
{
	Assert(month >= -MODEL_MONTHS && month <= MODEL_MONTHS);
	return first_days[MODEL_MONTHS + month] * USECS_PER_DAY;
}

/* Random windows of months are those found by walking from the origin. */
static void
random_months_equal_the_model(void)
{
	int			wrong = 0;

	build_model();
	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int64		origin_month = (int64) unit_random_below(2400) - 1200;
		int64		shift = (int64) unit_random_below(28 * USECS_PER_DAY);
		int			months = 1 + (int) unit_random_below(unit_random_below(2) ? 12 : 200);
		WindowCalendar calendar = {.months = months,.origin = month_start(origin_month) + shift};
		int64		local = (int64) unit_random_below(4000 * 365 * USECS_PER_DAY) -
		2000 * 365 * USECS_PER_DAY;
		int64		month = origin_month;
		int64		start;
		int64		end;

		if (unit_random_below(4) == 0)
			local = month_start((int64) unit_random_below(4000) - 2000) + shift - (int64) unit_random_below(2);
		while (month_start(month) + shift > local)
			month -= months;
		while (month_start(month + months) + shift <= local)
			month += months;

		wrong += !window_calendar_tumble(local, &calendar, &start, &end) ||
			start != month_start(month) + shift || end != month_start(month + months) + shift;
	}
	UNIT_EQUAL(wrong, 0);
}

/* Every day's number in its month is the model's. */
static void
days_of_months_equal_the_model(void)
{
	int			wrong = 0;

	for (int64 month = -MODEL_MONTHS; month < MODEL_MONTHS; month++)
		for (int64 day = first_days[MODEL_MONTHS + month]; day < first_days[MODEL_MONTHS + month + 1]; day++)
			wrong += window_day_of_month(day * USECS_PER_DAY + (int64) unit_random_below(USECS_PER_DAY)) !=
				day - first_days[MODEL_MONTHS + month] + 1;
	UNIT_EQUAL(wrong, 0);
}

/* Windows of days are those of tumble(). */
static void
windows_of_days_are_those_of_tumble(void)
{
	static const WindowRange range = WINDOW_TIMESTAMP_RANGE;
	WindowCalendar calendar = {.days = 7,.origin = WINDOW_DEFAULT_ORIGIN};
	int64		start;
	int64		end;
	int64		calendar_start;
	int64		calendar_end;

	UNIT_CHECK(window_tumble(-1, 7 * USECS_PER_DAY, WINDOW_DEFAULT_ORIGIN, &range, &start, &end));
	UNIT_CHECK(window_calendar_tumble(-1, &calendar, &calendar_start, &calendar_end));
	UNIT_EQUAL(calendar_start, start);
	UNIT_EQUAL(calendar_end, end);
}

/* Windows that leave the range of timestamps are refused, however long. */
static void
ends_of_time_are_refused(void)
{
	WindowCalendar month = {.months = 1,.origin = 27 * USECS_PER_DAY};
	WindowCalendar ages = {.months = PG_INT32_MAX,.origin = 0};
	WindowCalendar days = {.days = PG_INT32_MAX,.origin = 0};
	int64		start;
	int64		end;

	UNIT_CHECK(!window_calendar_tumble(END_TIMESTAMP - 1, &month, &start, &end));
	UNIT_CHECK(!window_calendar_tumble(MIN_TIMESTAMP, &month, &start, &end));
	UNIT_CHECK(window_calendar_tumble(MIN_TIMESTAMP + 40 * USECS_PER_DAY, &month, &start, &end));
	UNIT_CHECK(!window_calendar_tumble(0, &ages, &start, &end));
	UNIT_CHECK(!window_calendar_tumble(-1, &ages, &start, &end));
	UNIT_CHECK(!window_calendar_tumble(0, &days, &start, &end));
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(random_months_equal_the_model);
	UNIT_RUN(days_of_months_equal_the_model);
	UNIT_RUN(windows_of_days_are_those_of_tumble);
	UNIT_RUN(ends_of_time_are_refused);
	return unit_end();
}
