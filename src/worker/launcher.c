/*
 * launcher.c - finds the databases that have streams, and keeps a worker in each.
 *
 * A database has streams if it has a slot: whoever first needs it makes it
 * (doc/decisions/0004), and it survives everything but a restore (after_recovery.c).  So nothing needs to be configured
 * and no database is ever scanned.  Slots of databases that are gone (DROP
 * DATABASE leaves physical slots) are dropped here, and places in shared
 * memory of databases without a slot are freed.
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
#include "shared/slot.h"
#include "stat/wait_event.h"
#include "worker/worker.h"

#define LAUNCHER_IDLE_MS	5000
#define RESTART_FIRST_MS	100
#define RESTART_LONGEST_MS	30000
/* A worker that lived this long has not failed at its start. */
#define HEALTHY_MS			10000
/* Places are looked at not more often than this. */
#define SWEEP_MS			1000

extern PGDLLEXPORT void stream_ext_launcher_main(Datum arg);

/* What the launcher remembers of a database. */
typedef struct LauncherEntry
{
	Oid			dbid;
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

/* Returns the entry of a database, making it if needed. */
static LauncherEntry *
launcher_entry(Oid dbid)
{
	ListCell   *lc;
	LauncherEntry *entry;

	foreach(lc, entries)
	{
		entry = lfirst(lc);
		if (entry->dbid == dbid)
			return entry;
	}
	entry = MemoryContextAllocZero(TopMemoryContext, sizeof(LauncherEntry));
	entry->dbid = dbid;
	entries = lappend(entries, entry);
	return entry;
}

/* Returns whether the last worker of a database left because somebody asked it to, once. */
static bool
launcher_exit_was_asked(DatabaseControl *db)
{
	bool		asked;

	control_lock(true);
	asked = db->exit_was_asked;
	db->exit_was_asked = false;
	control_unlock();
	return asked;
}

/* Returns whether the worker started last is still there, and notes its end. */
static bool
launcher_worker_alive(LauncherEntry *entry, DatabaseControl *db)
{
	pid_t		pid;
	TimestampTz now = clock_real();
	int			delay_ms = RESTART_FIRST_MS;

	if (entry->handle == NULL)
		return false;
	if (GetBackgroundWorkerPid(entry->handle, &pid) != BGWH_STOPPED)
		return true;

	pfree(entry->handle);
	entry->handle = NULL;
	if (launcher_exit_was_asked(db) ||
		TimestampDifferenceExceeds(entry->started, now, HEALTHY_MS))
		entry->quick_exits = 0;
	for (int i = 0; i < entry->quick_exits && delay_ms < RESTART_LONGEST_MS; i++)
		delay_ms *= 2;
	entry->quick_exits++;
	entry->not_before = now + (int64) Min(delay_ms, RESTART_LONGEST_MS) * 1000;
	return false;
}

/* Starts the worker of a database. */
static void
launcher_start_worker(LauncherEntry *entry)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_worker_main",
		.bgw_type = "stream worker",
		.bgw_main_arg = ObjectIdGetDatum(entry->dbid),
		.bgw_notify_pid = MyProcPid,
	};
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	snprintf(worker.bgw_name, BGW_MAXLEN, "stream worker of database %u", entry->dbid);
	if (RegisterDynamicBackgroundWorker(&worker, &entry->handle))
		entry->warned = false;
	else if (!entry->warned)
	{
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no free worker process for the streams of database %u", entry->dbid),
				 errhint("Raise max_worker_processes.")));
		entry->warned = true;
	}
	entry->started = clock_real();
	MemoryContextSwitchTo(old);
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
	idle = OidIsValid(db->dbid) && db->worker_pid == 0 && db->hold_count == 0;
	control_unlock();
	return idle && pg_atomic_read_u32(&db->waiters) == 0;
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

/* Forgets what was remembered of databases that have no slot any more. */
static void
launcher_forget_entries(const List *dbids)
{
	ListCell   *lc;

	foreach(lc, entries)
	{
		LauncherEntry *entry = lfirst(lc);

		if (list_member_oid(dbids, entry->dbid))
			continue;
		if (entry->handle != NULL)
			pfree(entry->handle);
		pfree(entry);
		entries = foreach_delete_current(entries, lc);
	}
}

/* Looks after one database; returns in how many ms to look again. */
static long
launcher_tend(Oid dbid)
{
	LauncherEntry *entry = launcher_entry(dbid);
	DatabaseControl *db = control_database(dbid, true);
	TimestampTz now = clock_real();
	bool		held;

	if (db == NULL)
	{
		if (!entry->warned)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("streams of database %u are not maintained", dbid),
					 errhint("Raise stream_ext.max_databases and restart the server.")));
		entry->warned = true;
		return LAUNCHER_IDLE_MS;
	}
	control_lock(false);
	held = db->hold_count > 0 || db->worker_pid != 0;
	control_unlock();

	if (launcher_worker_alive(entry, db) || held)
		return LAUNCHER_IDLE_MS;
	if (now < entry->not_before)
		return (entry->not_before - now) / 1000 + 1;
	launcher_start_worker(entry);
	return LAUNCHER_IDLE_MS;
}

/*
 * After a restore or a promotion: looks at the next database that may have
 * streams, by starting a worker there, which leaves if it has none.  Returns
 * the database, which is not one of dbids, or invalid.
 */
static Oid
launcher_look_after_recovery(const List *dbids)
{
	Oid			dbid = after_recovery_database();
	LauncherEntry *entry;
	DatabaseControl *db;

	if (!OidIsValid(dbid))
		return InvalidOid;
	if (list_member_oid(dbids, dbid))
	{
		after_recovery_looked_at(dbid);
		control_wake_launcher();
		return InvalidOid;
	}
	entry = launcher_entry(dbid);
	db = control_database(dbid, true);
	if (entry->handle == NULL)
	{
		if (db != NULL)
			launcher_start_worker(entry);
		return dbid;
	}
	if (db == NULL || launcher_worker_alive(entry, db))
		return dbid;
	after_recovery_looked_at(dbid);
	control_wake_launcher();
	return InvalidOid;
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
		Oid			other;
		ListCell   *lc;

		foreach(lc, dbids)
			wait_ms = Min(wait_ms, launcher_tend(lfirst_oid(lc)));
		other = launcher_look_after_recovery(dbids);
		if (OidIsValid(other))
			dbids = lappend_oid(dbids, other);	/* remembered, not tended */
		launcher_forget_entries(dbids);
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
