/*
 * freshness.h - how new what a read shows must be.
 */
#ifndef STREAM_EXT_FRESHNESS_H
#define STREAM_EXT_FRESHNESS_H

#include "access/xlogdefs.h"

/* Registers the transaction callback. Called by _PG_init only. */
extern void freshness_init(void);

/* What this session is owed of a view: its own commits, and what it was shown before. */
extern XLogRecPtr freshness_owed(Oid viewid);

/* The view has shown this session every commit up to lsn that concerns it. */
extern void freshness_note_shown(Oid viewid, XLogRecPtr lsn);

/* This session must see every commit up to lsn, in any view that goes on. */
extern void freshness_require(XLogRecPtr lsn);
extern XLogRecPtr freshness_required(void);

/* The stream of a view, or InvalidOid; remembered, as it never changes. */
extern Oid	freshness_stream(Oid viewid);

/*
 * The newest commit with rows of the view's stream that was acknowledged to
 * anybody, as of now, or, in REPEATABLE READ, as of the transaction's first
 * read.  Invalid if this session does not ask for it.  WAL is on disk up to
 * there, so that a worker can read it.
 */
extern XLogRecPtr freshness_of_others(Oid viewid);

#endif							/* STREAM_EXT_FRESHNESS_H */
