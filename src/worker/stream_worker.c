/*
 * stream_worker.c - the process that maintains continuous views of a database.
 *
 * Read what was committed, apply it, flush what is due, move the slot, sleep.
 * Everything that is lost with the process is read from WAL again.
 *
 * The worker connects as the bootstrap superuser and does nothing of its
 * users' in that role: see catalog/owner.h.
 *
 * Failure: any error that reaches the main loop ends the process; the
 * launcher starts another.
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
#include "storage/procarray.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "postmaster_check.h"
#include "shared/commit_ring.h"
#include "shared/server_state.h"
#include "shared/slot.h"
#include "shared/wal_end.h"
#include "stat/wait_event.h"
#include "time_limit.h"
#include "worker/worker.h"

/* Without a wake-up, look around this often: COMMIT PREPARED and the like. */
#define IDLE_MS				100
/*
 * How long commits may gather where several sessions commit at once: a little,
 * and longer where so many do that a run of few would cost more than it holds.
 */
#define GATHER_US			300
#define GATHER_MANY_MS		2
#define GATHER_MANY			8	/* transactions in the last run */
/* A clean shutdown waits this long for what clients still committed. */
#define DRAIN_MS			3000
/* A worker without views leaves after this. */
#define NO_VIEWS_MS			1000

extern PGDLLEXPORT void stream_ext_worker_main(Datum arg);

static DatabaseControl *my_database = NULL;
static WorkerControl *my_place = NULL;
/* It leaves because there was nothing to do. */
static bool stream_worker_retired = false;

/*
 * SIGTERM: leave soon; code of a view that is running is cancelled, and ends
 * the process if it goes on nevertheless.  A second one cancels nothing: it
 * would be the last flush.
 */
static void
stream_worker_terminate_cb(SIGNAL_ARGS)
{
	int			save_errno = errno;
	bool		again = ShutdownRequestPending;

	ShutdownRequestPending = true;
	time_limit_leave();
	if (!again && crash_guard_cancelable())
	{
		QueryCancelPending = true;
		InterruptPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

/* At exit: the place is free, and so are the views. */
static void
stream_worker_exit_cb(int code, Datum arg)
{
	WorkerControl *place = my_place;
	bool		retired;

	my_place = NULL;
	if (place == NULL)
		return;
	retired = stream_worker_retired || pg_atomic_read_u64(&place->must_leave) != 0;
	worker_control_unregister(place,
							  retired || ShutdownRequestPending || my_database->hold_count > 0,
							  retired);
	ConditionVariableBroadcast(&my_database->progress);
	control_wake_launcher();
}

/* Takes a place for the key; false if it is taken, or not wanted. */
static bool
stream_worker_register(WorkerKey key)
{
	my_place = worker_control_register(key);
	if (my_place == NULL)
		return false;
	my_database = control_database(key.dbid, false);
	before_shmem_exit(stream_worker_exit_cb, (Datum) 0);
	return true;
}

/* Returns whether the extension is there to work for. */
static bool
stream_worker_wanted(void)
{
	bool		wanted;

	StartTransactionCommand();
	wanted = catalog_extension_exists();
	CommitTransactionCommand();
	return wanted;
}

/* Makes the worker's state. */
static StreamWorker *
stream_worker_create(WorkerKey key)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "stream worker",
												  ALLOCSET_DEFAULT_SIZES);
	StreamWorker *worker = MemoryContextAllocZero(context, sizeof(StreamWorker));

	worker->key = key;
	worker->control = my_database;
	worker->place = my_place;
	worker->context = context;
	worker->run_context = AllocSetContextCreate(context, "stream worker round",
												ALLOCSET_DEFAULT_SIZES);
	worker->catalog_generation = PG_UINT64_MAX;
	worker->tids = tid_cache_create(context);
	return worker;
}

/*
 * Makes WAL up to the last commit readable; asynchronous commits may not have.
 * The stream reader does that for whoever follows it.
 */
static void
stream_worker_flush_wal(StreamWorker *worker)
{
	XLogRecPtr	commit_lsn = pg_atomic_read_u64(&worker->control->last_commit_lsn);

	if (!worker_feeds_follow(worker) && commit_lsn > GetFlushRecPtr(NULL))
		XLogFlush(commit_lsn);
}

