/*
 * apply_careful.c - a run in which some row fails: which one?
 *
 * The rows are taken in pieces.  A piece is tried in a subtransaction on a
 * scratch of its own; when it fails it is made smaller, down to one row.  What
 * fails alone becomes a dead letter.  So a failing row changes no aggregate of
 * the view, and a good one is never lost beside it.  There is one way for
 * whatever a row can do: an error of data, an aggregate that cannot take it in,
 * running out of time or memory.
 *
 * The first cut is before the row that was handed out last, which is as a rule
 * the one that failed; then pieces are halved.  After a failure they grow again.
 *
 * Errors of the view (a table is gone) may be errors of the row (it names a
 * table that is not there): they make dead letters, too, and the caller judges
 * when it knows how the other rows fared.  All other errors are thrown on, and
 * so is the want of memory for a single row: it may be others who have it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "apply/apply_careful.h"
#include "apply/chunk_size.h"
#include "apply/inner_plan.h"
#include "apply/subtransaction.h"
#include "clock.h"
#include "compat.h"
#include "error_class.h"
#include "guc.h"
#include "session/session_rows.h"

/* The piece at work. */
typedef struct Piece
{
	LiveView   *view;
	Run		   *run;
	Scratch    *scratch;		/* of the attempt: the piece is added to it */
	Scratch    *part;			/* rows of the piece */
	LateRows   *late;			/* of the same rows, or NULL */
	SessionBook *sessions;		/* NULL where nothing depends on earlier rows */
	SessionMark start;			/* of that book: before the piece */
	TimestampTz tried;			/* when the last try began */
	char	   *text;			/* of a row that is rejected, or NULL */
} Piece;

/* Gives the groups of the scratch the labels that the piece has changed. */
static void
piece_move_sessions(Piece *piece, bool undo)
{
	const SessionMove *moves;
	int			nmoves;

	if (piece->sessions == NULL)
		return;
	moves = session_book_moves(piece->sessions, piece->start, &nmoves);
	session_moves_apply(moves, nmoves, piece->view->query, piece->scratch, undo);
}

/* Forgets what a try has left. */
static void
piece_clear(Piece *piece)
{
	if (piece->sessions != NULL)
		session_book_rollback(piece->sessions, piece->start);
	scratch_reset(piece->part);
	if (piece->late != NULL)
		late_reset(piece->late);
}

/* Runs the rows of the piece into the part. */
static void
piece_run(void *arg)
{
	Piece	   *piece = arg;

	inner_plan_execute(piece->view->plan, piece->run, piece->part, piece->late,
					   (Size) guc_work_memory_kb * 1024);
}

/* Adds the part to the scratch. */
static void
piece_merge(void *arg)
{
	Piece	   *piece = arg;

	scratch_merge(piece->scratch, piece->part);
}

/* Tries the piece; returns the error if it failed and left nothing behind. */
static ErrorData *
piece_try_all(Piece *piece)
{
	bool		single = run_allowed(piece->run) == 1;
	ErrorData  *error;

	piece->tried = clock_real();
	error = subtransaction_try(piece_run, piece, single);
	if (error == NULL)
	{
		piece_move_sessions(piece, false);
		error = subtransaction_try(piece_merge, piece, single);
		if (error != NULL)
			piece_move_sessions(piece, true);
	}
	if (error != NULL)
		piece_clear(piece);
	return error;
}

/* Leaves the next row as text in piece->text. */
static void
piece_print_row(void *arg)
{
	Piece	   *piece = arg;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(piece->run->desc, &TTSOpsVirtual);

	if (piece->run->source.next(&piece->run->source, slot))
	{
		Datum		row = ExecFetchSlotHeapTupleDatum(slot);

		piece->text = OidOutputFunctionCall(F_RECORD_OUT, row);
		pfree(DatumGetPointer(row));
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Notes that something was missing for a row. */
static void
piece_doubt(const Piece *piece, const ErrorData *edata, ViewDoubt *doubt)
{
	if (doubt->nrows++ > 0)
		return;
	doubt->sqlstate = edata->sqlerrcode;
	doubt->message = MemoryContextStrdup(piece->run->context, edata->message);
}

/* Makes a dead letter of the only row of the piece. */
static void
piece_reject(Piece *piece, const ErrorData *edata, ViewDoubt *doubt)
{
	LiveView   *view = piece->view;
	CatalogFailure failure = {.sqlstate = edata->sqlerrcode,.message = edata->message};
	FeedTransaction *txn;

	run_rewind(piece->run);
	piece->text = NULL;
	if (!dead_letters_full(view->letters))
		(void) subtransaction_try(piece_print_row, piece, false);
	/* passed over, it counts for the watermark */
	run_pass(piece->run);
	txn = run_current_transaction(piece->run);
	failure.lsn = txn->end_lsn;
	failure.time = txn->commit_time;
	dead_letters_add(view->letters, piece->text, &failure);
	if (piece->text != NULL)
		pfree(piece->text);
	if (error_class(failure.sqlstate) == ERROR_OF_VIEW)
		piece_doubt(piece, edata, doubt);
	live_view_note_error(view, failure.sqlstate, failure.message);
}

/* Returns how many rows the next piece may have. */
static uint64
piece_size(const Piece *piece, const Careful *careful)
{
	uint64		row = piece->run->row;

	if (row == careful->suspect)
		return 1;
	if (row < careful->suspect)
		return Min(piece->view->chunk_rows, careful->suspect - row);
	return piece->view->chunk_rows;
}

/* Adds the next rows to the scratch, or rejects the next row. */
static void
piece_add(Piece *piece, Careful *careful)
{
	Run		   *run = piece->run;
	bool		again = false;
	ErrorData  *error;

	if (piece->sessions != NULL)
		piece->start = session_book_mark(piece->sessions);
	run_allow(run, piece_size(piece, careful));
	while ((error = piece_try_all(piece)) != NULL && run_allowed(run) > 1)
	{
		run_retry(run, chunk_size_smaller(run_allowed(run), run_reached(run), again));
		again = true;
	}
	if (error != NULL)
		piece_reject(piece, error, &careful->doubt);
	if (error != NULL || again)
		piece->view->chunk_rows = 1;
	else
		piece->view->chunk_rows = chunk_size_after(piece->view->chunk_rows, run_allowed(run),
												   clock_real() - piece->tried);
}

/* Keeps what was late in the piece, and ends it. */
static void
piece_finish(Piece *piece, LateRows *late)
{
	if (late != NULL)
	{
		late_merge(late, piece->late);
		late_fetch(late, piece->run);
		late_reset(piece->late);
	}
	/* a join may have ended early: nothing matches the rest */
	run_pass(piece->run);
	scratch_reset(piece->part);
}

/* Adds the next rows of the run, without those that fail; see apply_careful.h. */
void
apply_rows_careful(LiveView *view, Run *run, LateRows *late, Careful *careful)
{
	Size		budget = (Size) guc_work_memory_kb * 1024;
	uint64		end = run->row + CHUNK_ROWS_FIRST;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "stream careful apply",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Piece		piece = {.view = view,.run = run,.scratch = view->scratch};

	piece.part = scratch_create(view->desc, context);
	if (late != NULL)
		piece.late = late_create(view->late_rule, view->desc, context);
	if (late != NULL && view->sessions != NULL)
		piece.sessions = view->sessions;
	while (run->row < end && !run_at_end(run) && scratch_bytes(view->scratch) <= budget)
	{
		piece_add(&piece, careful);
		piece_finish(&piece, late);
	}
	scratch_free(piece.part);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
