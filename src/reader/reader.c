/*
 * reader.c - the process that reads the WAL of the cluster, once for everybody.
 *
 * It collects the transactions with stream rows of all databases, keeping places
 * of batches and no data, puts an entry for each commit into the commit
 * ring, and wakes the stream workers that it concerns.  It runs no SQL and no
 * code of users, takes no lock but for an instant, and waits for nothing but WAL; so
 * nobody's views can hold it up.  Nor does it wait until a commit is visible: who
 * needs that waits for it.
 *
 * It also touches the replication slots, which are never kept acquired and would look idle.
 *
 * It is connected to no database, but stands in the ProcArray: a process
 * outside may not touch replication slots.
 *
 * Failure: any error ends the process, and the postmaster starts another.  That
 * one reads again from the oldest open transaction and is silent up to where
 * the ring is; if WAL is gone, from the last checkpoint.  Meanwhile workers read WAL by themselves.  At shutdown
 * it leaves after the workers, which still apply what clients committed.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "storage/standby.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "fault_point.h"
#include "guc.h"
#include "reader/reader.h"
#include "shared/commit_ring.h"
#include "shared/control.h"
#include "shared/server_state.h"
#include "shared/slot.h"
#include "shared/worker_control.h"
#include "stat/wait_event.h"
#include "wal/collector.h"

/* Without a wake-up, look around this often: COMMIT PREPARED by others, and the like. */
#define IDLE_MS				100
/* Workers are woken, and signals looked at, at least after so much WAL. */
#define SLICE_BYTES			((Size) 256 * 1024)
/* How long commits may gather where several sessions commit at once. */
#define GATHER_US			300
#define GATHER_MANY_MS		2
#define GATHER_MANY			8	/* transactions in the last slice */
/* Slots are touched this often. */
#define TOUCH_MS			60000
/* At shutdown the workers have this long to leave first. */
#define LEAVE_MS			4000

extern PGDLLEXPORT void stream_ext_reader_main(Datum arg);

/* The process. */
typedef struct StreamReader
{
	MemoryContext context;
	Collector  *collector;		/* NULL: no database has streams */
	XLogRecPtr	silent_until;	/* a former reader has published this */
	StringInfoData entry;		/* the entry being made */
	CommitRingOpen *open;		/* as published last */
	int			open_size;
	int			transactions;	/* in this slice */
	List	   *databases;		/* that they were of */
	TimestampTz touched;		/* the slots, last */
	TimestampTz asked_to_leave; /* 0 = not yet */
} StreamReader;

/* Registers the stream reader with the postmaster. */
void
reader_register(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 1,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_reader_main",
		.bgw_name = "stream reader",
		.bgw_type = "stream reader",
	};

	RegisterBackgroundWorker(&worker);
}

/* At exit: nobody reads. */
static void
reader_exit_cb(int code, Datum arg)
{
	DatabaseControl *db;

	commit_ring_detach();
	/* who waits for the reader goes on alone */
	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (OidIsValid(db->dbid))
			worker_control_wake_database(db->dbid);
	}
}

/* Returns whether any database has streams. */
static bool
reader_is_needed(void)
{
	DatabaseControl *db;

	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (OidIsValid(db->dbid))
			return true;
	}
	return false;
}

/* --- where to begin ------------------------------------------------------ */

/* Returns whether WAL at lsn is there, as far as one can know without reading it. */
static bool
reader_wal_exists(XLogRecPtr lsn)
{
	XLogSegNo	segno;

	XLByteToSeg(lsn, segno, wal_segment_size);
	return segno > XLogGetLastRemovedSegno();
}

/* Returns whether any transaction has an xid and has not ended; prepared ones count. */
static bool
reader_transactions_run(void)
{
	RunningTransactions running = GetRunningTransactionData();
	bool		any = running->xcnt > 0;

	LWLockRelease(ProcArrayLock);
	LWLockRelease(XidGenLock);
	return any;
}

