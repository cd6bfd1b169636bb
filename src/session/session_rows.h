/*
 * session_rows.h - rows of the inner query on their way into sessions.
 */
#ifndef STREAM_EXT_SESSION_ROWS_H
#define STREAM_EXT_SESSION_ROWS_H

#include "query/stream_query.h"
#include "session/session_book.h"
#include "state/scratch.h"

/*
 * Decides about the next row of the inner query, in the order of rows: returns
 * false if it is late, and sets the bounds of the session that it would have
 * made alone.  Else sets its label, and moves the groups of scratch whose
 * session it changes.  An expired row is left to the scratch to count.
 * Watermark is that before the row.
 */
extern bool session_row_judge(SessionBook *book, const StreamQuery *query, Scratch *scratch,
							  Datum *values, bool *isnull, int64 watermark,
							  int64 *start, int64 *end);

/* Relabels groups of scratch, in order; or back again, in reverse order. */
extern void session_moves_apply(const SessionMove *moves, int nmoves, const StreamQuery *query,
								Scratch *scratch, bool undo);

#endif							/* STREAM_EXT_SESSION_ROWS_H */
