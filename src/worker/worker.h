/*
 * worker.h - what the rooms of the stream worker share.
 *
 * One stream worker per database reads WAL, applies each committed
 * transaction to every continuous view and flushes their groups.
 *
 *   launcher.c        finds databases, starts and restarts their workers
 *   stream_worker.c   the process: start, main loop, shutdown
 *   worker_views.c    the views of the database: load, change, drop
 *   worker_feeds.c    what to read next: everybody's feed, and catching up
 *   apply.c           one run into one view: scratch, publish
 *   apply_careful.c   the same when some row fails
 *   session_attempt.c the open sessions through an attempt
 *   apply_error.c     what an error means for the view
 *   flush_view.c      one view's groups to storage
 *   retained_wal.c    position of the slot, views left too far behind
 *   places.c          places in shared memory of streams that are gone
 *
 * Below it: apply/, what one run does to one view; session/, open sessions.
 */
#ifndef STREAM_EXT_WORKER_H
#define STREAM_EXT_WORKER_H

#include "apply/crash_guard.h"
#include "apply/dead_letters.h"
#include "apply/late.h"
#include "apply/run.h"
#include "catalog/event_time.h"
#include "catalog/owner.h"
#include "catalog/view_catalog.h"
#include "error_class.h"
#include "flush/tid_cache.h"
#include "query/stream_query.h"
#include "shared/control.h"
#include "state/generation.h"
#include "state/scratch.h"
#include "wal/feed.h"

struct InnerPlan;

/* One continuous view, as this worker knows it. */
typedef struct WorkerView
{
	Oid			viewid;
	MemoryContext context;		/* owns everything below */
	ViewCatalog *catalog;
	MemoryContext catalog_context;	/* of catalog, once it was replaced */
	ViewControl *control;

	/* rebuilt when the view or something it uses changes */
	bool		stale;
	MemoryContext query_context;
	StreamQuery *query;
	GroupDesc  *desc;
	struct InnerPlan *plan;
	LateRule   *late_rule;		/* NULL: no row is late */
	SessionBook *sessions;		/* that are open; NULL until they are needed */
	bool		permitted;		/* its owner has the rights for it */

	GenerationWriter *writer;
	Scratch    *scratch;
	TidCache   *tids;			/* the worker's */

	EventTimeHistory *event_time;	/* of its stream, or NULL */
	uint64		event_time_generation;	/* of the catalog, when it was loaded */
	WatermarkState watermark;	/* goes with what the view has applied */
	WatermarkState sealed_watermark;	/* ... with the last sealed generation */
	TimestampTz last_step;		/* of the watermark, without rows */

	XLogRecPtr	restart_lsn;	/* goes with what the view has applied */
	XLogRecPtr	flushed_lsn;	/* as in its position row */
	XLogRecPtr	flushed_restart_lsn;
	TimestampTz last_flush;
	bool		flush_soon;
	TimestampTz flush_retry_at; /* not before, after a flush that failed */
	int			flush_failures; /* in a row */
	int			flush_timeouts; /* in a row */
	TimestampTz retention_at;	/* look for expired partitions then */
	int			retention_failures; /* in a row */

	DeadLetters *letters;		/* until the next flush */
	List	   *late_rows;		/* LateRows, until the next flush */

	Feed	   *catchup;		/* its own feed while it is behind, or NULL */
	TimestampTz retry_at;		/* not before, after an error */
	int			failures;		/* in a row */
	int			timeouts;		/* in a row */
} WorkerView;

/* The process. */
typedef struct StreamWorker
{
	Oid			dbid;
	DatabaseControl *control;
	MemoryContext context;
	MemoryContext run_context;	/* reset after each round of the loop */
	List	   *views;			/* WorkerView */
	TidCache   *tids;			/* of the rows that they have in storage */
	uint64		catalog_generation; /* views are as of this */
	Feed	   *feed;			/* of all views that are not behind */
	XLogRecPtr	applied_lsn;	/* what it has handed on */
	int			gathered;		/* transactions in the last run, if it was
								 * small */
	TimestampTz last_slot_advance;
	TimestampTz last_trim;
} StreamWorker;

/* worker_views.c */
extern void worker_views_init(void);
extern void worker_views_reload(StreamWorker *worker);
extern void worker_view_prepare(WorkerView *view);	/* (re)builds query and
													 * plan if stale */

/* Takes in what stream_set_event_time() has said.  Requires: a transaction. */
extern void worker_view_load_event_time(WorkerView *view);
extern void worker_view_set_state(StreamWorker *worker, WorkerView *view,
								  ViewState state, const char *message);
extern void worker_view_note_error(WorkerView *view, int sqlstate, const char *message);
extern bool worker_view_reads(const WorkerView *view);	/* running or lagging */

/* worker_feeds.c */
extern bool worker_feeds_work(StreamWorker *worker);	/* true if something was
														 * done */
extern void worker_feeds_close(StreamWorker *worker);

/* Returns whether the view has applied all there is to read now. */
extern bool worker_feeds_caught_up(const StreamWorker *worker, const WorkerView *view);

/* apply.c: true if the view now holds the run */
extern bool apply_run(StreamWorker *worker, WorkerView *view, Run *run);

typedef enum ApplyMode
{
	APPLY_PLAIN = 0,
	APPLY_OVERSIZE = 1,			/* straight to storage */
	APPLY_CAREFUL = 2			/* find the rows that fail */
} ApplyMode;

/* stream_worker.c */
extern void worker_check_postmaster(void);

/* Rows that failed because something is missing: is it the view's, or theirs? */
typedef struct ViewDoubt
{
	uint64		nrows;
	int			sqlstate;		/* of the first of them */
	char	   *message;
} ViewDoubt;

/* apply_careful.c; adds to doubt what errors of the view rows have met */
extern void apply_rows_careful(WorkerView *view, Run *run, Scratch *scratch, LateRows *late,
							   uint64 maxrows, ViewDoubt *doubt);

/* apply_error.c */
extern int64 apply_retry_delay_us(int failures);
extern void apply_handle_error(StreamWorker *worker, WorkerView *view, ErrorData *edata);

/* The view waits for its storage: its groups cannot be flushed now. */
extern void apply_wait_for_flush(StreamWorker *worker, WorkerView *view);

/* session_attempt.c; all do nothing for views whose sessions never close */
extern bool sessions_need_flush(const WorkerView *view);	/* before the first
															 * attempt */
extern void sessions_begin(WorkerView *view);	/* in a transaction, as the
												 * worker */
extern void sessions_end(WorkerView *view, bool done);
extern bool sessions_need_storage(const WorkerView *view);
extern void sessions_move_stored(WorkerView *view, FlushWriter *writer, uint64 *quarantined);

/* flush_view.c */
extern bool flush_view(StreamWorker *worker, WorkerView *view); /* false: failed, will
																 * be retried */
extern bool flush_may_try(const WorkerView *view);	/* false: it failed just
													 * now */
extern bool flush_due_views(StreamWorker *worker);
extern bool flush_for_memory(StreamWorker *worker, WorkerView *view);

/* retained_wal.c */
extern void retained_wal_update(StreamWorker *worker, bool now);

/* places.c: frees places of streams that are no more, now and then.  Requires: no transaction. */
extern void places_look_after(Oid dbid);

/* launcher.c, stream_worker.c */
extern void launcher_register(void);

#endif							/* STREAM_EXT_WORKER_H */
