/*
 * retained_wal.c - how much WAL the views still need, and when that is too much.
 *
 * The slot stands at the smallest durable restart position of all views; the
 * database's shared worker, which knows them all, moves it.  A
 * view that holds it back beyond stream_ext.max_lag goes into state gap and
 * the WAL is let go, so that no view fills the disk: one that does not go on
 * (paused, error, disabled), and one that does but is not worth waiting for
 * (view_lag.c).  Others are waited for by the writers of their stream
 * (stream_am).
 *
 * A view that a transaction is creating needs WAL from its start position on,
 * but the worker does not see it yet, while it may already have read past the commit record.
 * Such a transaction shares the slot's lock (slot_ensure), so the slot is
 * moved only while nobody does and every view is known.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "fault_point.h"
#include "guc.h"
#include "shared/slot.h"
#include "worker/worker.h"

/* The slot is saved to disk each time: not more often than this. */
#define SLOT_ADVANCE_MS	1000

/* Gives up a view that holds back too much WAL. */
static void
retained_wal_check_gap(StreamWorker *worker, WorkerView *view, XLogRecPtr read_lsn)
{
	char	   *message;

	if (view->live.catalog->state == VIEW_GAP || !view_lags_too_far(view, read_lsn))
		return;
	if (view->live.memory != NULL && (!worker_view_reads(view) || flush_may_try(view)))
		(void) flush_view(worker, view);
	/* a view that goes on may have been late with its flush only */
	if (worker_view_reads(view) && !view_lags_too_far(view, read_lsn))
		return;
	if (view->reading.feed != NULL)
		feed_close(view->reading.feed);
	view->reading.feed = NULL;
	message = psprintf("WAL from %X/%X on was let go because of stream_ext.max_lag",
					   LSN_FORMAT_ARGS(view->flush.restart_lsn));
	view_set_state(worker, view, VIEW_GAP, message);
}

/*
 * Returns the position from which WAL is needed by the views of the database,
 * whoever maintains them.
 */
static XLogRecPtr
retained_wal_minimum(StreamWorker *worker)
{
	XLogRecPtr	minimum = feed_restart_lsn(worker->feed);
	ViewControl *view;

	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		if (view->dbid == worker->key.dbid && OidIsValid(view->viewid) && view->worker.placed &&
			pg_atomic_read_u32(&view->state) != VIEW_GAP)
			minimum = Min(minimum, pg_atomic_read_u64(&view->restart_lsn));
	}
	return minimum;
}

/* Moves the slot to where WAL is needed from. Caller holds the slot's lock. */
static void
retained_wal_advance(StreamWorker *worker)
{
	XLogRecPtr	minimum;

	AcceptInvalidationMessages();
	if (catalog_generation() != worker->catalog_generation)
		return;					/* a view that is not placed yet */

	minimum = retained_wal_minimum(worker);
	if (minimum == pg_atomic_read_u64(&worker->control->restart_lsn))
		return;
	FAULT_POINT("slot-before-advance");
	if (slot_advance(worker->key.dbid, minimum))
	{
		pg_atomic_write_u64(&worker->control->restart_lsn, minimum);
		pg_atomic_fetch_add_u64(&worker->control->slot_advances, 1);
		control_progress(worker->control);
	}
	else
		slot_renew(worker->key.dbid);	/* somebody dropped or invalidated it */
	FAULT_POINT("slot-after-advance");
}

/*
 * Gives up the views that hold back too much WAL.  What the worker itself has
 * not read yet is no view's fault.
 */
static void
retained_wal_check_gaps(StreamWorker *worker)
{
	XLogRecPtr	read_lsn = feed_read_lsn(worker->feed);
	ListCell   *lc;

	lag_policy_refresh(worker);
	foreach(lc, worker->views)
		retained_wal_check_gap(worker, lfirst(lc), read_lsn);
}

/* Moves the slot, now or if it was not moved lately; gaps are looked for at once if somebody waits. */
void
retained_wal_update(StreamWorker *worker, bool now)
{
	TimestampTz time = clock_real();
	bool		due = now ||
	TimestampDifferenceExceeds(worker->last_slot_advance, time, SLOT_ADVANCE_MS);

	if (worker->feed == NULL)
		return;					/* its WAL was lost; opened again next round */
	if (due || pg_atomic_read_u32(&worker->control->waiters) != 0)
		retained_wal_check_gaps(worker);
	if (!due)
		return;
	worker->last_slot_advance = time;

	if (!worker_key_is_shared(worker->key) || !slot_lock_unused(worker->key.dbid))
		return;
	PG_TRY();
	{
		retained_wal_advance(worker);
	}
	PG_FINALLY();
	{
		slot_unlock(worker->key.dbid);
	}
	PG_END_TRY();
}
