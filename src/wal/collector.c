/*
 * collector.c - WAL in, committed transactions with stream rows out.
 *
 * Of all WAL three kinds of records matter: batches (XLOG_NOOP with our
 * magic), the ends of transactions, and XLOG_RUNNING_XACTS, which tells which
 * transactions a crash has ended without a record.  The resource manager id
 * decides first, because most WAL is somebody else's.
 *
 * Order of commit records in WAL is the order of transactions; nothing else
 * could be repeated after a crash.  A commit record stands in WAL before its
 * transaction has left the ProcArray: whoever runs queries for the
 * transaction must wait for that, the collector does not.
 *
 * Memory: a context per collector; transactions that are handed on lie in it until
 * they are freed.
 * Failure: nobody but the server can write XLOG_NOOP records, yet each batch
 * is checked.  One that is not understood is skipped, counted and reported
 * once per collector.
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
#include "wal/collector.h"
#include "wal/wal_reader.h"

struct Collector
{
	MemoryContext context;
	Oid			dbid;			/* or InvalidOid: all */
	XLogRecPtr	applied_lsn;
	WalReader  *reader;
	Assembler  *assembler;
	bool		warned;			/* of a malformed record */
};

/* Raises the error for a position that this server has not written, or not yet. */
static void
collector_check_position(XLogRecPtr lsn)
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

/* Opens a collector; see collector.h. */
Collector *
collector_open(const CollectorOptions *options, MemoryContext parent)
{
	MemoryContext context;
	Collector  *collector;

	Assert(!XLogRecPtrIsInvalid(options->start_lsn));

	collector_check_position(options->start_lsn);
	context = AllocSetContextCreate(parent, "stream_ext collector", ALLOCSET_DEFAULT_SIZES);
	collector = MemoryContextAllocZero(context, sizeof(Collector));
	collector->context = context;
	collector->dbid = options->dbid;
	collector->applied_lsn = options->applied_lsn;
	collector->reader = wal_reader_create(context);
	collector->assembler = assembler_create(options->memory_limit, options->max_batches, context);
	wal_reader_start(collector->reader, options->start_lsn);
	return collector;
}

/* Tells callback of batches that are rolled back. */
void
collector_on_abort(Collector *collector, feed_abort_cb callback, void *arg)
{
	assembler_on_abort(collector->assembler, callback, arg);
}

/* Counts a record that is not a batch we understand; reports the first. */
static void
collector_skip_malformed(Collector *collector, XLogRecPtr lsn)
{
	DatabaseControl *db = OidIsValid(collector->dbid) ?
	control_database(collector->dbid, false) : NULL;

	if (db != NULL)
		pg_atomic_fetch_add_u64(&db->batches_malformed, 1);
	else if (commit_ring_available())
		pg_atomic_fetch_add_u64(&commit_ring_counters()->malformed, 1);
	if (!collector->warned)
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("skipping a WAL record at %X/%X that is not a batch of this version",
						LSN_FORMAT_ARGS(lsn))));
	collector->warned = true;
}

/* Adds the batch that an XLOG_NOOP record carries to its transaction. */
static void
collector_take_batch(Collector *collector, XLogReaderState *record)
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
		collector_skip_malformed(collector, record->ReadRecPtr);
		return;
	}
	Assert(TransactionIdFollowsOrEquals(XLogRecGetXid(record), info.xid));
	if (!OidIsValid(collector->dbid) || info.dbid == collector->dbid)
		assembler_add(collector->assembler, &info, record->ReadRecPtr, data);
}

