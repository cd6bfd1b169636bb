/*
 * scratch.c - private groups of one run, before they are published.
 *
 * Open addressing over (hash, index) pairs of eight bytes; the groups lie in
 * the order in which they appeared.  That order matters twice: publishing
 * does not insert into the shared table in hash order (which makes linear
 * probing quadratic while the table is small), and a replay gives the same
 * result.
 *
 * A view that appends has no groups to find: its rows go to a list.
 *
 * Memory: "states" holds groups, keys and transition states, "row" is reset
 * after every row that may have left something in it.
 *
 * Failure: an error leaves a group half advanced; the caller throws the
 * scratch away.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "state/pane_group.h"
#include "state/row_list.h"
#include "state/scratch.h"

#define INITIAL_BUCKETS 256		/* a power of two */
#define INITIAL_GROUPS	64
#define GROUPS_PER_BLOCK 32
#define NO_GROUP		UINT32_MAX

typedef struct ScratchBucket
{
	uint32		hash;
	uint32		group;			/* index into groups, or NO_GROUP */
} ScratchBucket;

struct Scratch
{
	GroupDesc  *desc;
	MemoryContext context;		/* this struct and the two below */
	MemoryContext states;		/* everything a reset throws away */
	MemoryContext row;			/* garbage of user code */

	ScratchBucket *buckets;
	uint32		nbuckets;
	uint32		nstale;			/* buckets of groups whose keys have changed */
	ScratchGroup **groups;
	uint32		ngroups;
	uint32		capacity;		/* of groups */
	uint64		nrows;
	uint64		nexpired;
	int64		closed_until;	/* see scratch_set_closed() */

	Size		group_size;		/* of one ScratchGroup with all its arrays */
	char	   *block;			/* where the next group goes */
	int			block_left;		/* groups that still fit there */

	Datum	   *keys;			/* work space of scratch_add_row */
	bool	   *keys_isnull;

	RowList    *list;			/* of a view that appends, else NULL; then
								 * there are no groups beside it */
	TimestampTz commit_time;	/* of its next rows */
};

/* Gives an empty scratch its first arrays. */
static void
scratch_init_arrays(Scratch *scratch)
{
	scratch->nbuckets = INITIAL_BUCKETS;
	scratch->buckets = MemoryContextAlloc(scratch->states,
										  sizeof(ScratchBucket) * INITIAL_BUCKETS);
	memset(scratch->buckets, 0xff, sizeof(ScratchBucket) * INITIAL_BUCKETS);
	scratch->capacity = INITIAL_GROUPS;
	scratch->groups = MemoryContextAlloc(scratch->states,
										 sizeof(ScratchGroup *) * INITIAL_GROUPS);
	scratch->ngroups = 0;
	scratch->nrows = 0;
	scratch->nexpired = 0;
	scratch->nstale = 0;
	scratch->closed_until = PG_INT64_MIN;
	scratch->block = NULL;
	scratch->block_left = 0;
}

/* Returns the size of a group with its arrays of keys, states and null flags. */
static Size
scratch_group_size(const GroupDesc *desc)
{
	Size		size = MAXALIGN(sizeof(ScratchGroup));

	size += sizeof(Datum) * desc->nkeys;
	size += sizeof(AggregateState) * desc->naggregates;
	size += sizeof(bool) * desc->nkeys;
	return MAXALIGN(size);
}

/* Returns an empty scratch for groups of desc, in a child of parent. */
Scratch *
scratch_create(GroupDesc *desc, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext scratch",
												  ALLOCSET_DEFAULT_SIZES);
	Scratch    *scratch = MemoryContextAllocZero(context, sizeof(Scratch));

	scratch->desc = desc;
	scratch->context = context;
	scratch->states = AllocSetContextCreate(context, "states", ALLOCSET_DEFAULT_SIZES);
	scratch->row = AllocSetContextCreate(context, "row", ALLOCSET_DEFAULT_SIZES);
	scratch->keys = MemoryContextAlloc(context, sizeof(Datum) * (desc->nkeys + 1));
	scratch->keys_isnull = MemoryContextAlloc(context, sizeof(bool) * (desc->nkeys + 1));
	scratch->group_size = scratch_group_size(desc);
	if (group_desc_appends(desc))
		scratch->list = row_list_create(desc, context);
	scratch_init_arrays(scratch);
	return scratch;
}

