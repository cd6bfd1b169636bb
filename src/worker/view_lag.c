/*
 * view_lag.c - when a view is too far behind, and whom that concerns.
 *
 * The writers look into shared memory only, so the worker says there over
 * which stream a view is, who owns it and what its policy comes to.  It does
 * so again when roles or owners have changed.
 *
 * For a view that goes on, the flushed position counts: where it would restart
 * is held back by any open transaction, which is not its fault.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "catalog/lag_policy.h"
#include "compat.h"
#include "guc.h"
#include "worker/worker.h"

/* Roles or relations have changed since the policies were published. */
static bool policies_stale = false;

/* A role, a membership or the owner of a relation may have changed. */
static void
lag_policy_changed_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	policies_stale = true;
}

/* Registers the callbacks, once. */
void
lag_policy_init(void)
{
	static const int caches[] = {AUTHOID, AUTHMEMROLEMEM, RELOID};

	for (int i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], lag_policy_changed_cb, (Datum) 0);
}

/* Tells the writers over which stream the view is, and whether they wait for it. */
void
lag_policy_publish(WorkerView *view)
{
	ViewControl *control = view->live.control;

	Assert(IsTransactionState());
	pg_atomic_write_u32(&control->streamid, view->live.catalog->streamid);
	pg_atomic_write_u32(&control->ownerid, view->live.catalog->ownerid);
	pg_atomic_write_u32(&control->lag_policy, lag_policy_of_view(view->live.catalog));
}

/* Publishes all policies anew if something has changed on which they depend. */
void
lag_policy_refresh(StreamWorker *worker)
{
	MemoryContext old = CurrentMemoryContext;
	ListCell   *lc;

	if (!policies_stale)
		return;
	policies_stale = false;
	StartTransactionCommand();
	foreach(lc, worker->views)
		lag_policy_publish(lfirst(lc));
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);
}

/* Returns whether the view keeps more WAL than it may, and nobody waits for it. */
bool
view_lags_too_far(const WorkerView *view, XLogRecPtr read_lsn)
{
	XLogRecPtr	needed = view->flush.restart_lsn;

	if (guc_max_lag_mb < 0)
		return false;
	if (worker_view_reads(view))
	{
		if (pg_atomic_read_u32(&view->live.control->lag_policy) != LAG_GAP)
			return false;
		needed = view->flush.lsn;
	}
	return read_lsn > needed &&
		read_lsn - needed > (uint64) guc_max_lag_mb * 1024 * 1024;
}
