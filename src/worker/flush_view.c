/*
 * flush_view.c - one view's groups to storage: when, and the transaction.
 *
 * A flush seals the open generation, writes all sealed groups, the dead
 * letters and the position in one transaction, and only then lets go of the
 * memory.  A flush that fails leaves the sealed generation for the next.
 *
 * Failure: errors are logged and counted, the flush is tried again later,
 * each time later: it may have waited for a lock, and other views wait
 * meanwhile.  Readers go on from memory.  A flush that runs out of time again
 * and again disables its view, and is not tried any more; one that fails again
 * and again otherwise puts it into state error, and is tried on.  An error
 * after the commit ends the worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "error_class.h"
#include "fault_point.h"
#include "flush/flush.h"
#include "guc.h"
#include "time_limit.h"
#include "state/group_area.h"
#include "state/memory_share.h"
#include "try_lock.h"
#include "worker/worker.h"

/* A view without groups moves its position once it is this far behind, or half of max_lag. */
#define IDLE_POSITION_BYTES	(16 * 1024 * 1024)
/* Out of time this often in a row: the view's functions never end. */
#define FLUSH_TIMEOUTS_MAX	3
/* ... and so often in a row with errors that do not go away by themselves. */
#define FLUSH_FAILURES_MAX	8
/* A view with less than this share of the memory is not worth an early flush. */
#define LOOK_SHARE			32
/* How often flushed groups are looked at that some snapshot still needed. */
#define TRIM_MS				1000
/* The watermark of an idle stream follows the clock no more often than this. */
#define STEP_MS				1000

/* The flush transaction. Returns its xid. */
static FullTransactionId
flush_transaction(WorkerView *view, XLogRecPtr lsn, XLogRecPtr restart_lsn,
				  const WatermarkState *watermark)
{
	ViewPosition position;
	FlushWriter *writer;
	MinimalTuple *groups;
	uint32		ngroups;
	uint64		written;
	uint64		quarantined = 0;
	FullTransactionId xid;
	OwnerScope	scope;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	FAULT_POINT("flush-begin");
	position = catalog_get_position(view->live.viewid, NULL);
	owner_enter(&scope, view->live.catalog);
	time_limit_start();
	groups = generation_unflushed(view->live.memory, &ngroups);
	time_limit_end();
	owner_leave(&scope);
	writer = flush_begin(view->live.catalog, view->live.desc, view->live.tids, &position);
	written = flush_groups(writer, groups, ngroups, &quarantined);
	late_write_kept(view->live.late_rows, view->live.catalog, lsn);
	/* no code of the view's owner from here on: what is done is kept */
	crash_guard_finish();
	FAULT_POINT("flush-after-groups");
	dead_letters_begin(view->live.letters);
	dead_letters_write(view->live.letters, view->live.catalog, lsn);
	flush_finish(writer, lsn, restart_lsn, watermark);
	xid = GetTopFullTransactionId();
	PopActiveSnapshot();
	FAULT_POINT("flush-before-commit");
	CommitTransactionCommand();

	pg_atomic_fetch_add_u64(&view->live.control->flush_groups, written);
	pg_atomic_fetch_add_u64(&view->live.control->groups_quarantined, quarantined);
	return xid;
}

/* Storage holds the view up to lsn; see worker.h. */
void
view_flush_stored(WorkerView *view, XLogRecPtr lsn, XLogRecPtr restart_lsn)
{
	TimestampTz now = clock_real();
	ViewControl *control = view->live.control;

	view_flush_reset(view, false);
	view->flush.lsn = lsn;
	view->flush.restart_lsn = restart_lsn;
	view->flush.last = now;
	pg_atomic_write_u64(&control->flushed_lsn, lsn);
	pg_atomic_write_u64(&control->restart_lsn, restart_lsn);
	pg_atomic_write_u64(&control->last_flush_time, (uint64) now);
}

/* Forgets failures; see worker.h. */
void
view_flush_reset(WorkerView *view, bool soon)
{
	view->flush.failures = 0;
	view->flush.timeouts = 0;
	view->flush.retry_at = 0;
	view->flush.soon = soon;
	pg_atomic_write_u32(&view->live.control->worker.flush_lock_holder, 0);
}

/* Counts a flush that worked, and lets go of what it has written. */
static void
flush_done(WorkerView *view, XLogRecPtr lsn, TimestampTz start)
{
	LiveView   *live = &view->live;

	pg_atomic_fetch_add_u64(&live->control->flushes, 1);
	pg_atomic_fetch_add_u64(&live->control->flush_us, clock_real() - start);
	pg_atomic_fetch_add_u64(&live->control->dead_letters_dropped,
							dead_letters_dropped(live->letters));
	dead_letters_forget(live->letters, lsn);
	late_forget_kept(&live->late_rows, lsn);
}

