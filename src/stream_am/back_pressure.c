/*
 * back_pressure.c - writers wait for a worker that is too far behind.
 *
 * The WAL that a view has not yet brought into storage is kept by the slot.
 * A worker that is slow, or cannot flush, would so fill the disk; before that
 * the writers wait, bounded, and then fail.
 *
 * What counts is a view's flushed position, not where reading would restart:
 * that is held back by any open transaction, this one included, and no
 * waiting of other writers would help.  Views that are paused, failed or
 * disabled do not hold writers up; they end in state "gap" instead.
 *
 * Locking: none; the slots are read as they are (see control.h).
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"

#include "compat.h"
#include "guc.h"
#include "stat/wait_event.h"
#include "stream_am/back_pressure.h"

/* Returns the flushed position of the slowest view that has to keep up, invalid if none. */
static XLogRecPtr
back_pressure_slowest(Oid dbid)
{
	XLogRecPtr	slowest = InvalidXLogRecPtr;

	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = control_view_at(i);
		XLogRecPtr	flushed;
		ViewState	state;

		if (view->dbid != dbid || !OidIsValid(view->viewid))
			continue;
		state = (ViewState) pg_atomic_read_u32(&view->state);
		flushed = pg_atomic_read_u64(&view->flushed_lsn);
		if ((state != VIEW_RUNNING && state != VIEW_LAGGING) || XLogRecPtrIsInvalid(flushed))
			continue;
		if (XLogRecPtrIsInvalid(slowest) || flushed < slowest)
			slowest = flushed;
	}
	return slowest;
}

/* Returns whether WAL written since lsn is within stream_ext.max_lag. */
static bool
back_pressure_within(XLogRecPtr lsn)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();

	return end <= lsn || end - lsn <= (uint64) guc_max_lag_mb * 1024 * 1024;
}

/* control_condition: the worker has caught up enough, or nobody asks for it any more. */
static bool
back_pressure_is_over(void *arg)
{
	DatabaseControl *db = arg;
	XLogRecPtr	slowest;

	if (guc_max_lag_mb < 0)
		return true;
	slowest = back_pressure_slowest(db->dbid);
	return XLogRecPtrIsInvalid(slowest) || back_pressure_within(slowest);
}

/* Waits for the worker, counting the wait. */
static pg_noinline void
back_pressure_wait_slow(DatabaseControl *db, StreamControl *stream)
{
	instr_time	start;
	instr_time	end;
	bool		over;

	INSTR_TIME_SET_CURRENT(start);
	pg_atomic_fetch_add_u64(&stream->backpressure_count, 1);
	over = control_wait(db, back_pressure_is_over, db, guc_max_lag_timeout_ms,
						stat_wait_event(STAT_WAIT_BACK_PRESSURE));
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	pg_atomic_fetch_add_u64(&stream->backpressure_us, INSTR_TIME_GET_MICROSEC(end));

	if (!over)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the continuous views of this database are too far behind to accept more rows"),
				 errdetail("More than stream_ext.max_lag (%d MB) of WAL has not been brought into their storage.",
						   guc_max_lag_mb),
				 errhint("See pg_stat_stream_view for the view that lags; pause or drop it, or raise stream_ext.max_lag.")));
}

/* Waits while the views are too far behind; see back_pressure.h. */
void
back_pressure_wait(DatabaseControl *db, StreamControl *stream)
{
	XLogRecPtr	restart;

	Assert(db != NULL && stream != NULL);
	if (guc_max_lag_mb < 0 || db->worker_pid == MyProcPid)
		return;

	/*
	 * the database's restart position is never ahead of a view's: look at it
	 * first
	 */
	restart = pg_atomic_read_u64(&db->restart_lsn);
	if (XLogRecPtrIsInvalid(restart) || back_pressure_within(restart))
		return;
	if (!back_pressure_is_over(db))
		back_pressure_wait_slow(db, stream);
}
