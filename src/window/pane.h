/*
 * pane.h - hopping windows cut into panes: arithmetic only.
 *
 * A *pane* is a stretch of the axis between two neighbouring edges, an edge
 * being where some window starts or ends.  All values of a pane are in the
 * same windows, so that a row needs to update its pane only, and a window is
 * the sum of its panes.
 *
 *   slide 4, size 6      [0    4 6   8 10  12
 *     windows             |-------|
 *                              |-------|
 *     panes               |--|-|--|-|--|-|       at most two for each slide
 *
 * Source of the two panes for each slide, rather than panes of
 * gcd(slide, size): Krishnamurthy, Wu, Franklin, "On-the-fly sharing for
 * streamed aggregation", SIGMOD 2006 (paired windows).
 */
#ifndef STREAM_EXT_PANE_H
#define STREAM_EXT_PANE_H

#include "window/window.h"

/* Requires of all functions: 0 < slide < size. */
typedef struct PaneShape
{
	int64		slide;
	int64		size;
	int64		origin;
} PaneShape;

/* The start of the pane that holds value.  Requires: all windows of value are in range. */
extern int64 pane_start(const PaneShape *shape, int64 value);

/* The start of the pane behind the one that starts at start. */
extern int64 pane_next(const PaneShape *shape, int64 start);

/* How many panes a window has. */
extern int64 pane_count(const PaneShape *shape);

/* The windows of the pane that starts at start, in ascending order. */
extern void pane_windows(const PaneShape *shape, int64 start, WindowSet *set);

/* Whether some window starts at value. */
extern bool pane_is_window_start(const PaneShape *shape, int64 value);

#endif							/* STREAM_EXT_PANE_H */
