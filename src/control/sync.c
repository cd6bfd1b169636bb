/*
 * sync.c - stream_sync(), stream_flush(), stream_prepare_backup(): waiting for
 * the worker.
 *
 * stream_sync() waits until every running view holds what was committed
 * before the call; stream_flush() until a view's storage does.  Which views
 * that are is looked up again and again while waiting: a view that fails or
 * is dropped meanwhile does not hold anybody up.  Nor does one that this
 * transaction has made: no worker knows it before the commit, and nothing that
 * was committed before the call is owed to it.
 *
 * Failure: every wait is bounded and interruptible, and ends at once with an
 * error where the worker waits for a lock of this transaction.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "control/command.h"
#include "memory_scan/freshness.h"
#include "shared/slot.h"
#include "shared/worker_control.h"
#include "stat/wait_event.h"

STREAM_FUNCTION(stream_ext_sync);
STREAM_FUNCTION(stream_ext_flush);
STREAM_FUNCTION(stream_ext_prepare_backup);

/* Views are listed anew at least this often while waiting. */
#define LIST_INTERVAL_MS	250
/* A wait that returns this much too early was ended by a deadlock. */
#define EARLY_MS			50

/* What a wait is for: these views, this place in the WAL. */
typedef struct SyncWait
{
	DatabaseControl *db;
	List	   *viewids;
	XLogRecPtr	target;
	bool		in_storage;		/* flushed, not only applied */
} SyncWait;

/*
 * Returns whether the view has applied what the wait wants, and its counters
 * and those of its stream tell of it.
 */
static bool
sync_view_applied(const SyncWait *wait, ViewControl *view)
{
	WorkerKey	shared = {.dbid = MyDatabaseId};
	XLogRecPtr	target = control_view_target(wait->db, view, wait->target);

	/* who counts for the streams may be away: nothing is shared here */
	return pg_atomic_read_u64(&view->applied_lsn_hint) >= target &&
		pg_atomic_read_u64(&view->counted_lsn) >= target &&
		(pg_atomic_read_u64(&wait->db->read_lsn) >= wait->target ||
		 worker_control_pid(shared, NULL) == 0);
}

/* Returns whether one view has got as far as the wait wants. */
static bool
sync_view_reached(const SyncWait *wait, Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);

	if (view == NULL)
		return false;
	if (wait->in_storage)
		return pg_atomic_read_u64(&view->flushed_lsn) >= wait->target;
	return sync_view_applied(wait, view);
}

/* The condition of control_wait(). */
static bool
sync_reached_cb(void *arg)
{
	SyncWait   *wait = arg;
	ListCell   *lc;

	foreach(lc, wait->viewids)
	{
		if (!sync_view_reached(wait, lfirst_oid(lc)))
			return false;
	}
	return true;
}

/* Asks for a flush of the view up to lsn. */
static void
sync_request_flush(Oid viewid, XLogRecPtr lsn)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);
	uint64		requested;

	if (view == NULL)
		return;
	requested = pg_atomic_read_u64(&view->flush_request);
	while (requested < lsn &&
		   !pg_atomic_compare_exchange_u64(&view->flush_request, &requested, lsn))
		;
	if (!control_view_is_served(view))
		control_wake_launcher();
}

