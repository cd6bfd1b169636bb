/*
 * back_pressure.c - writers wait for a worker that is too far behind.
 *
 * The WAL that a view has not yet brought into storage is kept by the slot.
 * A worker that is slow, or cannot flush, would so fill the disk; before that
 * the writers wait, bounded, and then fail.
 *
 * Writers wait only for views over the stream that they write, and only for
 * those whose policy says so (catalog/lag_policy.c).  A view of the other
 * policy goes into state "gap" when it is as far behind; where no worker is
 * there to see to that, the writers of its stream wait later, at twice the
 * lag, because the disk is everybody's.
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
#include "utils/lsyscache.h"

#include "compat.h"
#include "guc.h"
#include "shared/worker_control.h"
#include "stat/wait_event.h"
#include "stream_am/back_pressure.h"

/* So many times stream_ext.max_lag a view may lag that should be in state gap by then. */
#define GAP_PATIENCE 2

/* What a writer waits for. */
typedef struct Pressure
{
	DatabaseControl *db;
	Oid			streamid;
	Oid			viewid;			/* that was too far behind when last looked
								 * at */
} Pressure;

/* Returns whether WAL written since lsn is within so many times stream_ext.max_lag. */
static bool
back_pressure_within(XLogRecPtr lsn, int times)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();

	return end <= lsn || end - lsn <= (uint64) guc_max_lag_mb * 1024 * 1024 * times;
}

/* Returns whether a view makes the writers of its stream wait now. */
static bool
back_pressure_view_holds(ViewControl *view)
{
	ViewState	state = (ViewState) pg_atomic_read_u32(&view->state);
	XLogRecPtr	flushed = pg_atomic_read_u64(&view->flushed_lsn);
	bool		wait = pg_atomic_read_u32(&view->lag_policy) == LAG_WAIT;

	if ((state != VIEW_RUNNING && state != VIEW_LAGGING) || XLogRecPtrIsInvalid(flushed))
		return false;
	return !back_pressure_within(flushed, wait ? 1 : GAP_PATIENCE);
}

/* control_condition: no view over the stream is too far behind, or nobody asks for it any more. */
static bool
back_pressure_is_over(void *arg)
{
	Pressure   *pressure = arg;

	if (guc_max_lag_mb < 0)
		return true;
	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = control_view_at(i);

		if (view->dbid != pressure->db->dbid || !OidIsValid(view->viewid) ||
			pg_atomic_read_u32(&view->streamid) != pressure->streamid ||
			!back_pressure_view_holds(view))
			continue;
		pressure->viewid = view->viewid;
		return false;
	}
	return true;
}

/* Says which view does not keep up. */
static void
back_pressure_fail(const Pressure *pressure)
{
	const char *view = get_rel_name(pressure->viewid);

	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("continuous view \"%s\" is too far behind to accept more rows into stream \"%s\"",
					view ? view : "", get_rel_name(pressure->streamid)),
			 errdetail("More than stream_ext.max_lag (%d MB) of WAL has not been brought into its storage.",
					   guc_max_lag_mb),
			 errhint("See pg_stat_stream_view for why it lags; pause or drop it, set its option stream.on_lag to 'gap', or raise stream_ext.max_lag.")));
}

/* Waits for the worker, counting the wait. */
static pg_noinline void
back_pressure_wait_slow(Pressure *pressure, StreamControl *stream)
{
	instr_time	start;
	instr_time	end;
	bool		over;

	INSTR_TIME_SET_CURRENT(start);
	pg_atomic_fetch_add_u64(&stream->backpressure_count, 1);
	/* a view that has no worker for want of rows has to move its position */
	control_wake_launcher();
	over = control_wait(pressure->db, back_pressure_is_over, pressure, guc_max_lag_timeout_ms,
						stat_wait_event(STAT_WAIT_BACK_PRESSURE));
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	pg_atomic_fetch_add_u64(&stream->backpressure_us, INSTR_TIME_GET_MICROSEC(end));
	if (!over)
		back_pressure_fail(pressure);
}

/* Waits while views over the stream are too far behind; see back_pressure.h. */
void
back_pressure_wait(DatabaseControl *db, Oid streamid, StreamControl *stream)
{
	Pressure	pressure = {.db = db,.streamid = streamid};
	XLogRecPtr	restart;

	Assert(db != NULL && stream != NULL);
	if (guc_max_lag_mb < 0 || worker_control_is_me())
		return;

	/*
	 * the database's restart position is never ahead of a view's: look at it
	 * first, once it is known
	 */
	restart = pg_atomic_read_u64(&db->restart_lsn);
	if (!XLogRecPtrIsInvalid(restart) && back_pressure_within(restart, 1))
		return;
	if (!back_pressure_is_over(&pressure))
		back_pressure_wait_slow(&pressure, stream);
}
