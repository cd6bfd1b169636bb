/*
 * partition_test.c - partitions cover what they must, never overlap, stay few.
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "compat.h"
#include "flush/partition.h"
#include "unit.h"

#define NOW			((int64) 9800 * USECS_PER_DAY + 12345)	/* in 2026 */
#define ROUNDS		200
#define MAX_RANGES	400

static PartitionRange ranges[MAX_RANGES];

/* Returns an empty axis. */
static PartitionAxis
empty_axis(int64 width, int max_partitions)
{
	PartitionAxis axis = {0};

	axis.now = NOW;
	axis.width = width;
	axis.max_partitions = max_partitions;
	axis.ranges = ranges;
	return axis;
}

/* Adds the range for value if there is none; returns the one that holds it. */
static PartitionRange
put(PartitionAxis *axis, int64 value)
{
	int			place = partition_find(axis, value);
	int64		first;
	int64		last;

	if (place >= 0)
		return axis->ranges[place];

	partition_choose(axis, value, &first, &last);
	for (place = axis->nranges; place > 0 && ranges[place - 1].first > first; place--)
		ranges[place] = ranges[place - 1];
	ranges[place].first = first;
	ranges[place].last = last;
	axis->nranges++;
	return ranges[place];
}

/* Checks that the ranges are in order and do not overlap. */
static void
check_order(const PartitionAxis *axis)
{
	for (int i = 0; i < axis->nranges; i++)
	{
		UNIT_CHECK(ranges[i].first <= ranges[i].last);
		if (i > 0)
			UNIT_CHECK(ranges[i - 1].last < ranges[i].first);
	}
}

/* Returns a moment anywhere, most of them near now, some of them special. */
static int64
random_moment(void)
{
	static const int64 special[] = {
		PG_INT64_MIN, PG_INT64_MAX, MIN_TIMESTAMP, END_TIMESTAMP - 1, 0, -1, NOW, NOW - 1, NOW + 1
	};
	int64		distance;

	if (unit_random_below(20) == 0)
		return special[unit_random_below(lengthof(special))];
	distance = (int64) (unit_random() >> (1 + unit_random_below(50)));
	if (unit_random_below(2))
		return Max(NOW - distance % (NOW - (int64) MIN_TIMESTAMP), (int64) MIN_TIMESTAMP);
	return NOW + distance % ((int64) END_TIMESTAMP - NOW);
}

/* A row of today lies in a whole cell, which begins where days do. */
static void
recent_rows_get_a_cell_of_the_width(void)
{
	PartitionAxis axis = empty_axis(USECS_PER_DAY, 1000);
	PartitionRange range = put(&axis, NOW);

	UNIT_EQUAL(range.last - range.first + 1, USECS_PER_DAY);
	UNIT_EQUAL(range.first % USECS_PER_DAY, 0);
}

/* Ten years of days cost a few hundred partitions, not 3650. */
static void
old_rows_share_coarse_cells(void)
{
	PartitionAxis axis = empty_axis(USECS_PER_DAY, 2000);

	for (int day = 3650; day >= 0; day--)
		put(&axis, NOW - day * USECS_PER_DAY);
	UNIT_CHECK(axis.nranges >= 64);
	UNIT_CHECK(axis.nranges < 150);
	check_order(&axis);
}

/* The infinities have partitions that hold nothing else. */
static void
infinities_lie_alone(void)
{
	PartitionAxis axis = empty_axis(USECS_PER_DAY, 1000);
	PartitionRange low = put(&axis, PG_INT64_MIN);
	PartitionRange high = put(&axis, PG_INT64_MAX);

	UNIT_EQUAL(low.first, PG_INT64_MIN);
	UNIT_EQUAL(low.last, (int64) MIN_TIMESTAMP - 1);
	UNIT_EQUAL(high.first, PG_INT64_MAX);
	UNIT_EQUAL(high.last, PG_INT64_MAX);
	UNIT_EQUAL(put(&axis, MIN_TIMESTAMP).first, (int64) MIN_TIMESTAMP);
	UNIT_EQUAL(put(&axis, END_TIMESTAMP - 1).last, PG_INT64_MAX - 1);
	check_order(&axis);
}

/* Whatever comes, in whatever order: it fits, and the count keeps its limit. */
static void
any_rows_keep_the_limit(void)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		int			limit = 2 + unit_random_below(MAX_RANGES - 2);
		PartitionAxis axis = empty_axis(1 + unit_random_below(40 * USECS_PER_DAY), limit);

		for (int i = 0; i < 3000; i++)
		{
			int64		moment = random_moment();
			PartitionRange range = put(&axis, moment);

			if (range.first > moment || range.last < moment || axis.nranges > limit)
				UNIT_CHECK(!"range holds its row within the limit");
			if (unit_random_below(100) == 0)
				axis.now += USECS_PER_DAY;
		}
		check_order(&axis);
	}
}

/* The chosen width is of days and windows, and a part of the retention. */
static void
width_follows_window_and_retention(void)
{
	UNIT_EQUAL(partition_default_width(USECS_PER_MINUTE, 0), USECS_PER_DAY);
	UNIT_EQUAL(partition_default_width(USECS_PER_HOUR, 0), 41 * USECS_PER_DAY);
	UNIT_EQUAL(partition_default_width(USECS_PER_HOUR, 8 * USECS_PER_DAY), 2 * USECS_PER_DAY);
	UNIT_EQUAL(partition_default_width(USECS_PER_DAY, USECS_PER_DAY), USECS_PER_DAY);
	UNIT_EQUAL(partition_default_width(0, 0), 32 * USECS_PER_DAY);
	UNIT_CHECK(partition_default_width(PG_INT64_MAX / 2, 0) > 0);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(recent_rows_get_a_cell_of_the_width);
	UNIT_RUN(old_rows_share_coarse_cells);
	UNIT_RUN(infinities_lie_alone);
	UNIT_RUN(any_rows_keep_the_limit);
	UNIT_RUN(width_follows_window_and_retention);
	return unit_end();
}
