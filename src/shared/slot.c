/*
 * slot.c - the physical replication slot that keeps a database's WAL.
 *
 * A slot costs nothing but WAL, is seen by every administrator in
 * pg_replication_slots, and survives restarts.  It is also how the launcher
 * learns which databases have streams, so it is made before the first row
 * and dropped when the extension or the database is gone.
 *
 * The slot is a promise about WAL only.  Where to read from is written in
 * the database, in the transaction that flushed; the slot follows, later.
 *
 * Locking: making a slot is serialised per database by a heavyweight lock,
 * held only here, because the server's own check for a name already taken
 * raises an error, which a racing first insert must not get.  A second lock
 * is shared, to the end of the transaction, by whoever has made sure that the slot
 * is there: a worker that sees no extension yet, because the transaction that
 * creates it is still open, must not drop the slot.  A slot is
 * acquired for the length of one write to disk, never longer.
 * Failure: a slot is not transactional.  One made by a transaction that then
 * aborts stays behind; the worker finds nothing to do and has it dropped.
 * A half-made slot is ephemeral and vanishes with the error.
 */
#include "postgres.h"

#include "compat.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "storage/lock.h"
#include "utils/memutils.h"

#include "fault_point.h"
#include "shared/kept_segments.h"
#include "shared/recovery_slot.h"
#include "shared/slot.h"

#define SLOT_PREFIX "stream_ext_"

/*
 * objsubid of the lock tags of a database's slot; the server itself locks
 * databases with 0.
 */
#define SLOT_LOCK_MAKE 1		/* exclusive while the slot is made */
#define SLOT_LOCK_USE 2			/* shared by transactions that rely on it */

/* Writes the name of the database's slot. */
static void
slot_name(Oid dbid, NameData *name)
{
	Assert(OidIsValid(dbid));
	snprintf(NameStr(*name), NAMEDATALEN, SLOT_PREFIX "%u", dbid);
}

/* Returns the database a slot's name belongs to, or InvalidOid if it is not one of ours. */
static Oid
slot_parse_name(const char *name)
{
	unsigned long dbid;
	char	   *end;

	if (strncmp(name, SLOT_PREFIX, strlen(SLOT_PREFIX)) != 0)
		return InvalidOid;
	name += strlen(SLOT_PREFIX);
	if (*name < '1' || *name > '9')
		return InvalidOid;
	errno = 0;
	dbid = strtoul(name, &end, 10);
	if (errno != 0 || *end != '\0' || dbid > OID_MAX)
		return InvalidOid;
	return (Oid) dbid;
}

/* Raises the error that explains why no slot can be made here, if there is a reason. */
static void
slot_check_requirements(void)
{
	if (wal_level < WAL_LEVEL_REPLICA)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("streams need wal_level \"replica\" or higher"),
				 errhint("Set wal_level = replica, which is the default, and restart the server.")));
	if (max_replication_slots == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("streams need a replication slot, but max_replication_slots is 0"),
				 errhint("Increase max_replication_slots and restart the server; every database with streams takes one.")));
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot prepare a database for streams during recovery")));
	if (MyReplicationSlot != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot prepare a database for streams in a session that uses replication slot \"%s\"",
						NameStr(MyReplicationSlot->data.name)),
				 errhint("Create the first stream from an ordinary session.")));
}

bool
slot_is_free(void)
{
	bool		room = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots && !room; i++)
		room = !ReplicationSlotCtl->replication_slots[i].in_use;
	LWLockRelease(ReplicationSlotControlLock);
	return room;
}

/* Raises an error of ours if every slot is taken, because the server's does not say what for. */
static void
slot_check_room(void)
{
	if (!slot_is_free())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("all replication slots are in use, but this database needs one for its streams"),
				 errhint("Drop a slot that is not needed, or increase max_replication_slots and restart the server.")));
}

/*
 * Lets the acquired slot begin where the one of a recovery does, which keeps
 * that WAL until it is dropped.
 */
static void
slot_take_over_recovery(void)
{
	ReplicationSlot *slot = MyReplicationSlot;
	XLogRecPtr	restart_lsn;

	if (!recovery_slot_exists(&restart_lsn))
		return;
	SpinLockAcquire(&slot->mutex);
	slot->data.restart_lsn = Min(slot->data.restart_lsn, restart_lsn);
	SpinLockRelease(&slot->mutex);
	ReplicationSlotsComputeRequiredLSN();
}

/*
 * Makes the slot and reserves WAL from the last checkpoint on; all of it gets
 * second names at once, because a backup may begin as soon as there is a view.
 * Caller holds: the slot lock of the database.
 */
