/*
 * control.c - the control block in shared memory: databases, streams, views.
 *
 * Fixed arrays sized by stream_ext.max_databases, max_streams and max_views.
 * Slots are found by linear search: there are few, and those who look often
 * keep the pointer.
 *
 * Locking: see control.h.  Nothing is done under ControlLock but searching
 * and setting fields.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/commit_ring.h"
#include "shared/control.h"
#include "shared/slot.h"
#include "shared/worker_control.h"

/* How often a waiter looks whether the worker waits for it. */
#define DEADLOCK_CHECK_MS	100

typedef struct ControlBlock
{
	LWLock		lock;			/* "ControlLock" */
	Latch	   *launcher_latch; /* protected by lock */
	StreamControl other_streams;	/* of those without a place; no identity */
	pg_atomic_uint32 places_missed; /* streams that found none free */
	DatabaseControl *databases; /* set once at server start, like the next two */
	StreamControl *streams;
	ViewControl *views;
} ControlBlock;

static ControlBlock *control = NULL;

/* Returns the size of block and arrays. */
Size
control_shmem_size(void)
{
	Size		size = MAXALIGN(sizeof(ControlBlock));

	size = add_size(size, MAXALIGN(mul_size(guc_max_databases, sizeof(DatabaseControl))));
	size = add_size(size, MAXALIGN(mul_size(guc_max_streams, sizeof(StreamControl))));
	size = add_size(size, MAXALIGN(mul_size(guc_max_views, sizeof(ViewControl))));
	return size;
}

/* Prepares locks and atomics of free view slots. */
static void
control_init_views(int tranche)
{
	for (int i = 0; i < guc_max_views; i++)
	{
		LWLockInitialize(&control->views[i].gate, tranche);
		LWLockInitialize(&control->views[i].lock, tranche);
	}
}

/* Makes the control block, or finds it. */
void
control_shmem_init(void)
{
	bool		found;
	char	   *place;

	control = ShmemInitStruct("stream_ext control", control_shmem_size(), &found);
	if (!found)
	{
		int			tranche = LWLockNewTrancheId();

		/* zeroes are valid initial values of all atomics on our platforms */
		memset(control, 0, control_shmem_size());
		LWLockInitialize(&control->lock, tranche);

		place = (char *) control + MAXALIGN(sizeof(ControlBlock));
		control->databases = (DatabaseControl *) place;
		place += MAXALIGN(mul_size(guc_max_databases, sizeof(DatabaseControl)));
		control->streams = (StreamControl *) place;
		place += MAXALIGN(mul_size(guc_max_streams, sizeof(StreamControl)));
		control->views = (ViewControl *) place;

		control_init_views(tranche);
		for (int i = 0; i < guc_max_databases; i++)
			ConditionVariableInit(&control->databases[i].progress);
	}
	LWLockRegisterTranche(control->lock.tranche, "stream_ext_control");
}

/* Returns whether the library was preloaded, so that there is shared memory. */
bool
control_available(void)
{
	return control != NULL;
}

/* Empties a database slot and gives it to dbid. */
static void
control_reset_database(DatabaseControl *db, Oid dbid)
{
	Assert(LWLockHeldByMeInMode(&control->lock, LW_EXCLUSIVE));
	/* not the condition variable and its waiters: somebody may still be on it */
	memset(db, 0, offsetof(DatabaseControl, waiters));
	memset(&db->transactions, 0,
		   sizeof(*db) - offsetof(DatabaseControl, transactions));
	db->dbid = dbid;
}

/* Returns the slot of a database; see control.h. */
DatabaseControl *
control_database(Oid dbid, bool create)
{
	DatabaseControl *free_slot = NULL;

	if (control == NULL)
		return NULL;

	LWLockAcquire(&control->lock, create ? LW_EXCLUSIVE : LW_SHARED);
	for (int i = 0; i < guc_max_databases; i++)
	{
		DatabaseControl *db = &control->databases[i];

		if (db->dbid == dbid)
		{
			LWLockRelease(&control->lock);
			return db;
		}
		if (free_slot == NULL && !OidIsValid(db->dbid))
			free_slot = db;
	}
	if (create && free_slot != NULL)
		control_reset_database(free_slot, dbid);
	LWLockRelease(&control->lock);
	return create ? free_slot : NULL;
}

/* Returns the slot of a stream, and the first free one.  Caller holds ControlLock. */
static StreamControl *
control_find_stream(Oid dbid, Oid relid, StreamControl **free_slot)
{
	*free_slot = NULL;
	for (int i = 0; i < guc_max_streams; i++)
	{
		StreamControl *stream = &control->streams[i];

		if (stream->relid == relid && stream->dbid == dbid)
			return stream;
		if (*free_slot == NULL && !OidIsValid(stream->relid))
			*free_slot = stream;
	}
	return NULL;
}

