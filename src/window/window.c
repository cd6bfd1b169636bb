/*
 * window.c - which windows a value of the time axis belongs to: arithmetic only.
 *
 * A window's start is the value minus its distance from there, and that
 * distance is found from remainders, so that no difference of two far apart
 * values is ever formed (it may exceed an int64).
 *
 * Source of hop: the windows that start at or before the value are a distance
 * d, d + slide, d + 2 * slide ... away; those closer than size hold it.
 */
#include "postgres.h"

#include "common/int.h"

#include "window/window.h"

/* Returns value modulo size, in [0, size), also for negative values. */
static int64
window_floor_mod(int64 value, int64 size)
{
	int64		rest = value % size;

	Assert(size > 0);
	return rest < 0 ? rest + size : rest;
}

/* Returns how far value is above the nearest origin + n * size: in [0, size). */
int64
window_distance(int64 value, int64 size, int64 origin)
{
	int64		distance;

	/* both remainders are in [0, size), so their difference cannot overflow */
	distance = window_floor_mod(value, size) - window_floor_mod(origin, size);
	if (distance < 0)
		distance += size;
	Assert(distance >= 0 && distance < size);
	return distance;
}

/* Sets [*start, *end) if it is within the range. */
static bool
window_bounds(int64 value, int64 before, int64 after, const WindowRange *range,
			  int64 *start, int64 *end)
{
	int64		first;
	int64		last;

	Assert(before >= 0 && after > 0);
	if (pg_sub_s64_overflow(value, before, &first) ||
		pg_add_s64_overflow(value, after, &last))
		return false;
	if (first < range->first || last > range->last)
		return false;

	*start = first;
	*end = last;
	return true;
}

/* Computes the tumbling window. */
bool
window_tumble(int64 value, int64 size, int64 origin, const WindowRange *range,
			  int64 *start, int64 *end)
{
	int64		distance;

	Assert(size > 0);
	Assert(value >= range->first && value <= range->last);

	distance = window_distance(value, size, origin);
	return window_bounds(value, distance, size - distance, range, start, end);
}

/* Computes the hopping windows. */
bool
window_hop(int64 value, int64 slide, int64 size, int64 origin,
		   const WindowRange *range, WindowSet *set)
{
	int64		distance;
	int64		earlier;
	int64		start;
	int64		end;

	Assert(slide > 0 && size > 0);
	Assert(value >= range->first && value <= range->last);

	distance = window_distance(value, slide, origin);
	if (distance >= size)
	{
		memset(set, 0, sizeof(WindowSet));
		return true;
	}

	/*
	 * how many windows start before the last one; from the first to the end
	 * of the last
	 */
	earlier = (size - 1 - distance) / slide;
	if (!window_bounds(value, distance + earlier * slide, size - distance, range, &start, &end))
		return false;

	set->count = earlier + 1;
	set->start = start;
	set->end = end - earlier * slide;
	set->start_step = slide;
	set->end_step = slide;
	Assert(set->start <= value && value < set->end);
	return true;
}

/* Computes the cumulating windows. */
bool
window_cumulate(int64 value, int64 step, int64 size, int64 origin,
				const WindowRange *range, WindowSet *set)
{
	int64		start;
	int64		end;
	int64		over;

	Assert(step > 0 && size > 0 && size % step == 0);
	if (!window_tumble(value, size, origin, range, &start, &end))
		return false;

	/* windows that are over before value */
	over = window_distance(value, size, origin) / step;
	set->count = size / step - over;
	set->start = start;
	set->end = start + (over + 1) * step;
	set->start_step = 0;
	set->end_step = step;
	Assert(set->count > 0 && value < set->end);
	return true;
}