/* Returns whether the user may read the errors of a view: they may tell of data. */
static bool
sync_may_see_errors(Oid viewid)
{
	return object_ownercheck(RelationRelationId, viewid, GetUserId()) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/* Returns the last error of a view as a detail's end, or "": it may tell of data. */
static char *
sync_last_error(Oid viewid, ViewControl *view)
{
	char		error[ERROR_MESSAGE_LENGTH];

	if (view == NULL || !sync_may_see_errors(viewid))
		return "";
	LWLockAcquire(&view->lock, LW_SHARED);
	strlcpy(error, view->last_error, sizeof(error));
	LWLockRelease(&view->lock);
	return error[0] == '\0' ? "" : psprintf(" Its last error was: %s", error);
}

/* Raises: the views were waited for in vain. */
static void
sync_raise(const SyncWait *wait, int timeout_ms, bool deadlock)
{
	Oid			viewid = linitial_oid(wait->viewids);
	ViewControl *view = control_view(MyDatabaseId, viewid, false);
	char	   *error = sync_last_error(viewid, view);

	if (deadlock)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
				 errmsg("the stream worker waits for a lock that this transaction holds"),
				 errhint("Commit first, then wait for continuous views.")));
	if (view == NULL || view->worker.pid == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no stream worker came up within %d ms", timeout_ms),
				 errhint("See the server log; max_worker_processes may be too low.")));
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED),
			 errmsg("continuous view \"%s\" did not get there within %d ms",
					get_rel_name(viewid), timeout_ms),
			 errdetail("It is %s and has applied WAL up to %X/%X of %X/%X.%s",
					   control_view_state_name(view ? pg_atomic_read_u32(&view->state) : VIEW_LAGGING),
					   LSN_FORMAT_ARGS(view ? pg_atomic_read_u64(&view->applied_lsn_hint) : 0),
					   LSN_FORMAT_ARGS(wait->target), error),
			 errhint("See pg_stat_stream_view, or give it more time.")));
}

/* Keeps those views that the wait is still for. */
static void
sync_list_views(SyncWait *wait, Oid only_view)
{
	ListCell   *lc;

	list_free(wait->viewids);
	wait->viewids = NIL;
	foreach(lc, catalog_list_views())
	{
		ViewCatalog *view = lfirst(lc);

		if (OidIsValid(only_view) ? view->viewid != only_view : view->state != VIEW_RUNNING)
			continue;
		if (!sync_view_reached(wait, view->viewid) &&
			!catalog_view_is_uncommitted(view->memory))
			wait->viewids = lappend_oid(wait->viewids, view->viewid);
	}
}

/*
 * Waits until every running view, or only_view, has reached the target; asks
 * for flushes if it is about storage.
 */
static void
sync_wait(SyncWait *wait, Oid only_view, int timeout_ms)
{
	TimestampTz start = clock_real();
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stream sync",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);

	wait->db = command_database();
	for (;;)
	{
		TimestampTz now = clock_real();
		int			left_ms = timeout_ms - (int) TimestampDifferenceMilliseconds(start, now);
		int			slice_ms = Min(Max(left_ms, 0), LIST_INTERVAL_MS);
		bool		early;
		ListCell   *lc;

		MemoryContextReset(context);
		wait->viewids = NIL;
		sync_list_views(wait, only_view);
		if (wait->viewids == NIL)
			break;
		if (!worker_control_any(MyDatabaseId))
			slot_make(MyDatabaseId);	/* a restored database has none yet */
		foreach(lc, wait->viewids)
		{
			if (wait->in_storage)
				sync_request_flush(lfirst_oid(lc), wait->target);
		}
		if (control_wait(wait->db, sync_reached_cb, wait, slice_ms,
						 stat_wait_event(wait->in_storage ? STAT_WAIT_FLUSH : STAT_WAIT_SYNC)))
			continue;
		early = TimestampDifferenceMilliseconds(now, clock_real()) + EARLY_MS < slice_ms;
		if (left_ms <= slice_ms || early)
			sync_raise(wait, timeout_ms, early);
	}
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(context);
}

/* Waits until the dead letters of every view are in their table. */
static void
sync_dead_letters(XLogRecPtr target, int timeout_ms)
{
	ListCell   *lc;

	foreach(lc, catalog_list_views())
	{
		ViewCatalog *view = lfirst(lc);
		ViewControl *control = control_view(MyDatabaseId, view->viewid, false);
		SyncWait	wait = {.target = target,.in_storage = true};

		if (view->state == VIEW_RUNNING && control != NULL &&
			pg_atomic_read_u64(&control->rows_rejected) > 0)
			sync_wait(&wait, view->viewid, timeout_ms);
	}
}

/*
 * Returns the state of a view.  The worker stores it in the catalog a moment
 * after it has told everybody.
 */
