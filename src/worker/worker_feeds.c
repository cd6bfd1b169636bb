/*
 * worker_feeds.c - what to read next: everybody's feed, and catching up.
 *
 * All views that keep pace share one feed.  A view that could not go on
 * (a lock, an error, a pause) falls behind; it then reads WAL with a feed of
 * its own, from its own position, in turns with everybody's, until it has
 * caught up and joins them again.  A view that takes longer for a run than a
 * time slice does the same, with runs of fewer transactions, so that it holds
 * nobody up for longer than it must: a transaction is not split.  One rule decides: a view is in step if it
 * has applied everything that everybody's feed has handed on, and needs
 * nothing from before that feed began.  (Everybody's feed is opened for the
 * views that read then.  One that is resumed later may wait for the end of a
 * transaction whose first batches that feed never saw.)
 *
 * Failure: WAL that is gone puts the views that need it into state gap.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/transam.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/errcodes.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "fault_point.h"
#include "guc.h"
#include "postmaster_check.h"
#include "shared/slot.h"
#include "shared/wal_end.h"
#include "wal/collector.h"
#include "worker/placement.h"
#include "worker/worker.h"

/* Read at most this much WAL without a transaction of ours before looking around. */
#define READ_SLICE_BYTES	((Size) 16 * 1024 * 1024)

/*
 * Nobody holds others up for longer, if it can be helped; and no run is made
 * of fewer rows for that, because a run has costs of its own.
 */
#define SLICE_US			INT64CONST(100000)
#define SLICE_ROWS_MIN		UINT64CONST(1000)
/* Rows of a slow view take this long, at least. */
#define SLOW_ROW_US			20

/* After a run of less than this, some more commits may gather. */
#define GATHER_BYTES		((Size) 64 * 1024)

/* A commit is visible soon, unless it waits for a standby. */
#define VISIBLE_SHORT_NAPS	1000
#define VISIBLE_PATIENCE	2000

/* Returns whether everybody's feed is all that the view needs. */
static bool
feeds_in_step(const StreamWorker *worker, const WorkerView *view)
{
	return worker_view_reads(view) && !view->reading.apart &&
		generation_applied_lsn(view->live.memory) >= worker->applied_lsn &&
		(worker->feed == NULL || view->reading.restart_lsn >= feed_start_lsn(worker->feed));
}

/* Returns whether everybody's feed follows the stream reader. */
bool
worker_feeds_follow(const StreamWorker *worker)
{
	return worker->feed != NULL && feed_in_range(worker->feed);
}

/*
 * Returns whether there is nothing to read now.  Behind the stream reader that
 * is so until it publishes an entry for this database or, for who waits, a
 * position: it looks who sleeps after it has published.
 */
bool
worker_feeds_may_sleep(const StreamWorker *worker)
{
	DatabaseControl *db = worker->control;

	if (worker_feeds_follow(worker))
		return feed_awaits_reader(worker->feed, pg_atomic_read_u32(&db->waiters) != 0 ||
								  pg_atomic_read_u64(&worker->place->read_lsn) <
								  pg_atomic_read_u64(&db->ready_lsn));
	return pg_atomic_read_u64(&db->last_commit_lsn) <=
		pg_atomic_read_u64(&worker->place->read_lsn);
}

/* Returns whether everybody's feed has got to lsn, or could not be read. */
bool
worker_feeds_have_read(const StreamWorker *worker, XLogRecPtr lsn)
{
	return worker->feed == NULL || feed_read_lsn(worker->feed) >= lsn;
}

/*
 * Takes note of how long a run of so many rows took the view: one that takes
 * longer than a slice goes apart, one that takes much less may come back.
 */
static void
feeds_measure(WorkerView *view, uint64 nrows, int64 elapsed_us)
{
	ViewReading *reading = &view->reading;

	/* a large run takes its time of any view, and reading WAL again is not free */
	if (elapsed_us > SLICE_US && elapsed_us > (int64) nrows * SLOW_ROW_US)
	{
		reading->slice_rows = Max(Min(nrows, reading->apart ? reading->slice_rows : nrows) / 2,
								  SLICE_ROWS_MIN);
		reading->apart = true;
	}
	else if (reading->apart && elapsed_us < SLICE_US / 2)
		reading->slice_rows = Min(reading->slice_rows * 2, PG_UINT32_MAX);
}

/* Applies a run to a view and measures it. */
static bool
feeds_apply_to(StreamWorker *worker, WorkerView *view, Run *run)
{
	TimestampTz start = clock_real();
	bool		applied = apply_view(worker, view, run);

	feeds_measure(view, run->nrows, clock_real() - start);
	if (applied)
		placement_note_cost(worker, view, run->source.nrows, clock_real() - start);
	return applied;
}

