/*
 * row_order.c - rows of an inner query, put into the order of the stream's rows.
 *
 * Sessions are decided row by row.  A scan of the stream gives rows in order,
 * and so does a nested loop around it; other joins may not, and then what the
 * query gives is collected and sorted first.
 *
 * Memory: the rows of one chunk, in a context of their own.
 */
#include "postgres.h"

#include "nodes/nodes.h"
#include "parser/parsetree.h"
#include "storage/itemptr.h"
#include "utils/memutils.h"

#include "apply/row_order.h"
#include "compat.h"

typedef struct OrderedRow
{
	uint32		number;
	uint32		place;			/* among the rows added */
	MinimalTuple tuple;
} OrderedRow;

struct RowOrder
{
	MemoryContext context;
	int			column;
	OrderedRow *rows;
	uint32		nrows;
	uint32		capacity;
};

/* Returns whether a plan node keeps the order of the stream's scan below it. */
static bool
keeps_order(const Plan *plan, const PlannedStmt *stmt, Oid streamid)
{
	if (plan == NULL)
		return false;
	switch (nodeTag(plan))
	{
		case T_SeqScan:
			return rt_fetch(((const Scan *) plan)->scanrelid, stmt->rtable)->relid == streamid;
		case T_SubqueryScan:
			return keeps_order(((const SubqueryScan *) plan)->subplan, stmt, streamid);
		case T_Result:
		case T_ProjectSet:
		case T_NestLoop:
			return keeps_order(plan->lefttree, stmt, streamid);
		default:
			return false;
	}
}

/* Says whether a plan keeps the order; see row_order.h. */
bool
row_order_is_kept(const PlannedStmt *stmt, Oid streamid)
{
	return keeps_order(stmt->planTree, stmt, streamid);
}

/* Makes an empty collection. */
RowOrder *
row_order_create(int column, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream row order",
												  ALLOCSET_DEFAULT_SIZES);
	RowOrder   *order = MemoryContextAllocZero(context, sizeof(RowOrder));

	order->context = context;
	order->column = column;
	return order;
}

/* Adds a row. */
void
row_order_add(RowOrder *order, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(order->context);
	bool		isnull;
	Datum		number = slot_getattr(slot, order->column + 1, &isnull);
	OrderedRow *row;

	Assert(!isnull);
	if (order->nrows == order->capacity)
	{
		order->capacity = Max(order->capacity * 2, 256);
		order->rows = order->rows == NULL ?
			palloc(sizeof(OrderedRow) * order->capacity) :
			repalloc_huge(order->rows, sizeof(OrderedRow) * order->capacity);
	}
	row = &order->rows[order->nrows];
	row->number = ItemPointerGetBlockNumberNoCheck((ItemPointer) DatumGetPointer(number));
	row->place = order->nrows++;
	row->tuple = ExecCopySlotMinimalTuple(slot);
	MemoryContextSwitchTo(old);
}

/* Returns the memory in use. */
Size
row_order_bytes(const RowOrder *order)
{
	return MemoryContextMemAllocated(order->context, true);
}

/* qsort() comparator: by number, then as they came. */
static int
compare_rows(const void *a, const void *b)
{
	const OrderedRow *ra = a;
	const OrderedRow *rb = b;

	if (ra->number != rb->number)
		return ra->number < rb->number ? -1 : 1;
	return ra->place < rb->place ? -1 : 1;
}

/* Hands out the rows in order; see row_order.h. */
void
row_order_drain(RowOrder *order, TupleDesc desc,
				void (*take) (TupleTableSlot *slot, void *arg), void *arg)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);

	if (order->nrows > 0)
		qsort(order->rows, order->nrows, sizeof(OrderedRow), compare_rows);
	for (uint32 i = 0; i < order->nrows; i++)
	{
		ExecStoreMinimalTuple(order->rows[i].tuple, slot, false);
		take(slot, arg);
	}
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(order->context);
}
