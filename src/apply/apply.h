/*
 * apply.h - one run into one view: scratch, then publish.
 *
 * What an attempt needs from outside (a flush, memory) it asks for: the
 * caller sees to it and lets it go on, outside of any transaction.
 */
#ifndef STREAM_EXT_APPLY_H
#define STREAM_EXT_APPLY_H

#include "apply/live_view.h"
#include "apply/run.h"

typedef enum ApplyResult
{
	APPLY_DONE,					/* the view holds the run */
	APPLY_FLUSH_FIRST,			/* flush the view, then go on */
	APPLY_FREE_MEMORY,			/* free shared memory, then go on; if there is
								 * none to free: apply_without_memory() */
	APPLY_FAILED				/* see error */
} ApplyResult;

/* A run on its way into a view. */
typedef struct Apply
{
	LiveView   *view;
	Run		   *run;
	ErrorData  *error;			/* with APPLY_FAILED; in the run's context */
	bool		stored;			/* done, and storage holds all of it */

	/* private to apply.c */
	bool		direct;			/* goes straight to storage */
	uint64		careful_from;	/* rows of the run: from this one on */
	uint64		suspect;		/* that is the one which failed */
	bool		begun;
	TimestampTz start;
} Apply;

/* Prepares to apply a run, which has rows of the view's stream that it does not hold. */
extern void apply_begin(Apply *apply, LiveView *view, Run *run);

/*
 * Goes on until the view holds the run or something is wanted.
 * Requires: no transaction is open.
 */
extern ApplyResult apply_go_on(Apply *apply);

/* There is no memory to be had: next the run goes straight to storage. */
extern void apply_without_memory(Apply *apply);

#endif							/* STREAM_EXT_APPLY_H */
