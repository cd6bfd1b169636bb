/*
 * stream_am.h - the table access method "stream" and its batch writer.
 */
#ifndef STREAM_EXT_STREAM_AM_H
#define STREAM_EXT_STREAM_AM_H

#include "access/xlogdefs.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

/* The rows that a scan of a stream returns; set by the worker around a run. */
typedef struct StreamRowSource
{
	Oid			relid;
	uint64		nrows;			/* what the planner is told */
	bool		(*next) (struct StreamRowSource *source, TupleTableSlot *slot);
	void		(*rewind) (struct StreamRowSource *source);
} StreamRowSource;

/* Source of all scans of source->relid in this process from now on; NULL = none. */
extern void stream_am_set_row_source(StreamRowSource *source);
extern bool stream_am_has_row_source(Oid relid);

/* While true, scans of streams return no rows instead of an error (COPY TO, ALTER TABLE). */
extern bool stream_am_scan_empty;

extern bool stream_am_is_stream(Relation rel);
extern bool stream_am_is_stream_oid(Oid relid); /* false for a missing one */
extern Oid	stream_am_oid(void);	/* InvalidOid where the extension is
									 * absent */

/* End of the last commit of this session that carried stream rows. */
extern XLogRecPtr stream_am_last_commit_lsn(void);

/* True while this transaction has written stream rows. */
extern bool stream_am_wrote_rows(void);

/* The command that starts now is COMMIT PREPARED: its end counts as a commit of ours. */
extern void stream_am_expect_commit_prepared(void);

/* Registers transaction callbacks, planner and executor hooks. Called by _PG_init only. */
extern void stream_am_init(void);

#endif							/* STREAM_EXT_STREAM_AM_H */