/*
 * Gives a free slot to a stream.  Its rows may have been counted with the
 * others before: the newest commit is never earlier than that of its own.
 */
static void
control_reset_stream(StreamControl *stream, Oid dbid, Oid relid)
{
	Assert(LWLockHeldByMeInMode(&control->lock, LW_EXCLUSIVE));
	memset(stream, 0, sizeof(*stream));
	pg_atomic_write_u64(&stream->last_commit_lsn,
						pg_atomic_read_u64(&control->other_streams.last_commit_lsn));
	stream->dbid = dbid;
	stream->relid = relid;
}

/* Returns the slot of a stream; see control.h. */
StreamControl *
control_stream(Oid dbid, Oid relid, bool create)
{
	StreamControl *stream;
	StreamControl *free_slot;

	if (control == NULL)
		return NULL;

	LWLockAcquire(&control->lock, LW_SHARED);
	stream = control_find_stream(dbid, relid, &free_slot);
	LWLockRelease(&control->lock);
	if (stream != NULL || !create)
		return stream;

	if (free_slot != NULL)
	{
		LWLockAcquire(&control->lock, LW_EXCLUSIVE);
		stream = control_find_stream(dbid, relid, &free_slot);
		if (stream == NULL && free_slot != NULL)
			control_reset_stream(stream = free_slot, dbid, relid);
		LWLockRelease(&control->lock);
		if (stream != NULL)
			return stream;
	}
	pg_atomic_fetch_add_u32(&control->places_missed, 1);
	return &control->other_streams;
}

/* Returns the slot of the streams that have none of their own. */
StreamControl *
control_other_streams(void)
{
	return &control->other_streams;
}

/* Returns how often a stream found no place. */
uint32
control_places_missed(void)
{
	return pg_atomic_read_u32(&control->places_missed);
}

/* Empties a view slot, all but its locks, and gives it to the view. */
static void
control_reset_view(ViewControl *view, Oid dbid, Oid viewid)
{
	Assert(LWLockHeldByMeInMode(&control->lock, LW_EXCLUSIVE));
	Assert(!OidIsValid(view->viewid));
	/* not the locks: pg_stat_stream_view may be holding them */
	memset(&view->attached, 0, sizeof(*view) - offsetof(ViewControl, attached));
	view->dbid = dbid;
	view->viewid = viewid;
	/* claims are counted out by who has counted them in */
	memset(&view->worker, 0, offsetof(ViewWorker, claims));
}

/* Returns the slot of a view; see control.h. */
ViewControl *
control_view(Oid dbid, Oid viewid, bool create)
{
	ViewControl *free_slot = NULL;

	if (control == NULL)
		return NULL;

	LWLockAcquire(&control->lock, create ? LW_EXCLUSIVE : LW_SHARED);
	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = &control->views[i];

		if (view->viewid == viewid && view->dbid == dbid)
		{
			LWLockRelease(&control->lock);
			return view;
		}
		if (free_slot == NULL && !OidIsValid(view->viewid))
			free_slot = view;
	}
	if (create && free_slot != NULL)
		control_reset_view(free_slot, dbid, viewid);
	LWLockRelease(&control->lock);
	return create ? free_slot : NULL;
}

/* Frees the slot of a stream, if it has one. */
void
control_forget_stream(Oid dbid, Oid relid)
{
	StreamControl *stream = control_stream(dbid, relid, false);

	if (stream == NULL)
		return;
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (stream->dbid == dbid && stream->relid == relid)
	{
		stream->dbid = InvalidOid;
		stream->relid = InvalidOid;
	}
	LWLockRelease(&control->lock);
}

/* Frees the slot of a view, if it has one; its generations are gone already. */
void
control_forget_view(Oid dbid, Oid viewid)
{
	ViewControl *view = control_view(dbid, viewid, false);

	if (view == NULL)
		return;
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (view->dbid == dbid && view->viewid == viewid)
	{
		view->dbid = InvalidOid;
		view->viewid = InvalidOid;
	}
	LWLockRelease(&control->lock);
}

