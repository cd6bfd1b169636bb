/*
 * feed.c - committed transactions of one database, in commit order, from WAL.
 *
 * Of all WAL three kinds of records matter: batches (XLOG_NOOP with our
 * magic), the ends of transactions, and XLOG_RUNNING_XACTS, which tells which
 * transactions a crash has ended without a record.  The resource manager id
 * decides first, because most WAL is somebody else's.
 *
 * Order of commit records in WAL is the order of transactions; nothing else
 * could be repeated after a crash.  A commit record stands in WAL before its
 * transaction has left the ProcArray: whoever runs queries for the
 * transaction must wait for that, the feed does not.
 *
 * Memory: a context per feed; transactions that are handed on lie in it until
 * they are freed.
 * Failure: nobody but the server can write XLOG_NOOP records, yet each batch
 * is checked.  One that is not understood is skipped, counted and reported
 * once per feed.
 */
#include "postgres.h"

#include "compat.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/pg_control.h"
#include "miscadmin.h"
#include "storage/standbydefs.h"
#include "utils/memutils.h"

#include "batch/batch_format.h"
#include "fault_point.h"
#include "shared/control.h"
#include "wal/assembler.h"
#include "wal/feed.h"
#include "wal/wal_reader.h"

struct Feed
{
	MemoryContext context;
	Oid			dbid;
	XLogRecPtr	start_lsn;
	XLogRecPtr	applied_lsn;
	WalReader  *reader;
	WalReader  *rereader;		/* for batches that were dropped; made on
								 * demand */
	Assembler  *assembler;
	bool		caught_up;
	uint64		bytes_read;
	uint64		malformed;
};

/* Raises the error for a position that this server has not written, or not yet. */
static void
feed_check_position(XLogRecPtr lsn)
{
	XLogRecPtr	end = RecoveryInProgress() ?
	GetXLogReplayRecPtr(NULL) : GetXLogInsertRecPtr();

	/* No server has a first segment. */
	if (lsn < wal_segment_size || lsn > end)
		ereport(ERROR,
				(errcode(ERRCODE_STREAM_WAL_GONE),
				 errmsg("position %X/%X lies outside of WAL, which ends at %X/%X",
						LSN_FORMAT_ARGS(lsn), LSN_FORMAT_ARGS(end)),
				 errdetail("The WAL that it refers to was written by another server or has been lost.")));
}

Feed *
feed_open(Oid dbid, XLogRecPtr restart_lsn, XLogRecPtr applied_lsn,
		  Size memory_limit, MemoryContext parent)
{
	MemoryContext context;
	Feed	   *feed;

	Assert(OidIsValid(dbid));
	Assert(!XLogRecPtrIsInvalid(restart_lsn));

	feed_check_position(restart_lsn);
	context = AllocSetContextCreate(parent, "stream_ext feed", ALLOCSET_DEFAULT_SIZES);
	feed = MemoryContextAllocZero(context, sizeof(Feed));
	feed->context = context;
	feed->dbid = dbid;
	feed->start_lsn = restart_lsn;
	feed->applied_lsn = applied_lsn;
	feed->reader = wal_reader_create(context);
	feed->assembler = assembler_create(memory_limit, context);
	wal_reader_start(feed->reader, restart_lsn);
	return feed;
}

void
feed_on_abort(Feed *feed, feed_abort_cb callback, void *arg)
{
	assembler_on_abort(feed->assembler, callback, arg);
}

/* Counts a record that is not a batch we understand; reports the first. */
static void
feed_skip_malformed(Feed *feed, XLogRecPtr lsn)
{
	DatabaseControl *db = control_database(feed->dbid, false);

	if (db != NULL)
		pg_atomic_fetch_add_u64(&db->batches_malformed, 1);
	if (feed->malformed++ == 0)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("skipping a WAL record at %X/%X that is not a batch of this version",
						LSN_FORMAT_ARGS(lsn))));
}

/* Adds the batch that an XLOG_NOOP record carries to its transaction. */
static void
feed_take_batch(Feed *feed, XLogReaderState *record)
{
	const char *data = XLogRecGetData(record);
	Size		length = XLogRecGetDataLen(record);
	uint32		magic;
	BatchInfo	info;

	if (length < sizeof(magic))
		return;
	memcpy(&magic, data, sizeof(magic));
	if (magic != BATCH_MAGIC)
		return;					/* another library's */
	if (!batch_peek(data, length, &info) || !TransactionIdIsNormal(info.xid))
	{
		feed_skip_malformed(feed, record->ReadRecPtr);
		return;
	}
	Assert(TransactionIdFollowsOrEquals(XLogRecGetXid(record), info.xid));
	if (info.dbid == feed->dbid)
		assembler_add(feed->assembler, &info, record->ReadRecPtr, data);
}

/* Returns the transaction that a commit record ends, or NULL if it is not to be handed on. */
static FeedTransaction *
feed_take_commit(Feed *feed, XLogReaderState *record, bool prepared)
{
	xl_xact_parsed_commit parsed;
	TransactionId xid;
	FeedTransaction *txn;

	ParseCommitRecord(XLogRecGetInfo(record),
					  (xl_xact_commit *) XLogRecGetData(record), &parsed);
	xid = prepared ? parsed.twophase_xid : XLogRecGetXid(record);
	txn = assembler_commit(feed->assembler, xid, parsed.nsubxacts, parsed.subxacts);
	if (txn == NULL)
		return NULL;

	if (record->EndRecPtr <= feed->applied_lsn)
	{
		assembler_free_transaction(txn);
		return NULL;
	}
	txn->commit_lsn = record->ReadRecPtr;
	txn->end_lsn = record->EndRecPtr;
	txn->commit_time = parsed.xact_time;
	FAULT_POINT("feed-transaction");
	return txn;
}