/*
 * Lets some more commits gather: being woken by each would cost those who
 * commit more than it is worth.  A session alone never waits for this, and who
 * waits for the worker ends the longer wait.  Behind the stream reader they have
 * gathered already.
 */
static void
stream_worker_gather(StreamWorker *worker)
{
	bool		many = worker->gathered >= GATHER_MANY;

	worker->gathered = 0;
	if (worker_feeds_follow(worker) || pg_atomic_read_u32(&worker->control->waiters) != 0)
		return;
	if (!many)
	{
		pg_usleep(GATHER_US);
		return;
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 GATHER_MANY_MS, stat_wait_event(STAT_WAIT_WORKER_MAIN));
	ResetLatch(MyLatch);
}

/* Notes that there is nothing to do; leaves after a while of that. */
static void
stream_worker_note_idle(StreamWorker *worker)
{
	TimestampTz since = (TimestampTz) pg_atomic_read_u64(&worker->place->idle_since);
	TimestampTz now = clock_real();
	int			patience_ms = guc_worker_idle_timeout_ms;

	/* an owner who has no view any more needs no worker */
	if (!worker_key_is_shared(worker->key) && worker->views == NIL)
		patience_ms = NO_VIEWS_MS;
	if (since == 0)
		pg_atomic_write_u64(&worker->place->idle_since, (uint64) now);
	else if (patience_ms >= 0 && TimestampDifferenceExceeds(since, now, patience_ms))
		stream_worker_retired = true;
}

/* Sleeps until there is something to read, or for a while. */
static void
stream_worker_sleep(StreamWorker *worker)
{
	DatabaseControl *db = worker->control;

	stream_worker_note_idle(worker);
	time_limit_rest();
	pgstat_report_activity(STATE_IDLE, NULL);
	worker_control_sleep(worker->place, db,
						 worker_feeds_follow(worker) ? WORKER_FOLLOWS : WORKER_SLEEPS);
	if (worker_feeds_may_sleep(worker))
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 IDLE_MS, stat_wait_event(STAT_WAIT_WORKER_MAIN));
		ResetLatch(MyLatch);
	}
	else
	{
		/*
		 * its commit record is not flushed yet: do that, it is being waited
		 * for
		 */
		stream_worker_flush_wal(worker);
	}
	worker_control_sleep(worker->place, db, WORKER_AWAKE);
}

/* One round of the main loop. */
static void
stream_worker_round(StreamWorker *worker)
{
	bool		moved;

	MemoryContextSwitchTo(worker->run_context);
	MemoryContextReset(worker->run_context);
	postmaster_check();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		worker_settings_pin();
	}
	stream_worker_flush_wal(worker);
	SetCurrentStatementStartTimestamp();
	worker_views_reload(worker);
	moved = worker_feeds_work(worker);
	moved |= flush_due_views(worker);
	retained_wal_update(worker, false);
	retention_work(worker);
	if (worker_key_is_shared(worker->key))
		places_look_after(worker->key.dbid);
	/* what was written, for autovacuum: it would never look at storage */
	pgstat_report_stat(false);
	if (ShutdownRequestPending)
		return;
	if (moved)
		pg_atomic_write_u64(&worker->place->idle_since, 0);
	if (worker->gathered > 1)
		stream_worker_gather(worker);
	else if (!moved)
		stream_worker_sleep(worker);
}

/* Flushes every view, as far as that goes. */
static void
stream_worker_flush_all(StreamWorker *worker)
{
	ListCell   *lc;

	QueryCancelPending = false;
	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.memory != NULL && view->live.catalog->state != VIEW_GAP &&
			!flush_view(worker, view))
			ereport(WARNING,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("continuous view \"%s\" could not be flushed before the stream worker left",
							view->live.name),
					 errdetail("The next worker reads from WAL again what was not.")));
	}
	retained_wal_update(worker, true);
}

/* Returns whether a client is still connected. */
static bool
stream_worker_clients_left(void)
{
	int			nbackends = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= nbackends; i++)
	{
		LocalPgBackendStatus *status = pgstat_get_local_beentry_by_index(i);

		if (status->backendStatus.st_backendType == B_BACKEND)
			return true;
	}
	return false;
}

