/*
 * culprits.c - views in which former workers ended too often are disabled.
 *
 * Failure: an error ends the worker; the next one finds the same.
 */
#include "postgres.h"

#include "access/xact.h"

#include "apply/crash_guard.h"
#include "clock.h"
#include "compat.h"
#include "worker/worker.h"

/* Shows the reason as the view's last error, beside its state. */
static void
note_reason(Oid dbid, const CrashCulprit *culprit)
{
	ViewControl *control = control_view(dbid, culprit->viewid, false);

	if (control == NULL)
		return;
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	strlcpy(control->last_error, culprit->reason, ERROR_MESSAGE_LENGTH);
	control->last_sqlstate = ERRCODE_QUERY_CANCELED;
	LWLockRelease(&control->lock);
	pg_atomic_write_u64(&control->last_error_time, (uint64) clock_real());
}

/* Disables the views in which former workers ended again and again. */
void
culprits_disable(Oid dbid)
{
	List	   *culprits = crash_guard_take_culprits();
	ListCell   *lc;

	foreach(lc, culprits)
	{
		const CrashCulprit *culprit = lfirst(lc);

		ereport(WARNING,
				(errmsg("continuous view %u is disabled", culprit->viewid),
				 errdetail_internal("%s.", culprit->reason)));
		StartTransactionCommand();
		if (catalog_is_view(culprit->viewid))
			catalog_set_state(culprit->viewid, VIEW_DISABLED, culprit->reason);
		CommitTransactionCommand();
		note_reason(dbid, culprit);
	}
}
