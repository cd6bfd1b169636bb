/*
 * view_state.c - the state of a view, and what an error means for it.
 *
 * Data errors are the row's fault and seldom reach this file (apply_careful.c
 * makes dead letters of the rows).  Here: the view lost something it needs
 * (state error), its query does not end (disabled after some tries), or the
 * world was busy (lagging: try again, later each time, others go on).  What is
 * neither of these and does not go away puts the view into state error, too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "postmaster/interrupt.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "try_lock.h"
#include "worker/worker.h"

#define RETRY_FIRST_MS		200
#define RETRY_LONGEST_MS	60000
/* A lock is looked at this often at least: that costs little. */
#define RETRY_LOCK_FIRST_MS	20
#define RETRY_LOCK_LONGEST_MS	500
/* apply_timeout exceeded this often in a row: the view never ends. */
#define TIMEOUTS_MAX		3
/* Internal errors and the like, this often in a row: not the world's fault. */
#define FAILURES_MAX		30

/* Writes a state into the catalog, in a transaction of its own. */
static void
view_store_state(WorkerView *view, ViewState state, const char *message)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		catalog_set_state(view->live.viewid, state, message);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		/* the state holds in this process at least; it is logged either way */
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/*
 * Changes a view's state.  Running and lagging come and go and live in
 * memory; the others are for somebody to act upon and live in the catalog.
 *
 * Requires: no transaction is open.
 */
void
view_set_state(StreamWorker *worker, WorkerView *view,
					  ViewState state, const char *message)
{
	ViewState	before = view->live.catalog->state;

	Assert(!IsTransactionState());
	if (before == state)
		return;
	view->live.catalog->state = state;
	pg_atomic_write_u32(&view->live.control->state, state);
	if (state != VIEW_RUNNING)
		ereport(state == VIEW_LAGGING ? LOG : WARNING,
				(errmsg("continuous view %u is %s", view->live.viewid,
						control_view_state_name(state)),
				 message ? errdetail_internal("%s", message) : 0));
	if (state != VIEW_RUNNING && state != VIEW_LAGGING)
		view_store_state(view, state, message);
	control_progress(worker->control);
}

/* Returns whether the view has not been dropped; see worker.h. */
bool
view_still_exists(const WorkerView *view)
{
	MemoryContext old = CurrentMemoryContext;
	bool		exists;

	StartTransactionCommand();
	exists = catalog_is_view(view->live.viewid);
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	return exists;
}

/* Returns how long to wait before the view is tried again. */
int64
view_retry_delay_us(int failures)
{
	int64		delay_ms = RETRY_FIRST_MS;

	for (int i = 1; i < failures && delay_ms < RETRY_LONGEST_MS; i++)
		delay_ms *= 2;
	return Min(delay_ms, RETRY_LONGEST_MS) * 1000;
}

/* Sets when the view is tried again. */
static void
view_retry_later(WorkerView *view)
{
	int			doublings = Min(view->retry.failures - 1, 10);
	int64		delay_ms = Min(RETRY_LOCK_FIRST_MS << doublings, RETRY_LOCK_LONGEST_MS);

	view->retry.at = clock_real() +
		(view->retry.locked ? delay_ms * 1000 : view_retry_delay_us(view->retry.failures));
	pg_atomic_fetch_add_u64(&view->live.control->retries, 1);
	/* who holds that lock and waits for us must know */
	pg_atomic_write_u32(&view->live.control->worker.lock_holder,
						view->retry.locked ? try_lock_last_holder() : 0);
}

/* Looks whether a lock is free by now; see worker.h. */
bool
view_is_still_locked(WorkerView *view)
{
	if (!view->retry.locked || !live_view_is_locked(&view->live))
		return false;
	view->retry.failures++;
	view_retry_later(view);
	return true;
}

/*
 * Puts the view into the state that the error asks for.
 *
 * Requires: no transaction is open.
 */
void
view_handle_error(StreamWorker *worker, WorkerView *view, ErrorData *edata)
{
	ErrorClass	class;

	/* cancelled because the process is to end: nobody's fault */
	if (ShutdownRequestPending)
		return;

	/* dropped meanwhile: the list of views will soon know */
	if (!view_still_exists(view))
		return;
	class = error_class(edata->sqlerrcode);

	view->retry.locked = edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	live_view_note_error(&view->live, edata->sqlerrcode, edata->message);
	view->retry.failures++;
	view->retry.timeouts = (class == ERROR_OF_TIME) ? view->retry.timeouts + 1 : 0;
	view_retry_later(view);

	if (class == ERROR_OF_VIEW || class == ERROR_OF_CODE)
		view_set_state(worker, view, VIEW_ERROR, edata->message);
	else if (view->retry.timeouts >= TIMEOUTS_MAX)
		view_set_state(worker, view, VIEW_DISABLED,
							  "the query exceeded stream_ext.apply_timeout again and again");
	else if (view->retry.failures >= FAILURES_MAX && class != ERROR_TO_RETRY)
		view_set_state(worker, view, VIEW_ERROR, edata->message);
	else
		view_set_state(worker, view, VIEW_LAGGING, edata->message);
}

/* Lets the view lag until its storage can be written again; others go on. */
void
view_wait_for_flush(StreamWorker *worker, WorkerView *view)
{
	view->retry.at = Max(view->flush.retry_at,
						 clock_real() + view_retry_delay_us(1));
	pg_atomic_fetch_add_u64(&view->live.control->retries, 1);
	view_set_state(worker, view, VIEW_LAGGING,
						  "the view cannot be flushed, and there is no room for more");
}

/* The view has applied something: what stood in its way is over. */
void
view_retry_done(WorkerView *view)
{
	/* a lock that was busy for a while is nothing to tell of afterwards */
	if (view->retry.locked)
		live_view_note_error(&view->live, 0, "");
	view->retry.failures = view->retry.timeouts = 0;
	view->retry.locked = false;
	pg_atomic_write_u32(&view->live.control->worker.lock_holder, 0);
}

/* Its state was changed from outside: it is tried at once. */
void
view_retry_reset(WorkerView *view)
{
	view_retry_done(view);
	view->retry.at = 0;
}
