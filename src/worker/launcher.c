/*
 * launcher.c - finds the databases that have streams, and keeps workers in each.
 *
 * A database has streams if it has a slot: whoever first needs it makes it
 * (doc/decisions/0004), and it survives everything but a restore (after_recovery.c).  So nothing needs to be configured
 * and no database is ever scanned.  Slots of databases that are gone (DROP
 * DATABASE leaves physical slots) are dropped here, and places in shared
 * memory of databases without a slot are freed.
 *
 * Which workers a database wants is said by schedule.c; where there are more
 * than processes, others are asked to leave.
 *
 * Failure: a worker that ends is started again, later and later if it ends
 * quickly without being asked to; an error in the launcher makes the postmaster start it anew.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/slot.h"
#include "stat/wait_event.h"
#include "worker/schedule.h"
#include "worker/worker.h"

#define LAUNCHER_IDLE_MS	5000
#define RESTART_FIRST_MS	100
#define RESTART_LONGEST_MS	30000
/* A worker that lived this long has not failed at its start. */
#define HEALTHY_MS			10000
/* Places are looked at not more often than this. */
#define SWEEP_MS			1000

extern PGDLLEXPORT void stream_ext_launcher_main(Datum arg);

/* How soon to look again where workers wait for a process. */
#define TURN_CHECK_MS		100

/* What the launcher remembers of a worker. */
typedef struct LauncherEntry
{
	WorkerKey	key;
	BackgroundWorkerHandle *handle; /* of the worker last started, or NULL */
	TimestampTz started;
	int			quick_exits;	/* in a row */
	TimestampTz not_before;
	bool		warned;
} LauncherEntry;

static List *entries = NIL;

/* Databases that had a place but no slot when last looked at. */
static List *idle_places = NIL;

/* Registers the launcher with the postmaster. Called by _PG_init only. */
void
launcher_register(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 1,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_launcher_main",
		.bgw_name = "stream launcher",
		.bgw_type = "stream launcher",
	};

	RegisterBackgroundWorker(&worker);
}

/* Returns the entry of a key, making it if needed. */
static LauncherEntry *
launcher_entry(WorkerKey key)
{
	ListCell   *lc;
	LauncherEntry *entry;
	MemoryContext old;

	foreach(lc, entries)
	{
		entry = lfirst(lc);
		if (worker_key_equal(entry->key, key))
			return entry;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	entry = palloc0(sizeof(LauncherEntry));
	entry->key = key;
	entries = lappend(entries, entry);
	MemoryContextSwitchTo(old);
	return entry;
}

/* Notes the end of the worker started last, and how soon another may come. */
static void
launcher_note_exit(LauncherEntry *entry)
{
	TimestampTz now = clock_real();
	int			delay_ms = RESTART_FIRST_MS;
	bool		asked;

	pfree(entry->handle);
	entry->handle = NULL;
	(void) worker_control_pid(entry->key, &asked);
	if (asked || TimestampDifferenceExceeds(entry->started, now, HEALTHY_MS))
		entry->quick_exits = 0;
	if (asked)
	{
		entry->not_before = now;
		return;
	}
	for (int i = 0; i < entry->quick_exits && delay_ms < RESTART_LONGEST_MS; i++)
		delay_ms *= 2;
	entry->quick_exits++;
	entry->not_before = now + (int64) Min(delay_ms, RESTART_LONGEST_MS) * 1000;
}

/* Notes which workers have ended; forgets those of which there is nothing to know. */
static void
launcher_note_exits(void)
{
	TimestampTz now = clock_real();
	ListCell   *lc;

	foreach(lc, entries)
	{
		LauncherEntry *entry = lfirst(lc);
		pid_t		pid;

		if (entry->handle != NULL &&
			GetBackgroundWorkerPid(entry->handle, &pid) == BGWH_STOPPED)
			launcher_note_exit(entry);
		if (entry->handle != NULL || entry->warned ||
			!TimestampDifferenceExceeds(entry->not_before, now, RESTART_LONGEST_MS))
			continue;
		entries = foreach_delete_current(entries, lc);
		pfree(entry);
	}
}

/* Starts a worker; returns false if the server has no process for it. */
static bool
launcher_start_worker(LauncherEntry *entry)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_worker_main",
		.bgw_type = "stream worker",
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	StaticAssertStmt(sizeof(WorkerKey) <= BGW_EXTRALEN, "the key must fit");
	memcpy(worker.bgw_extra, &entry->key, sizeof(WorkerKey));
	if (worker_key_is_shared(entry->key))
		snprintf(worker.bgw_name, BGW_MAXLEN, "stream worker of database %u", entry->key.dbid);
	else
		snprintf(worker.bgw_name, BGW_MAXLEN, "stream worker of database %u for role %u",
				 entry->key.dbid, entry->key.ownerid);
	started = RegisterDynamicBackgroundWorker(&worker, &entry->handle);
	if (started)
		entry->warned = false;
	else if (!entry->warned)
	{
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no free worker process for the streams of database %u", entry->key.dbid),
				 errdetail("Stream workers take turns."),
				 errhint("Increase max_worker_processes.")));
		entry->warned = true;
	}
	entry->started = clock_real();
	MemoryContextSwitchTo(old);
	return started;
}

