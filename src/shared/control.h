/*
 * control.h - the control block in shared memory: databases, streams, views.
 *
 * Fixed arrays, allocated at server start: who exists, how far each has got,
 * who waits for whom, and the counters behind pg_stat_stream*.  The groups
 * themselves live in the DSA area of state/.
 *
 * Locking: ControlLock (one LWLock) protects the assignment of slots (dbid,
 * relid, viewid and in_use).  A slot that a process has found stays valid
 * while its identity is re-checked (dbid/viewid may change only under
 * ControlLock exclusive).  Positions and counters are atomics.
 */
#ifndef STREAM_EXT_CONTROL_H
#define STREAM_EXT_CONTROL_H

#include "access/attnum.h"
#include "access/transam.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"

/* State of a continuous view, as users see it. */
typedef enum ViewState
{
	VIEW_RUNNING,
	VIEW_LAGGING,				/* could not go on for now; reads on by itself */
	VIEW_PAUSED,				/* stream_pause() */
	VIEW_GAP,					/* WAL is gone; stream_accept_gap() */
	VIEW_ERROR,					/* rights or objects lost; data kept */
	VIEW_DISABLED				/* crashed or never ended too often */
} ViewState;

/* What happens when a view is stream_ext.max_lag behind. */
typedef enum LagPolicy
{
	LAG_UNKNOWN,				/* no worker has seen the view yet */
	LAG_WAIT,					/* writers of its stream wait */
	LAG_GAP						/* it goes into state gap */
} LagPolicy;

#define ERROR_MESSAGE_LENGTH 256
#define LATENCY_BUCKETS 64		/* two an octave, from 1 us; see
								 * stat/latency.h */
#define MAX_GENERATIONS 16

/* One database that uses the extension; its workers: see worker_control.h. */
typedef struct DatabaseControl
{
	/* protected by ControlLock */
	Oid			dbid;			/* InvalidOid = free slot */
	int			hold_count;		/* > 0: workers must let go of the database */
	int64		worker_starts;	/* of the shared worker */
	TimestampTz last_exit_time;

	/* atomics */
	pg_atomic_uint64 last_commit_lsn;	/* end of the newest commit record
										 * that carried stream rows */
	pg_atomic_uint64 last_prepared_lsn; /* end of the newest COMMIT PREPARED,
										 * whatever it carried */
	pg_atomic_uint64 read_lsn;	/* the shared worker has read and counted WAL
								 * before this */
	pg_atomic_uint64 restart_lsn;	/* WAL before this is not needed again */
	pg_atomic_uint64 ready_lsn; /* insert position when the first worker since
								 * server start came up: what any view may
								 * have shown before */
	pg_atomic_uint64 placement; /* changes whenever a view gets another worker */
	pg_atomic_uint32 sleepers;	/* workers that a commit must wake, not the
								 * stream reader */
	pg_atomic_uint32 wanted;	/* 1: the shared worker shall look at the
								 * catalog */
	pg_atomic_uint32 absent;	/* 1: some worker is away, and a commit wakes
								 * the launcher */

	/* who waits counts himself in and out: not reset with the slot */
	pg_atomic_uint32 waiters;	/* processes in control_wait_*() */
	ConditionVariable progress; /* broadcast when positions move and waiters >
								 * 0 */

	pg_atomic_uint64 transactions;	/* read */
	pg_atomic_uint64 oldest_xact_lsn;	/* first batch of the oldest open one,
										 * 0 = none */
	pg_atomic_uint64 slot_advances;
	pg_atomic_uint64 batches_malformed; /* records skipped */
} DatabaseControl;

/* One stream: counters of its writers. */
typedef struct StreamControl
{
	/* protected by ControlLock */
	Oid			dbid;
	Oid			relid;

	pg_atomic_uint64 rows_in;	/* written to WAL, whatever became of the
								 * transaction */
	pg_atomic_uint64 batches_in;
	pg_atomic_uint64 bytes_in;
	pg_atomic_uint64 rows_committed;	/* seen committed by the shared worker */
	pg_atomic_uint64 rows_aborted;
	pg_atomic_uint64 last_commit_lsn;	/* newest commit carrying its rows */
	pg_atomic_uint64 last_commit_time;
	pg_atomic_uint64 backpressure_count;
	pg_atomic_uint64 backpressure_us;
	pg_atomic_uint64 stats_reset;
} StreamControl;

