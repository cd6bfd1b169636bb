/*
 * row_order.h - rows of an inner query, put into the order of the stream's rows.
 */
#ifndef STREAM_EXT_ROW_ORDER_H
#define STREAM_EXT_ROW_ORDER_H

#include "executor/tuptable.h"
#include "nodes/plannodes.h"

typedef struct RowOrder RowOrder;

/* Whether a plan gives the rows of the stream in the order in which its scan does. */
extern bool row_order_is_kept(const PlannedStmt *stmt, Oid streamid);

/* Column (0-based) holds the row's number, a tid. */
extern RowOrder *row_order_create(int column, MemoryContext parent);
extern void row_order_add(RowOrder *order, TupleTableSlot *slot);
extern Size row_order_bytes(const RowOrder *order);

/* Calls take for each row, in order. */
extern void row_order_drain(RowOrder *order, TupleDesc desc,
							void (*take) (TupleTableSlot *slot, void *arg), void *arg);

#endif							/* STREAM_EXT_ROW_ORDER_H */
