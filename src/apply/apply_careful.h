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

/*
 * Adds the next rows of the run, maxrows at most, to scratch, without those
 * that fail and those that late (NULL: nobody) keeps from it; adds to doubt
 * what errors of the view rows have met.
 * Requires: a transaction, the view owner's scope.
 */
extern void apply_rows_careful(LiveView *view, Run *run, Scratch *scratch, LateRows *late,
							   uint64 maxrows, ViewDoubt *doubt);

#endif							/* STREAM_EXT_APPLY_CAREFUL_H */
