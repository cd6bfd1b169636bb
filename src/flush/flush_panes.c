/*
 * flush_panes.c - groups of panes become groups of windows.
 *
 * Storage holds windows only.  The panes are sorted by their other keys and
 * start; then the windows of one key are a frame that slides over its panes,
 * each window complete before the next one, and each written once.  Whatever
 * the number of panes, memory holds the states of one frame and the windows
 * that wait to be written, which are written whenever they fill
 * stream_ext.work_memory.
 *
 * Source of the frame, which costs about three combinations for a window
 * instead of one for each of its panes: the queue of two stacks, as in Tangwongsan,
 * Hirzel, Schneider, "Low-latency sliding-window aggregation in worst-case
 * constant time", DEBS 2017.  The older panes of the frame are kept as the
 * states of all their suffixes, the younger ones as one state; panes are
 * always combined in their order.
 *
 * Failure: combining runs anybody's code, as the view's owner and in a
 * subtransaction.  If that fails for a reason that lies in the data, the key
 * is found whose windows cannot be combined, and its panes are written one
 * after the other: storage combines them, and what it cannot combine goes to
 * quarantine as ever.
 */
#include "postgres.h"
#include "compat.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "flush/flush_private.h"
#include "guc.h"
#include "state/pane_group.h"

/* A pane on its way. */
typedef struct PaneEntry
{
	MinimalTuple tuple;
	int64		start;
	int64		from;			/* windows before it are written; panes that
								 * failed only */
	uint32		hash;			/* of the other keys; of panes that failed,
								 * which of its key's it is */
} PaneEntry;

/* The panes of one key, and the frame on them. */
typedef struct PaneFrame
{
	PaneEntry  *entries;
	uint32		count;
	int64		window;			/* start of the next window */
	bool		done;
	uint32		first;			/* the frame is [first, end) */
	uint32		middle;			/* older ones before it, younger from it on */
	uint32		end;
	uint32		suffix_base;	/* entry of suffixes[0] */
	AggregateState *suffixes;	/* of [i, middle), naggregates each */
	AggregateState *younger;	/* of [middle, end) */
	bool		changed;		/* since values were computed */
} PaneFrame;

typedef struct PaneExpansion
{
	FlushWriter *writer;
	PaneEntry  *entries;
	uint32		nentries;
	uint32		next;			/* entries before it are done */
	bool		has_frame;		/* of the key at next */
	bool		one_key;		/* per subtransaction, since something failed */
	PaneFrame	frame;

	MinimalTuple *tuples;		/* windows that wait */
	uint32		ntuples;
	uint32		capacity;
	Size		bytes;

	int64		unwritten;		/* first window of the key at next that this
								 * step is to write */
	PaneEntry  *failed;			/* panes to be written one by one */
	uint32		nfailed;

	TupleTableSlot *slot;
	Datum	   *values;			/* of the frame's window */
	bool	   *isnull;
	MemoryContext batch;		/* tuples */
	MemoryContext suffix_context;
	MemoryContext younger_context;
	MemoryContext window_context;	/* values */
} PaneExpansion;

static int	compare_panes(const PaneEntry *a, const PaneEntry *b);

#define ST_SORT sort_panes
#define ST_ELEMENT_TYPE PaneEntry
#define ST_COMPARE(a, b) compare_panes(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Compares by hash, then start. */
static int
compare_panes(const PaneEntry *a, const PaneEntry *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return 0;
}

/* Returns the memory that waiting windows may take. */
static Size
expansion_budget(void)
{
	return (Size) guc_work_memory_kb * 1024;
}

/* Returns an array of states for n panes. */
static AggregateState *
allocate_states(const PaneExpansion *expansion, MemoryContext context, Size n)
{
	Size		size = sizeof(AggregateState) * Max(expansion->writer->desc->naggregates, 1);

	return MemoryContextAllocHuge(context, size * n);
}

/* --- the keys of panes -------------------------------------------------------- */

/* Loads a pane into the slot, without its window. */
static void
load_keys(PaneExpansion *expansion, MinimalTuple tuple)
{
	const ViewPanes *panes = &expansion->writer->desc->panes;
	TupleTableSlot *slot = expansion->slot;

	ExecStoreMinimalTuple(tuple, slot, false);
	slot_getallattrs(slot);
	pane_group_set_pane(panes, expansion->writer->desc->storage, 0, slot->tts_values);
}

