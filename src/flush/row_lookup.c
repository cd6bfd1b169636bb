/*
 * row_lookup.c - finding the stored row of a group.
 *
 * First where the last update left it (tid_cache.c), then through the storage
 * index.  A view without keys has one row, found by reading the table.
 *
 * A cached TID is a hint: what lies there counts only if the snapshot sees it
 * and its keys are the group's.  Then it is as good as what the index gives.
 *
 * Memory: what hash and equality functions leave goes to the writer's row
 * context, which is reset by each look-up; the index scan's own lives as long
 * as the table is open, with what the index's comparison functions leave.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "flush/flush_private.h"
#include "guc.h"

/* The cache of TIDs may take this share of the work memory. */
#define TID_MEMORY_SHARE 8

struct RowLookup
{
	MemoryContext context;		/* lives as long as the table is open */
	FlushWriter *writer;
	Relation	rel;
	Relation	index;			/* NULL if the view has no keys */
	Snapshot	snapshot;
	BlockNumber nblocks;		/* when it was begun: a TID may be further */
	BlockNumber pruned;			/* the page that was looked at last by TID */
	IndexScanDesc scan;			/* NULL until it is needed */
	ScanKey		scan_keys;
	TupleTableSlot *found;

	/* the keys of the group, and of what was found */
	Datum	   *keys;
	bool	   *isnull;
	Datum	   *found_keys;
	bool	   *found_isnull;
	uint32		hash;			/* of the group's keys */
};

/*
 * Prepares look-ups in one table.
 */
RowLookup *
row_lookup_begin(FlushWriter *writer, Relation rel, Relation index, Snapshot snapshot)
{
	RowLookup  *lookup = palloc0(sizeof(RowLookup));
	int			nkeys = Max(writer->nkeys, 1);

	Assert(index != NULL || writer->nkeys == 0);
	lookup->context = CurrentMemoryContext;
	lookup->writer = writer;
	lookup->rel = rel;
	lookup->index = index;
	lookup->snapshot = snapshot;
	lookup->nblocks = RelationGetNumberOfBlocks(rel);
	lookup->pruned = InvalidBlockNumber;
	lookup->found = table_slot_create(rel, NULL);
	lookup->keys = palloc(nkeys * sizeof(Datum));
	lookup->isnull = palloc(nkeys * sizeof(bool));
	lookup->found_keys = palloc(nkeys * sizeof(Datum));
	lookup->found_isnull = palloc(nkeys * sizeof(bool));
	return lookup;
}

/*
 * Prepares look-ups through the storage index.
 */
static void
begin_index_scan(RowLookup *lookup)
{
	int			nkeys = lookup->writer->nkeys;
	Relation	index = lookup->index;

	lookup->scan_keys = palloc0(sizeof(ScanKeyData) * nkeys);
	for (int i = 0; i < nkeys; i++)
	{
		Oid			type = index->rd_opcintype[i];
		Oid			equal = get_opfamily_member(index->rd_opfamily[i], type, type,
												BTEqualStrategyNumber);

		if (!OidIsValid(equal))
			elog(ERROR, "storage index column %d has no equality operator", i + 1);
		ScanKeyEntryInitialize(&lookup->scan_keys[i], 0, i + 1, BTEqualStrategyNumber,
							   InvalidOid, index->rd_indcollation[i],
							   get_opcode(equal), (Datum) 0);
	}
	lookup->scan = compat_index_beginscan(lookup->rel, index, lookup->snapshot, nkeys);
}

/*
 * Finds the row through the index.  Where an old transaction keeps the group's
 * dead versions alive, the newest is likely the one furthest in the table, and
 * the index has them in that order: from its end, few are looked at in vain.
 */
