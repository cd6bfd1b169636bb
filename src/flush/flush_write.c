/*
 * flush_write.c - writing the sorted groups of one table.
 *
 * New groups go in with table_multi_insert, a few hundred at a time, followed
 * by their index entries in index order.  Known ones are looked up where they
 * were written last, or else through the storage index, combined with what is
 * stored and updated (HOT, as keys never change).  "Known" is decided by the
 * caller from the position; a group that was called new by mistake makes a
 * second row, which the view sums, so that the rule needs to be fast, not
 * perfect.
 *
 * The writer is alone: nobody else changes storage rows, so a concurrent
 * update is an error.
 *
 * Memory: one multi-insert buffer; a row context reset for each combined row.
 * Failure: any error leaves the subtransaction to be rolled back by the caller.
 */
#include "postgres.h"
#include "compat.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "flush/flush_private.h"
#include "time_limit.h"
#include "try_lock.h"

#define INSERT_BUFFER_ROWS	500
#define INSERT_BUFFER_BYTES (512 * 1024)
/* So many groups are progress: a large flush takes its time. */
#define PROGRESS_GROUPS		1024

/* One storage table, open for writing. */
typedef struct TableWriter
{
	FlushWriter *writer;
	Relation	rel;
	EState	   *estate;			/* for index expressions, should there be any */
	ResultRelInfo *result;

	BulkInsertState bulk;
	MemoryContext insert_context;	/* reset after each multi-insert */
	TupleTableSlot **buffer;	/* INSERT_BUFFER_ROWS, made when needed */
	int			nbuffered;
	Size		buffered_bytes;

	Snapshot	snapshot;		/* sees earlier writes of this transaction */
	Relation	key_index;		/* NULL if the view has no keys */
	RowLookup  *lookup;			/* NULL until the first look-up */
	TupleTableSlot *update;
} TableWriter;

/*
 * Returns the storage index among the open indexes of the table, or NULL.
 */
static Relation
find_key_index(const FlushWriter *writer, const ResultRelInfo *result)
{
	for (int i = 0; i < result->ri_NumIndices; i++)
	{
		Relation	index = result->ri_IndexRelationDescs[i];
		Form_pg_index form = index->rd_index;
		bool		matches = form->indnkeyatts == writer->nkeys && form->indisvalid;

		if (index->rd_rel->relam != BTREE_AM_OID || !matches ||
			RelationGetIndexPredicate(index) != NIL)
			continue;
		for (int k = 0; k < writer->nkeys && matches; k++)
			matches = form->indkey.values[k] == writer->index_keys[k] + 1;
		if (matches)
			return index;
	}
	return NULL;
}

/*
 * Raises unless the table has the columns that groups have.  Their values are
 * written as they are, so another type would make rows that crash a reader.
 */
static void
check_columns(const FlushWriter *writer, Relation rel)
{
	TupleDesc	expected = writer->desc->storage;
	TupleDesc	desc = RelationGetDescr(rel);
	bool		same = desc->natts == expected->natts;

	for (int i = 0; i < desc->natts && same; i++)
		same = !TupleDescAttr(desc, i)->attisdropped &&
			TupleDescAttr(desc, i)->atttypid == TupleDescAttr(expected, i)->atttypid;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("storage of continuous view \"%s\" has been altered",
						get_rel_name(writer->view->viewid)),
				 errhint("Give its columns back their types, or drop the view and create it again.")));
}

/*
 * Opens a storage table and its indexes.
 */
static TableWriter *
table_writer_open(FlushWriter *writer, Oid relid)
{
	TableWriter *table = palloc0(sizeof(TableWriter));

	table->writer = writer;
	try_lock_relation(relid, RowExclusiveLock);
	table->rel = table_open(relid, NoLock);
	check_columns(writer, table->rel);

	table->estate = CreateExecutorState();
	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 1, NULL, 0);
	ExecOpenIndices(table->result, false);
	table->key_index = find_key_index(writer, table->result);
	table->bulk = GetBulkInsertState();
	table->insert_context = AllocSetContextCreate(CurrentMemoryContext, "flush insert",
												  ALLOCSET_DEFAULT_SIZES);
	table->snapshot = GetActiveSnapshot();
	return table;
}

/*
 * Writes the buffered rows and their index entries.
 */
static void
table_writer_insert_buffered(TableWriter *table)
{
	MemoryContext old;

	if (table->nbuffered == 0)
		return;
	CHECK_FOR_INTERRUPTS();

	old = MemoryContextSwitchTo(table->insert_context);
	table_multi_insert(table->rel, table->buffer, table->nbuffered,
					   GetCurrentCommandId(true), 0, table->bulk);
	MemoryContextSwitchTo(old);

	for (int i = 0; i < table->nbuffered; i++)
	{
		if (table->result->ri_NumIndices > 0)
			compat_insert_index_tuples(table->result, table->buffer[i], table->estate, TU_All);
		ResetPerTupleExprContext(table->estate);
		ExecClearTuple(table->buffer[i]);
	}
	MemoryContextReset(table->insert_context);
	table->nbuffered = 0;
	table->buffered_bytes = 0;
}

/*
 * Adds a new group to the buffer; writes the buffer when it is full.
 */
