/*
 * publish.c - from private scratch into the open generation, at once.
 *
 * Everything that can fail or take long happens first: each group of the
 * scratch is looked up, combined with what is already there and flattened.
 * New records are written where no reader looks yet (behind "used" of the
 * last chunks); larger bucket arrays are built aside.  What remains is a
 * critical section of copies and pointer switches.
 *
 * Rows of a view that appends are only copied: there is nothing to look up,
 * and no buckets.
 *
 * A group that still fits is overwritten in place.  One that has outgrown its
 * record goes to a new one; the old one stays until the generation is freed
 * and counts towards its bytes.
 *
 * Locking: the worker is the only writer, so it reads without locks and locks
 * exclusively to change what readers can reach; see group_table.h.
 *
 * Failure: an error or a lack of memory before the critical section leaves
 * at most empty chunks at the end of the list, which are given back.  If the
 * process dies there they stay, empty, until the generation is freed.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "fault_point.h"
#include "state/generation_internal.h"
#include "state/group_area.h"
#include "state/pane_group.h"

#define MIN_CHUNK_BYTES	((Size) 16 * 1024)
#define MAX_CHUNK_BYTES	((Size) 256 * 1024)
#define CHUNK_PAGE		((Size) 4096)	/* what the area allocates in */

/* One group on its way. */
typedef struct PendingGroup
{
	uint32		hash;
	uint32		old_place;		/* 0: the key is new in this generation */
	uint32		new_place;		/* 0: overwrite the old place by tuple */
	MinimalTuple tuple;
} PendingGroup;

typedef struct Publication
{
	GenerationWriter *writer;
	Scratch    *scratch;
	PendingGroup *pending;
	uint32		npending;
	uint32		nnew;			/* keys new in this generation */
	dsa_pointer buckets;		/* a larger array with everything linked, or
								 * invalid */
	uint32		nbuckets;
} Publication;