/* Frees the slot of a database and those of its streams and views. */
void
control_forget_database(Oid dbid)
{
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	for (int i = 0; i < guc_max_streams; i++)
	{
		if (control->streams[i].dbid == dbid)
		{
			control->streams[i].dbid = InvalidOid;
			control->streams[i].relid = InvalidOid;
		}
	}
	for (int i = 0; i < guc_max_views; i++)
	{
		if (control->views[i].dbid == dbid)
		{
			control->views[i].dbid = InvalidOid;
			control->views[i].viewid = InvalidOid;
		}
	}
	for (int i = 0; i < guc_max_databases; i++)
	{
		if (control->databases[i].dbid == dbid)
			control->databases[i].dbid = InvalidOid;
	}
	LWLockRelease(&control->lock);
}

/* Returns the i-th database slot, or NULL beyond the last. */
DatabaseControl *
control_database_at(int i)
{
	return (control != NULL && i < guc_max_databases) ? &control->databases[i] : NULL;
}

/* Returns the i-th stream slot, or NULL beyond the last. */
StreamControl *
control_stream_at(int i)
{
	return (control != NULL && i < guc_max_streams) ? &control->streams[i] : NULL;
}

/* Returns the i-th view slot, or NULL beyond the last. */
ViewControl *
control_view_at(int i)
{
	return (control != NULL && i < guc_max_views) ? &control->views[i] : NULL;
}

/* Takes or gives back ControlLock, for those who change a slot's fields. */
void
control_lock(bool exclusive)
{
	LWLockAcquire(&control->lock, exclusive ? LW_EXCLUSIVE : LW_SHARED);
}

void
control_unlock(void)
{
	LWLockRelease(&control->lock);
}

/* Remembers the launcher's latch; NULL when it exits. */
void
control_set_launcher_latch(Latch *latch)
{
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	control->launcher_latch = latch;
	LWLockRelease(&control->lock);
}

/* Makes the launcher look at databases and slots. */
void
control_wake_launcher(void)
{
	LWLockAcquire(&control->lock, LW_SHARED);
	if (control->launcher_latch != NULL)
		SetLatch(control->launcher_latch);
	LWLockRelease(&control->lock);
}

/* Says whose worker is to maintain the view; see control.h. */
bool
control_place_view(ViewControl *view, Oid streamid, Oid ownerid)
{
	bool		changed;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	changed = !view->worker.placed || view->worker.ownerid != ownerid;
	pg_atomic_write_u32(&view->streamid, streamid);
	view->worker.ownerid = ownerid;
	view->worker.placed = true;
	LWLockRelease(&control->lock);
	return changed;
}

/* Takes the view for this process; see control.h. */
bool
control_take_view(ViewControl *view, Oid ownerid)
{
	bool		mine;

	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	mine = view->worker.placed && view->worker.ownerid == ownerid &&
		(view->worker.pid == 0 || view->worker.pid == MyProcPid);
	if (mine)
		view->worker.pid = MyProcPid;
	LWLockRelease(&control->lock);
	return mine;
}

/* Lets another process have the view. */
void
control_release_view(ViewControl *view)
{
	LWLockAcquire(&control->lock, LW_EXCLUSIVE);
	if (view->worker.pid == MyProcPid)
		view->worker.pid = 0;
	LWLockRelease(&control->lock);
}

/* Returns what the view must apply; see control.h. */
XLogRecPtr
control_view_target(DatabaseControl *db, ViewControl *view, XLogRecPtr lsn)
{
	StreamControl *stream;
	XLogRecPtr	newest;

	if (view->worker.pid != 0 || !view->attached)
		return lsn;
	stream = control_stream(view->dbid, pg_atomic_read_u32(&view->streamid), false);
	newest = stream ? pg_atomic_read_u64(&stream->last_commit_lsn) :
		pg_atomic_read_u64(&db->last_commit_lsn);
	newest = Max(newest, pg_atomic_read_u64(&db->last_prepared_lsn));
	return Min(lsn, Max(newest, pg_atomic_read_u64(&view->ready_lsn)));
}

/* Tells who reads WAL that a commit carrying stream rows ended at commit_end. */
void
control_notify_commit(DatabaseControl *db, XLogRecPtr commit_end)
{
	uint64		known = pg_atomic_read_u64(&db->last_commit_lsn);

	while (known < commit_end &&
		   !pg_atomic_compare_exchange_u64(&db->last_commit_lsn, &known, commit_end))
		;

	/*
	 * Who sleeps says so, then looks at last_commit_lsn, then sleeps; the
	 * exchange above is a full barrier.  So one of us sees the other.
	 */
	commit_ring_wake_if_sleeping();
	if (pg_atomic_read_u32(&db->sleepers) != 0)
		worker_control_wake_sleepers(db->dbid);
	if (pg_atomic_read_u32(&db->absent) != 0)
		control_wake_launcher();
}