/* Returns the transaction that a commit record ends, or NULL if it is not to be handed on. */
static FeedTransaction *
collector_take_commit(Collector *collector, XLogReaderState *record, bool prepared)
{
	xl_xact_parsed_commit parsed;
	TransactionId xid;
	FeedTransaction *txn;

	ParseCommitRecord(XLogRecGetInfo(record),
					  (xl_xact_commit *) XLogRecGetData(record), &parsed);
	xid = prepared ? parsed.twophase_xid : XLogRecGetXid(record);
	txn = assembler_commit(collector->assembler, xid, parsed.nsubxacts, parsed.subxacts);
	if (txn == NULL)
		return NULL;

	if (record->EndRecPtr <= collector->applied_lsn)
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
collector_take_abort(Collector *collector, XLogReaderState *record, bool prepared)
{
	xl_xact_parsed_abort parsed;

	ParseAbortRecord(XLogRecGetInfo(record),
					 (xl_xact_abort *) XLogRecGetData(record), &parsed);
	assembler_abort(collector->assembler,
					prepared ? parsed.twophase_xid : XLogRecGetXid(record),
					parsed.nsubxacts, parsed.subxacts);
}

/* Takes the end of a transaction; returns it if it is to be handed on. */
static FeedTransaction *
collector_take_xact(Collector *collector, XLogReaderState *record)
{
	uint8		op = XLogRecGetInfo(record) & XLOG_XACT_OPMASK;

	if (op == XLOG_XACT_COMMIT || op == XLOG_XACT_COMMIT_PREPARED)
		return collector_take_commit(collector, record, op == XLOG_XACT_COMMIT_PREPARED);
	if (op == XLOG_XACT_ABORT || op == XLOG_XACT_ABORT_PREPARED)
		collector_take_abort(collector, record, op == XLOG_XACT_ABORT_PREPARED);
	return NULL;
}

/* Forgets transactions that a crash has ended. Prepared ones count as running. */
static void
collector_take_running_xacts(Collector *collector, XLogReaderState *record)
{
	xl_running_xacts *running = (xl_running_xacts *) XLogRecGetData(record);

	Assert(XLogRecGetDataLen(record) >= offsetof(xl_running_xacts, xids));
	assembler_abort_before(collector->assembler, running->oldestRunningXid);
}

/* Takes one record; returns a transaction if that completes one to be handed on. */
static FeedTransaction *
collector_take_record(Collector *collector, XLogReaderState *record)
{
	RmgrId		rmid = XLogRecGetRmid(record);
	uint8		info = XLogRecGetInfo(record) & ~XLR_INFO_MASK;

	if (rmid == RM_XLOG_ID && info == XLOG_NOOP)
		collector_take_batch(collector, record);
	else if (assembler_is_empty(collector->assembler))
		return NULL;			/* nobody's end is of interest */
	else if (rmid == RM_XACT_ID)
		return collector_take_xact(collector, record);
	else if (rmid == RM_STANDBY_ID && info == XLOG_RUNNING_XACTS)
		collector_take_running_xacts(collector, record);
	return NULL;
}

/* Reads on to the next committed transaction; see collector.h. */
FeedTransaction *
collector_next(Collector *collector, Size max_bytes, bool *at_end)
{
	XLogRecPtr	start = wal_reader_position(collector->reader);
	FeedTransaction *txn = NULL;

	*at_end = false;
	do
	{
		XLogReaderState *record;

		CHECK_FOR_INTERRUPTS();
		record = wal_reader_next(collector->reader);
		if (record == NULL)
		{
			*at_end = true;
			return NULL;
		}
		txn = collector_take_record(collector, record);
	} while (txn == NULL && collector_read_lsn(collector) - start < max_bytes);

	Assert(txn == NULL || txn->end_lsn == collector_read_lsn(collector));
	return txn;
}

/* Returns the end of the last record read. */
XLogRecPtr
collector_read_lsn(const Collector *collector)
{
	return wal_reader_position(collector->reader);
}

/* Returns what holds the open transactions. */
const Assembler *
collector_assembler(const Collector *collector)
{
	return collector->assembler;
}

/* Closes the collector and frees what it handed on. */
void
collector_close(Collector *collector)
{
	MemoryContextDelete(collector->context);
}