/* Returns what its groups consist of. */
GroupDesc *
scratch_desc(const Scratch *scratch)
{
	return scratch->desc;
}

/* Forgets all groups and gives their memory back. */
void
scratch_reset(Scratch *scratch)
{
	MemoryContextReset(scratch->row);
	MemoryContextReset(scratch->states);
	if (scratch->list != NULL)
		row_list_reset(scratch->list);
	scratch_init_arrays(scratch);
}

/* Frees the scratch. */
void
scratch_free(Scratch *scratch)
{
	Assert(scratch != NULL);
	MemoryContextDelete(scratch->context);
}

/* Puts a group that is known to be new into the first free bucket of its chain. */
static void
scratch_link(ScratchBucket *buckets, uint32 nbuckets, uint32 hash, uint32 group)
{
	uint32		mask = nbuckets - 1;
	uint32		i = hash & mask;

	while (buckets[i].group != NO_GROUP)
		i = (i + 1) & mask;
	buckets[i].hash = hash;
	buckets[i].group = group;
}

/* Doubles the buckets. */
static void
scratch_grow_buckets(Scratch *scratch)
{
	uint32		nbuckets = scratch->nbuckets * 2;
	ScratchBucket *buckets;

	Assert(nbuckets > scratch->nbuckets);
	buckets = MemoryContextAllocHuge(scratch->states, sizeof(ScratchBucket) * nbuckets);
	memset(buckets, 0xff, sizeof(ScratchBucket) * nbuckets);
	for (uint32 i = 0; i < scratch->ngroups; i++)
		scratch_link(buckets, nbuckets, scratch->groups[i]->hash, i);
	pfree(scratch->buckets);
	scratch->buckets = buckets;
	scratch->nbuckets = nbuckets;
	scratch->nstale = 0;
}

/* Makes room for one more group: three quarters of the buckets may be in use. */
static void
scratch_reserve_group(Scratch *scratch)
{
	if (scratch->ngroups + scratch->nstale >= scratch->nbuckets / 4 * 3)
		scratch_grow_buckets(scratch);
	if (scratch->ngroups == scratch->capacity)
	{
		Size		capacity = (Size) scratch->capacity * 2;

		scratch->groups = repalloc_huge(scratch->groups, sizeof(ScratchGroup *) * capacity);
		scratch->capacity = capacity;
	}
	Assert(scratch->ngroups < scratch->capacity);
}

/*
 * Returns memory for one group with its arrays laid out.  Blocks, because an
 * allocation of its own would be rounded up to a power of two.
 */
static ScratchGroup *
scratch_alloc_group(Scratch *scratch)
{
	GroupDesc  *desc = scratch->desc;
	ScratchGroup *group;
	char	   *place;

	if (scratch->block_left == 0)
	{
		scratch->block = MemoryContextAlloc(scratch->states,
											scratch->group_size * GROUPS_PER_BLOCK);
		scratch->block_left = GROUPS_PER_BLOCK;
	}
	place = scratch->block;
	scratch->block += scratch->group_size;
	scratch->block_left--;

	group = (ScratchGroup *) place;
	place += MAXALIGN(sizeof(ScratchGroup));
	group->keys = (Datum *) place;
	place += sizeof(Datum) * desc->nkeys;
	group->states = (AggregateState *) place;
	place += sizeof(AggregateState) * desc->naggregates;
	group->keys_isnull = (bool *) place;
	return group;
}

/* Returns a new group with these keys and started states. */
static ScratchGroup *
scratch_new_group(Scratch *scratch, uint32 hash, const Datum *keys, const bool *isnull)
{
	GroupDesc  *desc = scratch->desc;
	ScratchGroup *group = scratch_alloc_group(scratch);
	MemoryContext saved = MemoryContextSwitchTo(scratch->states);

	group->hash = hash;
	memcpy(group->keys_isnull, isnull, sizeof(bool) * desc->nkeys);
	group_copy_keys(desc, keys, isnull, group->keys);
	for (int i = 0; i < desc->naggregates; i++)
		aggregate_start(desc->aggregates[i].aggregate, &group->states[i], scratch->states);
	MemoryContextSwitchTo(saved);
	return group;
}

