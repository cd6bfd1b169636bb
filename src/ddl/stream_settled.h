/*
 * stream_settled.h - whether rows of a stream are still on their way.
 */
#ifndef STREAM_EXT_STREAM_SETTLED_H
#define STREAM_EXT_STREAM_SETTLED_H

#include "nodes/parsenodes.h"

/*
 * Raises 55006 with a hint unless every committed row of the stream is in the
 * storage of every view over it.
 * Caller holds: ACCESS EXCLUSIVE on the stream, so that no row can follow.
 */
extern void settled_check(Oid relid);

/*
 * Returns whether the value of a column to be added would have to be computed
 * or checked for each row that exists, so that core rewrites the table: batches
 * that lack the column cannot have that.
 */
extern bool settled_column_needs_rewrite(const ColumnDef *column);

/* Returns whether the new column has a value in rows that are there already. */
extern bool settled_column_has_value(const ColumnDef *column);

#endif							/* STREAM_EXT_STREAM_SETTLED_H */
