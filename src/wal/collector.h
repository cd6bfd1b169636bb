/*
 * collector.h - WAL in, committed transactions with stream rows out.
 *
 * A collector reads WAL from a position on, gathers the batches of each
 * transaction of one database, or of all, and hands the transaction on when its
 * commit record has passed.  The stream reader has one for the cluster; a feed
 * that is behind has one for its database.
 */
#ifndef STREAM_EXT_COLLECTOR_H
#define STREAM_EXT_COLLECTOR_H

#include "wal/assembler.h"
#include "wal/feed.h"

typedef struct Collector Collector;

/* What a collector is for. */
typedef struct CollectorOptions
{
	Oid			dbid;			/* InvalidOid: all databases */
	XLogRecPtr	start_lsn;		/* reading begins here */
	XLogRecPtr	applied_lsn;	/* commits that end here or before are not
								 * handed on */
	Size		memory_limit;	/* as of assembler_create() */
	uint32		max_batches;
} CollectorOptions;

/* Errors of these two: those of feed_open() and feed_next(). */
extern Collector *collector_open(const CollectorOptions *options, MemoryContext parent);

/*
 * Returns the next committed transaction, or NULL: at the end of flushed WAL
 * (then *at_end), or after max_bytes of WAL.  Freed with
 * assembler_free_transaction(), before collector_close().
 */
extern FeedTransaction *collector_next(Collector *collector, Size max_bytes, bool *at_end);

/* For statistics; called again for the same batch if it is read again. */
extern void collector_on_abort(Collector *collector, feed_abort_cb callback, void *arg);

extern XLogRecPtr collector_read_lsn(const Collector *collector);
extern const Assembler *collector_assembler(const Collector *collector);
extern void collector_close(Collector *collector);

#endif							/* STREAM_EXT_COLLECTOR_H */
