/*
 * window.h - which windows a value of the time axis belongs to: arithmetic only.
 *
 * The axis is int64: microseconds for timestamps, as PostgreSQL keeps them, or
 * any integer.  A window is half open, [start, end).  Nothing here allocates,
 * raises errors, or knows what time it is, so that it links into unit tests.
 */
#ifndef STREAM_EXT_WINDOW_H
#define STREAM_EXT_WINDOW_H

#include "datatype/timestamp.h"

/* Monday 2000-01-03 00:00, so that weeks start on Mondays. */
#define WINDOW_DEFAULT_ORIGIN	(2 * USECS_PER_DAY)

/* More windows than this for one value are a mistake. */
#define WINDOW_MAX_PER_VALUE	10000

/* What starts and ends may be, both inclusive. */
typedef struct WindowRange
{
	int64		first;
	int64		last;
} WindowRange;

#define WINDOW_TIMESTAMP_RANGE	{MIN_TIMESTAMP, END_TIMESTAMP - 1}
#define WINDOW_INTEGER_RANGE	{PG_INT64_MIN, PG_INT64_MAX}

/* Windows 0 .. count - 1; the i-th is [start + i * start_step, end + i * end_step). */
typedef struct WindowSet
{
	int64		count;
	int64		start;
	int64		end;
	int64		start_step;
	int64		end_step;
} WindowSet;

/* How far value is above the nearest origin + n * size: in [0, size). */
extern int64 window_distance(int64 value, int64 size, int64 origin);

/*
 * The windows that hold value, in ascending order.  All three return false,
 * with nothing set, if some window leaves the range: no value has half its
 * windows.  Require: lengths > 0, value and origin within the range.
 */

/* The one window [s, s + size) with s = origin + n * size. */
extern bool window_tumble(int64 value, int64 size, int64 origin, const WindowRange *range,
						  int64 *start, int64 *end);

/*
 * All windows [s, s + size) with s = origin + n * slide.  Size need be no
 * multiple of slide; where slide > size, values in the gaps have no window.
 */
extern bool window_hop(int64 value, int64 slide, int64 size, int64 origin,
					   const WindowRange *range, WindowSet *set);

/*
 * The windows [s, s + n * step), n = 1 .. size / step, with s as in
 * window_tumble().  Requires: size a multiple of step.
 */
extern bool window_cumulate(int64 value, int64 step, int64 size, int64 origin,
							const WindowRange *range, WindowSet *set);

#endif							/* STREAM_EXT_WINDOW_H */
