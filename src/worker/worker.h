/*
 * worker.h - what the rooms of the stream worker share.
 *
 * A stream worker applies each committed transaction of a database to those of
 * its continuous views that are this worker's (worker_control.h), and flushes
 * their groups.
 *
 *   launcher.c        finds databases, starts and restarts their workers
 *   schedule.c        which workers are wanted, and whose turn it is
 *   placement.c       which worker maintains which view
 *   stream_worker.c   the process: start, main loop, shutdown
 *   worker_views.c    the views of this worker: load, change, drop
 *   worker_feeds.c    what to read next: everybody's feed, and catching up
 *   apply_view.c      one run into one view, with what that needs from here
 *   view_state.c      the state of a view, and what an error means for it
 *   flush_view.c      one view's groups to storage
 *   view_lag.c        when a view is too far behind, and for whom that matters
 *   retained_wal.c    position of the slot, views left too far behind
 *   retention_schedule.c  when partitions are looked for that have expired
 *   culprits.c        views in which workers ended too often are disabled
 *   worker_settings.c the settings that a worker shields itself from
 *   wal_keeper.c      gives WAL second names as it is written
 *   after_recovery.c  databases that may have streams after a restore
 *   places.c          places in shared memory of streams that are gone
 *
 * Below it: apply/, what one run does to one view; session/, open sessions.
 */
#ifndef STREAM_EXT_WORKER_H
#define STREAM_EXT_WORKER_H

#include "apply/crash_guard.h"
#include "apply/view_work.h"
#include "apply/live_view.h"
#include "apply/run.h"
#include "catalog/owner.h"
#include "catalog/view_catalog.h"
#include "error_class.h"
#include "shared/control.h"
#include "shared/worker_control.h"
#include "wal/feed.h"

/* When the view was flushed, and when it will be; see flush_view.c. */
typedef struct ViewFlush
{
	XLogRecPtr	lsn;			/* as in its position row */
	XLogRecPtr	restart_lsn;
	WatermarkState sealed_watermark;	/* goes with the last sealed generation */
	TimestampTz last_step;		/* of the watermark, without rows */
	TimestampTz last;
	bool		soon;
	TimestampTz retry_at;		/* not before, after a flush that failed */
	int			failures;		/* in a row */
	int			timeouts;		/* in a row */
} ViewFlush;

/* After an error: when the view is tried again; see view_state.c. */
typedef struct ViewRetry
{
	TimestampTz at;				/* not before */
	int			failures;		/* in a row */
	int			timeouts;		/* in a row */
	bool		locked;			/* the last one was a lock of others */
} ViewRetry;

/* Where the view reads; see worker_feeds.c. */
typedef struct ViewReading
{
	XLogRecPtr	restart_lsn;	/* goes with what the view has applied */
	Feed	   *feed;			/* its own while it is behind, or NULL */
	bool		apart;			/* slow: it reads on its own, not to hold
								 * others up */
	uint64		slice_rows;		/* of a run then */
	uint64		served;			/* number of its last turn */
} ViewReading;

/* When to look for partitions that have expired; see retention_schedule.c. */
typedef struct ViewRetention
{
	TimestampTz at;
	int			failures;		/* in a row */
} ViewRetention;

/* One continuous view, as this worker knows it. */
typedef struct WorkerView
{
	LiveView	live;
	MemoryContext catalog_context;	/* of live.catalog, once it was replaced */
	ViewFlush	flush;
	ViewRetry	retry;
	ViewReading reading;
	ViewRetention retention;
	int			slow_runs;		/* in a row; see placement.c */
	bool		given_away;		/* it has another owner: to be handed over */
} WorkerView;

/* The process. */
typedef struct StreamWorker
{
	WorkerKey	key;			/* whose views */
	DatabaseControl *control;
	WorkerControl *place;
	MemoryContext context;
	MemoryContext run_context;	/* reset after each round of the loop */
	List	   *views;			/* WorkerView */
	TidCache   *tids;			/* of the rows that they have in storage */
	uint64		catalog_generation; /* views are as of this ... */
	uint64		placement;		/* ... and of this */
	Feed	   *feed;			/* of all views that are not behind */
	XLogRecPtr	applied_lsn;	/* what it has handed on */
	int			gathered;		/* transactions in the last run, if it was
								 * small */
	uint64		turns;			/* of views that are behind */
	TimestampTz last_slot_advance;
	TimestampTz last_trim;
} StreamWorker;