/* Sets the hashes of the panes' other keys, and sorts. Runs hash functions. */
static void
sort_action(FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *arg)
{
	PaneExpansion *expansion = arg;
	MemoryContext old = MemoryContextSwitchTo(writer->row_context);

	for (uint32 i = 0; i < expansion->nentries; i++)
	{
		PaneEntry  *entry = &expansion->entries[i];

		load_keys(expansion, entry->tuple);
		entry->hash = group_hash(writer->desc, expansion->slot->tts_values,
								 expansion->slot->tts_isnull);
		MemoryContextReset(writer->row_context);
	}
	MemoryContextSwitchTo(old);
	sort_panes(expansion->entries, expansion->nentries);
}

/*
 * Returns the end of the entries that have the key of the one at start; they
 * are moved together if another key has the same hash.
 */
static uint32
gather_key(PaneExpansion *expansion, uint32 start)
{
	GroupDesc  *desc = expansion->writer->desc;
	uint32		end = start + 1;
	uint32		hash = expansion->entries[start].hash;

	load_keys(expansion, expansion->entries[start].tuple);
	memcpy(expansion->values, expansion->slot->tts_values, sizeof(Datum) * desc->nkeys);
	memcpy(expansion->isnull, expansion->slot->tts_isnull, sizeof(bool) * desc->nkeys);
	for (uint32 i = end; i < expansion->nentries && expansion->entries[i].hash == hash; i++)
	{
		PaneEntry	entry = expansion->entries[i];

		load_keys(expansion, entry.tuple);
		if (!group_equal(desc, expansion->values, expansion->isnull,
						 expansion->slot->tts_values, expansion->slot->tts_isnull))
			continue;
		/* both keys stay in the order of their starts */
		memmove(&expansion->entries[end + 1], &expansion->entries[end],
				sizeof(PaneEntry) * (i - end));
		expansion->entries[end++] = entry;
	}
	return end;
}

/* --- the frame ---------------------------------------------------------------- */

/* Empties the younger part of the frame. */
static void
frame_clear_younger(PaneExpansion *expansion)
{
	GroupDesc  *desc = expansion->writer->desc;

	MemoryContextReset(expansion->younger_context);
	expansion->frame.younger = allocate_states(expansion, expansion->younger_context, 1);
	for (int i = 0; i < desc->naggregates; i++)
		aggregate_start(desc->aggregates[i].aggregate, &expansion->frame.younger[i],
						expansion->younger_context);
}

/* Puts an empty frame before the key at next. */
static void
frame_begin(PaneExpansion *expansion)
{
	PaneFrame  *frame = &expansion->frame;
	PaneShape	shape = pane_group_shape(&expansion->writer->desc->panes);
	WindowSet	set;

	memset(frame, 0, sizeof(*frame));
	frame->count = gather_key(expansion, expansion->next) - expansion->next;
	frame->entries = &expansion->entries[expansion->next];
	pane_windows(&shape, frame->entries[0].start, &set);
	frame->window = set.start;
	frame_clear_younger(expansion);
	expansion->has_frame = true;
}

/* Adds the next pane to the frame. */
static void
frame_push(PaneExpansion *expansion)
{
	GroupDesc  *desc = expansion->writer->desc;
	PaneFrame  *frame = &expansion->frame;

	ExecStoreMinimalTuple(frame->entries[frame->end].tuple, expansion->slot, false);
	slot_getallattrs(expansion->slot);
	for (int i = 0; i < desc->naggregates; i++)
		aggregate_combine_partial(desc->aggregates[i].aggregate, &frame->younger[i],
								  expansion->slot->tts_values[desc->nkeys + i],
								  expansion->slot->tts_isnull[desc->nkeys + i],
								  expansion->younger_context);
	frame->end++;
	frame->changed = true;
}

