/*
 * read_session.h - what this session must see of a view, and reading it.
 */
#ifndef STREAM_EXT_READ_SESSION_H
#define STREAM_EXT_READ_SESSION_H

#include "state/generation.h"
#include "utils/snapshot.h"

/* One reading of a view's memory. */
typedef struct ReadRequest
{
	Oid			viewid;
	Oid			memory;			/* its foreign table */
	Snapshot	snapshot;		/* of the statement: storage is read with it */
	TupleDesc	desc;			/* of flat groups */
	const GenerationFilter *filter;
} ReadRequest;

/*
 * Waits, for at most stream_ext.read_timeout, until the view holds what this
 * session must see.  Called while planning, before the statement takes the
 * snapshot it will read with; whatever comes of it, the read decides.
 */
extern void read_session_prepare(Oid viewid, Oid memory);

/* From now on this session must see every commit that ended at or before lsn. */
extern void read_session_require(XLogRecPtr lsn);

/*
 * Waits as above and copies the groups that storage, read with the snapshot,
 * lacks; in CurrentMemoryContext.
 *
 * Errors: 57014 when the wait times out, 40P01 when the worker waits for us,
 * 55000 when the view has stopped before what must be seen, 72000 when the
 * snapshot is too old for it.
 */
extern void read_session_read(const ReadRequest *request, GenerationCut *cut);

#endif							/* STREAM_EXT_READ_SESSION_H */
