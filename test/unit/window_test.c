/*
 * window_test.c - window arithmetic against a naive model in 128 bits.
 *
 * The model computes origin + floor((ts - origin) / size) * size as written,
 * which 64 bits could not hold.
 */
#include "postgres.h"

#include "unit.h"

#include "window/window.h"

#define RANDOM_CASES 400000

static const WindowRange timestamps = WINDOW_TIMESTAMP_RANGE;
static const WindowRange integers = WINDOW_INTEGER_RANGE;

/* Returns the floor of a / b. */
static int128
floor_div(int128 a, int128 b)
{
	int128		quotient = a / b;

	return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

/* Computes the window as the definition reads; false if out of range. */
static bool
model_tumble(int64 ts, int64 size, int64 origin, int64 *start, int64 *end)
{
	int128		first = (int128) origin + floor_div((int128) ts - origin, size) * size;
	int128		last = first + size;

	if (first < MIN_TIMESTAMP || last >= END_TIMESTAMP)
		return false;
	*start = (int64) first;
	*end = (int64) last;
	return true;
}

/* Returns a random valid timestamp, often near a place where mistakes show. */
static int64
random_timestamp(void)
{
	static const int64 places[] = {0, MIN_TIMESTAMP, END_TIMESTAMP - 1, WINDOW_DEFAULT_ORIGIN,
	INT64CONST(946684800) * USECS_PER_SEC, -INT64CONST(946684800) * USECS_PER_SEC};
	int64		span = unit_random_below(4) == 0 ? END_TIMESTAMP : (INT64CONST(1) << unit_random_below(58));
	int128		moved = places[unit_random_below(lengthof(places))];

	moved += unit_random_below(2 * (uint64) span);
	moved -= span;

	if (moved < MIN_TIMESTAMP)
		return MIN_TIMESTAMP;
	if (moved >= END_TIMESTAMP)
		return END_TIMESTAMP - 1;
	return (int64) moved;
}

/* Returns a random size: of a natural unit, tiny, or of any magnitude. */
static int64
random_size(void)
{
	static const int64 units[] = {1, 1000, USECS_PER_SEC, USECS_PER_MINUTE, USECS_PER_HOUR,
	USECS_PER_DAY, 7 * USECS_PER_DAY};

	if (unit_random_below(2) == 0)
		return units[unit_random_below(lengthof(units))] * (1 + (int64) unit_random_below(60));
	return 1 + (int64) unit_random_below(UINT64CONST(1) << (1 + unit_random_below(62)));
}

/* Random windows are those of the model, and so is their absence. */
static void
random_windows_equal_the_model(void)
{
	int			refused = 0;
	int			wrong = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int64		ts = random_timestamp();
		int64		size = random_size();
		int64		origin = random_timestamp();
		int64		start = 0;
		int64		end = 0;
		int64		model_start = 0;
		int64		model_end = 0;
		bool		valid = window_tumble(ts, size, origin, &timestamps, &start, &end);
		bool		model_valid = model_tumble(ts, size, origin, &model_start, &model_end);

		refused += !valid;
		wrong += valid != model_valid || start != model_start || end != model_end;
		if (valid && !(start <= ts && ts < end && end - start == size))
			wrong++;
	}
	UNIT_EQUAL(wrong, 0);
	/* both outcomes were really tried */
	UNIT_CHECK(refused > RANDOM_CASES / 100);
	UNIT_CHECK(refused < RANDOM_CASES - RANDOM_CASES / 100);
}