/* Returns the group with these keys, made if there is none yet. */
static ScratchGroup *
scratch_find_group(Scratch *scratch, uint32 hash, bool is_pane, const Datum *keys,
				   const bool *isnull)
{
	uint32		mask = scratch->nbuckets - 1;
	uint32		i = hash & mask;
	ScratchGroup *group;

	for (; scratch->buckets[i].group != NO_GROUP; i = (i + 1) & mask)
	{
		if (scratch->buckets[i].hash != hash)
			continue;
		group = scratch->groups[scratch->buckets[i].group];
		if (group->is_pane == is_pane &&
			group_equal(scratch->desc, keys, isnull, group->keys, group->keys_isnull))
			return group;
	}

	group = scratch_new_group(scratch, hash, keys, isnull);
	group->is_pane = is_pane;
	scratch_reserve_group(scratch);
	scratch_link(scratch->buckets, scratch->nbuckets, hash, scratch->ngroups);
	scratch->groups[scratch->ngroups++] = group;
	return group;
}

/* Advances one aggregate by one row of the inner query. */
static inline void
scratch_advance(Scratch *scratch, const GroupAggregate *aggregate, AggregateState *state,
				const Datum *row, const bool *isnull)
{
	NullableDatum args[AGGREGATE_MAX_ARGS];
	int			filter = aggregate->filter_column;

	if (filter >= 0 && (isnull[filter] || !DatumGetBool(row[filter])))
		return;
	for (int i = 0; i < aggregate->nargs; i++)
	{
		args[i].value = row[aggregate->first_column + i];
		args[i].isnull = isnull[aggregate->first_column + i];
	}
	aggregate_advance(aggregate->aggregate, state, args, scratch->states);
}

/* Adds a row to the group of the keys in the work space. */
static void
scratch_add_to_group(Scratch *scratch, bool is_pane, const Datum *row, const bool *isnull)
{
	GroupDesc  *desc = scratch->desc;
	uint32		hash = group_hash(desc, scratch->keys, scratch->keys_isnull);
	ScratchGroup *group;

	if (is_pane)
		hash ^= GROUP_PANE_HASH;
	group = scratch_find_group(scratch, hash, is_pane, scratch->keys, scratch->keys_isnull);
	for (int i = 0; i < desc->naggregates; i++)
		scratch_advance(scratch, &desc->aggregates[i], &group->states[i], row, isnull);
}

/* Adds a row to the window of the keys in the work space, unless that is expired. */
static void
scratch_add_to_window(Scratch *scratch, const Datum *row, const bool *isnull)
{
	if (group_is_expired(scratch->desc, scratch->keys, scratch->keys_isnull))
	{
		scratch->nexpired++;
		return;
	}
	scratch_add_to_group(scratch, false, row, isnull);
	scratch->nrows++;
}

/* Sets which windows of a pane are closed to the rows that follow; see scratch.h. */
void
scratch_set_closed(Scratch *scratch, int64 closed_until)
{
	scratch->closed_until = closed_until;
}

/*
 * Adds a row to the pane that starts at start, or, if the first of its windows
 * is expired or closed, to each of those that are not.
 */
static void
scratch_add_to_pane(Scratch *scratch, int64 start, const Datum *row, const bool *isnull)
{
	GroupDesc  *desc = scratch->desc;
	PaneShape	shape = pane_group_shape(&desc->panes);
	WindowSet	set;

	pane_windows(&shape, start, &set);
	pane_group_set_window(&desc->panes, desc->storage, set.start, scratch->keys);
	if (set.end > scratch->closed_until &&
		!group_is_expired(desc, scratch->keys, scratch->keys_isnull))
	{
		pane_group_set_pane(&desc->panes, desc->storage, start, scratch->keys);
		scratch_add_to_group(scratch, true, row, isnull);
		scratch->nrows += set.count;
		return;
	}
	for (int64 i = 0; i < set.count; i++)
	{
		if (set.end + i * set.end_step <= scratch->closed_until)
			continue;
		pane_group_set_window(&desc->panes, desc->storage, set.start + i * set.start_step,
							  scratch->keys);
		scratch_add_to_window(scratch, row, isnull);
	}
}

/* Sets the commit time of the rows that follow; see scratch.h. */
void
scratch_set_commit_time(Scratch *scratch, TimestampTz commit_time)
{
	scratch->commit_time = commit_time;
}

