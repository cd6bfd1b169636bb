/*
 * schedule.h - which stream workers are wanted, and whose turn it is.
 *
 * Looks at shared memory only: no catalogs, no transaction.
 */
#ifndef STREAM_EXT_SCHEDULE_H
#define STREAM_EXT_SCHEDULE_H

#include "nodes/pg_list.h"
#include "shared/worker_control.h"

/*
 * Returns the keys (WorkerKey) of a database whose worker is wanted and does
 * not run, in CurrentMemoryContext: whose turn it is first.
 */
extern List *schedule_missing_workers(Oid dbid);

/* Notes whether some worker of the database is away, so that a commit wakes the launcher. */
extern void schedule_note_absent(Oid dbid);

/* Returns how many workers the database has. */
extern int	schedule_count_workers(Oid dbid);

/*
 * Asks a worker to leave, for others to have its process: one of the database,
 * or any (InvalidOid).  The one that is idle longest goes first, else the one
 * that has been at work longest, once it has had its turn.  Does nothing while one that was
 * asked is still there.  Returns whether one is on its way out.
 */
extern bool schedule_make_room(Oid dbid);

/* Notes for pg_stat_stream_view that the views of a key wait for a process, or do not. */
extern void schedule_note_waiting(WorkerKey key, bool waiting);

#endif							/* STREAM_EXT_SCHEDULE_H */