/* A row on a boundary belongs to the window that starts there. */
static void
boundaries_are_half_open(void)
{
	int64		start;
	int64		end;

	UNIT_CHECK(window_tumble(0, 10, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, 0);
	UNIT_EQUAL(end, 10);
	UNIT_CHECK(window_tumble(9, 10, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, 0);
	UNIT_CHECK(window_tumble(10, 10, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, 10);
}

/* Before the origin windows go down, not towards it. */
static void
windows_before_the_origin_are_floored(void)
{
	int64		start;
	int64		end;

	UNIT_CHECK(window_tumble(-1, 10, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, -10);
	UNIT_EQUAL(end, 0);
	UNIT_CHECK(window_tumble(-10, 10, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, -10);
	UNIT_CHECK(window_tumble(5, 10, 7, &timestamps, &start, &end));
	UNIT_EQUAL(start, -3);
}

/* The first and the last instant have windows of one microsecond only. */
static void
ends_of_time_are_refused_not_wrapped(void)
{
	int64		start;
	int64		end;

	UNIT_CHECK(window_tumble(MIN_TIMESTAMP, 1, 0, &timestamps, &start, &end));
	UNIT_EQUAL(start, MIN_TIMESTAMP);
	UNIT_CHECK(!window_tumble(MIN_TIMESTAMP, USECS_PER_DAY * 100, MIN_TIMESTAMP + 1, &timestamps, &start, &end));
	UNIT_CHECK(!window_tumble(END_TIMESTAMP - 1, 1, 0, &timestamps, &start, &end));
	UNIT_CHECK(!window_tumble(END_TIMESTAMP - 1, PG_INT64_MAX, 0, &timestamps, &start, &end));
	UNIT_CHECK(!window_tumble(MIN_TIMESTAMP, PG_INT64_MAX, END_TIMESTAMP - 1, &timestamps, &start, &end));
}

/* The windows of a model: all origin + n * slide with s <= value < s + size. */
typedef struct ModelHop
{
	int128		count;
	int128		first_start;
	int128		last_start;
} ModelHop;

/* Finds the windows as the definition reads; false if one is out of range. */
static bool
model_hop(int64 value, int64 slide, int64 size, int64 origin, const WindowRange *range,
		  ModelHop *model)
{
	/*
	 * the least n with origin + n * slide > value - size, the greatest with
	 * <= value
	 */
	int128		low = floor_div((int128) value - size - origin, slide) + 1;
	int128		high = floor_div((int128) value - origin, slide);

	model->count = high - low + 1;
	model->first_start = (int128) origin + low * slide;
	model->last_start = (int128) origin + high * slide;
	return model->count == 0 ||
		(model->first_start >= range->first && model->last_start + size <= range->last);
}

/* Tells whether hopping windows differ from the model's. */
static bool
hop_differs(int64 value, int64 slide, int64 size, int64 origin, const WindowRange *range)
{
	WindowSet	set = {0};
	ModelHop	model;
	bool		valid = window_hop(value, slide, size, origin, range, &set);

	if (valid != model_hop(value, slide, size, origin, range, &model))
		return true;
	if (!valid || model.count == 0)
		return set.count != 0;
	return set.count != model.count || set.start != model.first_start ||
		set.end != model.first_start + size || set.start_step != slide ||
		set.end_step != slide ||
		(int128) set.start + (set.count - 1) * (int128) slide != model.last_start;
}

/* Random hopping windows are those of the model: many, one, none, refused. */
static void
random_hops_equal_the_model(void)
{
	int			wrong = 0;
	int			many = 0;
	int			none = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int64		value = random_timestamp();
		int64		slide = random_size();
		int64		size = unit_random_below(2) ? random_size() :
		slide / 3 * (int64) (1 + unit_random_below(6)) + (int64) (1 + unit_random_below(3));
		int64		origin = random_timestamp();
		WindowSet	set;

		wrong += hop_differs(value, slide, size, origin, &timestamps);
		wrong += hop_differs((int64) unit_random(), slide, size, (int64) unit_random(), &integers);
		if (window_hop(value, slide, size, origin, &timestamps, &set))
		{
			many += set.count > 1;
			none += set.count == 0;
		}
	}
	UNIT_EQUAL(wrong, 0);
	UNIT_CHECK(many > RANDOM_CASES / 10);
	UNIT_CHECK(none > RANDOM_CASES / 10);
}

/* Counts and checks windows one by one: every start on a small axis is tried. */
static void
small_hops_equal_a_walk_over_all_starts(void)
{
	int			wrong = 0;

	for (int64 slide = 1; slide <= 9; slide++)
		for (int64 size = 1; size <= 20; size++)
			for (int64 origin = -7; origin <= 7; origin += 7)
				for (int64 value = -25; value <= 25; value++)
				{
					WindowSet	set;
					int64		seen = 0;

					if (!window_hop(value, slide, size, origin, &integers, &set))
						wrong++;
					for (int64 start = origin - 100 * slide; start <= origin + 100 * slide; start += slide)
					{
						if (start > value || value >= start + size)
							continue;
						wrong += set.start + seen * set.start_step != start ||
							set.end + seen * set.end_step != start + size;
						seen++;
					}
					wrong += seen != set.count;
				}
	UNIT_EQUAL(wrong, 0);
}

/* Cumulating windows are those ends in steps that value has not reached. */
static void
random_cumulations_equal_the_model(void)
{
	int			wrong = 0;
	int			refused = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int64		steps = 1 + (int64) unit_random_below(40);
		int64		any = random_size();
		int64		step = Min(any, PG_INT64_MAX / steps);
		int64		value = random_timestamp();
		int64		origin = random_timestamp();
		int64		start = 0;
		int64		end;
		int64		seen = 0;
		WindowSet	set = {0};
		bool		valid = window_cumulate(value, step, steps * step, origin, &timestamps, &set);

		refused += !valid;
		if (valid != model_tumble(value, steps * step, origin, &start, &end))
			wrong++;
		for (int64 n = 1; valid && n <= steps; n++)
		{
			if (start + n * step <= value)
				continue;
			wrong += set.end + seen * set.end_step != start + n * step ||
				set.start + seen * set.start_step != start;
			seen++;
		}
		wrong += seen != set.count;
	}
	UNIT_EQUAL(wrong, 0);
	UNIT_CHECK(refused > RANDOM_CASES / 100);
	UNIT_CHECK(refused < RANDOM_CASES - RANDOM_CASES / 100);
}

/* Integers use all of their range. */
static void
integer_windows_reach_the_ends(void)
{
	int64		start;
	int64		end;
	WindowSet	set;

	UNIT_CHECK(window_tumble(PG_INT64_MIN, 2, 0, &integers, &start, &end));
	UNIT_EQUAL(start, PG_INT64_MIN);
	UNIT_CHECK(!window_tumble(PG_INT64_MAX, 2, 0, &integers, &start, &end));
	UNIT_CHECK(window_tumble(PG_INT64_MAX - 1, 1, 0, &integers, &start, &end));
	UNIT_EQUAL(end, PG_INT64_MAX);
	UNIT_CHECK(!window_hop(PG_INT64_MIN, 1, 2, 0, &integers, &set));
	/* in a gap there is no window that could be out of range */
	UNIT_CHECK(window_hop(PG_INT64_MAX, PG_INT64_MAX, 1, 5, &integers, &set));
	UNIT_EQUAL(set.count, 0);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(boundaries_are_half_open);
	UNIT_RUN(windows_before_the_origin_are_floored);
	UNIT_RUN(ends_of_time_are_refused_not_wrapped);
	UNIT_RUN(random_windows_equal_the_model);
	UNIT_RUN(random_hops_equal_the_model);
	UNIT_RUN(small_hops_equal_a_walk_over_all_starts);
	UNIT_RUN(random_cumulations_equal_the_model);
	UNIT_RUN(integer_windows_reach_the_ends);
	return unit_end();
}
