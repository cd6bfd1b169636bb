/*
 * pane_group.h - groups that stand for all windows of a pane.
 *
 * Where a view has panes (GroupDesc.panes), a flat group is that of a window,
 * as in storage, or that of a pane: then it has the pane's start in the columns
 * of the window's start and end, a mark in its tuple header, and another hash.
 * Panes live in scratch and shared memory only; readers and the flush turn
 * them into windows.
 */
#ifndef STREAM_EXT_PANE_GROUP_H
#define STREAM_EXT_PANE_GROUP_H

#include "state/group.h"
#include "window/pane.h"

/* A bit that means nothing in a tuple outside a table, as hash joins have one. */
#define GROUP_PANE_MARK		HEAP_HOT_UPDATED

/* What the hash of a pane's keys is mixed with. */
#define GROUP_PANE_HASH		0x9e3779b9

/* Whether a flat group is that of a pane. */
static inline bool
pane_group_is_marked(MinimalTuple tuple)
{
	return (tuple->t_infomask2 & GROUP_PANE_MARK) != 0;
}

/* Makes a flat group that of a pane. */
static inline void
pane_group_mark(MinimalTuple tuple)
{
	tuple->t_infomask2 |= GROUP_PANE_MARK;
}

/* The shape of a view's panes. */
static inline PaneShape
pane_group_shape(const ViewPanes *panes)
{
	PaneShape	shape = {panes->slide, panes->size, panes->origin};

	return shape;
}

/*
 * Takes the pane's start, or a window's start or end, from the first of the
 * window's columns; false if that is NULL or infinite, which is no pane.
 */
extern bool pane_group_start(const ViewPanes *panes, TupleDesc desc, const Datum *values,
							 const bool *isnull, int64 *start);

/* The same of a flat group that is marked. */
extern int64 pane_group_tuple_start(const ViewPanes *panes, TupleDesc desc, MinimalTuple tuple);

/* Puts the window that starts at start into the columns. */
extern void pane_group_set_window(const ViewPanes *panes, TupleDesc desc, int64 start,
								  Datum *values);

/* Puts a pane into the columns. */
extern void pane_group_set_pane(const ViewPanes *panes, TupleDesc desc, int64 start,
								Datum *values);

#endif							/* STREAM_EXT_PANE_GROUP_H */
