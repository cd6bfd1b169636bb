/*
 * worker_control.h - the stream workers of the cluster, in shared memory.
 *
 * A database with streams has one *shared* worker, which knows all views of
 * the database and maintains the harmless ones, and one worker for each
 * owner of other views.  A worker serves the views of its key from its start
 * to its end: what code of one owner leaves behind in a process, code of
 * another never meets.
 *
 * Places are taken by processes, not by views: there are as many as the
 * server has background workers.  The place of a process that has ended
 * keeps its key, so that the launcher can see how it ended.
 *
 * Locking: ControlLock (control_lock()) for key, pid, latch and how it ended;
 * the rest is atomic.
 */
#ifndef STREAM_EXT_WORKER_CONTROL_H
#define STREAM_EXT_WORKER_CONTROL_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/latch.h"

struct DatabaseControl;

/* Whose views a worker maintains. */
typedef struct WorkerKey
{
	Oid			dbid;
	Oid			ownerid;		/* InvalidOid: the shared worker */
} WorkerKey;

/* Who must wake a worker. */
typedef enum WorkerSleep
{
	WORKER_AWAKE,
	WORKER_FOLLOWS,				/* it sleeps: the stream reader */
	WORKER_SLEEPS				/* it sleeps: who commits */
} WorkerSleep;

/* One worker. */
typedef struct WorkerControl
{
	/* protected by ControlLock */
	WorkerKey	key;			/* of the last process here */
	pid_t		pid;			/* 0: the place is free */
	struct Latch *latch;
	TimestampTz start_time;
	TimestampTz exit_time;
	bool		exit_was_asked; /* by a signal or a hold: no failure */
	bool		retired;		/* it left because others wait, or for want of
								 * work */

	/* atomics */
	pg_atomic_uint32 sleeping;	/* WorkerSleep */
	pg_atomic_uint64 must_leave;	/* time since when others wait for the
									 * process; 0: nobody does */
	pg_atomic_uint32 nviews;	/* that it maintains */
	pg_atomic_uint64 idle_since;	/* time; 0: it is at work */
	pg_atomic_uint64 read_lsn;	/* WAL before this has been read and applied
								 * to its views that keep pace */
	pg_atomic_uint64 transactions;	/* applied */
	pg_atomic_uint64 transactions_reread;	/* larger than memory */
	pg_atomic_uint64 wal_bytes_read;
} WorkerControl;

/* Server start. */
extern Size worker_control_shmem_size(void);
extern void worker_control_shmem_init(void);	/* AddinShmemInitLock held */

/*
 * Takes a place for this process.  Returns NULL if another process has the
 * key, no place is free, or the database is held.
 */
extern WorkerControl *worker_control_register(WorkerKey key);

/*
 * Leaves it; asked: nobody is to blame; retired: nobody is missed before there
 * is work.  Lets go of the views of this process.
 */
extern void worker_control_unregister(WorkerControl *worker, bool asked, bool retired);

/* Returns the i-th place, or NULL beyond the last. */
extern WorkerControl *worker_control_at(int i);

/*
 * Returns the pid of the process that has the key, or 0.  *asked (may be
 * NULL) is set to whether the last one that had it ended because somebody
 * asked it to, and then forgotten.
 */
extern pid_t worker_control_pid(WorkerKey key, bool *asked);

/* Returns whether the database has any worker, whosoever's. */
extern bool worker_control_any(Oid dbid);

/* Wakes the workers of a database: all, or those that sleep. */
extern void worker_control_wake_database(Oid dbid);
extern void worker_control_wake_sleepers(Oid dbid);

/*
 * Says that this worker sleeps, or does no more.  A full barrier: whoever
 * looks afterwards who sleeps sees it, or what he has done is seen by us.
 */
extern void worker_control_sleep(WorkerControl *worker, struct DatabaseControl *db,
								 WorkerSleep how);

/* Returns whether the calling process is a stream worker, or a shared one. */
extern bool worker_control_is_me(void);
extern bool worker_control_is_shared(void);

/*
 * Returns whether a worker of the database waits for a lock that this
 * process holds.
 */
extern bool worker_control_waits_for_me(Oid dbid);

static inline bool
worker_key_equal(WorkerKey a, WorkerKey b)
{
	return a.dbid == b.dbid && a.ownerid == b.ownerid;
}

static inline bool
worker_key_is_shared(WorkerKey key)
{
	return !OidIsValid(key.ownerid);
}

#endif							/* STREAM_EXT_WORKER_CONTROL_H */