static void
table_writer_add(TableWriter *table, MinimalTuple tuple)
{
	TupleTableSlot *slot;

	if (table->buffer == NULL)
		table->buffer = palloc0(sizeof(TupleTableSlot *) * INSERT_BUFFER_ROWS);
	if (table->buffer[table->nbuffered] == NULL)
		table->buffer[table->nbuffered] =
			MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsMinimalTuple);

	slot = table->buffer[table->nbuffered++];
	ExecStoreMinimalTuple(tuple, slot, false);
	table->buffered_bytes += tuple->t_len;
	if (table->nbuffered == INSERT_BUFFER_ROWS || table->buffered_bytes >= INSERT_BUFFER_BYTES)
		table_writer_insert_buffered(table);
}

/*
 * Returns the stored row of a group, or NULL if there is none.
 */
static TupleTableSlot *
table_writer_find(TableWriter *table, MinimalTuple tuple)
{
	if (table->lookup == NULL)
	{
		table->lookup = row_lookup_begin(table->writer, table->rel, table->key_index, table->snapshot);
		table->update = MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsVirtual);
	}
	return row_lookup_find(table->lookup, tuple);
}

/*
 * Sets the partial of one aggregate in values to stored + added.
 */
static void
combine_partial(const FlushWriter *writer, int number, Datum *values, bool *isnull,
				Datum added, bool added_isnull)
{
	StreamAggregate *aggregate = writer->desc->aggregates[number].aggregate;
	int			column = writer->desc->nkeys + number;
	AggregateState state;

	aggregate_from_partial(aggregate, &state, values[column], isnull[column],
						   writer->row_context);
	aggregate_combine_partial(aggregate, &state, added, added_isnull, writer->row_context);
	values[column] = aggregate_to_partial(aggregate, &state, &isnull[column]);
}

/*
 * Replaces a stored row by its combination with a group.  The stored row's
 * keys stay as they are, so that the update can be HOT.
 */
static void
table_writer_combine(TableWriter *table, TupleTableSlot *found, MinimalTuple tuple)
{
	FlushWriter *writer = table->writer;
	TupleTableSlot *update = table->update;
	MemoryContext old = MemoryContextSwitchTo(writer->row_context);
	int			natts = writer->desc->storage->natts;
	HeapTupleData added;
	TU_UpdateIndexes update_indexes;

	added.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET;
	added.t_data = (HeapTupleHeader) ((char *) tuple - MINIMAL_TUPLE_OFFSET);

	slot_getallattrs(found);
	ExecClearTuple(update);
	memcpy(update->tts_values, found->tts_values, natts * sizeof(Datum));
	memcpy(update->tts_isnull, found->tts_isnull, natts * sizeof(bool));
	for (int i = 0; i < writer->desc->naggregates; i++)
	{
		bool		isnull;
		Datum		partial = heap_getattr(&added, writer->desc->nkeys + i + 1,
										   writer->desc->storage, &isnull);

		combine_partial(writer, i, update->tts_values, update->tts_isnull, partial, isnull);
	}
	ExecStoreVirtualTuple(update);

	compat_simple_table_tuple_update(table->rel, &found->tts_tid, update,
									 table->snapshot, &update_indexes);
	if (update_indexes != TU_None && table->result->ri_NumIndices > 0)
		compat_insert_index_tuples(table->result, update, table->estate, update_indexes);
	row_lookup_moved(table->lookup, &update->tts_tid);
	ResetPerTupleExprContext(table->estate);
	ExecClearTuple(update);
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->row_context);
}

/*
 * Writes what is buffered and closes the table; its lock stays.
 */
static void
table_writer_close(TableWriter *table)
{
	table_writer_insert_buffered(table);
	if (table->lookup != NULL)
	{
		row_lookup_end(table->lookup);
		ExecDropSingleTupleTableSlot(table->update);
	}
	for (int i = 0; table->buffer != NULL && i < INSERT_BUFFER_ROWS; i++)
		if (table->buffer[i] != NULL)
			ExecDropSingleTupleTableSlot(table->buffer[i]);

	FreeBulkInsertState(table->bulk);
	table_finish_bulk_insert(table->rel, 0);
	ExecCloseIndices(table->result);
	FreeExecutorState(table->estate);
	MemoryContextDelete(table->insert_context);
	table_close(table->rel, NoLock);
}

/*
 * Writes sorted groups of one storage table.
 * Requires: an active snapshot that sees this transaction's earlier calls.
 */
void
flush_write(FlushWriter *writer, Oid relid, FlushEntry *entries, uint32 nentries)
{
	TableWriter *table = table_writer_open(writer, relid);

	if (table->key_index == NULL && writer->nkeys > 0 && !group_desc_appends(writer->desc))
		elog(ERROR, "storage \"%s\" has no key index", RelationGetRelationName(table->rel));

	for (uint32 i = 0; i < nentries; i++)
	{
		MinimalTuple tuple = entries[i].tuple;
		TupleTableSlot *found;

		if (i % PROGRESS_GROUPS == 0)
			time_limit_start();
		found = entries[i].is_new ? NULL : table_writer_find(table, tuple);
		Assert(entries[i].slot == entries[0].slot);
		if (found != NULL)
			table_writer_combine(table, found, tuple);
		else
			table_writer_add(table, tuple);
	}
	table_writer_close(table);
}
