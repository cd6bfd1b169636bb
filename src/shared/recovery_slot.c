/*
 * recovery_slot.c - the slot that keeps WAL on a standby, and across a restore.
 *
 * Slots do not come with a base backup, and the checkpoint at the end of
 * recovery removes WAL before any process of ours could make one.  So the startup
 * process makes it, when redo begins: the server calls its resource managers
 * then.  Ours writes no records; it exists for that call.
 *
 * The slot begins where the oldest segment with a second name begins
 * (kept_segments.h), although WAL from there to the backup's checkpoint is in
 * that directory only.  So it stands for everything the views may need; a
 * standby moves it on as the views do (worker/wal_keeper.c), and the launcher
 * drops it when every database has been looked at and has its own.
 *
 * A crash is no such recovery: the slots of the databases are on disk.
 *
 * Locking: as the server's slots.  The startup process is not in the
 * ProcArray, so it must not call ReplicationSlotRelease().
 * Failure: without a free slot nothing is kept, and views may go into state
 * "gap"; recovery goes on.
 */
#include "postgres.h"

#include "compat.h"

#include "access/rmgr.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "miscadmin.h"
#include "replication/slot.h"

#include "shared/kept_segments.h"
#include "shared/recovery_slot.h"
#include "shared/slot.h"

/* Returns the slot, or NULL. Caller holds: ReplicationSlotControlLock. */
static ReplicationSlot *
recovery_slot_find(void)
{
	if (max_replication_slots == 0)
		return NULL;
	return SearchNamedReplicationSlot(RECOVERY_SLOT_NAME, false);
}

bool
recovery_slot_exists(XLogRecPtr *restart_lsn)
{
	ReplicationSlot *slot;
	bool		exists = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	slot = recovery_slot_find();
	if (slot != NULL)
	{
		SpinLockAcquire(&slot->mutex);
		exists = !XLogRecPtrIsInvalid(slot->data.restart_lsn);
		if (restart_lsn != NULL)
			*restart_lsn = slot->data.restart_lsn;
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);
	return exists;
}

/* Makes the slot at lsn. For the startup process. */
static void
recovery_slot_make(XLogRecPtr lsn)
{
	ReplicationSlot *slot;

	compat_slot_create_physical(RECOVERY_SLOT_NAME, RS_EPHEMERAL);
	slot = MyReplicationSlot;
	SpinLockAcquire(&slot->mutex);
	slot->data.restart_lsn = lsn;
	SpinLockRelease(&slot->mutex);
	ReplicationSlotPersist();
	ReplicationSlotsComputeRequiredLSN();

	SpinLockAcquire(&slot->mutex);
	slot->active_pid = 0;
	SpinLockRelease(&slot->mutex);
	MyReplicationSlot = NULL;
	ConditionVariableBroadcast(&slot->active_cv);
}

/*
 * Redo begins.  Makes the slot where a backup is restored or a standby
 * starts; a server that crashed has the slots of its databases.
 */
static void
recovery_slot_startup_cb(void)
{
	XLogRecPtr	redo = GetRedoRecPtr();
	XLogRecPtr	oldest = kept_segments_oldest();

	if (!ArchiveRecoveryRequested &&
		(!kept_segments_exist() || slot_list_databases() != NIL))
		return;
	if (max_replication_slots == 0 || wal_level < WAL_LEVEL_REPLICA ||
		recovery_slot_exists(NULL))
		return;
	if (!slot_is_free())
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("all replication slots are in use, so that WAL for continuous views is not kept"),
				 errhint("Increase max_replication_slots.")));
		return;
	}
	recovery_slot_make(XLogRecPtrIsInvalid(oldest) ? redo : Min(oldest, redo));
}

/* There are no records of ours, and none may be mistaken for one. */
static void
recovery_slot_redo_cb(XLogReaderState *record)
{
	ereport(PANIC,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("WAL at %X/%X was written by a resource manager that is not loaded",
					LSN_FORMAT_ARGS(record->ReadRecPtr))));
}

/* For pg_waldump's kin. */
static void
recovery_slot_desc_cb(StringInfo buffer, XLogReaderState *record)
{
}

/* For pg_waldump's kin. */
static const char *
recovery_slot_identify_cb(uint8 info)
{
	return NULL;
}

void
recovery_slot_init(void)
{
	static RmgrData manager = {
		.rm_name = "stream_ext",
		.rm_redo = recovery_slot_redo_cb,
		.rm_desc = recovery_slot_desc_cb,
		.rm_identify = recovery_slot_identify_cb,
		.rm_startup = recovery_slot_startup_cb,
	};

	/* no records, so it does not matter which number is free */
	for (int id = RM_MAX_CUSTOM_ID; id >= RM_MIN_CUSTOM_ID; id--)
	{
		if (RmgrIdExists(id))
			continue;
		RegisterCustomRmgr(id, &manager);
		return;
	}
}

/*
 * The slot is not acquired for this: the process that moves it on a standby is
 * not in the ProcArray either.  It is saved with the next checkpoint; an
 * older position on disk is harmless, nothing begins to read there.
 */
void
recovery_slot_advance(XLogRecPtr restart_lsn)
{
	ReplicationSlot *slot;
	bool		forward = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	slot = recovery_slot_find();
	if (slot != NULL)
	{
		SpinLockAcquire(&slot->mutex);
		forward = slot->active_pid == 0 && slot->data.restart_lsn < restart_lsn &&
			!XLogRecPtrIsInvalid(slot->data.restart_lsn);
		if (forward)
		{
			slot->data.restart_lsn = restart_lsn;
			slot->just_dirtied = true;
			slot->dirty = true;
		}
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);
	if (forward)
		ReplicationSlotsComputeRequiredLSN();
}

void
recovery_slot_drop(void)
{
	slot_drop_named(RECOVERY_SLOT_NAME);
}