/* Turns the younger panes into older ones: computes their suffixes. */
static void
frame_turn(PaneExpansion *expansion)
{
	GroupDesc  *desc = expansion->writer->desc;
	PaneFrame  *frame = &expansion->frame;

	Assert(frame->first == frame->middle && frame->first < frame->end);
	MemoryContextReset(expansion->suffix_context);
	frame->suffixes = allocate_states(expansion, expansion->suffix_context,
									  frame->end - frame->first);
	frame->suffix_base = frame->first;
	for (uint32 i = frame->end; i-- > frame->first;)
	{
		AggregateState *suffix = frame->suffixes + (Size) (i - frame->first) * desc->naggregates;

		ExecStoreMinimalTuple(frame->entries[i].tuple, expansion->slot, false);
		slot_getallattrs(expansion->slot);
		for (int a = 0; a < desc->naggregates; a++)
		{
			StreamAggregate *aggregate = desc->aggregates[a].aggregate;

			aggregate_from_partial(aggregate, &suffix[a],
								   expansion->slot->tts_values[desc->nkeys + a],
								   expansion->slot->tts_isnull[desc->nkeys + a],
								   expansion->suffix_context);
			if (i + 1 < frame->end)
				aggregate_combine(aggregate, &suffix[a], &suffix[desc->naggregates + a],
								  expansion->suffix_context);
		}
	}
	frame->middle = frame->end;
	frame_clear_younger(expansion);
}

/* Takes the oldest pane out of the frame. */
static void
frame_pop(PaneExpansion *expansion)
{
	PaneFrame  *frame = &expansion->frame;

	if (frame->first == frame->middle)
		frame_turn(expansion);
	frame->first++;
	frame->changed = true;
}

/* Moves the frame to the panes of its window, or of the next that has any; false at the end. */
static bool
frame_fill(PaneExpansion *expansion)
{
	PaneFrame  *frame = &expansion->frame;
	PaneShape	shape = pane_group_shape(&expansion->writer->desc->panes);
	WindowSet	set;

	if (frame->done)
		return false;
	while (frame->first < frame->end && frame->entries[frame->first].start < frame->window)
		frame_pop(expansion);
	if (frame->first == frame->end)
	{
		Assert(frame->first == frame->middle);
		if (frame->end == frame->count)
			return false;
		pane_windows(&shape, frame->entries[frame->end].start, &set);
		Assert(set.start >= frame->window);
		frame->window = set.start;
	}
	while (frame->end < frame->count &&
		   frame->entries[frame->end].start < frame->window + shape.size)
		frame_push(expansion);
	Assert(frame->first < frame->end);
	return true;
}

/* Computes keys and partials of the frame's window. */
static void
frame_compute(PaneExpansion *expansion)
{
	GroupDesc  *desc = expansion->writer->desc;
	PaneFrame  *frame = &expansion->frame;
	MemoryContext context = expansion->window_context;
	MemoryContext old;
	AggregateState *older = NULL;

	MemoryContextReset(context);
	old = MemoryContextSwitchTo(context);
	if (frame->first < frame->middle)
		older = frame->suffixes + (Size) (frame->first - frame->suffix_base) * desc->naggregates;
	for (int i = 0; i < desc->naggregates; i++)
	{
		StreamAggregate *aggregate = desc->aggregates[i].aggregate;
		AggregateState state;
		int			column = desc->nkeys + i;

		aggregate_start(aggregate, &state, context);
		if (older != NULL)
			aggregate_combine(aggregate, &state, &older[i], context);
		if (frame->middle < frame->end)
			aggregate_combine(aggregate, &state, &frame->younger[i], context);
		expansion->values[column] = aggregate_to_partial(aggregate, &state,
														 &expansion->isnull[column]);
	}
	MemoryContextSwitchTo(old);

	ExecStoreMinimalTuple(frame->entries[frame->first].tuple, expansion->slot, false);
	slot_getallattrs(expansion->slot);
	memcpy(expansion->values, expansion->slot->tts_values, sizeof(Datum) * desc->nkeys);
	memcpy(expansion->isnull, expansion->slot->tts_isnull, sizeof(bool) * desc->nkeys);
	frame->changed = false;
}

/* Goes on to the next window, unless this was the last of the last pane. */
static void
frame_advance(PaneExpansion *expansion)
{
	PaneFrame  *frame = &expansion->frame;
	const ViewPanes *panes = &expansion->writer->desc->panes;
	int64		next;

	/* a window behind every pane may be beyond the axis */
	if (pg_add_s64_overflow(frame->window, panes->slide, &next) ||
		next > frame->entries[frame->count - 1].start)
		frame->done = true;
	else
		frame->window = next;
}