static void
slot_create(const char *name)
{
	Assert(MyReplicationSlot == NULL);

	compat_slot_create_physical(name, RS_EPHEMERAL);
	PG_TRY();
	{
		ReplicationSlotReserveWal();
		FAULT_POINT("slot-reserved");
		slot_take_over_recovery();
		ReplicationSlotPersist();
		kept_segments_add(MyReplicationSlot->data.restart_lsn, GetXLogInsertRecPtr());
	}
	PG_CATCH();
	{
		/*
		 * Whoever catches this error may go on with other things, so nothing
		 * may stay acquired.  ReserveWal fails with the allocation lock held
		 * and dropping the ephemeral slot takes it again.
		 */
		if (LWLockHeldByMe(ReplicationSlotAllocationLock))
			LWLockRelease(ReplicationSlotAllocationLock);
		ReplicationSlotRelease();
		PG_RE_THROW();
	}
	PG_END_TRY();
	ReplicationSlotRelease();

	Assert(MyReplicationSlot == NULL);
}

void
slot_make(Oid dbid)
{
	LOCKTAG		tag;
	NameData	name;

	if (slot_exists(dbid, NULL, NULL))
		return;
	slot_check_requirements();
	slot_name(dbid, &name);

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dbid, SLOT_LOCK_MAKE);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	if (!slot_exists(dbid, NULL, NULL))
	{
		slot_check_room();
		FAULT_POINT("slot-create");
		slot_create(NameStr(name));
		FAULT_POINT("slot-created");
	}
	(void) LockRelease(&tag, ExclusiveLock, false);
}

void
slot_ensure(Oid dbid)
{
	LOCKTAG		tag;

	if (IsTransactionState())
	{
		SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dbid, SLOT_LOCK_USE);
		(void) LockAcquire(&tag, ShareLock, false, false);
	}
	slot_make(dbid);
}

void
slot_renew(Oid dbid)
{
	bool		invalidated = false;

	if (slot_exists(dbid, &invalidated, NULL) && invalidated)
		slot_drop(dbid);
	slot_ensure(dbid);
}

/* Any of the out parameters may be NULL. */
bool
slot_exists(Oid dbid, bool *invalidated, XLogRecPtr *restart_lsn)
{
	NameData	name;
	ReplicationSlot *slot;

	if (max_replication_slots == 0)
		return false;
	slot_name(dbid, &name);

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	slot = SearchNamedReplicationSlot(NameStr(name), false);
	if (slot != NULL)
	{
		SpinLockAcquire(&slot->mutex);
		if (invalidated)
			*invalidated = compat_slot_is_invalidated(slot);
		if (restart_lsn)
			*restart_lsn = slot->data.restart_lsn;
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);

	return slot != NULL;
}

/*
 * Runs action(name), which acquires the slot without waiting, and returns
 * false if the slot does not exist or somebody else has it.
 *
 * Both errors are raised before anything has been acquired and with every
 * lock released (slot.c, ReplicationSlotAcquire), so that going on without a
 * subtransaction is sound.
 */
static bool
slot_try(void (*action) (const char *name), const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		action(name);
		done = true;
	}
	PG_CATCH();
	{
		int			sqlstate = geterrcode();

		if (MyReplicationSlot != NULL ||
			(sqlstate != ERRCODE_UNDEFINED_OBJECT && sqlstate != ERRCODE_OBJECT_IN_USE))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return done;
}

/* Acquires the slot or fails at once. */
static void
slot_acquire(const char *name)
{
	compat_slot_acquire_nowait(name);
}

/* Drops the slot or fails at once. */
static void
slot_drop_nowait(const char *name)
{
	ReplicationSlotDrop(name, true);
}

/*
 * Returns the smallest position of our slots, taking one to be somewhere else
 * than it is; invalid if there is none that keeps WAL.
 */
static XLogRecPtr
slot_minimum_if(const ReplicationSlot *moved, XLogRecPtr restart_lsn)
{
	XLogRecPtr	minimum = InvalidXLogRecPtr;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		XLogRecPtr	lsn;

		if (!slot->in_use || !SlotIsPhysical(slot) ||
			(!OidIsValid(slot_parse_name(NameStr(slot->data.name))) &&
			 strcmp(NameStr(slot->data.name), RECOVERY_SLOT_NAME) != 0))
			continue;
		SpinLockAcquire(&slot->mutex);
		lsn = (slot == moved) ? restart_lsn : slot->data.restart_lsn;
		SpinLockRelease(&slot->mutex);
		if (!XLogRecPtrIsInvalid(lsn) && (XLogRecPtrIsInvalid(minimum) || lsn < minimum))
			minimum = lsn;
	}
	LWLockRelease(ReplicationSlotControlLock);
	return minimum;
}

XLogRecPtr
slot_minimum(void)
{
	return slot_minimum_if(NULL, InvalidXLogRecPtr);
}

/*
 * Moves the acquired slot and writes it to disk; only after that the server
 * is told that it may remove older WAL, so that the slot on disk never names
 * WAL that is gone.  Second names go before: a segment that is recycled is
 * overwritten under each of its names.  Returns false if the slot has been
 * invalidated.
 */