/* Adds one row of the inner query of a view that appends. */
static void
scratch_append_row(Scratch *scratch, const Datum *row, const bool *isnull)
{
	if (row_list_add(scratch->list, scratch->commit_time, row, isnull))
		scratch->nrows++;
	else
		scratch->nexpired++;
}

/* Adds one row of the inner query. */
void
scratch_add_row(Scratch *scratch, const Datum *row, const bool *isnull)
{
	GroupDesc  *desc = scratch->desc;
	MemoryContext saved;
	int64		pane;

	if (scratch->list != NULL)
	{
		scratch_append_row(scratch, row, isnull);
		return;
	}
	saved = MemoryContextSwitchTo(scratch->row);
	for (int i = 0; i < desc->nkeys; i++)
	{
		scratch->keys[i] = row[desc->keys[i].column];
		scratch->keys_isnull[i] = isnull[desc->keys[i].column];
	}
	if (desc->panes.slide > 0 &&
		pane_group_start(&desc->panes, desc->storage, scratch->keys, scratch->keys_isnull, &pane))
		scratch_add_to_pane(scratch, pane, row, isnull);
	else
		scratch_add_to_window(scratch, row, isnull);

	MemoryContextSwitchTo(saved);
	MemoryContextReset(scratch->row);
}

/* Returns the group with these keys, or NULL. */
static ScratchGroup *
scratch_look_up(Scratch *scratch, const ScratchGroup *like)
{
	uint32		mask = scratch->nbuckets - 1;
	uint32		i = like->hash & mask;

	for (; scratch->buckets[i].group != NO_GROUP; i = (i + 1) & mask)
	{
		ScratchGroup *group = scratch->groups[scratch->buckets[i].group];

		if (scratch->buckets[i].hash == like->hash && group->is_pane == like->is_pane &&
			group_equal(scratch->desc, like->keys, like->keys_isnull,
						group->keys, group->keys_isnull))
			return group;
	}
	return NULL;
}

/* Makes new states: those of a group, if there is one, and those of from. */
static void
scratch_combine_states(Scratch *scratch, const ScratchGroup *group,
					   const ScratchGroup *from, AggregateState *states)
{
	for (int i = 0; i < scratch->desc->naggregates; i++)
	{
		StreamAggregate *aggregate = scratch->desc->aggregates[i].aggregate;

		if (group == NULL)
			aggregate_start(aggregate, &states[i], scratch->states);
		else
		{
			/*
			 * a combine function may change its first argument: work on a
			 * copy
			 */
			bool		isnull;
			Datum		partial = aggregate_to_partial(aggregate, &group->states[i], &isnull);

			aggregate_from_partial(aggregate, &states[i], partial, isnull, scratch->states);
		}
		aggregate_combine(aggregate, &states[i], &from->states[i], scratch->states);
	}
}

/* Adds every group of other, or none if there is an error. */
static void
scratch_merge_groups(Scratch *scratch, Scratch *other)
{
	GroupDesc  *desc = scratch->desc;
	MemoryContext saved = MemoryContextSwitchTo(scratch->row);
	AggregateState *states;

	states = MemoryContextAllocHuge(scratch->states, sizeof(AggregateState) *
									Max((Size) other->ngroups * desc->naggregates, 1));
	for (uint32 i = 0; i < other->ngroups; i++)
		scratch_combine_states(scratch, scratch_look_up(scratch, other->groups[i]),
							   other->groups[i], states + (Size) i * desc->naggregates);

	for (uint32 i = 0; i < other->ngroups; i++)
	{
		ScratchGroup *from = other->groups[i];
		ScratchGroup *to = scratch_find_group(scratch, from->hash, from->is_pane, from->keys,
											  from->keys_isnull);

		memcpy(to->states, states + (Size) i * desc->naggregates,
			   sizeof(AggregateState) * desc->naggregates);
	}
	pfree(states);
	MemoryContextSwitchTo(saved);
	MemoryContextReset(scratch->row);
}

/* Adds everything in other, or nothing if there is an error; see scratch.h. */
void
scratch_merge(Scratch *scratch, Scratch *other)
{
	Assert(other->desc == scratch->desc);
	Assert(other != scratch);

	if (scratch->list != NULL)
		row_list_merge(scratch->list, other->list);
	else
		scratch_merge_groups(scratch, other);
	scratch->nrows += other->nrows;
	scratch->nexpired += other->nexpired;
}

