/*
 * feed_sql.c - what a worker would read from WAL, as rows, to look at.
 *
 * _stream_ext.feed_transactions() opens a feed of its own and reads to the
 * end of flushed WAL, or as far as the stream reader has got.  It touches neither the slot nor the worker, so it may
 * be used at any time; it is also how tests see the feed alone.
 *
 * Failure: the WAL may be gone, as nothing keeps it but the slot.
 */
#include "postgres.h"

#include "compat.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "wal/feed.h"

#define FEED_COLUMNS 9

STREAM_FUNCTION(stream_ext_feed_transactions);

/* Reads every batch of the transaction again if it is not in memory, to see that it can be. */
static void
feed_check_batches(Feed *feed, const FeedTransaction *txn)
{
	for (int i = 0; i < txn->nbatches; i++)
	{
		if (txn->batches[i].data == NULL)
			pfree(feed_load_batch(feed, &txn->batches[i], CurrentMemoryContext));
	}
}

/* Puts one transaction into the result. */
static void
feed_put_row(ReturnSetInfo *rsinfo, Feed *feed, const FeedTransaction *txn)
{
	Datum		values[FEED_COLUMNS];
	bool		nulls[FEED_COLUMNS] = {0};

	values[0] = TransactionIdGetDatum(txn->xid);
	values[1] = LSNGetDatum(txn->commit_lsn);
	values[2] = LSNGetDatum(txn->end_lsn);
	values[3] = TimestampTzGetDatum(txn->commit_time);
	values[4] = Int64GetDatum((int64) txn->nrows);
	values[5] = Int32GetDatum(txn->nbatches);
	values[6] = BoolGetDatum(txn->in_memory);
	values[7] = LSNGetDatum(feed_restart_lsn(feed));
	values[8] = BoolGetDatum(feed_in_range(feed));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* SQL: the committed transactions with stream rows of this database, in commit order. */
Datum
stream_ext_feed_transactions(PG_FUNCTION_ARGS)
{
	XLogRecPtr	restart_lsn = PG_GETARG_LSN(0);
	XLogRecPtr	applied_lsn = PG_GETARG_LSN(1);
	int32		memory_kb = PG_GETARG_INT32(2);
	Feed	   *feed;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only superusers may read streams from WAL")));
	if (XLogRecPtrIsInvalid(restart_lsn) || memory_kb < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("restart_lsn must be a position in WAL and memory_kb not negative")));

	InitMaterializedSRF(fcinfo, 0);
	feed = feed_open(MyDatabaseId, restart_lsn, applied_lsn,
					 (Size) memory_kb * 1024, CurrentMemoryContext);
	if (PG_GETARG_BOOL(3))
		feed_follow(feed, InvalidXLogRecPtr);
	for (;;)
	{
		FeedTransaction *txn = feed_next(feed, MaxAllocSize);

		if (txn == NULL && (feed_caught_up(feed) || feed_awaits_reader(feed, false)))
			break;
		if (txn == NULL)
			continue;
		feed_check_batches(feed, txn);
		feed_put_row((ReturnSetInfo *) fcinfo->resultinfo, feed, txn);
		feed_free_transaction(feed, txn);
	}
	feed_close(feed);
	return (Datum) 0;
}