/*
 * Returns where a ring that knows nothing begins.  From the oldest slot on it
 * sees whatever any view can still need.  That may be far back, because of a view that is
 * paused; if no transaction is older, as after a start of the server, the last
 * checkpoint is early enough for all who are near the end.  Who needs more finds
 * that out (wal/feed.c) and reads alone.
 */
static XLogRecPtr
reader_first_lsn(void)
{
	XLogRecPtr	oldest = slot_oldest_lsn();
	XLogRecPtr	redo = GetRedoRecPtr();

	if (XLogRecPtrIsInvalid(oldest) || !reader_wal_exists(oldest))
		return redo;
	return oldest < redo && !reader_transactions_run() ? redo : oldest;
}

/* Counts rows that were rolled back after they had been written. */
static void
reader_count_aborted_cb(Oid dbid, const FeedBatch *batch, void *arg)
{
	StreamReader *reader = arg;
	StreamControl *stream;

	if (collector_read_lsn(reader->collector) <= reader->silent_until)
		return;
	stream = control_stream(dbid, batch->relid, false);
	if (stream != NULL)
		pg_atomic_fetch_add_u64(&stream->rows_aborted, batch->nrows);
}

/* Begins to read: where a former reader ended, or anew. */
static void
reader_open(StreamReader *reader)
{
	CommitRingState state;
	CollectorOptions options = {.max_batches = commit_ring_max_batches()};

	commit_ring_get(InvalidOid, &state);
	if (XLogRecPtrIsInvalid(state.start_lsn) || !reader_wal_exists(state.restart_lsn))
	{
		commit_ring_restart(reader_first_lsn());
		commit_ring_get(InvalidOid, &state);
	}
	options.start_lsn = state.restart_lsn;
	options.applied_lsn = state.read_lsn;
	reader->silent_until = state.read_lsn;
	reader->collector = collector_open(&options, reader->context);
	collector_on_abort(reader->collector, reader_count_aborted_cb, reader);
}

/* Reads no more: no database has streams.  What comes meanwhile is nobody's. */
static void
reader_park(StreamReader *reader)
{
	if (reader->collector == NULL)
		return;
	collector_close(reader->collector);
	reader->collector = NULL;
	commit_ring_restart(InvalidXLogRecPtr);
}

/* --- reading ------------------------------------------------------------- */

/* Makes WAL up to the last commit readable; asynchronous commits may not have. */
static void
reader_flush_wal(void)
{
	XLogRecPtr	newest = InvalidXLogRecPtr;
	DatabaseControl *db;

	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (OidIsValid(db->dbid))
			newest = Max(newest, pg_atomic_read_u64(&db->last_commit_lsn));
	}
	if (newest > GetFlushRecPtr(NULL))
		XLogFlush(newest);
}

/* Publishes how far the reader is, with an entry or without. */
static void
reader_publish(StreamReader *reader, const CommitEntry *entry, bool at_end)
{
	const Assembler *assembler = collector_assembler(reader->collector);
	CommitRingPositions positions = {
		.read_lsn = collector_read_lsn(reader->collector),
		.at_end = at_end
	};

	if (positions.read_lsn < reader->silent_until)
		return;
	positions.nopen = assembler_list_open(assembler, reader->open, reader->open_size);
	if (positions.nopen > reader->open_size)
	{
		reader->open_size = positions.nopen;
		reader->open = repalloc(reader->open, reader->open_size * sizeof(CommitRingOpen));
		(void) assembler_list_open(assembler, reader->open, reader->open_size);
	}
	positions.open = reader->open;
	positions.restart_lsn = assembler_oldest_lsn(assembler, InvalidOid);
	if (XLogRecPtrIsInvalid(positions.restart_lsn))
		positions.restart_lsn = positions.read_lsn;
	FAULT_POINT("reader-before-publish");
	commit_ring_publish(entry, &positions);
	FAULT_POINT("reader-after-publish");
}