/*
 * Applies and flushes what was committed, as far as there is time: after a
 * clean shutdown the next start finds everything in storage, and so does
 * the copy of a database.  At a shutdown clients may still be committing.
 */
static void
stream_worker_drain(StreamWorker *worker, bool shutdown)
{
	TimestampTz start = clock_real();

	while (!TimestampDifferenceExceeds(start, clock_real(), DRAIN_MS))
	{
		bool		clients = false;
		XLogRecPtr	end;

		if (shutdown)
		{
			pgstat_clear_backend_activity_snapshot();
			clients = stream_worker_clients_left();
		}
		QueryCancelPending = false;
		MemoryContextReset(worker->run_context);
		end = wal_insert_end();
		XLogFlush(end);
		commit_ring_wake_reader();
		if (!worker_feeds_work(worker) && !clients && worker_feeds_have_read(worker, end))
			break;
		pg_usleep(10000);
	}
	stream_worker_flush_all(worker);
}

/* Returns whether the worker is to leave its database. */
static bool
stream_worker_must_leave(void)
{
	bool		held;

	control_lock(false);
	held = my_database->hold_count > 0;
	control_unlock();
	return held || ShutdownRequestPending || stream_worker_retired ||
		pg_atomic_read_u64(&my_place->must_leave) != 0;
}

/*
 * Waits for the extension: the transaction that creates it, and the first
 * stream with it, may still be open.  Returns false if there is none; then
 * the slot is gone, too.
 */
static bool
stream_worker_await_extension(Oid dbid)
{
	while (!stream_worker_wanted())
	{
		if (stream_worker_must_leave() || slot_drop_unused(dbid))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 IDLE_MS, stat_wait_event(STAT_WAIT_WORKER_MAIN));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Works until it is time to leave; returns false if the extension is gone. */
static bool
stream_worker_loop(StreamWorker *worker)
{
	uint64		checked = catalog_generation();

	while (!stream_worker_must_leave())
	{
		if (catalog_generation() != checked)
		{
			checked = catalog_generation();
			if (!stream_worker_wanted())
				return false;
		}
		stream_worker_round(worker);
	}
	return true;
}

/* Leaves in good order, as far as there is time. */
static void
stream_worker_leave(StreamWorker *worker)
{
	if (!ShutdownRequestPending)
	{
		worker_views_reload(worker);
		stream_worker_drain(worker, false);
	}
	else if (server_is_stopping())
	{
		worker_settings_hurry();
		stream_worker_drain(worker, true);
	}
	worker_feeds_close(worker);
}

/* Returns whose views this process is to maintain. */
static WorkerKey
stream_worker_key(void)
{
	WorkerKey	key;

	memcpy(&key, MyBgworkerEntry->bgw_extra, sizeof(key));
	return key;
}

/*
 * What any view of this database may have shown before the server started,
 * readers wait for.
 */
static void
stream_worker_note_ready(void)
{
	uint64		unknown = InvalidXLogRecPtr;
	XLogRecPtr	end = wal_insert_end();

	(void) pg_atomic_compare_exchange_u64(&my_database->ready_lsn, &unknown, end);
	XLogFlush(end);
	commit_ring_wake_reader();
}

/* Entry point. */
void
stream_ext_worker_main(Datum arg)
{
	WorkerKey	key = stream_worker_key();
	bool		shared = worker_key_is_shared(key);
	StreamWorker *worker;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, stream_worker_terminate_cb);
	BackgroundWorkerUnblockSignals();
	if (!stream_worker_register(key))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(key.dbid, InvalidOid, BGWORKER_BYPASS_ALLOWCONN);
	worker_settings_pin();
	if (shared ? !stream_worker_await_extension(key.dbid) : !stream_worker_wanted())
		proc_exit(0);

	crash_guard_init(key.dbid);
	time_limit_init(crash_guard_overrun);
	catalog_init();
	worker_views_init();
	if (shared)
		slot_ensure(key.dbid);
	stream_worker_note_ready();
	worker = stream_worker_create(key);
	culprits_disable(key.dbid);
	worker_views_reload(worker);
	if (stream_worker_loop(worker))
		stream_worker_leave(worker);
	else if (shared)
		(void) slot_drop_unused(key.dbid);
	proc_exit(0);
}
