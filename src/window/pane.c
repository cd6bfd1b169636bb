/*
 * pane.c - hopping windows cut into panes: arithmetic only.
 *
 * Windows start at origin + n * slide and end (size mod slide) behind such a
 * place.  These are the edges: one for each slide if size is a multiple of
 * slide, else two.
 */
#include "postgres.h"

#include "window/pane.h"

/* Returns how far value is above the nearest start of a window: in [0, slide). */
static int64
pane_distance(const PaneShape *shape, int64 value)
{
	Assert(shape->slide > 0 && shape->slide < shape->size);
	return window_distance(value, shape->slide, shape->origin);
}

/* Returns the start of a value's pane. */
int64
pane_start(const PaneShape *shape, int64 value)
{
	int64		distance = pane_distance(shape, value);
	int64		first = shape->size % shape->slide;

	if (distance >= first)
		distance -= first;
	return value - distance;
}

/* Returns the start of the next pane. */
int64
pane_next(const PaneShape *shape, int64 start)
{
	int64		first = shape->size % shape->slide;

	Assert(pane_start(shape, start) == start);
	if (first == 0)
		return start + shape->slide;
	return start + (pane_distance(shape, start) == 0 ? first : shape->slide - first);
}

/* Returns how many panes a window has. */
int64
pane_count(const PaneShape *shape)
{
	int64		slides = shape->size / shape->slide;

	return shape->size % shape->slide == 0 ? slides : 2 * slides + 1;
}

/* Computes the windows of a pane. */
void
pane_windows(const PaneShape *shape, int64 start, WindowSet *set)
{
	static const WindowRange range = WINDOW_INTEGER_RANGE;
	bool		valid PG_USED_FOR_ASSERTS_ONLY;

	valid = window_hop(start, shape->slide, shape->size, shape->origin, &range, set);
	Assert(valid && set->count > 0);
}

/* Tells whether some window starts at value. */
bool
pane_is_window_start(const PaneShape *shape, int64 value)
{
	return pane_distance(shape, value) == 0;
}
