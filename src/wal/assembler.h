/*
 * assembler.h - batches gathered by the (sub)transaction that owns them,
 * until it ends.
 */
#ifndef STREAM_EXT_ASSEMBLER_H
#define STREAM_EXT_ASSEMBLER_H

#include "batch/batch.h"
#include "shared/commit_ring.h"
#include "wal/feed.h"

typedef struct Assembler Assembler;

/*
 * Data of unfinished transactions is kept up to memory_limit bytes, then only places in WAL:
 * of each xid those of its first max_batches batches (0: of all).
 */
extern Assembler *assembler_create(Size memory_limit, uint32 max_batches, MemoryContext parent);

/* Adds the batch of the record at lsn. Requires: lsn above all former ones. */
extern void assembler_add(Assembler *assembler, const BatchInfo *info,
						  XLogRecPtr lsn, const char *data);

/*
 * Ends a transaction and these of its subtransactions: returns what they
 * wrote in WAL order (positions and time not set), or NULL if nothing.
 */
extern FeedTransaction *assembler_commit(Assembler *assembler, TransactionId xid,
										 int nsubxids, const TransactionId *subxids);
extern void assembler_free_transaction(FeedTransaction *txn);

/* Forgets a (sub)transaction that was rolled back, and its subtransactions. */
extern void assembler_abort(Assembler *assembler, TransactionId xid,
							int nsubxids, const TransactionId *subxids);

/* Forgets what a crash left behind: transactions that are older than all running ones. */
extern void assembler_abort_before(Assembler *assembler, TransactionId oldest_running);

/* Called with every batch that is rolled back. */
extern void assembler_on_abort(Assembler *assembler, feed_abort_cb callback, void *arg);

extern bool assembler_is_empty(const Assembler *assembler);

/* First batch of the oldest open transaction of a database, or of any (InvalidOid); or invalid. */
extern XLogRecPtr assembler_oldest_lsn(const Assembler *assembler, Oid dbid);

/* Fills in open, up to max of them; returns how many databases have open transactions. */
extern int	assembler_list_open(const Assembler *assembler, CommitRingOpen *open, int max);
extern Size assembler_bytes(const Assembler *assembler);	/* data in memory */

#endif							/* STREAM_EXT_ASSEMBLER_H */
