/*
 * session_load.h - the open sessions as storage has them; private to session_book.c.
 */
#ifndef STREAM_EXT_SESSION_LOAD_H
#define STREAM_EXT_SESSION_LOAD_H

#include "session/session_book.h"
#include "window/session_set.h"

/* Where to begin reading: sessions that began before are, as a rule, closed. */
extern int64 session_load_start(const StreamQuery *query, const SessionRule *rule, int64 watermark);

/*
 * Adds the sessions in cells from *from on, in the order of their last times.
 * Returns false if one of them may have begun before: then *from is where
 * to begin again.
 */
extern bool session_load_from(SessionBook *book, const ViewCatalog *view, const StreamQuery *query,
							  const SessionRule *rule, int64 watermark, int64 *from);

/* session_book.c: adds one of them. */
extern void session_book_add(SessionBook *book, const Datum *keys, const bool *isnull,
							 const Session *session, int64 watermark);

#endif							/* STREAM_EXT_SESSION_LOAD_H */
