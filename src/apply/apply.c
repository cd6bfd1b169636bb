/*
 * apply.c - one run into one view: scratch, then publish.
 *
 * The run's rows go through the inner query into the view's scratch, which
 * nobody sees.  Only when all of them are in is the scratch published, so
 * that a transaction's rows appear together, and an error leaves nothing
 * behind.  Three things can stand in the way, each with another way to go:
 *
 *   some rows fail, or      once more, carefully from there on: find the rows
 *   take too long           that do and make dead letters of them
 *                           (apply_careful.c)
 *   scratch or shared       once more, in pieces straight to storage, all in
 *   memory is too small     one transaction that also moves the position
 *                           (at once, if the view appends and the run is large)
 *   combining overflows     flush, publish onto nothing; the flush then
 *                           quarantines the group
 *
 * Each attempt is one transaction of the worker.  Everything that may run
 * user code happens as the view's owner.
 *
 * Memory: the attempt's leftovers die with its transaction.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "apply/apply.h"
#include "apply/apply_careful.h"
#include "apply/chunk_size.h"
#include "apply/inner_plan.h"
#include "apply/session_attempt.h"
#include "apply/subtransaction.h"
#include "apply/view_work.h"
#include "catalog/owner.h"
#include "clock.h"
#include "compat.h"
#include "error_class.h"
#include "fault_point.h"
#include "flush/flush.h"
#include "guc.h"
#include "postmaster_check.h"
#include "stat/latency.h"
#include "time_limit.h"

/*
 * From this many rows on a run of a view that appends goes straight to
 * storage: nothing would be combined on the way through memory.
 */
#define DIRECT_ROWS			(2 * CHUNK_ROWS_MAX)

/* After so many rows in vain the view is not tried on with more. */
#define DOUBT_ROWS			1000

typedef enum AttemptResult
{
	ATTEMPT_DONE,
	ATTEMPT_NEEDS_STORAGE,		/* the scratch is over its budget, or what is
								 * known outside must change */
	ATTEMPT_NEEDS_MEMORY,		/* publish found shared memory full */
	ATTEMPT_FAILED				/* see the error */
} AttemptResult;

/* One attempt. */
typedef struct Attempt
{
	LiveView *view;
	Run		   *run;
	bool		direct;			/* straight to storage */
	uint64		careful_from;	/* rows of the run: with care from this one on */
	FlushWriter *storage;		/* direct only */
	uint64		rows_out;
	uint64		rows_expired;
	bool		started;		/* how far it got, for the error's sake */
	bool		publishing;
	bool		committed;
	TimestampTz tried;			/* when the chunk at hand began */
	Careful		careful;
	LateRows   *late;			/* NULL: no row can be late */
} Attempt;

