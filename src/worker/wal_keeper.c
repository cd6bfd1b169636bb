/*
 * wal_keeper.c - gives WAL second names as it is written.
 *
 * A process of its own, without a database, that waits for nothing: it runs from
 * the server's start on, so in recovery too, and names the segments that our
 * slots keep (shared/kept_segments.h).  It makes the segment after the current
 * one, so that this has its name before it is written to, however fast WAL grows; the server would
 * have to make it otherwise.  Whoever moves a slot takes names away; this
 * process does it for what is left.
 *
 * On a standby it also moves the slot of the recovery: WAL that lies further
 * behind than stream_ext.max_lag is not needed by any view that is well.
 *
 * Failure: none of its errors matters to anybody but backups; it is started
 * again.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "compat.h"
#include "guc.h"
#include "shared/kept_segments.h"
#include "shared/recovery_slot.h"
#include "shared/slot.h"
#include "stat/wait_event.h"
#include "worker/worker.h"

/* How often it looks where WAL is: while it grows, and if it did not. */
#define KEEPER_BUSY_MS	10
#define KEEPER_MS		100
/* Nobody has come back with a slot for so many looks. */
#define SLOTS_GONE_LOOKS	20

extern PGDLLEXPORT void stream_ext_wal_keeper_main(Datum arg);

/* What has been done. */
typedef struct KeeperState
{
	XLogSegNo	named;			/* the current segment when names were given */
	XLogSegNo	oldest;			/* the oldest one kept then */
	XLogRecPtr	current;
	bool		recovery;
	int			slots_gone;		/* for so many looks; there were some */
} KeeperState;

/* Registers the process with the postmaster. Called by _PG_init only. */
void
wal_keeper_register(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_PostmasterStart,
		.bgw_restart_time = 1,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_wal_keeper_main",
		.bgw_name = "stream WAL keeper",
		.bgw_type = "stream WAL keeper",
	};

	RegisterBackgroundWorker(&worker);
}

/* Returns the end of WAL, written or replayed. */
static XLogRecPtr
keeper_current(bool recovery)
{
	return recovery ? GetXLogReplayRecPtr(NULL) : GetXLogInsertRecPtr();
}

/* On a standby: lets go of WAL that no view needs. */
static void
keeper_move_recovery_slot(XLogRecPtr current)
{
	uint64		most = (uint64) guc_max_lag_mb * 1024 * 1024;
	XLogRecPtr	restart_lsn;

	if (guc_max_lag_mb < 0 || !recovery_slot_exists(&restart_lsn) ||
		current <= restart_lsn || current - restart_lsn <= most)
		return;
	recovery_slot_advance(current - most);
}

/* Makes a segment that WAL has not reached, if the server has not. */
static void
keeper_make_segment(XLogSegNo segno)
{
	int			file = XLogFileInit(segno, GetWALInsertionTimeLine());

	if (file >= 0)
		close(file);
}

/* Takes all names away, if there were slots and none has come back for a while. */
static void
keeper_forget(KeeperState *done, bool recovery)
{
	if (recovery || done->named == 0 || ++done->slots_gone < SLOTS_GONE_LOOKS)
		return;
	kept_segments_release(GetXLogInsertRecPtr());
	memset(done, 0, sizeof(KeeperState));
}

/* Gives and takes names as far as anything has changed; returns for how many ms to sleep. */
static long
keeper_round(KeeperState *done)
{
	bool		recovery = RecoveryInProgress();
	XLogRecPtr	current = keeper_current(recovery);
	XLogRecPtr	minimum;
	XLogSegNo	segno;
	XLogSegNo	oldest;
	bool		busy;

	if (XLogRecPtrIsInvalid(current))
		return KEEPER_MS;		/* recovery has not begun */
	if (recovery)
		keeper_move_recovery_slot(current);
	minimum = slot_minimum();
	if (XLogRecPtrIsInvalid(minimum))
	{
		keeper_forget(done, recovery);
		return KEEPER_MS;
	}
	XLByteToSeg(current, segno, wal_segment_size);
	XLByteToSeg(minimum, oldest, wal_segment_size);
	busy = current != done->current;
	if (segno != done->named || oldest < done->oldest || recovery != done->recovery)
	{
		if (!recovery)
			keeper_make_segment(segno + 1);
		kept_segments_add(minimum, current);
	}
	if (oldest > done->oldest)
		kept_segments_release(minimum);
	done->named = segno;
	done->oldest = oldest;
	done->current = current;
	done->recovery = recovery;
	done->slots_gone = 0;
	return busy ? KEEPER_BUSY_MS : KEEPER_MS;
}

/* Entry point. */
void
stream_ext_wal_keeper_main(Datum arg)
{
	KeeperState done = {0};
	MemoryContext context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "stream WAL keeper");
	context = AllocSetContextCreate(TopMemoryContext, "stream WAL keeper",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	while (!ShutdownRequestPending)
	{
		long		wait_ms = keeper_round(&done);

		MemoryContextReset(context);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 wait_ms, stat_wait_event(STAT_WAIT_KEEPER_MAIN));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	proc_exit(1);				/* to be started again, unless the server stops */
}