/* --- windows that wait -------------------------------------------------------- */

/* Adds the window that starts at start, with the values at hand, to those that wait. */
static void
add_window(PaneExpansion *expansion, int64 start)
{
	GroupDesc  *desc = expansion->writer->desc;
	MemoryContext old = MemoryContextSwitchTo(expansion->batch);
	MinimalTuple tuple;

	if (expansion->ntuples == expansion->capacity)
	{
		expansion->capacity = Max(expansion->capacity * 2, 1024);
		if (expansion->tuples == NULL)
			expansion->tuples = MemoryContextAllocHuge(expansion->writer->call_context,
													   sizeof(MinimalTuple) * (Size) expansion->capacity);
		else
			expansion->tuples = repalloc_huge(expansion->tuples,
											  sizeof(MinimalTuple) * (Size) expansion->capacity);
	}
	pane_group_set_window(&desc->panes, desc->storage, start, expansion->values);
	tuple = group_form_flat(desc, expansion->values, expansion->isnull);
	expansion->tuples[expansion->ntuples++] = tuple;
	expansion->bytes += tuple->t_len + sizeof(FlushEntry) + sizeof(MinimalTuple);
	MemoryContextSwitchTo(old);
}

/* Forgets the windows that wait. */
static void
clear_windows(PaneExpansion *expansion)
{
	MemoryContextReset(expansion->batch);
	expansion->ntuples = 0;
	expansion->bytes = 0;
}

/* Writes the windows that wait. */
static void
write_windows(PaneExpansion *expansion)
{
	flush_write_groups(expansion->writer, expansion->tuples, expansion->ntuples);
	clear_windows(expansion);
}

/* Ends with the key at next. */
static void
finish_key(PaneExpansion *expansion)
{
	expansion->next += expansion->frame.count;
	expansion->has_frame = false;
	MemoryContextReset(expansion->writer->row_context);
}

/*
 * Adds windows, key after key, until they fill the memory, or one key's in
 * one_key mode.  Runs combine functions.
 */
static void
expand_action(FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *arg)
{
	PaneExpansion *expansion = arg;
	bool		full = false;

	MemoryContextSwitchTo(writer->row_context);
	while (expansion->next < expansion->nentries && !full)
	{
		if (!expansion->has_frame)
			frame_begin(expansion);
		while (!full && frame_fill(expansion))
		{
			if (expansion->frame.changed)
				frame_compute(expansion);
			add_window(expansion, expansion->frame.window);
			frame_advance(expansion);
			full = expansion->bytes > expansion_budget();
		}
		CHECK_FOR_INTERRUPTS();
		if (!full || expansion->frame.done)
		{
			finish_key(expansion);
			full = full || expansion->one_key;
		}
	}
	MemoryContextSwitchTo(writer->call_context);
}

/* --- what fails --------------------------------------------------------------- */

/* Keeps the panes of the key at next, whose windows from unwritten on are to come, for later. */
static void
set_aside_action(FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *arg)
{
	PaneExpansion *expansion = arg;
	uint32		end = gather_key(expansion, expansion->next);

	for (uint32 i = expansion->next; i < end; i++)
	{
		PaneEntry	entry = expansion->entries[i];

		entry.hash = i - expansion->next;
		entry.from = expansion->unwritten;
		if (expansion->failed == NULL)
			expansion->failed = MemoryContextAllocHuge(expansion->writer->call_context,
													   sizeof(PaneEntry) * (Size) expansion->nentries);
		expansion->failed[expansion->nfailed++] = entry;
	}
	expansion->next = end;
}

/* Adds the windows of one pane that failed. */
static void
add_failed_pane(PaneExpansion *expansion, const PaneEntry *entry)
{
	GroupDesc  *desc = expansion->writer->desc;
	PaneShape	shape = pane_group_shape(&desc->panes);
	WindowSet	set;

	pane_windows(&shape, entry->start, &set);
	ExecStoreMinimalTuple(entry->tuple, expansion->slot, false);
	slot_getallattrs(expansion->slot);
	memcpy(expansion->values, expansion->slot->tts_values, sizeof(Datum) * desc->storage->natts);
	memcpy(expansion->isnull, expansion->slot->tts_isnull, sizeof(bool) * desc->storage->natts);
	for (int64 i = 0; i < set.count; i++)
	{
		int64		start = set.start + i * set.start_step;

		if (start >= entry->from)
			add_window(expansion, start);
	}
}