static bool
slot_move(XLogRecPtr restart_lsn)
{
	ReplicationSlot *slot = MyReplicationSlot;
	bool		invalidated;
	bool		forward;

	if (slot->data.restart_lsn < restart_lsn)
		kept_segments_release(slot_minimum_if(slot, restart_lsn));
	SpinLockAcquire(&slot->mutex);
	invalidated = compat_slot_is_invalidated(slot);
	forward = !invalidated && slot->data.restart_lsn < restart_lsn;
	if (forward)
		slot->data.restart_lsn = restart_lsn;
	SpinLockRelease(&slot->mutex);

	if (forward)
	{
		ReplicationSlotMarkDirty();
		ReplicationSlotSave();
		FAULT_POINT("slot-saved");
		ReplicationSlotsComputeRequiredLSN();
	}
	return !invalidated;
}

bool
slot_advance(Oid dbid, XLogRecPtr restart_lsn)
{
	NameData	name;
	volatile bool valid = false;

	Assert(!XLogRecPtrIsInvalid(restart_lsn));
	Assert(restart_lsn <= GetXLogInsertRecPtr());

	if (max_replication_slots == 0 || MyReplicationSlot != NULL)
		return false;
	slot_name(dbid, &name);
	FAULT_POINT("slot-advance");
	if (!slot_try(slot_acquire, NameStr(name)))
		return false;

	PG_TRY();
	{
		valid = slot_move(restart_lsn);
	}
	PG_FINALLY();
	{
		ReplicationSlotRelease();
	}
	PG_END_TRY();
	return valid;
}

void
slot_reach_back(Oid dbid, XLogRecPtr restart_lsn)
{
	NameData	name;
	ReplicationSlot *slot;

	slot_name(dbid, &name);
	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	slot = SearchNamedReplicationSlot(NameStr(name), false);
	if (slot != NULL)
	{
		SpinLockAcquire(&slot->mutex);
		if (!compat_slot_is_invalidated(slot) && slot->data.restart_lsn > restart_lsn)
			slot->data.restart_lsn = restart_lsn;
		SpinLockRelease(&slot->mutex);
	}
	LWLockRelease(ReplicationSlotControlLock);
	ReplicationSlotsComputeRequiredLSN();
}

void
slot_drop_named(const char *name)
{
	Assert(MyReplicationSlot == NULL);

	if (max_replication_slots > 0)
		(void) slot_try(slot_drop_nowait, name);
}

void
slot_drop(Oid dbid)
{
	NameData	name;

	slot_name(dbid, &name);
	slot_drop_named(NameStr(name));
}

bool
slot_lock_unused(Oid dbid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dbid, SLOT_LOCK_USE);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
slot_unlock(Oid dbid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dbid, SLOT_LOCK_USE);
	(void) LockRelease(&tag, ExclusiveLock, true);
}

bool
slot_drop_unused(Oid dbid)
{
	if (!slot_lock_unused(dbid))
		return false;
	PG_TRY();
	{
		slot_drop(dbid);
	}
	PG_FINALLY();
	{
		slot_unlock(dbid);
	}
	PG_END_TRY();
	return true;
}

List *
slot_list_databases(void)
{
	List	   *result = NIL;

	if (max_replication_slots == 0)
		return NIL;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		Oid			dbid;

		if (!slot->in_use || !SlotIsPhysical(slot))
			continue;
		dbid = slot_parse_name(NameStr(slot->data.name));
		if (OidIsValid(dbid))
			result = lappend_oid(result, dbid);
	}
	LWLockRelease(ReplicationSlotControlLock);

	return result;
}

/* Acquires the slot or fails at once, and lets it go again. */
static void
slot_touch_nowait(const char *name)
{
	compat_slot_acquire_nowait(name);
	ReplicationSlotRelease();
}

void
slot_touch_all(void)
{
	List	   *dbids = slot_list_databases();
	ListCell   *lc;

	foreach(lc, dbids)
	{
		NameData	name;

		slot_name(lfirst_oid(lc), &name);
		(void) slot_try(slot_touch_nowait, NameStr(name));
	}
	list_free(dbids);
}

XLogRecPtr
slot_oldest_lsn(void)
{
	XLogRecPtr	oldest = InvalidXLogRecPtr;

	if (max_replication_slots == 0)
		return InvalidXLogRecPtr;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
	{
		ReplicationSlot *slot = &ReplicationSlotCtl->replication_slots[i];
		XLogRecPtr	lsn;

		if (!slot->in_use || !OidIsValid(slot_parse_name(NameStr(slot->data.name))))
			continue;
		SpinLockAcquire(&slot->mutex);
		lsn = compat_slot_is_invalidated(slot) ? InvalidXLogRecPtr : slot->data.restart_lsn;
		SpinLockRelease(&slot->mutex);
		if (!XLogRecPtrIsInvalid(lsn) && (XLogRecPtrIsInvalid(oldest) || lsn < oldest))
			oldest = lsn;
	}
	LWLockRelease(ReplicationSlotControlLock);
	return oldest;
}
