/*
 * cut.c - a reader's consistent cut through a view's generations.
 *
 * The groups are copied out under the shared lock and looked at afterwards:
 * what may be slow or raise errors (user code, the executor) never runs under
 * it.  With a filter only what passes is copied.
 *
 * Locking: gate shared, lock shared, gate released; see generation.h.
 *
 * Memory: the copies lie in blocks in CurrentMemoryContext.  An allocation
 * that fails under the lock is an ordinary error; its abort releases the lock.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/memutils.h"

#include "compat.h"
#include "state/generation.h"
#include "state/group_table.h"
#include "state/pane_group.h"

#define COPY_BLOCK_BYTES	((Size) 256 * 1024)
#define INITIAL_TUPLES		64

typedef struct Cut
{
	TupleDesc	desc;
	const GenerationFilter *filter;
	ViewPanes	panes;
	MinimalTuple *tuples;
	uint32	   *hashes;
	uint32		ntuples;
	uint32		capacity;
	char	   *block;
	Size		block_left;
} Cut;

/* Returns space for bytes that lives as long as the cut. */
static char *
cut_allocate(Cut *cut, Size bytes)
{
	char	   *place;

	bytes = MAXALIGN(bytes);
	if (bytes > COPY_BLOCK_BYTES / 4)
		return palloc(bytes);
	if (bytes > cut->block_left)
	{
		cut->block = palloc(COPY_BLOCK_BYTES);
		cut->block_left = COPY_BLOCK_BYTES;
	}
	place = cut->block;
	cut->block += bytes;
	cut->block_left -= bytes;
	return place;
}

/* Doubles the arrays. */
static void
cut_grow(Cut *cut)
{
	Size		capacity = (Size) cut->capacity * 2;

	cut->tuples = repalloc_huge(cut->tuples, sizeof(MinimalTuple) * capacity);
	cut->hashes = repalloc_huge(cut->hashes, sizeof(uint32) * capacity);
	cut->capacity = capacity;
}

/* Copies one flat group into the cut. */
static void
cut_add(Cut *cut, const GroupRecord *record)
{
	char	   *copy = cut_allocate(cut, record->tuple.t_len);

	Assert(!GROUP_RECORD_IS_DEAD(record));
	if (cut->ntuples == cut->capacity)
		cut_grow(cut);
	memcpy(copy, &record->tuple, record->tuple.t_len);
	cut->tuples[cut->ntuples] = (MinimalTuple) copy;
	cut->hashes[cut->ntuples] = record->hash;
	cut->ntuples++;
}

/* Copies the groups that lie where the filter's keys may lie. */
static void
cut_probe(Cut *cut, const GenerationControl *generation)
{
	GroupProbe	probe;

	group_probe_begin(&probe, cut->filter, &cut->panes, cut->desc);
	do
	{
		GroupCursor cursor;
		uint32		place;

		group_table_seek(generation, probe.hash, &cursor);
		while ((place = group_table_next(&cursor)) != 0)
		{
			GroupRecord *record = group_table_record(place);

			if (group_probe_matches(&probe, &record->tuple))
				cut_add(cut, record);
		}
	} while (group_probe_next(&probe));
}

/* Copies all groups that pass the filter. */
static void
cut_scan(Cut *cut, const GenerationControl *generation)
{
	GroupWalk	walk;
	GroupRecord *record;

	group_table_walk(generation, &walk);
	while ((record = group_table_step(&walk)) != NULL)
	{
		if (group_filter_passes(cut->filter, &cut->panes, cut->desc, &record->tuple))
			cut_add(cut, record);
	}
}

/*
 * Returns whether a look-up is cheaper than going through all groups: that of
 * a hopping window has to look for each of its panes.
 */
static bool
cut_shall_probe(const Cut *cut, const GenerationControl *generation)
{
	PaneShape	shape = pane_group_shape(&cut->panes);

	return cut->filter->has_key_hash &&
		(cut->panes.slide == 0 || pane_count(&shape) <= generation->ngroups);
}

/* Copies the chain from generation first up to its end or a hole. */
static void
cut_copy_chain(Cut *cut, const ViewControl *view, int first, GenerationCut *result)
{
	Assert(result->end_lsn == view->generations[first].start_lsn);
	for (int i = first; i < view->ngenerations; i++)
	{
		const GenerationControl *generation = &view->generations[i];

		if (generation->start_lsn != result->end_lsn)
			break;
		if (cut->filter->no_groups)
			 /* nothing is copied */ ;
		else if (cut_shall_probe(cut, generation))
			cut_probe(cut, generation);
		else
			cut_scan(cut, generation);
		result->end_lsn = generation->end_lsn;
		if (generation->ngroups > 0)
			result->content_lsn = generation->end_lsn;
		result->watermark = Max(result->watermark, generation->watermark);
		result->ngenerations++;
	}
}

/* Returns the generation that starts at position, or -1. Caller holds the lock. */
static int
cut_find_start(const ViewControl *view, XLogRecPtr position)
{
	for (int i = 0; i < view->ngenerations; i++)
	{
		if (view->generations[i].start_lsn == position)
			return i;
	}
	return -1;
}

/* Copies a consistent cut; see generation.h. */
GenerationReadResult
generation_read(ViewControl *view, XLogRecPtr position, TupleDesc desc,
				const GenerationFilter *filter, GenerationCut *result)
{
	Cut			cut = {.desc = desc,.filter = filter,.capacity = INITIAL_TUPLES};
	bool		attached;
	int			first = -1;

	cut.tuples = palloc(sizeof(MinimalTuple) * INITIAL_TUPLES);
	cut.hashes = palloc(sizeof(uint32) * INITIAL_TUPLES);
	result->end_lsn = position;
	result->content_lsn = position;
	result->ngenerations = 0;

	LWLockAcquire(&view->gate, LW_SHARED);
	LWLockAcquire(&view->lock, LW_SHARED);
	LWLockRelease(&view->gate);
	attached = view->attached;
	cut.panes = view->panes;
	if (attached)
		first = cut_find_start(view, position);
	if (first >= 0)
		cut_copy_chain(&cut, view, first, result);
	LWLockRelease(&view->lock);

	Assert(cut.ntuples <= cut.capacity);
	result->tuples = cut.tuples;
	result->hashes = cut.hashes;
	result->ntuples = cut.ntuples;
	result->panes = cut.panes;
	if (!attached)
		return GENERATION_ABSENT;
	return first >= 0 ? GENERATION_READ : GENERATION_CUT;
}
