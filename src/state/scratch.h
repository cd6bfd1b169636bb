/*
 * scratch.h - private groups of one run, before they are published.
 *
 * The worker aggregates a run's rows here.  An error throws the whole scratch
 * away and nothing of the run has happened.  Nothing here is shared.  In a
 * view that appends every row is a group.
 */
#ifndef STREAM_EXT_SCRATCH_H
#define STREAM_EXT_SCRATCH_H

#include "executor/tuptable.h"
#include "state/group.h"

typedef struct Scratch Scratch;

typedef struct ScratchGroup
{
	uint32		hash;
	bool		is_pane;		/* of a pane, not of a window */
	Datum	   *keys;			/* nkeys */
	bool	   *keys_isnull;
	AggregateState *states;		/* naggregates */
} ScratchGroup;

extern Scratch *scratch_create(GroupDesc *desc, MemoryContext parent);
extern GroupDesc *scratch_desc(const Scratch *scratch);

/*
 * Adds one row of the inner query, or counts it as expired.  A row of a pane
 * counts once for each window; if some of them are expired it goes to the
 * others.  May raise any error of user code.
 */
extern void scratch_add_row(Scratch *scratch, const Datum *row, const bool *isnull);

/*
 * The rows that follow do not go to windows of their panes that end at or
 * before closed_until, in units of the panes; PG_INT64_MIN closes none.
 */
extern void scratch_set_closed(Scratch *scratch, int64 closed_until);

/* When the transaction of the rows that follow committed; for views that append. */
extern void scratch_set_commit_time(Scratch *scratch, TimestampTz commit_time);

/*
 * Adds every group of other (same desc).  May raise errors of user code: then
 * scratch is as it was before.
 */
extern void scratch_merge(Scratch *scratch, Scratch *other);

/* Adds a flat group, given its hash and a minimal-tuple slot that holds it. */
extern void scratch_add_flat(Scratch *scratch, uint32 hash, bool is_pane, TupleTableSlot *flat);

/*
 * Changes one key, passed by value, of the group with these keys; returns
 * whether there is one.  No group may have the keys that it gets.
 */
extern bool scratch_change_key(Scratch *scratch, const Datum *keys, const bool *isnull,
							   int key, Datum value);
extern uint64 scratch_rows(const Scratch *scratch);
extern uint64 scratch_expired_rows(const Scratch *scratch); /* not added, not among
															 * the others */
extern uint32 scratch_groups(const Scratch *scratch);
extern Size scratch_bytes(const Scratch *scratch);
extern ScratchGroup *scratch_group_at(Scratch *scratch, uint32 i);	/* 0 .. groups-1; not
																	 * where rows append */

/* Group i as a flat group: in CurrentMemoryContext, or the scratch's own. */
extern MinimalTuple scratch_flat_at(Scratch *scratch, uint32 i);
extern void scratch_reset(Scratch *scratch);
extern void scratch_free(Scratch *scratch);

#endif							/* STREAM_EXT_SCRATCH_H */
