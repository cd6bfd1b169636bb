/*
 * partition_cell.c - which stretch of the time axis a new partition covers.
 *
 * Most rows are recent, so cells of the chosen width near now give partitions
 * of a useful size that retention can drop one by one.  A clock that is wrong
 * by 50 years must not cost 18 000 partitions, so a cell is 16 times as wide
 * for each step away from now (64 cells of the finer width).  Cells of all
 * levels share one grid, in which a coarser cell is 16 finer ones.
 *
 * What exists stays: a new partition is the part of its cell that is still
 * free around the value.  As now moves on, fine cells are made beside coarse
 * ones of yesterday's future; nothing overlaps and nothing is rewritten.
 *
 * The count is bounded for ever: partitions plus gaps between them never
 * exceed max_partitions, because a partition that would break that takes its
 * whole gap instead (one partition more, one gap less).
 */
#include "postgres.h"
#include "compat.h"

#include "common/int.h"
#include "datatype/timestamp.h"

#include "flush/partition.h"

#define CELL_FACTOR				16
#define CELLS_PER_LEVEL			64
#define CELL_MAX_WIDTH			(PG_INT64_MAX / (2 * CELL_FACTOR))
#define WINDOWS_PER_PARTITION	1000
#define PARTITIONS_PER_RETENTION 4

/* The finite part of the axis; what is left on either side are the infinities. */
#define AXIS_FIRST				((int64) MIN_TIMESTAMP)
#define AXIS_LAST				(PG_INT64_MAX - 1)

/* Monday 2000-01-03: cells of a week or a day begin where windows do. */
#define GRID_ORIGIN				(2 * USECS_PER_DAY)

/*
 * Returns the number of ranges that end before value.
 */
static int
ranges_before(const PartitionAxis *axis, int64 value)
{
	int			low = 0;
	int			high = axis->nranges;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (axis->ranges[middle].last < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Returns the index of the range that holds value, or -1.
 */
int
partition_find(const PartitionAxis *axis, int64 value)
{
	int			i = ranges_before(axis, value);

	if (i < axis->nranges && axis->ranges[i].first <= value)
		return i;
	return -1;
}

/*
 * Returns the number of stretches that no range covers.
 */
static int
count_gaps(const PartitionAxis *axis)
{
	int			gaps = 0;
	int64		next = PG_INT64_MIN;

	for (int i = 0; i < axis->nranges; i++)
	{
		const PartitionRange *range = &axis->ranges[i];

		Assert(range->first <= range->last);
		Assert(range->first >= next);
		if (range->first > next)
			gaps++;
		if (range->last == PG_INT64_MAX)
			return gaps;
		next = range->last + 1;
	}
	return gaps + 1;
}

/*
 * Returns the width of the cell that value belongs to: coarser with the
 * distance from now, and the nearer the count is to its limit.
 */
static int64
cell_width(const PartitionAxis *axis, int64 value, int used)
{
	uint64		distance = value > axis->now ?
	(uint64) value - (uint64) axis->now : (uint64) axis->now - (uint64) value;
	int64		width = axis->width;

	while (width <= CELL_MAX_WIDTH && distance / width >= CELLS_PER_LEVEL)
		width *= CELL_FACTOR;

	if (used >= axis->max_partitions / 2 && width <= CELL_MAX_WIDTH)
		width *= CELL_FACTOR;
	if (used >= axis->max_partitions / 4 * 3 && width <= CELL_MAX_WIDTH)
		width *= CELL_FACTOR;
	return width;
}

/*
 * Sets [*first, *last] to the grid cell of this width that holds value.
 */
static void
cell_around(int64 value, int64 width, int64 *first, int64 *last)
{
	int128		offset = (int128) value - GRID_ORIGIN;
	int128		number = offset / width;
	int128		low;

	if (offset < 0 && number * width != offset)
		number--;				/* floor, not truncation */
	low = number * width + GRID_ORIGIN;

	*first = low < AXIS_FIRST ? AXIS_FIRST : (int64) low;
	*last = low + width - 1 >= END_TIMESTAMP ? AXIS_LAST : (int64) (low + width - 1);
}

/*
 * Sets [*first, *last] to the free stretch around value.
 */
static void
gap_around(const PartitionAxis *axis, int64 value, int64 *first, int64 *last)
{
	int			next = ranges_before(axis, value);

	*first = next > 0 ? axis->ranges[next - 1].last + 1 : PG_INT64_MIN;
	*last = next < axis->nranges ? axis->ranges[next].first - 1 : PG_INT64_MAX;
}

/*
 * Chooses the range of the partition to make for value.
 */
void
partition_choose(const PartitionAxis *axis, int64 value, int64 *first, int64 *last)
{
	int			gaps = count_gaps(axis);
	int			used = axis->nranges + gaps;
	int64		gap_first;
	int64		gap_last;

	Assert(axis->width > 0);
	Assert(partition_find(axis, value) < 0);

	gap_around(axis, value, &gap_first, &gap_last);
	if (value < AXIS_FIRST)
	{
		*first = PG_INT64_MIN;
		*last = AXIS_FIRST - 1;
	}
	else if (value > AXIS_LAST)
		*first = *last = value;
	else
		cell_around(value, cell_width(axis, value, used), first, last);

	*first = Max(*first, gap_first);
	*last = Min(*last, gap_last);

	/* the partition is one more; its gap becomes none, one or two */
	used += (*first > gap_first) + (*last < gap_last);
	if (used > axis->max_partitions)
	{
		*first = gap_first;
		*last = gap_last;
	}
	Assert(*first <= value && value <= *last);
}

/*
 * Returns the width of the finest cells: at least a day and a thousand
 * windows, in whole days, and a part of the retention that is worth dropping.
 */
int64
partition_default_width(int64 window_size_us, int64 retention_us)
{
	int64		width;

	Assert(window_size_us >= 0);

	if (window_size_us == 0)
		width = 32 * USECS_PER_DAY;
	else if (pg_mul_s64_overflow(window_size_us, WINDOWS_PER_PARTITION, &width))
		width = window_size_us;
	if (width > USECS_PER_DAY)
		width -= width % USECS_PER_DAY;
	width = Max(width, USECS_PER_DAY);

	if (retention_us > 0)
		width = Min(width, Max(retention_us / PARTITIONS_PER_RETENTION,
							   Max(window_size_us, USECS_PER_MINUTE)));
	return width;
}
