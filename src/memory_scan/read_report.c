/*
 * read_report.c - what a reader is told of a view that does not show what it must.
 *
 * Whatever stands in the way is named: a state, a worker that is not there,
 * the process whose lock the worker waits for.  Texts of a view's own errors
 * may tell of data, so they stay in pg_stat_stream_view.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "guc.h"
#include "memory_scan/read_report.h"
#include "shared/worker_control.h"

/* Returns the name of the state that the view is in. */
static const char *
state_name(const ViewControl *view)
{
	if (view == NULL)
		return "waiting";
	return control_view_state_name(pg_atomic_read_u32(&unconstify(ViewControl *, view)->state));
}

/* Returns the process whose lock a process waits for, or 0. */
static int
blocker_of(pid_t pid)
{
	ArrayType  *blockers;

	if (pid == 0)
		return 0;
	blockers = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
													  Int32GetDatum((int32) pid)));
	if (ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers)) == 0)
		return 0;
	return ((int32 *) ARR_DATA_PTR(blockers))[0];
}

/* Returns what stands in the view's way, as a sentence. */
static const char *
obstacle(const ReadWait *wait, ViewControl *view)
{
	int			blocker;

	if (!worker_control_any(MyDatabaseId))
		return "No stream worker runs in this database: max_worker_processes may be too low.";
	if (view == NULL)
		return "No stream worker has taken up the view: stream_ext.max_views may be too low.";
	if (view->worker.pid == 0)
		return "The view waits for a process: stream_ext.workers or max_worker_processes may be too low.";
	blocker = (int) pg_atomic_read_u32(&view->worker.lock_holder);
	if (blocker == 0)
		blocker = blocker_of(view->worker.pid);
	if (blocker != 0)
		return psprintf("The stream worker waits for a lock that process %d holds.", blocker);
	return psprintf("It is in state \"%s\" and does not hold everything up to %X/%X yet.",
					state_name(view), LSN_FORMAT_ARGS(read_wait_required(wait)));
}

/* Raises the error that says why; see read_report.h. */
void
read_report_unreachable(const ReadWait *wait, ReadWaitResult reason)
{
	const char *name = get_rel_name(wait->viewid);
	ViewControl *view = control_view(MyDatabaseId, wait->viewid, false);

	switch (reason)
	{
		case READ_WAIT_STOPPED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("continuous view \"%s\" does not hold what this session has committed", name),
					 errdetail("The view is in state \"%s\".", state_name(view)),
					 errhint("Let it go on, or set stream_ext.read_freshness to off to read it as it is.")));
			break;
		case READ_WAIT_TIMEOUT:
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("timed out waiting for continuous view \"%s\"", name),
					 errdetail_internal("%s", obstacle(wait, view)),
					 errhint("See pg_stat_stream_view for what it is doing, or set stream_ext.read_freshness to off to read it as it is.")));
			break;
		case READ_WAIT_DEADLOCK:
			ereport(ERROR,
					(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
					 errmsg("cannot wait for continuous view \"%s\"", name),
					 errdetail("The stream worker waits for a lock that this transaction holds."),
					 errhint("End the transaction before reading the view.")));
			break;
		case READ_WAIT_REACHED:
			ereport(ERROR,
					(errcode(ERRCODE_SNAPSHOT_TOO_OLD),
					 errmsg("snapshot too old for continuous view \"%s\"", name),
					 errdetail("What has been flushed since the snapshot was taken is no longer in memory."),
					 errhint("Run the transaction again.")));
			break;
	}
	pg_unreachable();
}

/* Warns if somebody or something has stopped the view; see read_report.h. */
bool
read_report_stopped(Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);

	if (!read_wait_view_stopped(view) ||
		pg_atomic_read_u32(&view->state) == VIEW_PAUSED)
		return false;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("continuous view \"%s\" is not up to date", get_rel_name(viewid)),
			 errdetail("The view is in state \"%s\".", state_name(view)),
			 errhint("See pg_stat_stream_view for the reason.")));
	return true;
}

/* Warns that the view ends before what others have committed. */
void
read_report_behind(Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("continuous view \"%s\" is not up to date", get_rel_name(viewid)),
			 errdetail("The view is in state \"%s\" and lacks commits of other sessions.",
					   state_name(view)),
			 errhint("See pg_stat_stream_view for the reason.")));
}