/* Returns whether the view has applied all there is to read now. */
bool
worker_feeds_caught_up(const StreamWorker *worker, const WorkerView *view)
{
	return worker->feed != NULL && view->reading.feed == NULL &&
		feeds_in_step(worker, view) && feed_caught_up(worker->feed) &&
		feed_read_lsn(worker->feed) >= pg_atomic_read_u64(&worker->control->last_commit_lsn);
}

/* Puts a view whose WAL is gone into state gap. */
static void
feeds_set_gap(StreamWorker *worker, WorkerView *view)
{
	char	   *message = psprintf("WAL from %X/%X to %X/%X is gone",
								   LSN_FORMAT_ARGS(view->reading.restart_lsn),
								   LSN_FORMAT_ARGS(wal_insert_end()));

	if (view->reading.feed != NULL)
		feed_close(view->reading.feed);
	view->reading.feed = NULL;
	/* what was applied is not lost: memory still has it */
	(void) flush_view(worker, view);
	view_set_state(worker, view, VIEW_GAP, message);
}

/* Returns whether the WAL where the view would have to begin is still there. */
static bool
feeds_wal_exists(StreamWorker *worker, WorkerView *view)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(worker->run_context, "stream WAL probe",
												  ALLOCSET_DEFAULT_SIZES);
	volatile bool exists = false;

	PG_TRY();
	{
		CollectorOptions options = {.dbid = worker->key.dbid,.start_lsn = view->reading.restart_lsn};
		bool		at_end;

		(void) collector_next(collector_open(&options, context), 1, &at_end);
		exists = true;
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_STREAM_WAL_GONE)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return exists;
}

/*
 * Puts the views in step whose WAL is gone into state gap, or all of them;
 * returns whether there was any.
 */
static bool
feeds_set_gaps(StreamWorker *worker, bool all)
{
	bool		any = false;
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (!feeds_in_step(worker, view) || (!all && feeds_wal_exists(worker, view)))
			continue;
		feeds_set_gap(worker, view);
		any = true;
	}
	return any;
}

/*
 * Everybody's feed could not be read.  If WAL is gone, those views in step
 * that begin there lost it, or, if it is missing further on, all of them; the
 * others start anew.  A new slot keeps what comes now.  Other errors go up
 * and end the worker.
 */
static void
feeds_lost_wal(StreamWorker *worker)
{
	ErrorData  *edata;

	/* not back to where the error was raised: that is ErrorContext */
	MemoryContextSwitchTo(worker->run_context);
	edata = CopyErrorData();
	if (edata->sqlerrcode != ERRCODE_STREAM_WAL_GONE)
		PG_RE_THROW();
	FlushErrorState();

	if (!feeds_set_gaps(worker, false))
		(void) feeds_set_gaps(worker, true);
	if (worker->feed != NULL)
		feed_close(worker->feed);
	worker->feed = NULL;
	slot_renew(worker->key.dbid);
	worker->applied_lsn = InvalidXLogRecPtr;	/* as far as the views are */
}

/* Opens everybody's feed where the view that is furthest behind needs it. */
static void
feeds_open(StreamWorker *worker)
{
	XLogRecPtr	restart_lsn = GetFlushRecPtr(NULL);
	XLogRecPtr	applied_lsn = restart_lsn;
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (!worker_view_reads(view) || !XLogRecPtrIsInvalid(worker->applied_lsn))
			continue;
		restart_lsn = Min(restart_lsn, view->reading.restart_lsn);
		applied_lsn = Min(applied_lsn, generation_applied_lsn(view->live.memory));
	}
	worker->applied_lsn = applied_lsn;
	worker->feed = feed_open(worker->key.dbid, restart_lsn, applied_lsn,
							 (Size) guc_work_memory_kb * 1024, worker->context);
	feed_follow(worker->feed, pg_atomic_read_u64(&worker->control->last_commit_lsn));
}

/*
 * Waits until the run's transactions are finished for everybody: a commit
 * record reaches the WAL before its transaction leaves the ProcArray, and
 * until then its other rows cannot be seen.
 *
 * With synchronous replication that can take for ever: who is told to leave
 * meanwhile leaves.  Nothing of the run has been applied.
 */
static void
feeds_wait_visible(StreamWorker *worker, Run *run)
{
	ListCell   *lc;
	int			naps = 0;

	foreach(lc, run->transactions)
	{
		FeedTransaction *txn = lfirst(lc);

		while (TransactionIdIsInProgress(txn->xid))
		{
			CHECK_FOR_INTERRUPTS();
			pg_usleep(++naps < VISIBLE_SHORT_NAPS ? 50L : 1000L);
			if (naps < VISIBLE_PATIENCE)
				continue;
			postmaster_check();
			if (ShutdownRequestPending || worker->control->hold_count > 0)
				proc_exit(0);
		}
	}
}