/* worker_views.c */
extern void worker_views_init(void);
extern void worker_views_reload(StreamWorker *worker);
extern bool worker_view_reads(const WorkerView *view);	/* running or lagging */

/* worker_feeds.c */
extern bool worker_feeds_work(StreamWorker *worker);	/* true if something was
														 * done */
extern void worker_feeds_close(StreamWorker *worker);

extern bool worker_feeds_follow(const StreamWorker *worker);	/* the stream reader */

/* Returns whether there is nothing to read now; who brings something wakes the worker. */
extern bool worker_feeds_may_sleep(const StreamWorker *worker);
extern bool worker_feeds_have_read(const StreamWorker *worker, XLogRecPtr lsn);

/* Returns whether the view has applied all there is to read now. */
extern bool worker_feeds_caught_up(const StreamWorker *worker, const WorkerView *view);

/* apply_view.c: true if the view now holds the run */
extern bool apply_view(StreamWorker *worker, WorkerView *view, Run *run);

/* view_state.c */
extern void view_set_state(StreamWorker *worker, WorkerView *view,
						   ViewState state, const char *message);
extern int64 view_retry_delay_us(int failures);
extern void view_handle_error(StreamWorker *worker, WorkerView *view, ErrorData *edata);
extern void view_retry_done(WorkerView *view);	/* it has applied something */
extern void view_retry_reset(WorkerView *view); /* it is tried at once */

/* Returns whether the view has not been dropped.  Requires: no transaction is open. */
extern bool view_still_exists(const WorkerView *view);

/* Returns whether what the view waited for is still locked; then it waits on. */
extern bool view_is_still_locked(WorkerView *view);

/* The view waits for its storage: its groups cannot be flushed now. */
extern void view_wait_for_flush(StreamWorker *worker, WorkerView *view);

/* flush_view.c */
extern bool flush_view(StreamWorker *worker, WorkerView *view); /* false: failed, will
																 * be retried */
extern bool flush_may_try(const WorkerView *view);	/* false: it failed just
													 * now */
extern bool flush_due_views(StreamWorker *worker);
extern bool flush_for_memory(StreamWorker *worker, WorkerView *view);

/* Storage holds the view up to lsn, and it reads on from restart_lsn. */
extern void view_flush_stored(WorkerView *view, XLogRecPtr lsn, XLogRecPtr restart_lsn);

/* Forgets failures: the view's state was changed from outside. */
extern void view_flush_reset(WorkerView *view, bool soon);

/* retention_schedule.c: drops partitions that have expired, now and then */
extern void retention_work(StreamWorker *worker);

/* view_lag.c */
extern void lag_policy_init(void);	/* registers the callbacks */
extern void lag_policy_publish(WorkerView *view);	/* requires a transaction */
extern void lag_policy_refresh(StreamWorker *worker);	/* requires that there is none */
extern bool view_lags_too_far(const WorkerView *view, XLogRecPtr read_lsn);

/* retained_wal.c */
extern void retained_wal_update(StreamWorker *worker, bool now);

/* places.c: frees places of streams that are no more, now and then.  Requires: no transaction. */
extern void places_look_after(Oid dbid);

/* worker_settings.c: what ALTER DATABASE and ROLE ... SET must not change.  Requires: no transaction. */
extern void worker_settings_pin(void);
extern void worker_settings_hurry(void);	/* no lock is waited for for long */

/* culprits.c: disables views in which former workers ended.  Requires: no transaction. */
extern void culprits_disable(Oid dbid);

/* launcher.c, wal_keeper.c */
extern void launcher_register(void);
extern void wal_keeper_register(void);

/* after_recovery.c: the database to be looked at next, or invalid */
extern Oid	after_recovery_database(void);
extern void after_recovery_looked_at(Oid dbid);

#endif							/* STREAM_EXT_WORKER_H */