/* Wakes everybody who waits for positions to move. */
void
control_progress(DatabaseControl *db)
{
	if (pg_atomic_read_u32(&db->waiters) != 0)
		ConditionVariableBroadcast(&db->progress);
}

/*
 * Returns whether a view of the database waits for a lock that this process
 * holds.  The worker only tries: it is not seen in the queue of the lock.
 */
static bool
control_view_waits_for_me(const DatabaseControl *db)
{
	ViewControl *view;

	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		if (view->dbid == db->dbid && OidIsValid(view->viewid) &&
			(pg_atomic_read_u32(&view->worker.lock_holder) == (uint32) MyProcPid ||
			 pg_atomic_read_u32(&view->worker.flush_lock_holder) == (uint32) MyProcPid))
			return true;
	}
	return false;
}

/* The loop of control_wait(), with the waiter already counted. */
static bool
control_wait_loop(DatabaseControl *db, control_condition reached, void *arg,
				  int timeout_ms, uint32 wait_event_info)
{
	TimestampTz start = clock_real();
	bool		result = false;

	ConditionVariablePrepareToSleep(&db->progress);
	for (;;)
	{
		long		left;

		CHECK_FOR_INTERRUPTS();
		if ((result = reached(arg)))
			break;
		left = timeout_ms - TimestampDifferenceMilliseconds(start, clock_real());
		if (left <= 0)
			break;
		if (ConditionVariableTimedSleep(&db->progress, Min(left, DEADLOCK_CHECK_MS),
										wait_event_info) &&
			(control_view_waits_for_me(db) || worker_control_waits_for_me(db->dbid)))
			break;
	}
	ConditionVariableCancelSleep();
	return result;
}

/* Counts a waiter out: at the end, after an error, or when the session is terminated. */
static void
control_wait_end_cb(int code, Datum db)
{
	pg_atomic_fetch_sub_u32(&((DatabaseControl *) DatumGetPointer(db))->waiters, 1);
}

/* Waits for a condition that the worker brings about; see control.h. */
bool
control_wait(DatabaseControl *db, control_condition reached, void *arg,
			 int timeout_ms, uint32 wait_event_info)
{
	bool		result = false;

	Assert(db != NULL);
	if (reached(arg))
		return true;

	if (!worker_control_any(db->dbid) && !RecoveryInProgress())
	{
		/*
		 * a promoted standby has views but no slot, by which workers are
		 * found
		 */
		slot_make(db->dbid);
		control_wake_launcher();
	}

	pg_atomic_fetch_add_u32(&db->waiters, 1);
	PG_ENSURE_ERROR_CLEANUP(control_wait_end_cb, PointerGetDatum(db));
	{
		commit_ring_wake_reader();
		worker_control_wake_database(db->dbid);
		result = control_wait_loop(db, reached, arg, timeout_ms, wait_event_info);
	}
	PG_END_ENSURE_ERROR_CLEANUP(control_wait_end_cb, PointerGetDatum(db));
	control_wait_end_cb(0, PointerGetDatum(db));
	return result;
}

/* Returns whether a worker that runs maintains the view; see control.h. */
bool
control_view_is_served(const ViewControl *view)
{
	return view != NULL && view->worker.pid != 0 && view->attached;
}

/* Returns whether the view lacks a worker; see control.h. */
bool
control_view_waits(DatabaseControl *db, ViewControl *view)
{
	if (control_view_is_served(view))
		return false;
	if (pg_atomic_read_u32(&view->worker.waits_for_process) != 0)
		return true;
	/* otherwise somebody is on his way */
	return !worker_control_any(view->dbid) &&
		(!view->attached || pg_atomic_read_u64(&view->applied_lsn_hint) <
		 control_view_target(db, view, PG_UINT64_MAX));
}

static const char *const view_state_names[] = {
	[VIEW_RUNNING] = "running",
	[VIEW_LAGGING] = "lagging",
	[VIEW_PAUSED] = "paused",
	[VIEW_GAP] = "gap",
	[VIEW_ERROR] = "error",
	[VIEW_DISABLED] = "disabled",
};

/* Returns the name that users see. */
const char *
control_view_state_name(ViewState state)
{
	Assert(state >= 0 && state < lengthof(view_state_names));
	return view_state_names[state];
}

/* Reads a state's name; false if there is none such. */
bool
control_parse_view_state(const char *name, ViewState *state)
{
	for (int i = 0; i < lengthof(view_state_names); i++)
	{
		if (strcmp(name, view_state_names[i]) == 0)
		{
			*state = (ViewState) i;
			return true;
		}
	}
	return false;
}