/* Forgets what an abort record takes back. */
static void
feed_take_abort(Feed *feed, XLogReaderState *record, bool prepared)
{
	xl_xact_parsed_abort parsed;

	ParseAbortRecord(XLogRecGetInfo(record),
					 (xl_xact_abort *) XLogRecGetData(record), &parsed);
	assembler_abort(feed->assembler,
					prepared ? parsed.twophase_xid : XLogRecGetXid(record),
					parsed.nsubxacts, parsed.subxacts);
}

/* Takes the end of a transaction; returns it if it is to be handed on. */
static FeedTransaction *
feed_take_xact(Feed *feed, XLogReaderState *record)
{
	uint8		op = XLogRecGetInfo(record) & XLOG_XACT_OPMASK;

	if (op == XLOG_XACT_COMMIT || op == XLOG_XACT_COMMIT_PREPARED)
		return feed_take_commit(feed, record, op == XLOG_XACT_COMMIT_PREPARED);
	if (op == XLOG_XACT_ABORT || op == XLOG_XACT_ABORT_PREPARED)
		feed_take_abort(feed, record, op == XLOG_XACT_ABORT_PREPARED);
	return NULL;
}

/* Forgets transactions that a crash has ended. Prepared ones count as running. */
static void
feed_take_running_xacts(Feed *feed, XLogReaderState *record)
{
	xl_running_xacts *running = (xl_running_xacts *) XLogRecGetData(record);

	Assert(XLogRecGetDataLen(record) >= offsetof(xl_running_xacts, xids));
	assembler_abort_before(feed->assembler, running->oldestRunningXid);
}

/* Takes one record; returns a transaction if that completes one to be handed on. */
static FeedTransaction *
feed_take_record(Feed *feed, XLogReaderState *record)
{
	RmgrId		rmid = XLogRecGetRmid(record);
	uint8		info = XLogRecGetInfo(record) & ~XLR_INFO_MASK;

	if (rmid == RM_XLOG_ID && info == XLOG_NOOP)
		feed_take_batch(feed, record);
	else if (assembler_is_empty(feed->assembler))
		return NULL;			/* nobody's end is of interest */
	else if (rmid == RM_XACT_ID)
		return feed_take_xact(feed, record);
	else if (rmid == RM_STANDBY_ID && info == XLOG_RUNNING_XACTS)
		feed_take_running_xacts(feed, record);
	return NULL;
}

FeedTransaction *
feed_next(Feed *feed, Size max_bytes)
{
	XLogRecPtr	start = wal_reader_position(feed->reader);
	XLogRecPtr	position = start;
	FeedTransaction *txn = NULL;

	feed->caught_up = false;
	do
	{
		XLogReaderState *record;

		CHECK_FOR_INTERRUPTS();
		record = wal_reader_next(feed->reader);
		if (record == NULL)
		{
			feed->caught_up = true;
			break;
		}
		txn = feed_take_record(feed, record);
		position = wal_reader_position(feed->reader);
	} while (txn == NULL && position - start < max_bytes);

	feed->bytes_read += position - start;
	Assert(txn == NULL || txn->end_lsn == position);
	return txn;
}

bool
feed_caught_up(const Feed *feed)
{
	return feed->caught_up;
}

void
feed_free_transaction(Feed *feed, FeedTransaction *txn)
{
	assembler_free_transaction(txn);
}

XLogRecPtr
feed_read_lsn(const Feed *feed)
{
	return wal_reader_position(feed->reader);
}

XLogRecPtr
feed_start_lsn(const Feed *feed)
{
	return feed->start_lsn;
}

XLogRecPtr
feed_restart_lsn(const Feed *feed)
{
	XLogRecPtr	oldest = assembler_oldest_lsn(feed->assembler);

	Assert(XLogRecPtrIsInvalid(oldest) || oldest < feed_read_lsn(feed));
	return XLogRecPtrIsInvalid(oldest) ? feed_read_lsn(feed) : oldest;
}

XLogRecPtr
feed_oldest_open_lsn(const Feed *feed)
{
	return assembler_oldest_lsn(feed->assembler);
}

Size
feed_open_bytes(const Feed *feed)
{
	return assembler_bytes(feed->assembler);
}

uint64
feed_bytes_read(const Feed *feed)
{
	return feed->bytes_read;
}

char *
feed_load_batch(Feed *feed, const FeedBatch *batch, MemoryContext context)
{
	XLogReaderState *record;
	BatchInfo	info;
	char	   *data;

	if (feed->rereader == NULL)
		feed->rereader = wal_reader_create(feed->context);
	record = wal_reader_read_at(feed->rereader, batch->lsn);
	if (XLogRecGetRmid(record) != RM_XLOG_ID ||
		!batch_peek(XLogRecGetData(record), XLogRecGetDataLen(record), &info) ||
		info.relid != batch->relid || info.length != batch->length)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("batch at %X/%X has changed since it was first read",
						LSN_FORMAT_ARGS(batch->lsn))));

	data = MemoryContextAllocHuge(context, batch->length);
	memcpy(data, XLogRecGetData(record), batch->length);
	return data;
}

void
feed_end_loading(Feed *feed)
{
	if (feed->rereader != NULL)
		wal_reader_free(feed->rereader);
	feed->rereader = NULL;
}

void
feed_close(Feed *feed)
{
	MemoryContextDelete(feed->context);
}
