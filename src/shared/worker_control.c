/*
 * worker_control.c - the stream workers of the cluster, in shared memory.
 *
 * Locking: see worker_control.h.  Places are searched linearly: there are
 * max_worker_processes of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "clock.h"
#include "compat.h"
#include "shared/control.h"
#include "shared/worker_control.h"

static WorkerControl *workers = NULL;
static int	nworkers = 0;

/* The place of this process, if it is a worker. */
static WorkerControl *my_place = NULL;

/* Returns the size of the places. */
Size
worker_control_shmem_size(void)
{
	return mul_size(Max(max_worker_processes, 1), sizeof(WorkerControl));
}

/* Makes the places, or finds them. */
void
worker_control_shmem_init(void)
{
	bool		found;

	nworkers = Max(max_worker_processes, 1);
	workers = ShmemInitStruct("stream_ext workers", worker_control_shmem_size(), &found);
	if (!found)
		memset(workers, 0, worker_control_shmem_size());
}

WorkerControl *
worker_control_at(int i)
{
	return (workers != NULL && i < nworkers) ? &workers[i] : NULL;
}

/* Returns the place of a key, InvalidOid's too, or NULL. Caller holds ControlLock. */
static WorkerControl *
place_of_key(WorkerKey key)
{
	for (int i = 0; i < nworkers; i++)
	{
		if (worker_key_equal(workers[i].key, key))
			return &workers[i];
	}
	return NULL;
}

/* Returns the free place whose process ended first. Caller holds ControlLock. */
static WorkerControl *
place_to_take(void)
{
	WorkerControl *oldest = NULL;

	for (int i = 0; i < nworkers; i++)
	{
		if (workers[i].pid == 0 &&
			(oldest == NULL || workers[i].exit_time < oldest->exit_time))
			oldest = &workers[i];
	}
	return oldest;
}

WorkerControl *
worker_control_register(WorkerKey key)
{
	DatabaseControl *db = control_database(key.dbid, true);
	WorkerControl *place = NULL;

	Assert(my_place == NULL);
	if (db == NULL)
		return NULL;
	control_lock(true);
	if (db->hold_count == 0)
	{
		place = place_of_key(key);
		if (place == NULL)
			place = place_to_take();
		else if (place->pid != 0)
			place = NULL;
	}
	if (place != NULL)
	{
		memset(place, 0, sizeof(*place));
		place->key = key;
		place->pid = MyProcPid;
		place->latch = MyLatch;
		place->start_time = clock_real();
		if (worker_key_is_shared(key))
			db->worker_starts++;
	}
	control_unlock();
	my_place = place;
	return place;
}

void
worker_control_unregister(WorkerControl *worker, bool asked, bool retired)
{
	DatabaseControl *db = control_database(worker->key.dbid, false);
	ViewControl *view;

	Assert(worker == my_place);
	my_place = NULL;
	control_lock(true);
	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		if (view->worker.pid == MyProcPid)
			view->worker.pid = 0;
	}
	if (db != NULL)
		worker_control_sleep(worker, db, WORKER_AWAKE);
	worker->pid = 0;
	worker->latch = NULL;
	worker->exit_time = clock_real();
	if (db != NULL)
	{
		pg_atomic_write_u32(&db->absent, 1);
		/* views that it had may be placed with another */
		pg_atomic_fetch_add_u64(&db->placement, 1);
	}
	if (worker_key_is_shared(worker->key) && db != NULL)
		db->last_exit_time = worker->exit_time;
	worker->exit_was_asked = asked;
	worker->retired = retired;
	control_unlock();
}

pid_t
worker_control_pid(WorkerKey key, bool *asked)
{
	WorkerControl *place;
	pid_t		pid = 0;

	if (asked != NULL)
		*asked = false;
	control_lock(asked != NULL);
	place = place_of_key(key);
	if (place != NULL)
	{
		pid = place->pid;
		if (asked != NULL && pid == 0)
		{
			*asked = place->exit_was_asked;
			place->exit_was_asked = false;
		}
	}
	control_unlock();
	return pid;
}

bool
worker_control_any(Oid dbid)
{
	bool		any = false;

	control_lock(false);
	for (int i = 0; i < nworkers && !any; i++)
		any = workers[i].pid != 0 && workers[i].key.dbid == dbid;
	control_unlock();
	return any;
}

/* Sets the latches of workers of a database, of all or of those that sleep. */
static void
wake_workers(Oid dbid, bool sleepers_only)
{
	control_lock(false);
	for (int i = 0; i < nworkers; i++)
	{
		WorkerControl *worker = &workers[i];

		if (worker->latch != NULL && worker->key.dbid == dbid &&
			(!sleepers_only || pg_atomic_read_u32(&worker->sleeping) != WORKER_AWAKE))
			SetLatch(worker->latch);
	}
	control_unlock();
}

void
worker_control_wake_database(Oid dbid)
{
	wake_workers(dbid, false);
}

void
worker_control_wake_sleepers(Oid dbid)
{
	wake_workers(dbid, true);
}

void
worker_control_sleep(WorkerControl *worker, DatabaseControl *db, WorkerSleep how)
{
	uint32		before = pg_atomic_exchange_u32(&worker->sleeping, how);

	if (how == WORKER_SLEEPS && before != WORKER_SLEEPS)
		pg_atomic_fetch_add_u32(&db->sleepers, 1);
	else if (how != WORKER_SLEEPS && before == WORKER_SLEEPS)
		pg_atomic_fetch_sub_u32(&db->sleepers, 1);
}

bool
worker_control_is_me(void)
{
	return my_place != NULL;
}

bool
worker_control_is_shared(void)
{
	return my_place != NULL && worker_key_is_shared(my_place->key);
}

/* Returns whether one process waits for a lock that this one holds. */
static bool
process_waits_for_me(pid_t pid)
{
	ArrayType  *blockers;
	int32	   *pids;
	int			count;

	blockers = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
													  Int32GetDatum((int32) pid)));
	pids = (int32 *) ARR_DATA_PTR(blockers);
	count = ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));
	for (int i = 0; i < count; i++)
	{
		if (pids[i] == MyProcPid)
			return true;
	}
	return false;
}

bool
worker_control_waits_for_me(Oid dbid)
{
	for (int i = 0; i < nworkers; i++)
	{
		pid_t		pid = workers[i].pid;

		if (pid != 0 && workers[i].key.dbid == dbid && process_waits_for_me(pid))
			return true;
	}
	return false;
}
