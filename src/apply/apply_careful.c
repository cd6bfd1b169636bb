/*
 * apply_careful.c - a run in which some row fails: which one?
 *
 * The rows are taken in small pieces.  A piece is tried in a subtransaction
 * on a scratch of its own; when it fails, the row handed out last is the
 * suspect.  If it fails alone as well it becomes a dead letter and the piece
 * is tried again without it.  What cannot be pinned down like that is redone
 * row by row.  So a failing row changes no aggregate of the view, and a good
 * one is never lost beside it.
 *
 * Errors of the view (a table is gone) may be errors of the row (it names a
 * table that is not there): they make dead letters, too, and the caller judges
 * when it knows how the other rows fared.  All other errors are thrown on.
 *
 * Source: the ways of PL/pgSQL's exception blocks (pl_exec.c,
 * exec_stmt_block) for subtransactions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "apply/apply_careful.h"
#include "apply/inner_plan.h"
#include "compat.h"
#include "error_class.h"
#include "guc.h"
#include "session/session_rows.h"

/* The piece at work. */
typedef struct Piece
{
	LiveView *view;
	Run		   *run;
	Scratch    *part;			/* rows of the piece */
	Scratch    *one;			/* a single row */
	LateRows   *late_part;		/* of the same rows, or NULL */
	LateRows   *late_one;
	SessionBook *sessions;		/* NULL where nothing depends on earlier rows */
	SessionMark start;			/* of that book: before the piece */
	SessionMark before;			/* before the row that is run alone */
	int			nrows;			/* rows of the piece, bad ones included */
	Bitmapset  *bad;			/* of them */
	ViewDoubt  *doubt;
	MemoryContext context;
} Piece;

/* What is done in a subtransaction. */
typedef void (*piece_action) (Piece *piece, void *arg);

/*
 * Does action in a subtransaction.  Returns NULL if it worked, the error if
 * it was one of data or of the view; throws any other on.
 */