/* Returns whether flushes of the view have run out of time too often. */
static bool
flush_gave_up(const WorkerView *view)
{
	return view->flush.timeouts >= FLUSH_TIMEOUTS_MAX;
}

/* Puts a view whose flush has failed too often into the state that says so. */
static void
flush_show(StreamWorker *worker, WorkerView *view, const ErrorData *edata)
{
	ErrorClass	class = error_class(edata->sqlerrcode);

	if (flush_gave_up(view))
		view_set_state(worker, view, VIEW_DISABLED,
					   "a flush exceeded stream_ext.apply_timeout again and again");
	else if (worker_view_reads(view) &&
			 (class == ERROR_OF_CODE ||
			  (view->flush.failures >= FLUSH_FAILURES_MAX &&
			   (class == ERROR_OF_DATA || class == ERROR_OF_VIEW))))
		view_set_state(worker, view, VIEW_ERROR,
					   psprintf("its storage cannot be written: %s", edata->message));
}

/* Counts a flush that failed, and tells of it. */
static void
flush_note_failure(StreamWorker *worker, WorkerView *view, const ErrorData *edata)
{
	bool		out_of_time = edata->sqlerrcode == ERRCODE_QUERY_CANCELED;

	/* a lock that is busy for once is nothing to tell of */
	ereport(edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && view->flush.failures == 1 ? DEBUG1 : WARNING,
			(errcode(edata->sqlerrcode),
			 errmsg("continuous view %u could not be flushed: %s", view->live.viewid, edata->message),
			 edata->detail ? errdetail_internal("%s", edata->detail) : 0,
			 edata->context ? errcontext("%s", edata->context) : 0));
	live_view_note_error(&view->live, edata->sqlerrcode, edata->message);
	pg_atomic_fetch_add_u64(&view->live.control->flush_failures, 1);
	pg_atomic_write_u32(&view->live.control->worker.flush_lock_holder,
						edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ? try_lock_last_holder() : 0);
	view->flush.timeouts = out_of_time ? view->flush.timeouts + 1 : 0;
	flush_show(worker, view, edata);
}

/* Takes note of a flush that failed with the error at hand. */
static void
flush_failed(StreamWorker *worker, WorkerView *view, TimestampTz start)
{
	ErrorData  *edata = CopyErrorData();

	view->flush.last = start;
	view->flush.failures++;
	view->flush.retry_at = clock_real() + view_retry_delay_us(view->flush.failures);
	FlushErrorState();
	time_limit_end();
	QueryCancelPending = false;
	AbortCurrentTransaction();
	MemoryContextSwitchTo(worker->run_context);
	/* cancelled because the process is to end, or dropped meanwhile: nobody's fault */
	if ((edata->sqlerrcode != ERRCODE_QUERY_CANCELED || !ShutdownRequestPending) &&
		view_still_exists(view))
		flush_note_failure(worker, view, edata);
	FreeErrorData(edata);
}

/*
 * Returns the watermark that goes with the position to be written.  Where that
 * is all that the view has applied it may move without a row: an idle stream
 * follows the clock, and a new stream_ext.max_future counts from here on.  The
 * view takes that over when it is stored, because a worker that starts again
 * has to find it.
 */
static WatermarkState *
flush_next_watermark(StreamWorker *worker, WorkerView *view, XLogRecPtr lsn)
{
	WatermarkState *next = MemoryContextAlloc(worker->run_context, sizeof(WatermarkState));
	const EventTime *setting = event_time_at(view->live.event_time, PG_UINT64_MAX);

	if (lsn < generation_applied_lsn(view->live.memory))
	{
		watermark_copy(next, &view->flush.sealed_watermark);
		return next;
	}
	watermark_copy(&view->flush.sealed_watermark, &view->live.watermark);
	watermark_copy(next, &view->live.watermark);
	next->max_future = guc_max_future_s * USECS_PER_SEC;
	if (setting != NULL && worker_feeds_caught_up(worker, view))
		(void) watermark_follow_clock(next, &setting->rule, clock_now());
	return next;
}

/* The watermark that went with lsn is stored: from now on it holds. */
static void
flush_take_watermark(WorkerView *view, XLogRecPtr lsn, const WatermarkState *stored)
{
	if (lsn < generation_applied_lsn(view->live.memory))
		return;
	watermark_copy(&view->live.watermark, stored);
	if (stored->watermark > view->live.control->watermark)
		generation_set_watermark(view->live.memory, stored->watermark);
}

