/*
 * generation.h - the groups of a view since its last flushes, in shared memory.
 *
 * A view has a chain of generations: ranges of commit LSNs, without holes,
 * oldest first, the last one open.  Each holds one flat group per key that
 * got rows in its range.  The view's worker is the only writer.
 *
 * Reader rule: a reader with snapshot S reads the view's position P in the
 * catalog with S (storage under S holds exactly the commits up to P) and adds
 * every generation from the one that starts at P.  If no generation starts
 * at P the chain was cut (flushed generations freed): memory does not apply to S.
 *
 * Locking: ViewControl.gate, then ViewControl.lock.  A reader takes gate
 * shared, lock shared, releases gate; the publisher takes both exclusively,
 * so that overlapping readers cannot starve it.  No user code, no palloc
 * that can fail for large sizes and no ereport while the lock is held
 * exclusively: the publish is a critical section.
 *
 * Limits: MAX_GENERATIONS in a chain, and a quarter of the area for flushed
 * generations of one view.  Beyond them the oldest flushed one is freed even
 * if a snapshot may still need it; its reader then sees a cut chain.
 */
#ifndef STREAM_EXT_GENERATION_H
#define STREAM_EXT_GENERATION_H

#include "shared/control.h"
#include "state/group.h"
#include "state/group_filter.h"
#include "state/scratch.h"

/* Server start: the DSA area of stream_ext.shared_memory, in the main segment. */
extern Size generation_shmem_size(void);
extern void generation_shmem_init(void);

/* --- writer (the stream worker that has the view) --------------------------- */
typedef struct GenerationWriter GenerationWriter;	/* local handle of one
													 * view */

/*
 * Goes on at position, with the watermark there: of what a former worker left
 * the generations stay that storage holds up to position, as of a flush.
 */
extern GenerationWriter *generation_attach(ViewControl *view, GroupDesc *desc,
										   XLogRecPtr position, int64 watermark,
										   MemoryContext parent);

/* The view keeps its memory for readers, or (discard) gives it up. */
extern void generation_detach(GenerationWriter *writer, bool discard);

/* Frees the groups of a view that no worker maintains any more (dropped meanwhile). */
extern void generation_discard(ViewControl *view);

/* ... and of all views of a database that was dropped.  Call before control_forget_database(). */
extern void generation_discard_database(Oid dbid);

/*
 * Adds the scratch's groups to the open generation and moves applied_lsn, at
 * once for all readers.  Combining (user code) happens before the lock is
 * taken.  Returns false, with nothing changed, when shared memory is short.
 */
extern bool generation_publish(GenerationWriter *writer, Scratch *scratch,
							   XLogRecPtr applied_lsn, int64 watermark);

/* Moves applied_lsn without rows. */
extern void generation_advance(GenerationWriter *writer, XLogRecPtr applied_lsn);

/* Moves the watermark without rows: it is stored already. */
extern void generation_set_watermark(GenerationWriter *writer, int64 watermark);

extern XLogRecPtr generation_applied_lsn(const GenerationWriter *writer);
extern uint64 generation_open_groups(const GenerationWriter *writer);
extern uint64 generation_open_bytes(const GenerationWriter *writer);	/* of the open one */
extern uint64 generation_bytes(const GenerationWriter *writer); /* of all its
																 * generations */

/*
 * Seals the open generation and opens an empty one behind it.  Returns the
 * sealed one's end, i.e. the position that the flush will write; a sealed
 * generation whose flush failed before is still there and is part of what
 * generation_unflushed() returns.  Returns InvalidXLogRecPtr if nothing is
 * unflushed.  If failed flushes have filled the chain, the open generation
 * stays open and the end of the last sealed one is returned.
 */
extern XLogRecPtr generation_seal(GenerationWriter *writer);

/*
 * All flat groups of the sealed, unflushed generations (combined where a key
 * is in several), as an array in CurrentMemoryContext.  The tuples may lie in
 * shared memory: to be read only, until generation_flushed().  Combining may
 * run user code.
 */
extern MinimalTuple *generation_unflushed(GenerationWriter *writer, uint32 *ngroups);

/* After the flush transaction committed: marks them flushed, frees what no snapshot needs. */
extern void generation_flushed(GenerationWriter *writer, FullTransactionId flush_xid);

/*
 * Storage was moved by other means up to position (a transaction larger than
 * memory): every generation must be flushed; restarts the open one there.
 */
extern void generation_skip_to(GenerationWriter *writer, XLogRecPtr position,
							   FullTransactionId xid, int64 watermark);

/* Frees flushed generations that no snapshot needs; over a share of the memory, also others (counted). */
extern void generation_trim(GenerationWriter *writer, bool memory_is_short);

/* --- readers --------------------------------------------------------------- */
typedef enum GenerationReadResult
{
	GENERATION_READ,			/* tuples are the view's memory part */
	GENERATION_CUT,				/* no chain from this position */
	GENERATION_ABSENT			/* no worker has attached the view */
} GenerationReadResult;

/* What a reader got.  The copies are in the CurrentMemoryContext of the read. */
typedef struct GenerationCut
{
	MinimalTuple *tuples;
	uint32	   *hashes;			/* of their keys */
	uint32		ntuples;
	int			ngenerations;
	ViewPanes	panes;			/* of the tuples that are panes */
	XLogRecPtr	end_lsn;		/* storage at position plus tuples hold every
								 * commit up to here */
	XLogRecPtr	content_lsn;	/* ... and so does what ends here: no commit
								 * behind it has changed anything */
	int64		watermark;		/* after the commits up to end_lsn, or
								 * WATERMARK_NONE */
} GenerationCut;

/*
 * Copies the flat groups of every generation from position on that pass the
 * filter.  A key may occur once per generation: the view combines them.  Groups
 * of panes come as they are (state/pane_group.h).
 * The caller has put the position's watermark into the result.
 */
extern GenerationReadResult generation_read(ViewControl *view, XLogRecPtr position,
											TupleDesc desc, const GenerationFilter *filter,
											GenerationCut *result);

#endif							/* STREAM_EXT_GENERATION_H */