/*
 * Writes the panes that failed: the first of every key, then the second, and
 * so on, so that no window is written twice at once.
 */
static void
write_failed(PaneExpansion *expansion)
{
	sort_panes(expansion->failed, expansion->nfailed);
	for (uint32 i = 0; i < expansion->nfailed; i++)
	{
		bool		last = i + 1 == expansion->nfailed ||
		expansion->failed[i + 1].hash != expansion->failed[i].hash;

		add_failed_pane(expansion, &expansion->failed[i]);
		if (last || expansion->bytes > expansion_budget())
		{
			flush_settle(expansion->writer);
			write_windows(expansion);
		}
	}
}

/* --- all of it ---------------------------------------------------------------- */

/* Does the next piece of work in a subtransaction; sets aside what fails alone. */
static void
expand_step(PaneExpansion *expansion)
{
	uint32		next = expansion->next;
	bool		resumed = expansion->has_frame;
	ErrorData  *error;

	expansion->unwritten = resumed ? expansion->frame.window : PG_INT64_MIN;
	error = flush_try_as_owner(expansion->writer, expand_action, NULL, 0, expansion);
	if (error == NULL)
		return;
	if (!flush_is_data_error(error))
		ReThrowError(error);
	FreeErrorData(error);

	/* none of this step's windows was written */
	clear_windows(expansion);
	expansion->next = next;
	expansion->has_frame = false;
	if (expansion->one_key || resumed)
		flush_run_as_owner(expansion->writer, set_aside_action, NULL, 0, expansion);
	expansion->one_key = true;
}

/* Prepares the expansion of the panes among groups; returns it, and the others through *nothers. */
static PaneExpansion *
expansion_begin(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups, uint32 *nothers)
{
	GroupDesc  *desc = writer->desc;
	MemoryContext context = writer->call_context;
	PaneExpansion *expansion = palloc0(sizeof(PaneExpansion));

	expansion->writer = writer;
	expansion->entries = MemoryContextAllocHuge(context, sizeof(PaneEntry) * (Size) ngroups);
	*nothers = 0;
	for (uint32 i = 0; i < ngroups; i++)
	{
		PaneEntry  *entry = &expansion->entries[expansion->nentries];

		if (!pane_group_is_marked(groups[i]))
		{
			groups[(*nothers)++] = groups[i];
			continue;
		}
		entry->tuple = groups[i];
		entry->start = pane_group_tuple_start(&desc->panes, desc->storage, groups[i]);
		expansion->nentries++;
	}
	expansion->slot = MakeSingleTupleTableSlot(desc->storage, &TTSOpsMinimalTuple);
	expansion->values = palloc0(sizeof(Datum) * desc->storage->natts);
	expansion->isnull = palloc0(sizeof(bool) * desc->storage->natts);
	expansion->batch = AllocSetContextCreate(context, "flush windows", ALLOCSET_DEFAULT_SIZES);
	expansion->suffix_context = AllocSetContextCreate(context, "flush suffixes", ALLOCSET_DEFAULT_SIZES);
	expansion->younger_context = AllocSetContextCreate(context, "flush younger", ALLOCSET_DEFAULT_SIZES);
	expansion->window_context = AllocSetContextCreate(context, "flush window", ALLOCSET_DEFAULT_SIZES);
	return expansion;
}

/* Writes groups some of which may be those of panes; see flush_private.h. */
void
flush_panes(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups)
{
	uint32		nothers;
	PaneExpansion *expansion = expansion_begin(writer, groups, ngroups, &nothers);

	flush_run_as_owner(writer, sort_action, NULL, 0, expansion);
	while (expansion->next < expansion->nentries)
	{
		expand_step(expansion);
		write_windows(expansion);
	}
	if (expansion->nfailed > 0)
		write_failed(expansion);

	/* windows that got rows beside those of panes: both may have the same */
	if (nothers > 0 && expansion->nentries > 0)
		flush_settle(writer);
	flush_write_groups(writer, groups, nothers);
	ExecDropSingleTupleTableSlot(expansion->slot);
}
