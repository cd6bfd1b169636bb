/*
 * group_filter.h - which flat groups a reader's conditions can concern.
 *
 * A filter is computed before any lock is taken, because that may run user
 * code; what is here is arithmetic, and may run under one.  It may let too
 * much through, never too little.  A pane passes if one of its windows does.
 */
#ifndef STREAM_EXT_GROUP_FILTER_H
#define STREAM_EXT_GROUP_FILTER_H

#include "state/group.h"
#include "window/window.h"

typedef struct GenerationFilter
{
	bool		no_groups;		/* where the cut ends is all that is wanted */
	bool		has_key_hash;	/* only groups with these keys */
	int			nkeys;
	uint64		key_bits[INDEX_MAX_KEYS];	/* of group_hash_bits() */
	bool		has_window;		/* only windows in [from, to], int64 as
								 * stored; NULL windows never */
	int			window_attnum;	/* 1-based, in the flat group */
	int64		window_from;
	int64		window_to;
} GenerationFilter;

/* Where groups with the keys of a filter may lie, hash by hash. */
typedef struct GroupProbe
{
	const GenerationFilter *filter;
	ViewPanes	panes;
	TupleDesc	desc;
	uint32		hash;			/* of the place to look at */
	bool		is_pane;		/* for the pane that starts at start */
	int64		start;
	int64		panes_left;
} GroupProbe;

/*
 * Starts with the group itself; group_probe_next() goes on to the panes of its
 * window, false when there are no more.  Requires: has_key_hash.
 */
extern void group_probe_begin(GroupProbe *probe, const GenerationFilter *filter,
							  const ViewPanes *panes, TupleDesc desc);
extern bool group_probe_next(GroupProbe *probe);

/* Whether a group that lies under the probe's hash is what the probe looks for. */
extern bool group_probe_matches(const GroupProbe *probe, MinimalTuple tuple);

/* Whether a flat group can have windows that pass the filter. */
extern bool group_filter_passes(const GenerationFilter *filter, const ViewPanes *panes,
								TupleDesc desc, MinimalTuple tuple);

/* The windows of a pane that can pass the filter; none leaves a count of 0. */
extern void group_filter_windows(const GenerationFilter *filter, const ViewPanes *panes,
								 int64 pane, WindowSet *set);

#endif							/* STREAM_EXT_GROUP_FILTER_H */