/* Groups of one view since some flush; see state/. */
typedef struct GenerationControl
{
	XLogRecPtr	start_lsn;		/* commits ending after this ... */
	XLogRecPtr	end_lsn;		/* ... up to and including this are in it */
	dsa_pointer buckets;		/* state/ knows the layout */
	dsa_pointer first_chunk;
	uint32		nbuckets;
	uint32		ngroups;
	uint64		bytes;
	FullTransactionId flush_xid;	/* valid once its flush has committed */
	int64		watermark;		/* after its last commit; see
								 * window/watermark.h */
} GenerationControl;

/*
 * The panes of a view's hopping windows, in units of the key (days for dates).
 * Groups of a pane have its start in the columns of the window.
 */
typedef struct ViewPanes
{
	int64		slide;			/* 0: the view has no panes */
	int64		size;
	int64		origin;
	AttrNumber	start_attnum;	/* of the flat group: the window's start, or 0 */
	AttrNumber	end_attnum;		/* the window's end, or 0 */
} ViewPanes;

/* Who maintains a view. */
typedef struct ViewWorker
{
	/* protected by ControlLock */
	Oid			ownerid;		/* key of the worker that shall */
	bool		placed;			/* ownerid is valid */
	pid_t		pid;			/* that does now, 0 = none */

	/* atomics */
	pg_atomic_uint32 wanted;	/* 1: its worker shall look at it */
	pg_atomic_uint32 waits_for_process; /* 1: no process is free for its
										 * worker */
	pg_atomic_uint32 slow;		/* 1: too slow to be among others' views */
	pg_atomic_uint32 lock_holder;	/* pid whose lock the view waits for, or 0 */
	pg_atomic_uint32 flush_lock_holder; /* ... its storage waits for */
	pg_atomic_uint32 claims;	/* atomic, not reset: ddl/view_claim.c */
} ViewWorker;

/* One continuous view. */
typedef struct ViewControl
{
	/* protected by ControlLock */
	Oid			dbid;
	Oid			viewid;			/* InvalidOid = free slot */
	ViewWorker	worker;

	/* protected by gate + lock; see state/generation.h */
	LWLock		gate;
	LWLock		lock;

	bool		attached;		/* a worker maintains the generations below */
	XLogRecPtr	applied_lsn;	/* end of the open generation */
	ViewPanes	panes;			/* of the groups below */
	int64		watermark;		/* goes with applied_lsn */
	int			ngenerations;	/* oldest first, the last one is open */
	GenerationControl generations[MAX_GENERATIONS];

	/* atomics */
	pg_atomic_uint64 applied_lsn_hint;	/* copy of applied_lsn, to poll */
	pg_atomic_uint64 counted_lsn;	/* the counters below tell of commits up
									 * to here */
	pg_atomic_uint64 ready_lsn; /* readers wait until it is passed: a former
								 * worker may have shown that much */
	pg_atomic_uint64 flushed_lsn;	/* position in the catalog, committed */
	pg_atomic_uint64 flush_request; /* stream_flush(): WAL up to here */
	pg_atomic_uint32 state;		/* ViewState */
	pg_atomic_uint64 restart_lsn;	/* WAL this view still needs */

	/* counters */
	pg_atomic_uint64 rows_in;	/* rows of the stream offered to the view */
	pg_atomic_uint64 rows_processed;	/* reached the aggregates */
	pg_atomic_uint64 rows_filtered; /* WHERE, joins */
	pg_atomic_uint64 rows_rejected; /* dead letters, kept or not */
	pg_atomic_uint64 rows_late; /* pairs of a row and a window, whatever
								 * became of them */
	pg_atomic_uint64 rows_late_dropped;
	pg_atomic_uint64 rows_late_side;
	pg_atomic_uint64 rows_expired;
	pg_atomic_uint64 rows_untracked;	/* of inputs over the limit */
	pg_atomic_uint64 session_keys;	/* with open sessions: not a counter */
	pg_atomic_uint64 session_bytes;
	pg_atomic_uint64 batches;
	pg_atomic_uint64 flushes;
	pg_atomic_uint64 flush_groups;
	pg_atomic_uint64 flush_us;
	pg_atomic_uint64 flush_failures;
	pg_atomic_uint64 flushes_memory;	/* because the memory was full */
	pg_atomic_uint64 oversize_transactions;
	pg_atomic_uint64 generations_evicted;	/* freed while a snapshot could
											 * still need them */
	pg_atomic_uint64 dead_letters_dropped;	/* over the limit */
	pg_atomic_uint64 groups_quarantined;
	pg_atomic_uint64 apply_us;
	pg_atomic_uint64 retries;
	pg_atomic_uint64 last_flush_time;
	pg_atomic_uint64 last_error_time;
	pg_atomic_uint64 last_commit_time;	/* of the newest transaction applied */
	pg_atomic_uint64 stats_reset;
	pg_atomic_uint64 latency[LATENCY_BUCKETS];	/* commit to visible */

	/* of the view, as a worker has read them; 0 before */
	pg_atomic_uint32 streamid;
	pg_atomic_uint32 ownerid;
	pg_atomic_uint32 lag_policy;	/* LagPolicy */
	pg_atomic_uint32 memory_wanted; /* 1: flush, and free what was flushed */

	/* protected by lock */
	char		last_error[ERROR_MESSAGE_LENGTH];
	int			last_sqlstate;
} ViewControl;

