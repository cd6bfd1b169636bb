/*
 * read_session.h - reading a view: waiting for what must be seen, and the cut.
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
	XLogRecPtr	others_lsn;		/* freshness_of_others() as the statement began */
	TupleDesc	desc;			/* of flat groups */
	const GenerationFilter *filter;
} ReadRequest;

/*
 * Waits until the view holds what this session must and shall see; see
 * read_wait().  Called while planning, before the statement takes the
 * snapshot it will read with; whatever comes of it, the read decides.
 */
extern void read_session_prepare(Oid viewid, Oid memory);

/*
 * Waits as above and copies the groups that storage, read with the snapshot,
 * lacks; in CurrentMemoryContext.  Warns where the view has been stopped, or
 * lacks what others had committed when the statement began.
 *
 * Errors: see read_report_unreachable().
 */
extern void read_session_read(const ReadRequest *request, GenerationCut *cut);

/*
 * Reads once more, up to lsn at least, if the view gets there within timeout_ms.
 * Returns false, with the former cut as it was, otherwise.
 */
extern bool read_session_advance(const ReadRequest *request, XLogRecPtr lsn, int timeout_ms,
								 GenerationCut *cut);

#endif							/* STREAM_EXT_READ_SESSION_H */
