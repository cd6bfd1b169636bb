/*
 * apply_view.c - one run into one view, with what that needs from here.
 *
 * An attempt asks for a flush or for memory, and goes on when it has them.
 * What cannot be had, and errors, put the view behind.
 */
#include "postgres.h"

#include "apply/apply.h"
#include "compat.h"
#include "worker/worker.h"

/* Takes note of a run that the view now holds. */
static void
apply_view_done(WorkerView *view, const Apply *apply)
{
	view->reading.restart_lsn = run_restart_lsn(apply->run);
	view_retry_done(view);
	if (apply->stored)
		view_flush_stored(view, apply->run->end_lsn, view->reading.restart_lsn);
}

/* Goes through with a run; see worker.h. */
static bool
apply_view_rows(StreamWorker *worker, WorkerView *view, Run *run)
{
	Apply		apply;

	apply_begin(&apply, &view->live, run);
	for (;;)
	{
		switch (apply_go_on(&apply))
		{
			case APPLY_DONE:
				apply_view_done(view, &apply);
				return true;
			case APPLY_FREE_MEMORY:
				if (flush_for_memory(worker, view))
					break;
				apply_without_memory(&apply);
				/* FALLTHROUGH */
			case APPLY_FLUSH_FIRST:
				if (flush_may_try(view) && flush_view(worker, view))
					break;
				view_wait_for_flush(worker, view);
				return false;
			case APPLY_FAILED:
				view_handle_error(worker, view, apply.error);
				return false;
		}
	}
}

/*
 * Applies a run to a view.  Returns true if the view now holds it; otherwise
 * the view's state says what becomes of it.
 */
bool
apply_view(StreamWorker *worker, WorkerView *view, Run *run)
{
	XLogRecPtr	applied = generation_applied_lsn(view->live.memory);

	if (run->end_lsn <= applied)
		return true;
	if (run_has_rows(run, view->live.catalog->streamid, applied))
		return apply_view_rows(worker, view, run);
	generation_advance(view->live.memory, run->end_lsn);
	view->reading.restart_lsn = run_restart_lsn(run);
	return true;
}