/*
 * Counts the run's rows as committed, stream by stream.  Every worker of the
 * database meets them; the shared one counts.
 */
static void
feeds_count(StreamWorker *worker, Run *run)
{
	bool		shared = worker_key_is_shared(worker->key);
	ListCell   *lc;

	pg_atomic_fetch_add_u64(&worker->place->transactions, list_length(run->transactions));
	if (shared)
		pg_atomic_fetch_add_u64(&worker->control->transactions, list_length(run->transactions));
	foreach(lc, run->transactions)
	{
		FeedTransaction *txn = lfirst(lc);

		if (!txn->in_memory)
			pg_atomic_fetch_add_u64(&worker->place->transactions_reread, 1);
		if (!shared)
			continue;
		for (int i = 0; i < txn->nbatches; i++)
		{
			StreamControl *stream = control_stream(worker->key.dbid, txn->batches[i].relid, true);

			pg_atomic_fetch_add_u64(&stream->rows_committed, txn->batches[i].nrows);
		}
	}
}

/* Gives a run of everybody's feed to all views in step. */
static void
feeds_apply(StreamWorker *worker, Run *run)
{
	List	   *in_step = NIL;
	ListCell   *lc;

	feeds_wait_visible(worker, run);
	worker_views_reload(worker);

	foreach(lc, worker->views)
	{
		if (feeds_in_step(worker, lfirst(lc)))
			in_step = lappend(in_step, lfirst(lc));
	}
	worker->applied_lsn = run->end_lsn;
	foreach(lc, in_step)
		(void) feeds_apply_to(worker, lfirst(lc), run);
	list_free(in_step);
	feeds_count(worker, run);
	worker->gathered = run->bytes < GATHER_BYTES ? list_length(run->transactions) : 0;
}

/* Moves the views in step to where everybody's feed has read. */
static void
feeds_advance(StreamWorker *worker)
{
	XLogRecPtr	read_lsn = feed_read_lsn(worker->feed);
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (!feeds_in_step(worker, view))
			continue;
		if (generation_applied_lsn(view->live.memory) < read_lsn)
			generation_advance(view->live.memory, read_lsn);
		if (generation_applied_lsn(view->live.memory) <= read_lsn)
			view->reading.restart_lsn = feed_restart_lsn(worker->feed);
		pg_atomic_write_u64(&view->live.control->counted_lsn, read_lsn);
	}
	worker->applied_lsn = Max(worker->applied_lsn, read_lsn);
	pg_atomic_write_u64(&worker->place->read_lsn, read_lsn);
	pg_atomic_write_u64(&worker->place->wal_bytes_read, feed_bytes_read(worker->feed));
	if (worker_key_is_shared(worker->key))
	{
		pg_atomic_write_u64(&worker->control->read_lsn, read_lsn);
		pg_atomic_write_u64(&worker->control->oldest_xact_lsn,
							feed_oldest_open_lsn(worker->feed));
	}
	control_progress(worker->control);
}

/* Reads everybody's feed once; returns whether there was anything. */
static bool
feeds_work_common(StreamWorker *worker)
{
	Run		   *volatile run = NULL;
	volatile XLogRecPtr before = InvalidXLogRecPtr;
	volatile bool lost = false;

	PG_TRY();
	{
		if (worker->feed == NULL)
			feeds_open(worker);
		before = feed_read_lsn(worker->feed);
		run = run_collect(worker->feed, READ_SLICE_BYTES, PG_UINT64_MAX, worker->run_context);
	}
	PG_CATCH();
	{
		feeds_lost_wal(worker);
		lost = true;
	}
	PG_END_TRY();
	if (lost)
		return true;

	FAULT_POINT("feed-after-collect");
	if (run != NULL)
	{
		feeds_apply(worker, run);
		run_free(run);
	}
	feeds_advance(worker);
	return run != NULL || feed_read_lsn(worker->feed) > before;
}

/*
 * Takes note that a view has caught up.  It reads with everybody again, unless
 * it waits for the end of a transaction that everybody's feed never saw begin:
 * it goes on with its own feed then, but does not lag.
 */
static void
feeds_caught_up(StreamWorker *worker, WorkerView *view)
{
	view->reading.apart = false;
	if (feeds_in_step(worker, view))
	{
		feed_close(view->reading.feed);
		view->reading.feed = NULL;
	}
	if (view->live.catalog->state == VIEW_LAGGING)
		view_set_state(worker, view, VIEW_RUNNING, NULL);
}