/* Returns the entry of a transaction; valid until the next one is made. */
static const CommitEntry *
reader_make_entry(StreamReader *reader, const FeedTransaction *txn)
{
	bool		too_large = txn->truncated || txn->nbatches > commit_ring_max_batches();
	uint32		nbatches = too_large ? 0 : txn->nbatches;
	CommitEntry *entry;

	resetStringInfo(&reader->entry);
	enlargeStringInfo(&reader->entry,
					  offsetof(CommitEntry, batches) + nbatches * sizeof(CommitBatch));
	entry = (CommitEntry *) reader->entry.data;
	memset(entry, 0, offsetof(CommitEntry, batches));
	entry->commit_lsn = txn->commit_lsn;
	entry->end_lsn = txn->end_lsn;
	entry->commit_time = txn->commit_time;
	entry->oldest_open_lsn = assembler_oldest_lsn(collector_assembler(reader->collector),
												  txn->dbid);
	entry->dbid = txn->dbid;
	entry->xid = txn->xid;
	entry->nbatches = nbatches;
	entry->too_large = too_large;
	for (uint32 i = 0; i < nbatches; i++)
	{
		entry->batches[i].lsn = txn->batches[i].lsn;
		entry->batches[i].relid = txn->batches[i].relid;
		entry->batches[i].nrows = txn->batches[i].nrows;
		entry->batches[i].length = txn->batches[i].length;
	}
	return entry;
}

/* Reads a piece of WAL; returns whether there was any. */
static bool
reader_read_slice(StreamReader *reader)
{
	XLogRecPtr	before = collector_read_lsn(reader->collector);
	XLogRecPtr	after;
	FeedTransaction *txn;
	bool		at_end;

	reader->transactions = 0;
	do
	{
		txn = collector_next(reader->collector, SLICE_BYTES, &at_end);
		if (txn == NULL)
			break;
		reader_publish(reader, reader_make_entry(reader, txn), false);
		reader->databases = list_append_unique_oid(reader->databases, txn->dbid);
		assembler_free_transaction(txn);
		reader->transactions++;
	} while (collector_read_lsn(reader->collector) - before < SLICE_BYTES);

	after = collector_read_lsn(reader->collector);
	if (txn == NULL)
		reader_publish(reader, NULL, at_end);
	pg_atomic_fetch_add_u64(&commit_ring_counters()->wal_bytes_read, after - before);
	return after > before;
}

/* --- waking -------------------------------------------------------------- */

/*
 * Wakes the workers that sleep while there is something for them: commits,
 * somebody who waits until a view has got so far, or a start that is not over:
 * the next commit may have to wait for a standby, and no reader shall for that.
 */
static void
reader_wake_workers(StreamReader *reader)
{
	DatabaseControl *db;

	/* what was published before who sleeps: see worker_feeds_may_sleep() */
	pg_memory_barrier();
	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (!OidIsValid(db->dbid))
			continue;
		if (pg_atomic_read_u32(&db->waiters) != 0 ||
			pg_atomic_read_u64(&db->read_lsn) < pg_atomic_read_u64(&db->ready_lsn) ||
			list_member_oid(reader->databases, db->dbid))
			worker_control_wake_sleepers(db->dbid);
	}
	list_free(reader->databases);
	reader->databases = NIL;
}

/* Returns whether somebody waits until a view has got somewhere. */
static bool
reader_has_waiters(void)
{
	DatabaseControl *db;

	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (pg_atomic_read_u32(&db->waiters) != 0)
			return true;
	}
	return false;
}

/*
 * Lets some more commits gather: being woken by each would cost those who
 * commit more than it is worth.  A session alone never waits for this, and who
 * waits for a worker ends the longer wait.
 */
static void
reader_gather(StreamReader *reader)
{
	if (reader_has_waiters())
		return;
	if (reader->transactions < GATHER_MANY)
	{
		pg_usleep(GATHER_US);
		return;
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 GATHER_MANY_MS, stat_wait_event(STAT_WAIT_READER_MAIN));
	ResetLatch(MyLatch);
}