/* Returns the databases of slots, without those that are gone: their slots are dropped. */
static List *
launcher_find_databases(void)
{
	List	   *dbids;
	List	   *alive = NIL;
	ListCell   *lc;

	StartTransactionCommand();
	dbids = slot_list_databases();
	foreach(lc, dbids)
	{
		Oid			dbid = lfirst_oid(lc);
		MemoryContext old;

		if (!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(dbid)))
		{
			slot_drop(dbid);
			generation_discard_database(dbid);
			control_forget_database(dbid);
			continue;
		}
		old = MemoryContextSwitchTo(TopMemoryContext);
		alive = lappend_oid(alive, dbid);
		MemoryContextSwitchTo(old);
	}
	CommitTransactionCommand();
	return alive;
}

/* Returns whether nobody uses the place of a database. */
static bool
launcher_place_is_idle(DatabaseControl *db)
{
	bool		idle;

	control_lock(false);
	idle = OidIsValid(db->dbid) && db->hold_count == 0;
	control_unlock();
	return idle && !worker_control_any(db->dbid) && pg_atomic_read_u32(&db->waiters) == 0;
}

/* Frees the place of a database that has no slot, unless somebody is about to make one. */
static void
launcher_free_place(Oid dbid)
{
	if (!slot_lock_unused(dbid))
		return;
	if (!slot_exists(dbid, NULL, NULL))
	{
		generation_discard_database(dbid);
		control_forget_database(dbid);
	}
	slot_unlock(dbid);
}

/*
 * Frees places of databases that do not exist, and of those that have lost
 * their slot with the extension.  The latter after a second look: a session
 * that has just found the place makes the slot next.
 */
static void
launcher_sweep_places(void)
{
	static TimestampTz last_sweep = 0;
	TimestampTz now = clock_real();
	List	   *idle = NIL;
	DatabaseControl *db;
	MemoryContext old;

	if (!TimestampDifferenceExceeds(last_sweep, now, SWEEP_MS))
		return;
	last_sweep = now;
	StartTransactionCommand();
	old = MemoryContextSwitchTo(TopMemoryContext);
	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		Oid			dbid = db->dbid;

		if (!OidIsValid(dbid) || !launcher_place_is_idle(db) ||
			slot_exists(dbid, NULL, NULL))
			continue;
		if (list_member_oid(idle_places, dbid) ||
			!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(dbid)))
			launcher_free_place(dbid);
		else
			idle = lappend_oid(idle, dbid);
	}
	list_free(idle_places);
	idle_places = idle;
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
}

/* Makes the control slot of a database; returns false if there is no room. */
static bool
launcher_know_database(Oid dbid)
{
	static Oid	warned_of = InvalidOid;

	if (control_database(dbid, true) != NULL)
		return true;
	if (warned_of != dbid)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("streams of database %u are not maintained", dbid),
				 errhint("Increase stream_ext.max_databases and restart the server.")));
	warned_of = dbid;
	return false;
}