/* Adds a flat group; see scratch.h. */
void
scratch_add_flat(Scratch *scratch, uint32 hash, bool is_pane, TupleTableSlot *flat)
{
	GroupDesc  *desc = scratch->desc;
	MemoryContext saved = MemoryContextSwitchTo(scratch->row);
	ScratchGroup *group;

	slot_getallattrs(flat);
	group = scratch_find_group(scratch, hash, is_pane, flat->tts_values, flat->tts_isnull);
	for (int i = 0; i < desc->naggregates; i++)
		aggregate_combine_partial(desc->aggregates[i].aggregate, &group->states[i],
								  flat->tts_values[desc->nkeys + i],
								  flat->tts_isnull[desc->nkeys + i], scratch->states);
	MemoryContextSwitchTo(saved);
	MemoryContextReset(scratch->row);
}

/*
 * Changes a by-value key of the group with these keys; see scratch.h.  The
 * bucket it leaves behind points to keys that nobody looks for there.
 */
bool
scratch_change_key(Scratch *scratch, const Datum *keys, const bool *isnull, int key, Datum value)
{
	GroupDesc  *desc = scratch->desc;
	uint32		mask = scratch->nbuckets - 1;
	uint32		hash = group_hash(desc, keys, isnull);
	uint32		i = hash & mask;
	ScratchGroup *group;

	Assert(desc->keys[key].typbyval);
	for (;; i = (i + 1) & mask)
	{
		if (scratch->buckets[i].group == NO_GROUP)
			return false;
		group = scratch->groups[scratch->buckets[i].group];
		if (scratch->buckets[i].hash == hash &&
			group_equal(desc, keys, isnull, group->keys, group->keys_isnull))
			break;
	}

	group->keys[key] = value;
	group->hash = group_hash(desc, group->keys, group->keys_isnull);
	scratch->nstale++;
	if (scratch->ngroups + scratch->nstale >= scratch->nbuckets / 4 * 3)
		scratch_grow_buckets(scratch);
	else
		scratch_link(scratch->buckets, scratch->nbuckets, group->hash, scratch->buckets[i].group);
	return true;
}

/* Returns the number of rows added, those of merged scratches included. */
uint64
scratch_rows(const Scratch *scratch)
{
	return scratch->nrows;
}

/* Returns the number of rows that retention kept out. */
uint64
scratch_expired_rows(const Scratch *scratch)
{
	return scratch->nexpired;
}

/* Returns the number of groups. */
uint32
scratch_groups(const Scratch *scratch)
{
	return scratch->list != NULL ? row_list_count(scratch->list) : scratch->ngroups;
}

/* Returns the memory that the scratch has taken from the system. */
Size
scratch_bytes(const Scratch *scratch)
{
	return MemoryContextMemAllocated(scratch->context, true);
}

/* Returns group i, in order of appearance. */
ScratchGroup *
scratch_group_at(Scratch *scratch, uint32 i)
{
	Assert(i < scratch->ngroups);
	return scratch->groups[i];
}

/* Returns the flat form of a group, in CurrentMemoryContext with some garbage. */
static MinimalTuple
scratch_flatten(Scratch *scratch, ScratchGroup *group)
{
	GroupDesc  *desc = scratch->desc;
	int			natts = desc->nkeys + desc->naggregates;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *isnull = palloc(sizeof(bool) * natts);
	MinimalTuple tuple;

	Assert(natts == desc->storage->natts);
	memcpy(values, group->keys, sizeof(Datum) * desc->nkeys);
	memcpy(isnull, group->keys_isnull, sizeof(bool) * desc->nkeys);
	for (int i = 0; i < desc->naggregates; i++)
		values[desc->nkeys + i] = aggregate_to_partial(desc->aggregates[i].aggregate,
													   &group->states[i],
													   &isnull[desc->nkeys + i]);
	tuple = group_form_flat(desc, values, isnull);
	if (group->is_pane)
		pane_group_mark(tuple);
	return tuple;
}

/* Returns group i as a flat group; see scratch.h. */
MinimalTuple
scratch_flat_at(Scratch *scratch, uint32 i)
{
	if (scratch->list != NULL)
		return row_list_at(scratch->list, i);
	return scratch_flatten(scratch, scratch_group_at(scratch, i));
}