/*
 * Reads and applies one run of a view's own feed.  Returns false if the view
 * cannot go on; *moved says whether there was anything to read.
 */
static bool
feeds_catch_up_step(StreamWorker *worker, WorkerView *view, bool *moved)
{
	Run		   *run;
	XLogRecPtr	before;
	bool		applied = true;

	if (view->reading.feed == NULL)
	{
		view->reading.feed = feed_open(worker->key.dbid, view->reading.restart_lsn,
									   generation_applied_lsn(view->live.memory),
									   (Size) guc_work_memory_kb * 1024, view->live.context);
		feed_follow(view->reading.feed, pg_atomic_read_u64(&worker->control->last_commit_lsn));
	}
	before = feed_read_lsn(view->reading.feed);
	run = run_collect(view->reading.feed, READ_SLICE_BYTES,
					  view->reading.apart ? view->reading.slice_rows : PG_UINT64_MAX,
					  worker->run_context);
	*moved = run != NULL || feed_read_lsn(view->reading.feed) > before;
	if (run != NULL)
	{
		feeds_wait_visible(worker, run);
		applied = feeds_apply_to(worker, view, run);
		run_free(run);
	}
	if (!applied)
	{
		if (view->reading.feed != NULL)
			feed_close(view->reading.feed);
		view->reading.feed = NULL;
		return false;
	}
	if (feed_read_lsn(view->reading.feed) > generation_applied_lsn(view->live.memory))
		generation_advance(view->live.memory, feed_read_lsn(view->reading.feed));
	view->reading.restart_lsn = feed_restart_lsn(view->reading.feed);
	pg_atomic_write_u64(&view->live.control->counted_lsn, feed_read_lsn(view->reading.feed));
	return true;
}

/* Lets a view that is behind read on; returns whether it moved. */
static bool
feeds_catch_up(StreamWorker *worker, WorkerView *view)
{
	volatile bool moved = false;
	volatile bool goes_on = false;

	PG_TRY();
	{
		bool		any = false;

		goes_on = feeds_catch_up_step(worker, view, &any);
		moved = goes_on && any;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(worker->run_context);
		edata = CopyErrorData();
		if (edata->sqlerrcode != ERRCODE_STREAM_WAL_GONE)
			PG_RE_THROW();
		FlushErrorState();
		feeds_set_gap(worker, view);
	}
	PG_END_TRY();

	if (goes_on && view->reading.feed != NULL &&
		generation_applied_lsn(view->live.memory) >= worker->applied_lsn)
		feeds_caught_up(worker, view);
	control_progress(worker->control);
	return moved;
}

/* Orders views by how long ago they had a turn. */
static int
compare_served(const ListCell *a, const ListCell *b)
{
	const WorkerView *va = lfirst(a);
	const WorkerView *vb = lfirst(b);

	return va->reading.served < vb->reading.served ? -1 :
		va->reading.served > vb->reading.served ? 1 : 0;
}

/* Returns the views that are behind and may be tried, the one that has waited longest first. */
static List *
feeds_behind(StreamWorker *worker)
{
	TimestampTz now = clock_real();
	List	   *behind = NIL;
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (!worker_view_reads(view) || now < view->retry.at)
			continue;
		if (view->reading.feed == NULL && feeds_in_step(worker, view))
		{
			if (view->live.catalog->state == VIEW_LAGGING)
				view_set_state(worker, view, VIEW_RUNNING, NULL);
		}
		else if (!view_is_still_locked(view))
			behind = lappend(behind, view);
	}
	list_sort(behind, compare_served);
	return behind;
}

/*
 * Reads what there is, a piece for everybody and then pieces for views that
 * are behind, for a slice of time.  Returns false if nothing moved.
 */
bool
worker_feeds_work(StreamWorker *worker)
{
	bool		moved = feeds_work_common(worker);
	List	   *behind = feeds_behind(worker);
	TimestampTz start = clock_real();
	ListCell   *lc;

	foreach(lc, behind)
	{
		WorkerView *view = lfirst(lc);

		view->reading.served = ++worker->turns;
		moved |= feeds_catch_up(worker, view);
		if (clock_real() - start > SLICE_US)
		{
			moved |= lnext(behind, lc) != NULL;
			break;
		}
	}
	list_free(behind);
	return moved;
}

/* Closes all feeds. */
void
worker_feeds_close(StreamWorker *worker)
{
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->reading.feed != NULL)
			feed_close(view->reading.feed);
		view->reading.feed = NULL;
	}
	if (worker->feed != NULL)
		feed_close(worker->feed);
	worker->feed = NULL;
}
