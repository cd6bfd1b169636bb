/*
 * group_filter.c - which flat groups a reader's conditions can concern.
 *
 * The hash of a window's group includes the window, so its panes lie
 * elsewhere: under the hashes of the same keys with each pane's start in the
 * place of the window.  Two of those hashes may be equal; a pane is taken
 * under its own start only, or it would count twice.
 */
#include "postgres.h"

#include "common/int.h"

#include "compat.h"
#include "state/group_filter.h"
#include "state/pane_group.h"

/* Sets the range of window starts that a filter asks for. */
static void
filter_start_range(const GenerationFilter *filter, const ViewPanes *panes, int64 *from, int64 *to)
{
	bool		by_end = false;

	*from = PG_INT64_MIN;
	*to = PG_INT64_MAX;
	if (filter->has_key_hash)
	{
		by_end = panes->start_attnum == 0;
		*from = *to = (int64) filter->key_bits[(by_end ? panes->end_attnum : panes->start_attnum) - 1];
	}
	else if (filter->has_window &&
			 (filter->window_attnum == panes->start_attnum ||
			  filter->window_attnum == panes->end_attnum))
	{
		by_end = filter->window_attnum == panes->end_attnum;
		*from = filter->window_from;
		*to = filter->window_to;
	}
	if (by_end)
	{
		/* what would start before the axis does not exist */
		if (pg_sub_s64_overflow(*from, panes->size, from))
			*from = PG_INT64_MIN;
		if (pg_sub_s64_overflow(*to, panes->size, to))
			*to = PG_INT64_MIN;
	}
}

/* Sets the hash of the probe's place. */
static void
probe_set_hash(GroupProbe *probe)
{
	const GenerationFilter *filter = probe->filter;
	uint64		bits[INDEX_MAX_KEYS];

	Assert(filter->nkeys <= INDEX_MAX_KEYS);
	memcpy(bits, filter->key_bits, sizeof(uint64) * filter->nkeys);
	if (probe->is_pane)
	{
		/* the bits of these keys are their Datums */
		pane_group_set_pane(&probe->panes, probe->desc, probe->start, (Datum *) bits);
	}
	probe->hash = group_hash_mix(bits, filter->nkeys);
	if (probe->is_pane)
		probe->hash ^= GROUP_PANE_HASH;
}

/* Starts with the group itself. */
void
group_probe_begin(GroupProbe *probe, const GenerationFilter *filter,
				  const ViewPanes *panes, TupleDesc desc)
{
	Assert(filter->has_key_hash);
	memset(probe, 0, sizeof(*probe));
	probe->filter = filter;
	probe->panes = *panes;
	probe->desc = desc;
	if (panes->slide > 0)
	{
		PaneShape	shape = pane_group_shape(panes);
		int64		end;
		int64		to;

		filter_start_range(filter, panes, &probe->start, &to);
		if (pane_is_window_start(&shape, probe->start) &&
			!pg_add_s64_overflow(probe->start, panes->size, &end))
			probe->panes_left = pane_count(&shape);
	}
	probe_set_hash(probe);
}

/* Goes on to the next pane of the window. */
bool
group_probe_next(GroupProbe *probe)
{
	if (probe->panes_left == 0)
		return false;
	if (probe->is_pane)
	{
		PaneShape	shape = pane_group_shape(&probe->panes);

		probe->start = pane_next(&shape, probe->start);
	}
	probe->is_pane = true;
	probe->panes_left--;
	probe_set_hash(probe);
	return true;
}

/* Tells whether a group is what the probe looks for. */
bool
group_probe_matches(const GroupProbe *probe, MinimalTuple tuple)
{
	if (pane_group_is_marked(tuple) != probe->is_pane)
		return false;
	return !probe->is_pane ||
		pane_group_tuple_start(&probe->panes, probe->desc, tuple) == probe->start;
}

/* Sets the windows of a pane that can pass. */
void
group_filter_windows(const GenerationFilter *filter, const ViewPanes *panes, int64 pane,
					 WindowSet *set)
{
	PaneShape	shape = pane_group_shape(panes);
	int64		from;
	int64		to;
	int64		last;

	pane_windows(&shape, pane, set);
	filter_start_range(filter, panes, &from, &to);
	last = set->start + (set->count - 1) * set->start_step;
	if (from > last || to < set->start)
	{
		set->count = 0;
		return;
	}
	if (from > set->start)
	{
		int64		skipped = (from - set->start + panes->slide - 1) / panes->slide;

		set->start += skipped * panes->slide;
		set->end += skipped * panes->slide;
		set->count -= skipped;
	}
	if (to < last)
		set->count -= (last - to + panes->slide - 1) / panes->slide;
	set->count = Max(set->count, 0);
}

/* Tells whether a flat group can have windows that pass. */
bool
group_filter_passes(const GenerationFilter *filter, const ViewPanes *panes,
					TupleDesc desc, MinimalTuple tuple)
{
	HeapTupleData wrapped;
	bool		isnull;
	int64		window;

	if (!filter->has_window)
		return true;
	if (pane_group_is_marked(tuple) &&
		(filter->window_attnum == panes->start_attnum || filter->window_attnum == panes->end_attnum))
	{
		WindowSet	set;

		group_filter_windows(filter, panes, pane_group_tuple_start(panes, desc, tuple), &set);
		return set.count > 0;
	}
	wrapped.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET;
	wrapped.t_data = (HeapTupleHeader) ((char *) tuple - MINIMAL_TUPLE_OFFSET);
	window = DatumGetInt64(heap_getattr(&wrapped, filter->window_attnum, desc, &isnull));
	return !isnull && window >= filter->window_from && window <= filter->window_to;
}
