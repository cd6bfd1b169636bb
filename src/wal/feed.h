/*
 * feed.h - committed transactions of one database, in commit order.
 *
 * A feed begins at a restart position and hands a transaction on when its
 * commit record has passed.  It reads WAL by itself, or, if it may and is near enough to
 * the end, follows the stream reader (shared/commit_ring.h): its user need
 * not know which.
 */
#ifndef STREAM_EXT_FEED_H
#define STREAM_EXT_FEED_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* errcode of the error that says: WAL this feed needs has been removed */
#define ERRCODE_STREAM_WAL_GONE ERRCODE_UNDEFINED_FILE

typedef struct FeedBatch
{
	XLogRecPtr	lsn;			/* start of its WAL record */
	Oid			relid;
	uint32		nrows;
	Size		length;
	char	   *data;			/* MAXALIGNed; NULL: read it again from lsn */
} FeedBatch;

typedef struct FeedTransaction
{
	Oid			dbid;
	TransactionId xid;			/* top level */
	XLogRecPtr	commit_lsn;		/* start of the commit record */
	XLogRecPtr	end_lsn;		/* end of the commit record */
	TimestampTz commit_time;
	uint64		nrows;
	Size		bytes;			/* of all batches, in memory or not */
	bool		in_memory;		/* every batch has its data */
	bool		truncated;		/* batches are missing; never in a feed */
	int			nbatches;
	FeedBatch  *batches;		/* in WAL order */
} FeedTransaction;

typedef struct Feed Feed;

/* Told of every batch that was rolled back. */
typedef void (*feed_abort_cb) (Oid dbid, const FeedBatch *batch, void *arg);

/*
 * Opens a feed over the batches of database dbid.  Reads from restart_lsn
 * (any position in WAL); hands on only transactions whose commit record ends
 * after applied_lsn.  memory_limit bounds the data kept for unfinished
 * transactions; beyond it only places in WAL are kept.
 *
 * All functions raise ERRCODE_STREAM_WAL_GONE (undefined_file, 58P01) when WAL they need is no
 * longer there, and ERRCODE_DATA_CORRUPTED when it cannot be read.  After any
 * error a feed can only be closed.
 */
extern Feed *feed_open(Oid dbid, XLogRecPtr restart_lsn, XLogRecPtr applied_lsn,
					   Size memory_limit, MemoryContext parent);

/*
 * The feed may follow the stream reader, once that has got to lsn.  So what
 * was committed up to lsn is handed on without a pause.
 */
extern void feed_follow(Feed *feed, XLogRecPtr lsn);

/*
 * Returns the next committed transaction, or NULL when flushed WAL has been
 * read to its end or max_bytes of WAL were read without one (look at
 * feed_caught_up()).  The caller frees it with feed_free_transaction(),
 * before feed_close().
 */
extern FeedTransaction *feed_next(Feed *feed, Size max_bytes);
extern bool feed_caught_up(const Feed *feed);	/* the last feed_next() met
												 * the end of flushed WAL */

/* Returns whether the feed follows the stream reader now. */
extern bool feed_in_range(const Feed *feed);

/*
 * Returns whether the feed has nothing to hand on until the stream reader
 * publishes more; with positions, whether feed_read_lsn() cannot move either.
 * A feed that reads by itself never waits for it.
 */
extern bool feed_awaits_reader(const Feed *feed, bool positions);
extern void feed_free_transaction(Feed *feed, FeedTransaction *txn);

/* Everything that ended at or before this has been handed on. */
extern XLogRecPtr feed_read_lsn(const Feed *feed);

/* Where it began to read: of transactions begun before, it may lack batches. */
extern XLogRecPtr feed_start_lsn(const Feed *feed);

/*
 * Where a new feed must start in order to see every transaction not yet
 * handed on: first batch of the oldest unfinished one, or feed_read_lsn().
 * A position (applied, restart) is consistent if both were taken when
 * everything handed on had been applied.
 */
extern XLogRecPtr feed_restart_lsn(const Feed *feed);

/* First batch of the oldest unfinished transaction with batches, or invalid. */
extern XLogRecPtr feed_oldest_open_lsn(const Feed *feed);
extern Size feed_open_bytes(const Feed *feed);	/* data kept for unfinished
												 * transactions */
extern uint64 feed_bytes_read(const Feed *feed);

/* Returns the batch read again from WAL, in context. */
extern char *feed_load_batch(Feed *feed, const FeedBatch *batch, MemoryContext context);

/* All batches of a run have been loaded: gives the memory for that back. */
extern void feed_end_loading(Feed *feed);

extern void feed_close(Feed *feed);

#endif							/* STREAM_EXT_FEED_H */
