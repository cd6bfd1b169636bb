/*
 * pane_group.c - groups that stand for all windows of a pane.
 *
 * The columns of a window are timestamps, dates or integers of four or eight
 * bytes: by value, and as int64 the axis of window/pane.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "state/pane_group.h"

/* Returns the column that says which pane or window a group is of. */
static AttrNumber
pane_group_attnum(const ViewPanes *panes)
{
	AttrNumber	attnum = panes->start_attnum > 0 ? panes->start_attnum : panes->end_attnum;

	Assert(panes->slide > 0 && attnum > 0);
	return attnum;
}

/* Returns a value of the axis as int64; false if it is infinite. */
static bool
pane_group_value(TupleDesc desc, AttrNumber attnum, Datum datum, int64 *value)
{
	switch (TupleDescAttr(desc, attnum - 1)->atttypid)
	{
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*value = DatumGetTimestamp(datum);
			return !TIMESTAMP_NOT_FINITE(*value);
		case DATEOID:
			*value = DatumGetDateADT(datum);
			return !DATE_NOT_FINITE(*value);
		case INT4OID:
			*value = DatumGetInt32(datum);
			return true;
		default:
			Assert(TupleDescAttr(desc, attnum - 1)->atttypid == INT8OID);
			*value = DatumGetInt64(datum);
			return true;
	}
}

/* Takes the start from a group's columns; see pane_group.h. */
bool
pane_group_start(const ViewPanes *panes, TupleDesc desc, const Datum *values,
				 const bool *isnull, int64 *start)
{
	AttrNumber	attnum = pane_group_attnum(panes);

	return !isnull[attnum - 1] && pane_group_value(desc, attnum, values[attnum - 1], start);
}

/* Returns the start of a pane; see pane_group.h. */
int64
pane_group_tuple_start(const ViewPanes *panes, TupleDesc desc, MinimalTuple tuple)
{
	AttrNumber	attnum = pane_group_attnum(panes);
	HeapTupleData heap;
	bool		isnull;
	Datum		datum;
	int64		start = 0;

	Assert(pane_group_is_marked(tuple));
	heap.t_len = tuple->t_len + MINIMAL_TUPLE_OFFSET;
	heap.t_data = (HeapTupleHeader) ((char *) tuple - MINIMAL_TUPLE_OFFSET);
	datum = heap_getattr(&heap, attnum, desc, &isnull);
	Assert(!isnull);
	(void) pane_group_value(desc, attnum, datum, &start);
	return start;
}

/* Returns an instant as a Datum. */
static Datum
pane_group_datum(TupleDesc desc, AttrNumber attnum, int64 value)
{
	if (TupleDescAttr(desc, attnum - 1)->attlen == sizeof(int32))
		return Int32GetDatum((int32) value);
	return Int64GetDatum(value);
}

/* Puts a pane into the columns. */
void
pane_group_set_pane(const ViewPanes *panes, TupleDesc desc, int64 start, Datum *values)
{
	if (panes->start_attnum > 0)
		values[panes->start_attnum - 1] = pane_group_datum(desc, panes->start_attnum, start);
	if (panes->end_attnum > 0)
		values[panes->end_attnum - 1] = pane_group_datum(desc, panes->end_attnum, start);
}

/* Puts a window into the columns; see pane_group.h. */
void
pane_group_set_window(const ViewPanes *panes, TupleDesc desc, int64 start, Datum *values)
{
	if (panes->start_attnum > 0)
		values[panes->start_attnum - 1] = pane_group_datum(desc, panes->start_attnum, start);
	if (panes->end_attnum > 0)
		values[panes->end_attnum - 1] = pane_group_datum(desc, panes->end_attnum,
														 start + panes->size);
}
