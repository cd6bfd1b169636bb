/*
 * row_list.c - private rows of one run of a view that appends.
 *
 * Nothing is looked up or combined, so there is no hash table: an array of
 * flat groups, formed where they stay, in a context that hands out memory
 * without rounding it up.  Measured for a row of timestamptz, int4 and float8:
 * 82 bytes here, 58 in shared memory.
 *
 * Memory: "rows" holds the flat groups, "garbage" is reset after every row
 * that left something there.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "state/row_list.h"

#define INITIAL_ROWS	64

struct RowList
{
	GroupDesc  *desc;
	MemoryContext context;		/* this struct and the two below */
	MemoryContext rows;
	MemoryContext garbage;
	MinimalTuple *tuples;
	uint32		ntuples;
	uint32		capacity;
	Datum	   *values;			/* work space of row_list_add() */
	bool	   *isnull;
};

/* Gives an empty list its first array. */
static void
row_list_init_array(RowList *list)
{
	list->ntuples = 0;
	list->capacity = INITIAL_ROWS;
	list->tuples = MemoryContextAlloc(list->context, sizeof(MinimalTuple) * INITIAL_ROWS);
}

/* Returns an empty list for rows of desc, in a child of parent. */
RowList *
row_list_create(GroupDesc *desc, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext row list",
												  ALLOCSET_DEFAULT_SIZES);
	RowList    *list = MemoryContextAllocZero(context, sizeof(RowList));

	Assert(desc->columns != NULL);
	list->desc = desc;
	list->context = context;
	list->rows = GenerationContextCreate(context, "rows", ALLOCSET_DEFAULT_SIZES);
	list->garbage = AllocSetContextCreate(context, "garbage", ALLOCSET_DEFAULT_SIZES);
	list->values = MemoryContextAlloc(context, sizeof(Datum) * desc->storage->natts);
	list->isnull = MemoryContextAlloc(context, sizeof(bool) * desc->storage->natts);
	row_list_init_array(list);
	return list;
}

/* Forgets all rows and gives their memory back. */
void
row_list_reset(RowList *list)
{
	MemoryContextReset(list->rows);
	MemoryContextReset(list->garbage);
	pfree(list->tuples);
	row_list_init_array(list);
}

/* Appends a flat group that lies in the context of rows. */
static void
row_list_push(RowList *list, MinimalTuple tuple)
{
	if (list->ntuples == list->capacity)
	{
		Size		capacity = (Size) list->capacity * 2;

		list->tuples = repalloc_huge(list->tuples, sizeof(MinimalTuple) * capacity);
		list->capacity = capacity;
	}
	list->tuples[list->ntuples++] = tuple;
}

/*
 * Fetches values that still lie in the table they came from: it may be
 * vacuumed long before the row is written.
 */
static void
row_list_detoast(RowList *list)
{
	TupleDesc	desc = list->desc->storage;
	bool		garbage = false;

	for (int i = 0; i < desc->natts; i++)
	{
		struct varlena *value = (struct varlena *) DatumGetPointer(list->values[i]);
		MemoryContext saved;

		if (list->isnull[i] || TupleDescAttr(desc, i)->attlen != -1 ||
			!VARATT_IS_EXTERNAL(value) || VARATT_IS_EXTERNAL_EXPANDED(value))
			continue;
		if (!garbage)
			MemoryContextReset(list->garbage);
		garbage = true;
		saved = MemoryContextSwitchTo(list->garbage);
		list->values[i] = PointerGetDatum(detoast_external_attr(value));
		MemoryContextSwitchTo(saved);
	}
}

/* Adds a row of the inner query; see row_list.h. */
bool
row_list_add(RowList *list, TimestampTz commit_time, const Datum *row, const bool *isnull)
{
	GroupDesc  *desc = list->desc;
	MemoryContext saved;
	int64		time;

	for (int i = 0; i < desc->storage->natts; i++)
	{
		int			column = desc->columns[i];

		list->values[i] = column < 0 ? TimestampTzGetDatum(commit_time) : row[column];
		list->isnull[i] = column >= 0 && isnull[column];
	}
	time = DatumGetInt64(list->values[desc->window_key]);
	if (!list->isnull[desc->window_key] && time < desc->first_window)
		return false;

	row_list_detoast(list);
	saved = MemoryContextSwitchTo(list->rows);
	row_list_push(list, compat_form_minimal_tuple(desc->storage, list->values, list->isnull));
	MemoryContextSwitchTo(saved);
	return true;
}

/* Adds copies of all rows of other. */
void
row_list_merge(RowList *list, const RowList *other)
{
	Assert(other->desc == list->desc);
	Assert(other != list);
	for (uint32 i = 0; i < other->ntuples; i++)
	{
		MinimalTuple tuple = other->tuples[i];
		MinimalTuple copy = MemoryContextAllocHuge(list->rows, tuple->t_len);

		memcpy(copy, tuple, tuple->t_len);
		row_list_push(list, copy);
	}
}

/* Returns the number of rows. */
uint32
row_list_count(const RowList *list)
{
	return list->ntuples;
}

/* Returns row i, in the order in which they came. */
MinimalTuple
row_list_at(const RowList *list, uint32 i)
{
	Assert(i < list->ntuples);
	return list->tuples[i];
}