static ErrorData *
piece_try(Piece *piece, piece_action action, void *arg)
{
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile edata = NULL;
	ErrorClass	class;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(piece->context);
	PG_TRY();
	{
		action(piece, arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(piece->context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(piece->context);
	CurrentResourceOwner = owner;
	if (edata == NULL)
		return NULL;
	class = error_class(edata->sqlerrcode);
	/* no sooner: who ends the transaction knows of no subtransaction */
	if (class != ERROR_OF_DATA && class != ERROR_OF_VIEW)
		ReThrowError(edata);
	return edata;
}

/* Takes back what rows have done to sessions since a mark. */
static void
piece_take_back(Piece *piece, SessionMark mark)
{
	if (piece->sessions != NULL)
		session_book_rollback(piece->sessions, mark);
}

/* Gives the groups of scratch the labels that rows since a mark have changed, or the old ones. */
static void
piece_move_sessions(Piece *piece, Scratch *scratch, SessionMark since, bool undo)
{
	const SessionMove *moves;
	int			nmoves;

	if (piece->sessions == NULL)
		return;
	moves = session_book_moves(piece->sessions, since, &nmoves);
	session_moves_apply(moves, nmoves, piece->view->query, scratch, undo);
}

/* Runs all good rows of the piece into part; arg is the budget of part, 0 for none. */
static void
piece_run_good(Piece *piece, void *arg)
{
	run_rewind(piece->run);
	piece->run->skip = piece->bad;
	piece_take_back(piece, piece->start);
	scratch_reset(piece->part);
	if (piece->late_part != NULL)
		late_reset(piece->late_part);
	inner_plan_execute(piece->view->plan, piece->run, piece->part, piece->late_part,
					   *(Size *) arg);
}

/* Lets the run hand out one row only. */
static void
piece_aim_at(Piece *piece, int row)
{
	Bitmapset  *others = NULL;

	if (row > 0)
		others = bms_add_range(others, 0, row - 1);
	if (row + 1 < piece->nrows)
		others = bms_add_range(others, row + 1, piece->nrows - 1);
	run_rewind(piece->run);
	piece->run->skip = others;
}

/* Runs one row into one. */
static void
piece_run_one(Piece *piece, void *arg)
{
	piece_aim_at(piece, *(int *) arg);
	piece_take_back(piece, piece->before);
	scratch_reset(piece->one);
	if (piece->late_one != NULL)
		late_reset(piece->late_one);
	inner_plan_execute(piece->view->plan, piece->run, piece->one, piece->late_one, 0);
}

/* Adds one row to the scratch given in arg. */
static void
piece_add_one(Piece *piece, void *arg)
{
	scratch_merge((Scratch *) arg, piece->one);
}

/* Adds the part to the scratch given in arg. */
static void
piece_add_part(Piece *piece, void *arg)
{
	scratch_merge((Scratch *) arg, piece->part);
}

/* Leaves the row as text in *arg, a char pointer. */
static void
piece_print_row(Piece *piece, void *arg)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(piece->run->desc, &TTSOpsVirtual);

	if (piece->run->source.next(&piece->run->source, slot))
	{
		Datum		row = ExecFetchSlotHeapTupleDatum(slot);

		*(char **) arg = OidOutputFunctionCall(F_RECORD_OUT, row);
		pfree(DatumGetPointer(row));
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Notes that something was missing for a row. */
static void
piece_doubt(Piece *piece, const ErrorData *edata)
{
	if (piece->doubt->nrows++ > 0)
		return;
	piece->doubt->sqlstate = edata->sqlerrcode;
	piece->doubt->message = MemoryContextStrdup(piece->run->context, edata->message);
}

/* Makes a dead letter of a row. */
static void
piece_reject(Piece *piece, int row, ErrorData *edata)
{
	LiveView *view = piece->view;
	CatalogFailure failure = {.sqlstate = edata->sqlerrcode,.message = edata->message};
	FeedTransaction *txn;
	char	   *text = NULL;

	piece_aim_at(piece, row);
	if (!dead_letters_full(view->letters))
		(void) piece_try(piece, piece_print_row, &text);
	txn = run_current_transaction(piece->run);
	failure.lsn = txn->end_lsn;
	failure.time = txn->commit_time;
	dead_letters_add(view->letters, text, &failure);
	if (text !=NULL)
		pfree(text);
	if (error_class(failure.sqlstate) == ERROR_OF_VIEW)
		piece_doubt(piece, edata);
	live_view_note_error(view, failure.sqlstate, failure.message);
	piece->bad = bms_add_member(piece->bad, row);
}

/* Rejects row if it fails alone; returns whether it did. */
static bool
piece_reject_if_bad(Piece *piece, int row)
{
	ErrorData  *edata = piece_try(piece, piece_run_one, &row);

	if (edata != NULL)
		piece_reject(piece, row, edata);
	return edata != NULL;
}

/* Looks at every row alone; returns whether another one was rejected. */
static bool
piece_reject_any(Piece *piece)
{
	bool		any = false;

	for (int row = 0; row < piece->nrows; row++)
	{
		if (!bms_is_member(row, piece->bad) && piece_reject_if_bad(piece, row))
			any = true;
	}
	return any;
}

/* Adds what the last row alone has left; returns the error if that cannot be. */
static ErrorData *
piece_keep_one(Piece *piece, Scratch *scratch)
{
	ErrorData  *edata;

	piece_move_sessions(piece, scratch, piece->before, false);
	edata = piece_try(piece, piece_add_one, scratch);
	if (edata != NULL)
		piece_move_sessions(piece, scratch, piece->before, true);
	else if (piece->sessions != NULL)
		piece->before = session_book_mark(piece->sessions);
	return edata;
}

/* Adds the good rows to scratch one after the other; those that cannot be added are rejected. */
static void
piece_add_rows(Piece *piece, Scratch *scratch, LateRows *late)
{
	piece_take_back(piece, piece->start);
	for (int row = 0; row < piece->nrows; row++)
	{
		ErrorData  *edata;

		if (bms_is_member(row, piece->bad) || piece_reject_if_bad(piece, row))
			continue;
		edata = piece_keep_one(piece, scratch);
		if (edata != NULL)
			piece_reject(piece, row, edata);
		else if (late != NULL)
			late_merge(late, piece->late_one);
	}
	piece_take_back(piece, piece->before);
}

/*
 * Ends the piece behind the rows that its first try has seen: those up to the
 * first that fails, or as many as fit into memory when each gives many.
 */
static void
piece_cut(Piece *piece, bool failed)
{
	Run		   *run = piece->run;

	if (failed && run->reached > run->mark_row)
		run_hold(run);
	piece->nrows = (int) Min(piece->nrows, run->stop - run->mark_row);
	Assert(bms_is_empty(piece->bad));
}

/* Finds the rows that fail, leaving the others in part; false if that cannot be had. */
static bool
piece_sift(Piece *piece)
{
	Size		budget = (Size) guc_work_memory_kb * 1024;

	for (;;)
	{
		ErrorData  *edata = piece_try(piece, piece_run_good, &budget);
		int			suspect = (int) (piece->run->row - piece->run->mark_row) - 1;

		if (budget > 0)
			piece_cut(piece, edata != NULL);
		budget = 0;
		if (edata == NULL)
			return true;
		if (suspect >= 0 && !bms_is_member(suspect, piece->bad) &&
			piece_reject_if_bad(piece, suspect))
			continue;
		if (!piece_reject_any(piece))
			return false;
	}
}

/* Adds the part to scratch; false if that cannot be. */
static bool
piece_keep_part(Piece *piece, Scratch *scratch)
{
	bool		kept;

	piece_move_sessions(piece, scratch, piece->start, false);
	kept = piece_try(piece, piece_add_part, scratch) == NULL;
	if (!kept)
		piece_move_sessions(piece, scratch, piece->start, true);
	return kept;
}

/* Adds the piece to scratch and late, whole or row by row. */
static void
piece_add(Piece *piece, Scratch *scratch, LateRows *late)
{
	if (!piece_sift(piece) || !piece_keep_part(piece, scratch))
		piece_add_rows(piece, scratch, late);
	else if (late != NULL)
		late_merge(late, piece->late_part);

	piece->run->skip = NULL;
	if (late != NULL)
		late_fetch(late, piece->run);
}

/* Adds the next rows of the run, without those that fail; see apply_careful.h. */
void
apply_rows_careful(LiveView *view, Run *run, Scratch *scratch, LateRows *late,
				   uint64 maxrows, ViewDoubt *doubt)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "stream careful apply",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Piece		piece = {.view = view,.run = run,.context = context,.doubt = doubt};

	piece.part = scratch_create(view->desc, context);
	piece.one = scratch_create(view->desc, context);
	if (late != NULL)
	{
		piece.late_part = late_create(view->late_rule, view->desc, context);
		piece.late_one = late_create(view->late_rule, view->desc, context);
	}
	if (late != NULL && view->sessions != NULL)
	{
		piece.sessions = view->sessions;
		piece.start = piece.before = session_book_mark(view->sessions);
	}
	run_allow(run, maxrows);
	piece.nrows = (int) Min(maxrows, run->source.nrows - run->row);

	piece_add(&piece, scratch, late);

	/* the scan may have stopped early: stand behind the piece */
	piece_aim_at(&piece, piece.nrows);
	run_pass(run);

	scratch_free(piece.part);
	scratch_free(piece.one);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
