/*
 * read_wait.c - waiting until a view shows what a read must show.
 *
 * First for others and for the session together, shortly; then, if need be,
 * for what the session itself is owed.  For others nobody waits where it is no
 * use: the view lags behind already, or has been stopped.
 *
 * Locking: none while waiting; see control_wait().
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "catalog/view_catalog.h"
#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "memory_scan/freshness.h"
#include "memory_scan/read_wait.h"
#include "stat/wait_event.h"
#include "stream_am/stream_am.h"

/* A wait that ends in vain this much before its time was ended by a deadlock. */
#define EARLY_MS		50

/* The top-level statements that have waited in vain last. */
static TimestampTz vain_for_session = 0;
static TimestampTz vain_for_others = 0;

/* Returns whether a view in this state needs somebody to go on. */
static bool
state_is_stopped(ViewState state)
{
	return state != VIEW_RUNNING && state != VIEW_LAGGING;
}

/*
 * Returns whether a view needs somebody to go on.  The catalog has the last
 * word: the worker has not noticed yet what was resumed just now.
 */
bool
read_wait_view_stopped(ViewControl *view)
{
	ViewCatalog *catalog;

	if (view == NULL || !state_is_stopped(pg_atomic_read_u32(&view->state)))
		return false;
	catalog = catalog_get_view(view->viewid);
	return catalog == NULL || state_is_stopped(catalog->state);
}

/* Returns the slot of the view. */
static ViewControl *
read_wait_view(const ReadWait *wait)
{
	return control_view(MyDatabaseId, wait->viewid, false);
}

/* Returns what a view must have applied before it is read. */
XLogRecPtr
read_wait_required(const ReadWait *wait)
{
	ViewControl *view = read_wait_view(wait);
	XLogRecPtr	lsn = Max(wait->owed_lsn, freshness_required());

	if (view == NULL)
		return lsn;
	if (read_wait_view_stopped(view))
		return wait->owed_lsn;
	return Max(control_view_target(wait->db, view, lsn),
			   pg_atomic_read_u64(&view->ready_lsn));
}

/* control_condition: the session's wait is over, for one reason or another. */
static bool
session_wait_over_cb(void *arg)
{
	ReadWait   *wait = arg;
	ViewControl *view = read_wait_view(wait);

	if (view == NULL)
		return !wait->must_attach;
	if (read_wait_view_stopped(view))
		return true;
	if (!view->attached)
		return !wait->must_attach;
	return pg_atomic_read_u64(&view->applied_lsn_hint) >= read_wait_required(wait);
}

/* control_condition: the view has what others have committed, or will not have it soon. */
static bool
others_wait_over_cb(void *arg)
{
	ReadWait   *wait = arg;
	ViewControl *view = read_wait_view(wait);

	if (!session_wait_over_cb(arg))
		return false;
	return view == NULL || pg_atomic_read_u32(&view->state) != VIEW_RUNNING ||
		pg_atomic_read_u64(&view->applied_lsn_hint) >= wait->others_lsn;
}

/* Finds out what this session must see. */
void
read_wait_init(ReadWait *wait, Oid viewid, Oid memory, XLogRecPtr others_lsn)
{
	XLogRecPtr	own_lsn = stream_am_last_commit_lsn();

	wait->viewid = viewid;
	wait->owed_lsn = freshness_owed(viewid);
	wait->must_attach = !catalog_view_is_uncommitted(memory);
	wait->others_lsn = wait->must_attach ? others_lsn : InvalidXLogRecPtr;
	wait->db = control_database(MyDatabaseId, true);
	if (wait->db == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases use streams"),
				 errhint("Raise stream_ext.max_databases and restart the server.")));

	/*
	 * the worker reads flushed WAL only, and an asynchronous commit flushes
	 * late
	 */
	if (!XLogRecPtrIsInvalid(own_lsn))
		XLogFlush(own_lsn);
}

/* Waits for what others have committed, if that may help. */
static void
wait_for_others(ReadWait *wait)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();

	if (wait->others_lsn <= wait->owed_lsn || vain_for_others == statement)
		return;
	if (!control_wait(wait->db, others_wait_over_cb, wait, guc_read_others_timeout_ms,
					  stat_wait_event(STAT_WAIT_READ)))
		vain_for_others = statement;
}

/* Waits until the view holds what must be seen, or cannot. */
ReadWaitResult
read_wait(ReadWait *wait)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	TimestampTz start = clock_real();
	int			timeout_ms = guc_read_timeout_ms;
	int			left_ms;

	if (vain_for_session == statement)
		timeout_ms = 0;
	if (!control_view_is_served(read_wait_view(wait)))
		control_wake_launcher();
	wait_for_others(wait);
	left_ms = timeout_ms - (int) TimestampDifferenceMilliseconds(start, clock_real());
	left_ms = Max(left_ms, 0);
	start = clock_real();
	if (control_wait(wait->db, session_wait_over_cb, wait, left_ms,
					 stat_wait_event(STAT_WAIT_READ)))
	{
		if (read_wait_view_stopped(read_wait_view(wait)))
			return READ_WAIT_STOPPED;
		return READ_WAIT_REACHED;
	}
	if (left_ms > EARLY_MS &&
		!TimestampDifferenceExceeds(start, clock_real(), left_ms - EARLY_MS))
		return READ_WAIT_DEADLOCK;
	vain_for_session = statement;
	return READ_WAIT_TIMEOUT;
}

/* control_condition: the view has applied others_lsn, or does not go on. */
static bool
applied_over_cb(void *arg)
{
	ReadWait   *wait = arg;
	ViewControl *view = read_wait_view(wait);

	return view == NULL || !view->attached ||
		pg_atomic_read_u32(&view->state) != VIEW_RUNNING ||
		pg_atomic_read_u64(&view->applied_lsn_hint) >= wait->others_lsn;
}

/* Waits until a view has applied lsn; see read_wait.h. */
bool
read_wait_applied(Oid viewid, XLogRecPtr lsn, int timeout_ms)
{
	ReadWait	wait = {.viewid = viewid,.others_lsn = lsn};
	ViewControl *view;

	wait.db = control_database(MyDatabaseId, false);
	if (wait.db == NULL ||
		!control_wait(wait.db, applied_over_cb, &wait, timeout_ms, stat_wait_event(STAT_WAIT_READ)))
		return false;
	view = read_wait_view(&wait);
	return view != NULL && pg_atomic_read_u64(&view->applied_lsn_hint) >= lsn;
}