/* Writes what can be sealed; returns false if that failed. */
static bool
flush_sealed(StreamWorker *worker, WorkerView *view)
{
	MemoryContext old = CurrentMemoryContext;
	TimestampTz start = clock_real();
	volatile XLogRecPtr restart_lsn = view->reading.restart_lsn;
	volatile bool committed = false;
	volatile bool done = false;

	view_work_begin(&view->live, WORK_FLUSH);
	PG_TRY();
	{
		XLogRecPtr	lsn = generation_seal(view->live.memory);
		WatermarkState *watermark;
		FullTransactionId xid;

		if (XLogRecPtrIsInvalid(lsn))
			lsn = generation_applied_lsn(view->live.memory);
		else if (lsn < generation_applied_lsn(view->live.memory))
			/* the chain was full: what came later must be read again */
			restart_lsn = view->flush.restart_lsn;
		watermark = flush_next_watermark(worker, view, lsn);
		xid = flush_transaction(view, lsn, restart_lsn, watermark);
		committed = true;
		FAULT_POINT("flush-after-commit");
		flush_take_watermark(view, lsn, watermark);
		generation_flushed(view->live.memory, xid);
		view_flush_stored(view, lsn, restart_lsn);
		flush_done(view, lsn, start);
		done = true;
	}
	PG_CATCH();
	{
		/*
		 * Storage holds the groups, but memory does not know: flushing them
		 * once more would count them twice.  A new worker begins at the
		 * position.
		 */
		if (committed)
			PG_RE_THROW();

		MemoryContextSwitchTo(old);
		flush_failed(worker, view, start);
	}
	PG_END_TRY();
	view_work_end(done);
	MemoryContextSwitchTo(old);
	control_progress(worker->control);
	return done;
}

/*
 * Flushes a view: afterwards its position is what it has applied.  Returns
 * false if that failed; the view keeps its memory and will be flushed again.
 *
 * Requires: no transaction is open.
 */
bool
flush_view(StreamWorker *worker, WorkerView *view)
{
	Assert(!IsTransactionState());
	if (flush_gave_up(view))
		return false;

	/*
	 * after many failures the open generation must wait for a place in the
	 * chain
	 */
	while (generation_applied_lsn(view->live.memory) != view->flush.lsn ||
		   view->reading.restart_lsn != view->flush.restart_lsn)
	{
		if (!flush_sealed(worker, view))
			return false;
	}
	return true;
}

/*
 * Returns false for a while after a flush that failed, and until the view is
 * resumed if it ran out of time again and again.  The position of a view
 * in a gap is the administrator's: one accepted just now must not go back.
 */
bool
flush_may_try(const WorkerView *view)
{
	if (view->live.catalog->state == VIEW_GAP || flush_gave_up(view))
		return false;
	return view->flush.retry_at == 0 || clock_real() >= view->flush.retry_at;
}

/*
 * Returns how long groups of a view may be in memory only.  After a crash its
 * rows are read again: where that may give something else (a joined table has
 * changed, a function was replaced) what was shown goes to storage soon.
 */
static int
flush_interval_ms(const WorkerView *view)
{
	return view->live.rereads ? Min(guc_flush_interval_ms, guc_join_flush_interval_ms) :
		guc_flush_interval_ms;
}

/*
 * Returns whether the view holds much of the memory, and its owner too much.
 * Only then is it worth while to look at all views.
 */
static bool
flush_share_is_over(const WorkerView *view)
{
	return generation_open_bytes(view->live.memory) > group_area_limit() / LOOK_SHARE &&
		memory_share_is_over(view->live.control);
}

/* Returns how far the position of a view without groups may be behind. */
static uint64
flush_idle_bytes(void)
{
	uint64		half_lag = (uint64) guc_max_lag_mb * 1024 * 1024 / 2;

	return guc_max_lag_mb < 0 ? IDLE_POSITION_BYTES : Min(IDLE_POSITION_BYTES, half_lag);
}

