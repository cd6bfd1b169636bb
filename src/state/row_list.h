/*
 * row_list.h - private rows of one run of a view that appends.
 *
 * What the groups of a scratch are to other views: flat, in the order in
 * which they came, each for itself.
 */
#ifndef STREAM_EXT_ROW_LIST_H
#define STREAM_EXT_ROW_LIST_H

#include "state/group.h"

typedef struct RowList RowList;

extern RowList *row_list_create(GroupDesc *desc, MemoryContext parent);

/*
 * Adds a row of the inner query that was committed at this time; false if
 * retention has ended it.
 */
extern bool row_list_add(RowList *list, TimestampTz commit_time,
						 const Datum *row, const bool *isnull);

/* Adds copies of all rows of other. */
extern void row_list_merge(RowList *list, const RowList *other);

extern uint32 row_list_count(const RowList *list);
extern MinimalTuple row_list_at(const RowList *list, uint32 i);

extern void row_list_reset(RowList *list);

#endif							/* STREAM_EXT_ROW_LIST_H */
