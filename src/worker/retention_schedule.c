/*
 * retention_schedule.c - when partitions are looked for that have expired.
 *
 * Failure: what stands in the way is the view's error; it is tried again, each
 * time later, and others go on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "flush/flush.h"
#include "guc.h"
#include "worker/worker.h"

/* How often a view is looked at. */
#define RETENTION_MS	60000

/*
 * Says whether partitions of a view can be dropped, also those that a former
 * retention has left half dropped.  Sessions may reach from
 * memory into storage, so what a view has in memory is flushed first.
 */
static bool
retention_may_drop(StreamWorker *worker, WorkerView *view)
{
	if (view->live.query == NULL || view->live.query->window_key < 0 || view->live.memory == NULL)
		return false;
	if (view->live.query->session == NULL || view->live.catalog->options.retention == NULL ||
		generation_applied_lsn(view->live.memory) == view->flush.lsn)
		return true;
	return flush_may_try(view) && flush_view(worker, view) &&
		generation_applied_lsn(view->live.memory) == view->flush.lsn;
}

/*
 * Drops a view's partitions that have expired.  What stands in the way is the
 * view's error, and it tries again, each time later; others go on.
 */
static void
retention_drop_of(StreamWorker *worker, WorkerView *view)
{
	ErrorData  *error;

	if (!retention_may_drop(worker, view))
		return;
	view_work_begin(&view->live, WORK_RETENTION);
	error = retention_drop_expired(view->live.catalog, view->live.query, guc_lock_timeout_ms);
	view_work_end(error == NULL);
	QueryCancelPending = false;
	if (error == NULL)
	{
		view->retention.failures = 0;
		return;
	}
	/* cancelled because the process is to end: nobody's fault */
	if (ShutdownRequestPending)
		return;
	live_view_note_error(&view->live, error->sqlerrcode, error->message);
	view->retention.failures++;
	view->retention.at = clock_real() + view_retry_delay_us(view->retention.failures);
}

/* Drops partitions that have expired, now and then; see worker.h. */
void
retention_work(StreamWorker *worker)
{
	TimestampTz now = clock_real();
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (now < view->retention.at || ShutdownRequestPending)
			continue;
		view->retention.at = TimestampTzPlusMilliseconds(now, RETENTION_MS);
		retention_drop_of(worker, view);
	}
}
