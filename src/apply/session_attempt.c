/*
 * session_attempt.c - the book of sessions through an attempt to apply a run.
 *
 * The book is loaded before the first attempt.  An attempt that fails is
 * taken back; one that finishes makes what it has begun known outside.  When
 * parts of sessions change their label that are known outside, memory cannot
 * follow: the attempt is made once more straight to storage, which relabels
 * there in the same transaction.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "apply/session_attempt.h"
#include "compat.h"
#include "session/session_book.h"

/* Returns whether a view must know which sessions are open. */
static bool
needs_book(const LiveView *view)
{
	return view->late_rule != NULL && view->late_rule->query != NULL;
}

/* Says whether the view must be flushed before its sessions can be loaded; see session_attempt.h. */
bool
sessions_need_flush(const LiveView *view)
{
	return needs_book(view) && view->sessions == NULL && generation_open_groups(view->memory) > 0;
}

/* Makes the book ready for an attempt; see session_attempt.h. */
void
sessions_begin(LiveView *view)
{
	SessionBook *book;

	if (!needs_book(view))
		return;
	if (view->sessions == NULL)
	{
		/* an error on the way leaves nothing behind */
		book = session_book_create(view->query, view->desc, CurTransactionContext);
		session_book_set_lateness(book, view->late_rule->lateness);
		session_book_load(book, view->catalog, view->query,
						  generation_applied_lsn(view->memory), view->watermark.watermark);
		session_book_keep(book, view->context);
		view->sessions = book;
	}
	view->late_rule->sessions = view->sessions;
}

/* Keeps or takes back what an attempt has written; see session_attempt.h. */
void
sessions_end(LiveView *view, bool done)
{
	if (view->sessions == NULL)
		return;
	if (done)
		session_book_commit(view->sessions);
	else
		session_book_abort(view->sessions);
	pg_atomic_write_u64(&view->control->session_keys, session_book_keys(view->sessions));
	pg_atomic_write_u64(&view->control->session_bytes, session_book_bytes(view->sessions));
}

/* Says whether the attempt must go to storage; see session_attempt.h. */
bool
sessions_need_storage(const LiveView *view)
{
	return view->sessions != NULL && session_book_moved_outside(view->sessions);
}

/* Relabels in storage what the attempt has moved; see session_attempt.h. */
void
sessions_move_stored(LiveView *view, FlushWriter *writer, uint64 *quarantined)
{
	const SessionMark start = {0, 0};
	const SessionMove *moves;
	int			nmoves;

	if (view->sessions == NULL)
		return;
	moves = session_book_moves(view->sessions, start, &nmoves);
	flush_move_sessions(writer, view->query, moves, nmoves, quarantined);
	session_book_spilled(view->sessions);
}
