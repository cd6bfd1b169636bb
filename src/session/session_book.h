/*
 * session_book.h - the open sessions of a view with late = drop or side.
 *
 * What storage holds tells which sessions are open; the book is made from it
 * when the view is attached, and follows every row from then on.  What an
 * attempt has written can be taken back.
 */
#ifndef STREAM_EXT_SESSION_BOOK_H
#define STREAM_EXT_SESSION_BOOK_H

#include "catalog/view_catalog.h"
#include "flush/flush.h"
#include "query/stream_query.h"
#include "state/group.h"

typedef struct SessionBook SessionBook;

/* A place to go back to. */
typedef struct SessionMark
{
	uint32		nlogged;
	uint32		nmoves;
} SessionMark;

extern SessionBook *session_book_create(const StreamQuery *query, GroupDesc *desc,
										MemoryContext parent);

/* Makes the book live as long as parent: it is complete. */
extern void session_book_keep(SessionBook *book, MemoryContext parent);

/* The lateness may change from one attempt to the next. */
extern void session_book_set_lateness(SessionBook *book, int64 lateness);
extern int64 session_book_lateness(const SessionBook *book);

/*
 * Makes the book from what storage holds at a position with this watermark.
 * Requires: a transaction, as the worker; nothing of the view is in memory.
 */
extern void session_book_load(SessionBook *book, const ViewCatalog *view,
							  const StreamQuery *query, XLogRecPtr position, int64 watermark);

/*
 * Takes in a row of the session of these keys; false if it is late, else its
 * label.  Runs the keys' hash and equality functions.  May move parts of
 * sessions: see session_book_moves().
 */
extern bool session_book_take(SessionBook *book, const Datum *keys, const bool *isnull,
							  int64 time, int64 watermark, int64 *label);

/* How large the list is: keys in it, and bytes. */
extern uint32 session_book_keys(const SessionBook *book);
extern Size session_book_bytes(const SessionBook *book);

/* A place to go back to; session_book_here() only tells what moves from here on. */
extern SessionMark session_book_mark(SessionBook *book);
extern SessionMark session_book_here(const SessionBook *book);
extern void session_book_rollback(SessionBook *book, SessionMark mark);

/* The attempt has finished: what it wrote stays, and what was begun is known outside. */
extern void session_book_commit(SessionBook *book);

/* The attempt has failed: everything it wrote is taken back. */
extern void session_book_abort(SessionBook *book);

/* What has moved since a mark, and since the last spill; valid until the next take, rollback or spill. */
extern const SessionMove *session_book_moves(const SessionBook *book, SessionMark since, int *nmoves);

/* The scratch is in storage now, with all that has moved: what moves next is known there. */
extern void session_book_spilled(SessionBook *book);

/* Whether some part that has moved is known outside of this attempt's scratch. */
extern bool session_book_moved_outside(const SessionBook *book);

#endif							/* STREAM_EXT_SESSION_BOOK_H */