/* Writes the scratch's groups, and what goes beside them, and empties it. Runs as the worker. */
static void
apply_spill(Attempt *attempt)
{
	Scratch    *scratch = attempt->view->scratch;
	uint32		ngroups = scratch_groups(scratch);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "stream spill",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	MinimalTuple *groups = palloc_extended(Max(ngroups, 1) * sizeof(MinimalTuple),
										   MCXT_ALLOC_HUGE);
	uint64		written;
	uint64		quarantined = 0;
	OwnerScope	scope;

	owner_enter(&scope, attempt->view->catalog);
	for (uint32 i = 0; i < ngroups; i++)
		groups[i] = scratch_flat_at(scratch, i);
	owner_leave(&scope);

	sessions_move_stored(attempt->view, attempt->storage, &quarantined);
	written = flush_groups(attempt->storage, groups, ngroups, &quarantined);
	pg_atomic_fetch_add_u64(&attempt->view->control->groups_quarantined, quarantined);
	pg_atomic_fetch_add_u64(&attempt->view->control->flush_groups, written);
	if (attempt->late != NULL)
	{
		late_write(attempt->late, attempt->view->catalog);
		late_forget_rows(attempt->late);
	}
	dead_letters_write(attempt->view->letters, attempt->view->catalog, attempt->run->end_lsn);
	dead_letters_forget(attempt->view->letters, attempt->run->end_lsn);
	scratch_reset(scratch);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Puts the next rows into the scratch, in the belief that none of them fails. */
static void
apply_rows_plain(Attempt *attempt)
{
	LiveView   *view = attempt->view;
	Run		   *run = attempt->run;
	uint64		before = run->row;

	attempt->tried = clock_real();
	time_limit_start();
	run_allow(run, Min(view->chunk_rows, attempt->careful_from - before));
	inner_plan_execute(view->plan, run, view->scratch, attempt->late,
					   (Size) guc_work_memory_kb * 1024);
	if (attempt->late != NULL)
		late_fetch(attempt->late, run);
	/* a join may end before it has seen every row: nothing matches the rest */
	run_pass(run);
	time_limit_end();
	view->chunk_rows = chunk_size_after(view->chunk_rows, run->row - before,
										clock_real() - attempt->tried);
}

/* Puts the next piece of the run into the scratch. In the owner's scope. */
static void
apply_chunk(Attempt *attempt)
{
	Run		   *run = attempt->run;
	Scratch    *scratch = attempt->view->scratch;
	uint64		before = run->row;
	uint64		rows = scratch_rows(scratch);
	uint64		expired = scratch_expired_rows(scratch);

	if (before >= attempt->careful_from)
		apply_rows_careful(attempt->view, run, attempt->late, &attempt->careful);
	else
		apply_rows_plain(attempt);
	attempt->rows_out += scratch_rows(scratch) - rows;
	attempt->rows_expired += scratch_expired_rows(scratch) - expired;

	if (run->row == before)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("run of stream %u ends after %llu of %llu rows",
						run->source.relid, (unsigned long long) run->row,
						(unsigned long long) run->source.nrows)));
	CHECK_FOR_INTERRUPTS();
	postmaster_check();
}

/* Makes the scratch visible; false if shared memory is full. In the owner's scope. */
static bool
apply_publish(Attempt *attempt)
{
	LiveView *view = attempt->view;
	bool		published;

	FAULT_POINT("apply-before-publish");
	attempt->publishing = true;
	time_limit_start();
	published = generation_publish(view->memory, view->scratch, attempt->run->end_lsn,
								   run_watermark(attempt->run));
	time_limit_end();
	attempt->publishing = false;
	FAULT_POINT("apply-after-publish");
	return published;
}

/* Opens storage for a run that is larger than memory. */
static void
apply_begin_direct(Attempt *attempt)
{
	LiveView *view = attempt->view;
	ViewPosition position = catalog_get_position(view->viewid, NULL);

	Assert(position.lsn == generation_applied_lsn(view->memory));
	Assert(!dead_letters_any(view->letters));
	attempt->storage = flush_begin(view->catalog, view->desc, view->tids, &position);
	pg_atomic_fetch_add_u64(&view->control->oversize_transactions, 1);
}

/* Writes what is left of such a run, and the position behind it. */
static void
apply_end_direct(Attempt *attempt)
{
	apply_spill(attempt);
	FAULT_POINT("oversize-before-position");
	flush_finish(attempt->storage, attempt->run->end_lsn, run_restart_lsn(attempt->run),
				 run_watermark_state(attempt->run));
}

/* After the commit of such a run: tells memory. */
static void
apply_finish_direct(LiveView *view, Run *run, FullTransactionId xid)
{
	generation_skip_to(view->memory, run->end_lsn, xid, run_watermark(run));
	FAULT_POINT("oversize-after-commit");
}

/* Returns the memory that the attempt has filled. */
static Size
apply_bytes(const Attempt *attempt)
{
	Size		bytes = scratch_bytes(attempt->view->scratch) +
	dead_letters_new_bytes(attempt->view->letters);

	return attempt->late == NULL ? bytes : bytes + late_bytes(attempt->late);
}