static bool
find_by_index(RowLookup *lookup)
{
	const FlushWriter *writer = lookup->writer;
	MemoryContext old = MemoryContextSwitchTo(lookup->context); /* the scan keeps what
																 * it allocates */
	bool		found;

	if (lookup->scan == NULL)
		begin_index_scan(lookup);
	for (int i = 0; i < writer->nkeys; i++)
	{
		ScanKey		key = &lookup->scan_keys[i];

		key->sk_argument = lookup->keys[writer->index_keys[i]];
		key->sk_flags &= ~(SK_ISNULL | SK_SEARCHNULL);
		if (lookup->isnull[writer->index_keys[i]])
			key->sk_flags |= SK_ISNULL | SK_SEARCHNULL;
	}
	index_rescan(lookup->scan, lookup->scan_keys, writer->nkeys, NULL, 0);
	found = index_getnext_slot(lookup->scan, BackwardScanDirection, lookup->found);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * Finds the only row of a view without keys.
 */
static bool
find_single(RowLookup *lookup)
{
	TableScanDesc scan = table_beginscan(lookup->rel, lookup->snapshot, 0, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, lookup->found);

	if (found)
		ExecMaterializeSlot(lookup->found);
	table_endscan(scan);
	return found;
}

/*
 * Removes dead versions from a page, as index scans do.  Otherwise there would
 * be no room for the next version beside the row, and no update would be HOT.
 */
static void
prune_page(RowLookup *lookup, BlockNumber block)
{
	Buffer		buffer;

	if (block == lookup->pruned)
		return;
	lookup->pruned = block;
	ExecClearTuple(lookup->found);	/* nobody else's pin shall be in the way */
	buffer = ReadBuffer(lookup->rel, block);
	heap_page_prune_opt(lookup->rel, buffer);
	ReleaseBuffer(buffer);
}

/*
 * Returns whether the row is where the group's was written last.
 */
static bool
find_by_tid(RowLookup *lookup)
{
	GroupDesc  *desc = lookup->writer->desc;
	ItemPointerData tid;

	if (!tid_cache_find(lookup->writer->tids, RelationGetRelid(lookup->rel), lookup->hash, &tid) ||
		ItemPointerGetBlockNumber(&tid) >= lookup->nblocks)
		return false;
	prune_page(lookup, ItemPointerGetBlockNumber(&tid));
	if (!table_tuple_fetch_row_version(lookup->rel, &tid, lookup->snapshot, lookup->found))
		return false;
	for (int i = 0; i < desc->nkeys; i++)
		lookup->found_keys[i] = slot_getattr(lookup->found, i + 1, &lookup->found_isnull[i]);
	return group_equal(desc, lookup->keys, lookup->isnull, lookup->found_keys, lookup->found_isnull);
}

/*
 * Returns the stored row of a group, or NULL if there is none.  It is valid
 * until the next look-up.
 */
TupleTableSlot *
row_lookup_find(RowLookup *lookup, MinimalTuple group)
{
	FlushWriter *writer = lookup->writer;
	MemoryContext old;
	HeapTupleData tuple;
	bool		found;

	MemoryContextReset(writer->row_context);
	old = MemoryContextSwitchTo(writer->row_context);
	tuple.t_len = group->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) group - MINIMAL_TUPLE_OFFSET);
	for (int i = 0; i < writer->nkeys; i++)
		lookup->keys[i] = heap_getattr(&tuple, i + 1, writer->desc->storage, &lookup->isnull[i]);
	lookup->hash = group_hash(writer->desc, lookup->keys, lookup->isnull);

	found = find_by_tid(lookup) ||
		(writer->nkeys > 0 ? find_by_index(lookup) : find_single(lookup));
	MemoryContextSwitchTo(old);
	return found ? lookup->found : NULL;
}

/*
 * The row found last has moved.
 */
void
row_lookup_moved(RowLookup *lookup, const ItemPointerData * tid)
{
	Assert(!TTS_EMPTY(lookup->found));
	tid_cache_note(lookup->writer->tids, RelationGetRelid(lookup->rel), lookup->hash, tid,
				   (Size) guc_work_memory_kb * 1024 / TID_MEMORY_SHARE);
}

/*
 * Ends look-ups.
 */
void
row_lookup_end(RowLookup *lookup)
{
	if (lookup->scan != NULL)
		index_endscan(lookup->scan);
	ExecDropSingleTupleTableSlot(lookup->found);
}