/* Server start. */
extern Size control_shmem_size(void);
extern void control_shmem_init(void);	/* called with AddinShmemInitLock held */
extern bool control_available(void);	/* false unless preloaded */

/* ControlLock, for those who change hold_count, worker_* of a slot. */
extern void control_lock(bool exclusive);
extern void control_unlock(void);

/*
 * Returns the slot, making it if create; NULL if absent, or if there is no
 * free slot (the caller raises 53400 configuration_limit_exceeded).
 */
extern DatabaseControl *control_database(Oid dbid, bool create);

/*
 * The same for a stream, but counters are no reason to refuse a row: where
 * every place is taken, create gives the slot that the other streams share.
 * Create only for a stream that has committed: nobody frees the place of one
 * that never was, but the sweep.
 */
extern StreamControl *control_stream(Oid dbid, Oid relid, bool create);

/* The shared slot: its positions are at or behind those of any stream without a place. */
extern StreamControl *control_other_streams(void);

/* Counts how often a stream found no place: a reason to sweep. */
extern uint32 control_places_missed(void);
extern ViewControl *control_view(Oid dbid, Oid viewid, bool create);
extern void control_forget_database(Oid dbid);	/* and its streams, views */
extern void control_forget_stream(Oid dbid, Oid relid);
extern void control_forget_view(Oid dbid, Oid viewid);	/* generations already
														 * freed */

/* Iteration, for launcher and statistics: index from 0 to max-1. */
extern DatabaseControl *control_database_at(int i);
extern StreamControl *control_stream_at(int i);
extern ViewControl *control_view_at(int i);

/* The launcher's latch, set whenever a database appears or is let go. */
extern void control_set_launcher_latch(struct Latch *latch);
extern void control_wake_launcher(void);

/* Tells the stream reader, or the workers of this database, that a commit with stream rows ended. */
extern void control_notify_commit(DatabaseControl *db, XLogRecPtr commit_end);

/*
 * Says whose worker is to maintain the view (InvalidOid: the shared one).
 * Returns whether that is new; then workers and launcher are to be woken.
 */
extern bool control_place_view(ViewControl *view, Oid streamid, Oid ownerid);

/*
 * Takes the view for this process: it is placed with ownerid and nobody else
 * has it.  It stays taken until control_release_view() or the process's end.
 */
extern bool control_take_view(ViewControl *view, Oid ownerid);
extern void control_release_view(ViewControl *view);

/*
 * Returns what a view must have applied in order to hold everything up to lsn:
 * lsn, or, while its worker is away for want of work, the newest commit before
 * it that concerns the view.
 */
extern XLogRecPtr control_view_target(DatabaseControl *db, ViewControl *view, XLogRecPtr lsn);

/* Wakes everybody in control_wait_*() after positions moved. */
extern void control_progress(DatabaseControl *db);

/*
 * Waits until get(arg) is true, at most timeout_ms.  Interruptible.  Wakes
 * the workers first.  Returns false at once, whatever the timeout, when a
 * worker waits for a lock that this process holds (nobody else would notice
 * that deadlock), and at the timeout.
 */
typedef bool (*control_condition) (void *arg);
extern bool control_wait(DatabaseControl *db, control_condition reached, void *arg,
						 int timeout_ms, uint32 wait_event_info);

/* Whether a worker that runs maintains the view, which may be NULL. */
extern bool control_view_is_served(const ViewControl *view);

/* Whether the view lacks a worker and has something to do for one. */
extern bool control_view_waits(DatabaseControl *db, ViewControl *view);

extern const char *control_view_state_name(ViewState state);
extern bool control_parse_view_state(const char *name, ViewState *state);

#endif							/* STREAM_EXT_CONTROL_H */