/* Returns whether the view is to be flushed now. */
static bool
flush_is_due(const WorkerView *view, TimestampTz now)
{
	XLogRecPtr	applied = generation_applied_lsn(view->live.memory);
	uint64		behind = applied - view->flush.lsn;
	XLogRecPtr	redo = GetRedoRecPtr();
	bool		interval_over = TimestampDifferenceExceeds(view->flush.last, now,
														   flush_interval_ms(view));

	if (applied == view->flush.lsn || !flush_may_try(view))
		return false;
	/* one that failed has sealed its groups: the open generation may be empty */
	if (view->flush.soon || view->flush.failures > 0 || dead_letters_any(view->live.letters) ||
		pg_atomic_read_u64(&view->live.control->flush_request) > view->flush.lsn)
		return true;
	/* what lies before a checkpoint makes backups larger: kept_segments.c */
	if (view->flush.lsn + wal_segment_size <= redo && redo <= applied)
		return true;
	if (behind > (uint64) guc_flush_wal_mb * 1024 * 1024 &&
		TimestampDifferenceExceeds(view->flush.last, now, 100))
		return true;
	if (flush_share_is_over(view))
		return true;
	return interval_over &&
		(generation_open_groups(view->live.memory) > 0 || view->live.late_rows != NIL || behind > flush_idle_bytes());
}

/*
 * Returns how often the watermark of an idle stream follows the clock: each
 * step is a commit.
 */
static int
flush_step_interval_ms(const WatermarkRule *rule)
{
	int64		interval_ms = Min(guc_flush_interval_ms, rule->idle_timeout / 1000);

	return (int) Max(interval_ms, STEP_MS);
}

/*
 * Returns whether the watermark is to be stored although there may be nothing
 * to flush: the stream has fallen idle, or stream_ext.max_future is another.
 */
static bool
flush_step_is_due(const StreamWorker *worker, const WorkerView *view, TimestampTz now)
{
	const EventTime *setting = event_time_at(view->live.event_time, PG_UINT64_MAX);
	WatermarkState next;

	if (setting == NULL || now < view->flush.retry_at || !worker_view_reads(view))
		return false;
	if (view->live.watermark.max_future != guc_max_future_s * USECS_PER_SEC)
		return true;
	if (setting->rule.idle_timeout == 0 ||
		!TimestampDifferenceExceeds(view->flush.last_step, now, flush_step_interval_ms(&setting->rule)) ||
		!worker_feeds_caught_up(worker, view))
		return false;
	watermark_copy(&next, &view->live.watermark);
	return watermark_follow_clock(&next, &setting->rule, clock_now());
}

/* Gives back flushed groups that no snapshot needs any more, now and then. */
static void
flush_trim_views(StreamWorker *worker, TimestampTz now)
{
	ListCell   *lc;

	if (!TimestampDifferenceExceeds(worker->last_trim, now, TRIM_MS))
		return;
	worker->last_trim = now;
	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.memory != NULL)
			generation_trim(view->live.memory, false);
	}
}

/* Gives up all memory of a view, because another worker needs it. */
static bool
flush_give_memory(StreamWorker *worker, WorkerView *view)
{
	if (!flush_view(worker, view))
		return false;
	generation_trim(view->live.memory, true);
	return true;
}

/* Flushes what is due; returns whether there was any. */
bool
flush_due_views(StreamWorker *worker)
{
	TimestampTz now = clock_real();
	bool		any = false;
	ListCell   *lc;

	flush_trim_views(worker, now);
	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.memory == NULL || view->live.catalog->state == VIEW_GAP)
			continue;
		if (flush_may_try(view) && memory_share_is_asked(view->live.control))
			any |= flush_give_memory(worker, view);
		else if (flush_is_due(view, now))
			any |= flush_view(worker, view);
		else if (flush_step_is_due(worker, view, now))
		{
			view->flush.last_step = now;
			any |= flush_sealed(worker, view);
		}
	}
	return any;
}

/*
 * Makes room in shared memory for a view that could not publish.  Returns
 * false if nothing was freed, so that trying again is useless.
 */
bool
flush_for_memory(StreamWorker *worker, WorkerView *view)
{
	WorkerView *largest = NULL;
	uint64		before;
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *other = lfirst(lc);

		if (other->live.memory != NULL && flush_may_try(other) &&
			(largest == NULL ||
			 generation_bytes(other->live.memory) > generation_bytes(largest->live.memory)))
			largest = other;
	}
	memory_share_ask(largest == NULL ? 0 : generation_bytes(largest->live.memory));
	if (largest == NULL || generation_bytes(largest->live.memory) == 0)
		return false;

	pg_atomic_fetch_add_u64(&view->live.control->flushes_memory, 1);
	before = generation_bytes(largest->live.memory);
	if (!flush_view(worker, largest))
		return false;
	generation_trim(largest->live.memory, true);
	return generation_bytes(largest->live.memory) < before;
}
