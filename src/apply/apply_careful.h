/*
 * apply_careful.h - a run in which some row fails: which one?
 */
#ifndef STREAM_EXT_APPLY_CAREFUL_H
#define STREAM_EXT_APPLY_CAREFUL_H

#include "apply/live_view.h"
#include "apply/run.h"

/* Rows that failed because something is missing: is it the view's, or theirs? */
typedef struct ViewDoubt
{
	uint64		nrows;
	int			sqlstate;		/* of the first of them */
	char	   *message;
} ViewDoubt;

/* How far the care goes. */
typedef struct Careful
{
	uint64		suspect;		/* row of the run that failed; PG_UINT64_MAX:
								 * not known */
	ViewDoubt	doubt;
} Careful;

/*
 * Adds the next rows of the run to the view's scratch, without those that
 * fail and those that late (NULL: nobody) keeps from it.
 * Requires: a transaction, the view owner's scope.
 */
extern void apply_rows_careful(LiveView *view, Run *run, LateRows *late, Careful *careful);

#endif							/* STREAM_EXT_APPLY_CAREFUL_H */