/* Starts to hand out the rows of the run, and to judge which are late. */
static void
apply_start_run(Attempt *attempt, Relation rel)
{
	LiveView *view = attempt->view;
	Run		   *run = attempt->run;

	run_track_event_time(run, view->event_time, &view->watermark);
	if (view->late_rule != NULL)
	{
		sessions_begin(view);
		attempt->late = late_create(view->late_rule, view->desc, view->context);
		run_keep_watermarks(run, true);
	}
	run_start(run, rel, generation_applied_lsn(view->memory));
	attempt->started = true;
}

/*
 * Raises the error that rows met for want of something, if it is the view's:
 * no row at all got through.  Where others did the rows' own values name it.
 */
static void
apply_settle_doubt(Attempt *attempt)
{
	const ViewDoubt *doubt = &attempt->careful.doubt;

	uint64		through = attempt->rows_out + attempt->rows_expired +
	(attempt->late == NULL ? 0 : late_counted(attempt->late));

	if (doubt->nrows > 0 && through == 0 &&
		(doubt->nrows >= DOUBT_ROWS || run_at_end(attempt->run)))
		ereport(ERROR, (errcode(doubt->sqlstate), errmsg_internal("%s", doubt->message)));
}

/* Goes through the rows of the run, within a transaction. */
static AttemptResult
apply_rows(Attempt *attempt)
{
	LiveView *view = attempt->view;
	Run		   *run = attempt->run;
	Size		budget = (Size) guc_work_memory_kb * 1024;
	bool		direct = attempt->direct;
	bool		published = true;
	OwnerScope	scope;

	owner_enter(&scope, view->catalog);
	while (!run_at_end(run))
	{
		apply_chunk(attempt);
		apply_settle_doubt(attempt);
		if (!direct && sessions_need_storage(view))
			return ATTEMPT_NEEDS_STORAGE;
		/* rows are best written while they are in the processor's cache */
		if (apply_bytes(attempt) > budget ||
			(direct && group_desc_appends(view->desc)))
		{
			/* the end of the transaction ends the owner's scope, too */
			if (!direct)
				return ATTEMPT_NEEDS_STORAGE;
			owner_leave(&scope);
			apply_spill(attempt);
			owner_enter(&scope, view->catalog);
		}
	}
	if (!direct)
		published = apply_publish(attempt);
	owner_leave(&scope);
	if (direct)
		apply_end_direct(attempt);
	return published ? ATTEMPT_DONE : ATTEMPT_NEEDS_MEMORY;
}

/* One attempt: a transaction of its own. */
static AttemptResult
apply_attempt(Attempt *attempt)
{
	LiveView *view = attempt->view;
	Run		   *run = attempt->run;
	Relation	rel;
	AttemptResult result;
	FullTransactionId xid;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* what is said of the event time from now on is not about this run */
	live_view_load_event_time(view);
	live_view_prepare(view);
	/* what we waited for a lock to see, this snapshot shall see too */
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	rel = table_open(view->query->streamid, NoLock);
	scratch_reset(view->scratch);
	view->desc->first_window = retention_first_window(&view->catalog->options, view->query);
	apply_start_run(attempt, rel);
	if (attempt->direct)
		apply_begin_direct(attempt);

	result = apply_rows(attempt);

	run_finish(run);
	table_close(rel, NoLock);
	PopActiveSnapshot();
	xid = GetTopFullTransactionIdIfAny();
	if (result == ATTEMPT_DONE)
	{
		FAULT_POINT("apply-before-commit");
		CommitTransactionCommand();
		attempt->committed = true;
		if (attempt->direct)
			apply_finish_direct(view, run, xid);
	}
	else
		AbortCurrentTransaction();
	return result;
}