/* Returns whether workers must stay out of the database. */
static bool
launcher_database_held(Oid dbid)
{
	DatabaseControl *db = control_database(dbid, false);
	bool		held;

	control_lock(false);
	held = db == NULL || db->hold_count > 0;
	control_unlock();
	return held;
}

/* Returns how many workers the database has, those on their way included. */
static int
launcher_count_workers(Oid dbid)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, entries)
	{
		LauncherEntry *entry = lfirst(lc);

		if (entry->handle != NULL && entry->key.dbid == dbid)
			n++;
	}
	/* a former launcher may have started some */
	return Max(n, schedule_count_workers(dbid));
}

/* Starts one wanted worker, if there is room; returns in how many ms to look again. */
static long
launcher_tend_worker(WorkerKey key)
{
	LauncherEntry *entry = launcher_entry(key);
	TimestampTz now = clock_real();
	bool		crowded = launcher_count_workers(key.dbid) >= guc_workers;

	if (entry->handle != NULL)
		return LAUNCHER_IDLE_MS;	/* on its way */
	if (now < entry->not_before)
		return (entry->not_before - now) / 1000 + 1;
	if (!crowded && launcher_start_worker(entry))
	{
		schedule_note_waiting(key, false);
		return LAUNCHER_IDLE_MS;
	}
	schedule_note_waiting(key, true);
	(void) schedule_make_room(crowded ? key.dbid : InvalidOid);
	return TURN_CHECK_MS;
}

/* Looks after one database; returns in how many ms to look again. */
static long
launcher_tend(Oid dbid)
{
	long		wait_ms = LAUNCHER_IDLE_MS;
	ListCell   *lc;

	if (!launcher_know_database(dbid) || launcher_database_held(dbid))
		return wait_ms;
	schedule_note_absent(dbid);
	foreach(lc, schedule_missing_workers(dbid))
		wait_ms = Min(wait_ms, launcher_tend_worker(*(WorkerKey *) lfirst(lc)));
	return wait_ms;
}

/*
 * After a restore or a promotion: looks at the next database that may have
 * streams and is not one of dbids, by starting a worker there, which leaves if
 * it has none.
 */
static void
launcher_look_after_recovery(const List *dbids)
{
	static Oid	looking_at = InvalidOid;
	Oid			dbid = after_recovery_database();
	WorkerKey	key = {.dbid = dbid};
	LauncherEntry *entry;

	if (!OidIsValid(dbid))
		return;
	entry = launcher_entry(key);
	if (looking_at != dbid && !list_member_oid(dbids, dbid))
	{
		if (entry->handle == NULL && launcher_know_database(dbid) &&
			launcher_start_worker(entry))
			looking_at = dbid;
		return;
	}
	if (entry->handle != NULL && !list_member_oid(dbids, dbid))
		return;
	looking_at = InvalidOid;
	after_recovery_looked_at(dbid);
	control_wake_launcher();
}

/* At exit: nobody wakes the launcher any more. */
static void
launcher_exit_cb(int code, Datum arg)
{
	control_set_launcher_latch(NULL);
}

/* Entry point. */
void
stream_ext_launcher_main(Datum arg)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "stream launcher round",
												  ALLOCSET_SMALL_SIZES);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	control_set_launcher_latch(MyLatch);
	before_shmem_exit(launcher_exit_cb, (Datum) 0);

	for (;;)
	{
		List	   *dbids = launcher_find_databases();
		long		wait_ms = LAUNCHER_IDLE_MS;
		MemoryContext old = MemoryContextSwitchTo(context);
		ListCell   *lc;

		launcher_note_exits();
		foreach(lc, dbids)
			wait_ms = Min(wait_ms, launcher_tend(lfirst_oid(lc)));
		launcher_look_after_recovery(dbids);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		list_free(dbids);
		launcher_sweep_places();

		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 wait_ms, stat_wait_event(STAT_WAIT_LAUNCHER_MAIN));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
}