/* Returns whether a commit has not been read yet. */
static bool
reader_has_work(StreamReader *reader)
{
	DatabaseControl *db;
	XLogRecPtr	read_lsn;

	if (reader->collector == NULL)
		return reader_is_needed();
	read_lsn = collector_read_lsn(reader->collector);
	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (OidIsValid(db->dbid) && pg_atomic_read_u64(&db->last_commit_lsn) > read_lsn)
			return true;
	}
	return false;
}

/* Sleeps until there is something to read; as long as no database has streams, for good. */
static void
reader_sleep(StreamReader *reader)
{
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	if (reader->collector != NULL || reader->asked_to_leave != 0)
		events |= WL_TIMEOUT;
	commit_ring_set_sleeping(true);
	if (!reader_has_work(reader))
	{
		(void) WaitLatch(MyLatch, events, IDLE_MS, stat_wait_event(STAT_WAIT_READER_MAIN));
		ResetLatch(MyLatch);
	}
	commit_ring_set_sleeping(false);
}

/* --- the process --------------------------------------------------------- */

/* Returns whether a stream worker is still there. */
static bool
reader_has_workers(void)
{
	DatabaseControl *db;

	for (int i = 0; (db = control_database_at(i)) != NULL; i++)
	{
		if (OidIsValid(db->dbid) && worker_control_any(db->dbid))
			return true;
	}
	return false;
}

/* Returns whether it is time to leave. */
static bool
reader_must_leave(StreamReader *reader)
{
	TimestampTz now;

	if (!ShutdownRequestPending)
		return false;
	now = clock_real();
	if (reader->asked_to_leave == 0)
		reader->asked_to_leave = now;
	return !server_is_stopping() || !reader_has_workers() ||
		TimestampDifferenceExceeds(reader->asked_to_leave, now, LEAVE_MS);
}

/* Touches the slots now and then, whether their databases have a worker or not. */
static void
reader_touch_slots(StreamReader *reader)
{
	TimestampTz now = clock_real();

	if (!TimestampDifferenceExceeds(reader->touched, now, TOUCH_MS))
		return;
	reader->touched = now;
	slot_touch_all();
}

/* One round of the main loop. */
static void
reader_round(StreamReader *reader)
{
	bool		moved = false;

	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	reader->transactions = 0;
	if (!reader_is_needed())
		reader_park(reader);
	else
	{
		if (reader->collector == NULL)
			reader_open(reader);
		reader_flush_wal();
		moved = reader_read_slice(reader);
		reader_wake_workers(reader);
		reader_touch_slots(reader);
	}
	if (reader->transactions > 1)
		reader_gather(reader);
	else if (!moved)
		reader_sleep(reader);
}

/* Makes the reader's state. */
static StreamReader *
reader_create(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "stream reader",
												  ALLOCSET_DEFAULT_SIZES);
	StreamReader *reader = MemoryContextAllocZero(context, sizeof(StreamReader));

	reader->context = context;
	reader->open_size = guc_max_databases;
	reader->open = MemoryContextAlloc(context, reader->open_size * sizeof(CommitRingOpen));
	MemoryContextSwitchTo(context);
	initStringInfo(&reader->entry);
	return reader;
}

/* Entry point. */
void
stream_ext_reader_main(Datum arg)
{
	StreamReader *reader;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	if (!commit_ring_attach())
		proc_exit(1);
	before_shmem_exit(reader_exit_cb, (Datum) 0);

	reader = reader_create();
	PG_TRY();
	{
		while (!reader_must_leave(reader))
			reader_round(reader);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_STREAM_WAL_GONE)
			commit_ring_restart(GetRedoRecPtr());
		PG_RE_THROW();
	}
	PG_END_TRY();
	/* not 0, or the postmaster would not start it again */
	proc_exit(1);
}