/* One attempt, with its error if it fails; the error is in context. */
static AttemptResult
apply_attempt_safely(Attempt *attempt, MemoryContext context, ErrorData **edata)
{
	LiveView *view = attempt->view;
	MemoryContext old = CurrentMemoryContext;
	volatile AttemptResult result = ATTEMPT_FAILED;

	attempt->storage = NULL;
	attempt->late = NULL;
	attempt->rows_out = 0;
	attempt->rows_expired = 0;
	memset(&attempt->careful.doubt, 0, sizeof(ViewDoubt));
	attempt->started = false;
	attempt->tried = PG_INT64_MAX;
	attempt->publishing = false;
	attempt->committed = false;
	dead_letters_begin(view->letters);
	view_work_begin(view, WORK_APPLY);
	PG_TRY();
	{
		result = apply_attempt(attempt);
	}
	PG_CATCH();
	{
		/* Memory does not know what storage now holds: a new worker will. */
		if (attempt->committed)
			PG_RE_THROW();

		MemoryContextSwitchTo(context);
		*edata = CopyErrorData();
		if (generation_applied_lsn(view->memory) >= attempt->run->end_lsn)
		{
			/* published: only a transaction that wrote nothing is lost */
			EmitErrorReport();
			result = ATTEMPT_DONE;
		}
		FlushErrorState();
		time_limit_end();
		QueryCancelPending = false;
		run_finish(attempt->run);
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	view_work_end(result != ATTEMPT_FAILED);
	MemoryContextSwitchTo(old);

	sessions_end(view, result == ATTEMPT_DONE);
	if (result != ATTEMPT_DONE && attempt->late != NULL)
	{
		late_free(attempt->late);
		attempt->late = NULL;
	}
	if (result != ATTEMPT_DONE)
		dead_letters_take_back(view->letters);
	return result;
}

/*
 * Counts the late pairs of a finished run, and keeps its rows that go sideways
 * for the next flush.  Returns how many pairs the view has not taken in.
 */
static uint64
apply_count_late(Attempt *attempt)
{
	LiveView *view = attempt->view;
	LateRows   *late = attempt->late;
	uint64		kept_out;

	if (late == NULL)
		return 0;
	kept_out = late_dropped(late) + late_sideways(late);
	pg_atomic_fetch_add_u64(&view->control->rows_late, late_counted(late));
	pg_atomic_fetch_add_u64(&view->control->rows_late_dropped, late_dropped(late));
	pg_atomic_fetch_add_u64(&view->control->rows_late_side, late_sideways(late));
	late_keep(&view->late_rows, late, attempt->run->end_lsn);
	attempt->late = NULL;
	return kept_out;
}

/* Counts what a finished run was to the view. */
static void
apply_count(Attempt *attempt)
{
	ViewControl *control = attempt->view->control;
	Run		   *run = attempt->run;
	TimestampTz now = clock_real();
	uint64		rejected = dead_letters_rejected(attempt->view->letters);
	uint64		accounted = attempt->rows_out + attempt->rows_expired + rejected +
	apply_count_late(attempt);

	pg_atomic_fetch_add_u64(&control->rows_in, run->source.nrows);
	pg_atomic_fetch_add_u64(&control->rows_processed, attempt->rows_out);
	pg_atomic_fetch_add_u64(&control->rows_rejected, rejected);
	pg_atomic_fetch_add_u64(&control->dead_letters_dropped,
							dead_letters_dropped(attempt->view->letters));
	pg_atomic_fetch_add_u64(&control->rows_expired, attempt->rows_expired);
	if (run->source.nrows > accounted)
		pg_atomic_fetch_add_u64(&control->rows_filtered, run->source.nrows - accounted);
	pg_atomic_fetch_add_u64(&control->batches, 1);
	pg_atomic_write_u64(&control->last_commit_time, (uint64) run->commit_time);
	stat_latency_record(control, now - run->commit_time);
}

/* The view holds the run: what the watermark became with it is the view's. */
static void
apply_take_watermark(LiveView *view, const Run *run)
{
	const WatermarkState *state = run_watermark_state(run);

	pg_atomic_fetch_add_u64(&view->control->rows_untracked,
							state->untracked - view->watermark.untracked);
	watermark_copy(&view->watermark, state);
}

/*
 * Decides how to go on after an attempt that failed.  Returns what is wanted
 * for it: APPLY_DONE if nothing is, APPLY_FAILED if there is no way.
 */
static ApplyResult
apply_after_error(Apply *apply, const Attempt *attempt)
{
	const Run  *run = apply->run;
	uint64		from = attempt->started ? run->mark_row : 0;

	/* it cannot be combined with what is there: the flush finds the group */
	if (attempt->publishing)
		return error_class(apply->error->sqlerrcode) == ERROR_OF_DATA &&
			generation_open_groups(apply->view->memory) > 0 ? APPLY_FLUSH_FIRST : APPLY_FAILED;
	/* where rows were taken with care already there is nothing left to try */
	if (!subtransaction_catches(apply->error, attempt->tried, false) || from >= apply->careful_from)
		return APPLY_FAILED;
	apply->careful_from = from;
	apply->suspect = attempt->started && run_reached(run) > 0 ? run->reached - 1 : PG_UINT64_MAX;
	/* the first piece shall not meet the same limit */
	apply->view->chunk_rows = Min(apply->view->chunk_rows, CHUNK_ROWS_FIRST);
	return APPLY_DONE;
}

/* Prepares to apply a run; see apply.h. */
void
apply_begin(Apply *apply, LiveView *view, Run *run)
{
	memset(apply, 0, sizeof(Apply));
	apply->view = view;
	apply->run = run;
	apply->careful_from = PG_UINT64_MAX;
	apply->suspect = PG_UINT64_MAX;
	apply->start = clock_real();
}

/* Next the run goes straight to storage; see apply.h. */
void
apply_without_memory(Apply *apply)
{
	apply->direct = true;
}

/* Returns what the first attempt wants: a flush if there is no room to keep more rows for one. */
static ApplyResult
apply_before_first(Apply *apply)
{
	LiveView   *view = apply->view;
	Size		bytes = late_kept_bytes(view->late_rows) + dead_letters_bytes(view->letters);

	apply->begun = true;
	if (group_desc_appends(view->desc) &&
		run_count_rows(apply->run, view->catalog->streamid,
					   generation_applied_lsn(view->memory)) >= DIRECT_ROWS)
	{
		apply->direct = true;
		return APPLY_FLUSH_FIRST;
	}
	if (bytes >= (Size) guc_work_memory_kb * 1024 || sessions_need_flush(view))
		return APPLY_FLUSH_FIRST;
	return APPLY_DONE;
}

/* Tells the view and its statistics of a run that it now holds. */
static void
apply_finish(Apply *apply, Attempt *attempt)
{
	LiveView   *view = apply->view;

	apply->stored = attempt->direct;
	apply_take_watermark(view, apply->run);
	apply_count(attempt);
	pg_atomic_fetch_add_u64(&view->control->apply_us, clock_real() - apply->start);
}

/* Goes on until the view holds the run or something is wanted; see apply.h. */
ApplyResult
apply_go_on(Apply *apply)
{
	ApplyResult wanted = apply->begun ? APPLY_DONE : apply_before_first(apply);

	while (wanted == APPLY_DONE)
	{
		Attempt		attempt = {.view = apply->view,.run = apply->run,
			.direct = apply->direct,.careful_from = apply->careful_from,
		.careful.suspect = apply->suspect};

		switch (apply_attempt_safely(&attempt, apply->run->context, &apply->error))
		{
			case ATTEMPT_DONE:
				apply_finish(apply, &attempt);
				return APPLY_DONE;
			case ATTEMPT_NEEDS_MEMORY:
				return APPLY_FREE_MEMORY;
			case ATTEMPT_NEEDS_STORAGE:
				apply->direct = true;
				return APPLY_FLUSH_FIRST;
			case ATTEMPT_FAILED:
				wanted = apply_after_error(apply, &attempt);
				break;
		}
	}
	return wanted;
}