static ViewState
sync_view_state(const ViewCatalog *view)
{
	ViewControl *control = control_view(MyDatabaseId, view->viewid, false);

	if (control != NULL && view->state == VIEW_RUNNING)
		return (ViewState) pg_atomic_read_u32(&control->state);
	return view->state;
}

/* Returns the oldest view that the user may read and that lacks rows for good, or NULL. */
static ViewCatalog *
sync_broken_view(void)
{
	ViewCatalog *broken = NULL;
	ListCell   *lc;

	foreach(lc, catalog_list_views())
	{
		ViewCatalog *view = lfirst(lc);
		ViewState	state = sync_view_state(view);

		if ((state == VIEW_GAP || state == VIEW_ERROR) &&
			pg_class_aclcheck(view->viewid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
			(broken == NULL || view->viewid < broken->viewid))
			broken = view;
	}
	return broken;
}

/* Raises if there is such a view.  Those of others are no concern of the user. */
static void
sync_check_states(void)
{
	ViewCatalog *view = sync_broken_view();

	if (view == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("continuous view \"%s\" is in state \"%s\"", get_rel_name(view->viewid),
					control_view_state_name(sync_view_state(view))),
			 view->state_message && sync_may_see_errors(view->viewid) ?
			 errdetail_internal("%s", view->state_message) : 0,
			 errhint("The other views hold what was committed. Mend this one and use stream_resume(); in a gap, stream_accept_gap() lets it go on without what is lost.")));
}

/* stream_sync(timeout) */
Datum
stream_ext_sync(PG_FUNCTION_ARGS)
{
	int			timeout_ms = command_timeout_ms(PG_GETARG_INTERVAL_P(0));
	SyncWait	wait = {.in_storage = false};

	command_check_server("stream_sync()");
	wait.target = command_flush_wal();
	sync_wait(&wait, InvalidOid, timeout_ms);
	sync_dead_letters(wait.target, timeout_ms);
	freshness_require(wait.target);
	sync_check_states();
	PG_RETURN_VOID();
}

/*
 * Returns how far a view's storage can get: a view that does not read has
 * nothing newer than what it has applied.
 */
static XLogRecPtr
flush_target(const ViewCatalog *view)
{
	ViewControl *control = control_view(MyDatabaseId, view->viewid, false);

	if (catalog_view_is_uncommitted(view->memory))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("continuous view \"%s\" was created by this transaction",
						get_rel_name(view->viewid)),
				 errhint("Commit first: nothing fills or flushes the view before.")));
	if (view->state == VIEW_GAP)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("continuous view \"%s\" has a gap", get_rel_name(view->viewid)),
				 errhint("Use stream_accept_gap() to let it go on.")));
	if (view->state == VIEW_RUNNING)
		return command_flush_wal();
	return control == NULL ? InvalidXLogRecPtr : pg_atomic_read_u64(&control->applied_lsn_hint);
}

/* stream_flush(view, timeout) */
Datum
stream_ext_flush(PG_FUNCTION_ARGS)
{
	Oid			viewid = PG_GETARG_OID(0);
	int			timeout_ms = command_timeout_ms(PG_GETARG_INTERVAL_P(1));
	SyncWait	wait = {.in_storage = true};
	ViewCatalog *view;

	command_check_server("stream_flush()");
	view = command_own_view(viewid);
	wait.target = flush_target(view);
	sync_wait(&wait, viewid, timeout_ms);
	PG_RETURN_VOID();
}

/* stream_prepare_backup(timeout) */
Datum
stream_ext_prepare_backup(PG_FUNCTION_ARGS)
{
	int			timeout_ms = command_timeout_ms(PG_GETARG_INTERVAL_P(0));
	ListCell   *lc;

	command_check_server("stream_prepare_backup()");
	sync_check_states();
	foreach(lc, catalog_list_views())
	{
		ViewCatalog *view = lfirst(lc);
		SyncWait	wait = {.in_storage = true};

		if (catalog_view_is_uncommitted(view->memory))
			continue;
		wait.target = flush_target(view);
		sync_wait(&wait, view->viewid, timeout_ms);
	}
	PG_RETURN_LSN(command_flush_wal());
}