/* Returns how large the next chunk of the open generation is, if it must hold one record. */
static Size
publish_chunk_size(const GenerationControl *open, Size record_size)
{
	Size		needed = MAXALIGN(sizeof(GroupChunk)) + record_size;
	Size		usual = Min(Max(open->bytes, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);

	return TYPEALIGN(CHUNK_PAGE, Max(needed, usual));
}

/* Appends an empty chunk to the open generation; false if memory is short. */
static bool
publish_add_chunk(GenerationWriter *writer, Size record_size)
{
	GenerationControl *open = generation_open(writer);
	Size		size = publish_chunk_size(open, record_size);
	dsa_pointer pointer = group_area_allocate(size);
	GroupChunk *tail = group_table_chunk(writer->tail);
	GroupChunk *chunk;

	if (!DsaPointerIsValid(pointer))
		return false;

	chunk = group_table_chunk(pointer);
	chunk->next = InvalidDsaPointer;
	chunk->size = size;
	chunk->used = MAXALIGN(sizeof(GroupChunk));
	chunk->reserved = chunk->used;
	chunk->unused = 0;

	generation_lock(writer->view);
	if (tail == NULL)
		open->first_chunk = pointer;
	else
		tail->next = pointer;
	open->bytes += size;
	generation_unlock(writer->view);
	writer->tail = pointer;
	return true;
}

/* Returns space for an unpublished record and its place, or NULL. */
static GroupRecord *
publish_reserve(GenerationWriter *writer, Size size, uint32 *place)
{
	GroupChunk *chunk = group_table_chunk(writer->tail);
	GroupRecord *record;

	Assert(size == MAXALIGN(size));
	if (chunk == NULL || chunk->size - chunk->reserved < size)
	{
		if (!publish_add_chunk(writer, size))
			return NULL;
		chunk = group_table_chunk(writer->tail);
	}
	record = (GroupRecord *) ((char *) chunk + chunk->reserved);
	*place = (writer->tail + chunk->reserved) / 8;
	chunk->reserved += size;
	Assert(chunk->reserved <= chunk->size);
	return record;
}

/* Gives back what was reserved since the last publish. */
static void
publish_release(GenerationWriter *writer)
{
	GenerationControl *open = generation_open(writer);
	GroupChunk *tail = group_table_chunk(writer->published_tail);
	dsa_pointer rest;

	generation_lock(writer->view);
	rest = tail == NULL ? open->first_chunk : tail->next;
	if (tail == NULL)
		open->first_chunk = InvalidDsaPointer;
	else
	{
		tail->next = InvalidDsaPointer;
		tail->reserved = tail->used;
	}
	for (GroupChunk *chunk = group_table_chunk(rest); chunk != NULL;
		 chunk = group_table_chunk(chunk->next))
		open->bytes -= chunk->size;
	generation_unlock(writer->view);

	writer->tail = writer->published_tail;
	group_table_free(rest, InvalidDsaPointer);
}

/* Returns the place of the group with these keys, loaded into the slot, or 0. */
static uint32
publish_find(GenerationWriter *writer, const ScratchGroup *group)
{
	TupleTableSlot *slot = writer->slot;
	GroupCursor cursor;
	uint32		place;

	group_table_seek(generation_open(writer), group->hash, &cursor);
	while ((place = group_table_next(&cursor)) != 0)
	{
		MinimalTuple tuple = &group_table_record(place)->tuple;

		if (pane_group_is_marked(tuple) != group->is_pane)
			continue;
		ExecStoreMinimalTuple(tuple, slot, false);
		slot_getsomeattrs(slot, writer->desc->nkeys);
		if (group_equal(writer->desc, group->keys, group->keys_isnull,
						slot->tts_values, slot->tts_isnull))
			return place;
	}
	return 0;
}

/* Returns the flat group of what the slot holds combined with the scratch's states. */
static MinimalTuple
publish_combine(GenerationWriter *writer, const ScratchGroup *group)
{
	GroupDesc  *desc = writer->desc;
	TupleTableSlot *slot = writer->slot;
	MinimalTuple combined;
	Datum	   *values;
	bool	   *isnull;

	slot_getallattrs(slot);
	values = palloc(sizeof(Datum) * desc->storage->natts);
	isnull = palloc(sizeof(bool) * desc->storage->natts);
	memcpy(values, slot->tts_values, sizeof(Datum) * desc->nkeys);
	memcpy(isnull, slot->tts_isnull, sizeof(bool) * desc->nkeys);

	for (int i = 0; i < desc->naggregates; i++)
	{
		StreamAggregate *aggregate = desc->aggregates[i].aggregate;
		int			column = desc->nkeys + i;
		AggregateState state;

		aggregate_from_partial(aggregate, &state, slot->tts_values[column],
							   slot->tts_isnull[column], writer->group);
		aggregate_combine(aggregate, &state, &group->states[i], writer->group);
		values[column] = aggregate_to_partial(aggregate, &state, &isnull[column]);
	}
	combined = group_form_flat(desc, values, isnull);
	if (group->is_pane)
		pane_group_mark(combined);
	return combined;
}

/* Writes a flat group where readers do not look yet; returns its place, 0 if memory is short. */
static uint32
publish_append(GenerationWriter *writer, uint32 hash, MinimalTuple tuple)
{
	Size		size = MAXALIGN(GROUP_RECORD_HEADER + tuple->t_len);
	uint32		place;
	GroupRecord *record = publish_reserve(writer, size, &place);

	if (record == NULL)
		return 0;
	record->hash = hash;
	record->size = size;
	memcpy(&record->tuple, tuple, tuple->t_len);
	return place;
}

/* Prepares one group of the scratch; false if memory is short. */
static bool
publish_prepare_group(Publication *publication, uint32 number)
{
	GenerationWriter *writer = publication->writer;
	ScratchGroup *group = scratch_group_at(publication->scratch, number);
	PendingGroup *pending = &publication->pending[publication->npending];
	uint32		old_place = publish_find(writer, group);
	MinimalTuple tuple;

	if (old_place != 0)
		tuple = publish_combine(writer, group);
	else
		tuple = scratch_flat_at(publication->scratch, number);

	pending->hash = group->hash;
	pending->old_place = old_place;
	pending->new_place = 0;
	pending->tuple = NULL;
	if (old_place != 0 &&
		GROUP_RECORD_HEADER + tuple->t_len <= GROUP_RECORD_SIZE(group_table_record(old_place)))
	{
		pending->tuple = MemoryContextAlloc(writer->publish, tuple->t_len);
		memcpy(pending->tuple, tuple, tuple->t_len);
	}
	else
	{
		pending->new_place = publish_append(writer, group->hash, tuple);
		if (pending->new_place == 0)
			return false;
	}
	if (old_place == 0)
		publication->nnew++;
	publication->npending++;
	return true;
}

/* Prepares all groups of the scratch; false if memory is short. */
static bool
publish_prepare_groups(Publication *publication)
{
	GenerationWriter *writer = publication->writer;
	uint32		ngroups = scratch_groups(publication->scratch);
	MemoryContext saved = MemoryContextSwitchTo(writer->group);
	bool		fits = true;

	publication->pending = MemoryContextAllocHuge(writer->publish,
												  sizeof(PendingGroup) * (Size) Max(ngroups, 1));
	for (uint32 i = 0; fits && i < ngroups; i++)
	{
		CHECK_FOR_INTERRUPTS();
		fits = publish_prepare_group(publication, i);
		MemoryContextReset(writer->group);
	}
	ExecClearTuple(writer->slot);
	MemoryContextSwitchTo(saved);
	return fits;
}

/* Prepares all rows of a view that appends; false if memory is short. */
static bool
publish_prepare_rows(Publication *publication)
{
	uint32		nrows = scratch_groups(publication->scratch);

	publication->buckets = InvalidDsaPointer;
	for (uint32 i = 0; i < nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (publish_append(publication->writer, 0, scratch_flat_at(publication->scratch, i)) == 0)
			return false;
	}
	publication->nnew = nrows;
	return true;
}

/* Links every group that got a new place. */
static void
publish_link_groups(const Publication *publication, GroupBucket *buckets, uint32 nbuckets)
{
	for (uint32 i = 0; i < publication->npending; i++)
	{
		const PendingGroup *pending = &publication->pending[i];

		if (pending->new_place != 0)
			group_table_link(buckets, nbuckets, pending->hash,
							 pending->old_place, pending->new_place);
	}
}

/* Builds larger buckets if the present ones would get too full; false if memory is short. */
static bool
publish_prepare_buckets(Publication *publication)
{
	GenerationControl *open = generation_open(publication->writer);
	uint32		wanted = group_table_buckets_for(open->ngroups + publication->nnew);

	publication->buckets = InvalidDsaPointer;
	if (publication->nnew == 0 || wanted <= open->nbuckets)
		return true;

	publication->buckets = group_table_copy_buckets(open, wanted);
	if (!DsaPointerIsValid(publication->buckets))
		return false;
	publication->nbuckets = wanted;
	publish_link_groups(publication, dsa_get_address(group_area(), publication->buckets), wanted);
	return true;
}

/* Does all that can fail or take long; false if memory is short. */
static bool
publish_prepare(Publication *publication)
{
	if (group_desc_appends(publication->writer->desc))
		return publish_prepare_rows(publication);
	return publish_prepare_groups(publication) && publish_prepare_buckets(publication);
}

/* Makes the records visible that wait behind "used".  Caller holds both locks exclusively. */
static void
publish_expose_records(GenerationWriter *writer)
{
	GroupChunk *chunk = group_table_chunk(writer->published_tail);

	if (chunk == NULL)
		chunk = group_table_chunk(generation_open(writer)->first_chunk);
	for (; chunk != NULL; chunk = group_table_chunk(chunk->next))
		chunk->used = chunk->reserved;
	writer->published_tail = writer->tail;
}

/* Overwrites records in place, marks outgrown ones.  Caller holds both locks exclusively. */
static void
publish_replace_records(const Publication *publication)
{
	for (uint32 i = 0; i < publication->npending; i++)
	{
		const PendingGroup *pending = &publication->pending[i];
		GroupRecord *old;

		if (pending->old_place == 0)
			continue;
		old = group_table_record(pending->old_place);
		Assert(!GROUP_RECORD_IS_DEAD(old) && old->hash == pending->hash);
		if (pending->new_place != 0)
			old->size |= GROUP_DEAD;
		else
			memcpy(&old->tuple, pending->tuple, pending->tuple->t_len);
	}
}

/* The critical section: afterwards readers see all of it. */
static void
publish_commit(Publication *publication, XLogRecPtr applied_lsn, int64 watermark)
{
	GenerationWriter *writer = publication->writer;
	GenerationControl *open = generation_open(writer);
	dsa_pointer old_buckets = InvalidDsaPointer;

	generation_lock(writer->view);
	START_CRIT_SECTION();
	publish_replace_records(publication);
	publish_expose_records(writer);
	if (DsaPointerIsValid(publication->buckets))
	{
		old_buckets = open->buckets;
		open->bytes += sizeof(GroupBucket) *
			((Size) publication->nbuckets - open->nbuckets);
		open->buckets = publication->buckets;
		open->nbuckets = publication->nbuckets;
	}
	else if (publication->npending > 0)
		publish_link_groups(publication, dsa_get_address(group_area(), open->buckets),
							open->nbuckets);
	open->ngroups += publication->nnew;
	generation_set_applied(writer->view, applied_lsn, watermark);
	END_CRIT_SECTION();
	generation_unlock(writer->view);

	group_table_free(InvalidDsaPointer, old_buckets);
}

/* Adds the scratch's groups to the open generation; see generation.h. */
bool
generation_publish(GenerationWriter *writer, Scratch *scratch, XLogRecPtr applied_lsn,
				   int64 watermark)
{
	Publication publication = {.writer = writer,.scratch = scratch};
	volatile bool fits = false;

	Assert(applied_lsn >= writer->view->applied_lsn);
	PG_TRY();
	{
		fits = publish_prepare(&publication);
		FAULT_POINT("publish-prepared");
	}
	PG_CATCH();
	{
		publish_release(writer);
		MemoryContextReset(writer->group);
		MemoryContextReset(writer->publish);
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (fits)
		publish_commit(&publication, applied_lsn, watermark);
	else
		publish_release(writer);
	MemoryContextReset(writer->publish);
	return fits;
}
