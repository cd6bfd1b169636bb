/*
 * batch_writer.c - rows of this transaction on their way into WAL.
 *
 * One writer per stream and transaction collects rows in a batch and writes
 * it as one XLOG_NOOP record when it is large enough, when rows of another
 * subtransaction come, and before commit or prepare.  NOOP, because it cannot
 * be written from SQL and nothing but us looks into it: neither redo, nor
 * logical decoding, nor a server without this library.
 *
 * A batch carries the xid that owns its rows, which need not be the xid of
 * the WAL record: a parent's rows may be written while a child runs.  A
 * batch belongs to one subtransaction; when that commits its rows share the
 * fate of its parent, so the parent may go on filling it.  Rows that are
 * still here when their subtransaction aborts are dropped.
 *
 * The xid of a batch is never newer than that of its record.  Recovery sees
 * only the latter; what it has not seen it hands out again, and another
 * transaction would commit rows that a crash had cut off.
 *
 * A stream that this transaction has made takes no place in shared memory
 * before it has committed: until then its writer counts for itself.
 *
 * Memory: writers live in TopTransactionContext; the transaction callbacks
 * forget them.
 * Failure: between writing a batch and emptying the builder nothing may
 * fail, else the rows would be written twice after ROLLBACK TO.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "replication/logicalworker.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "batch/batch.h"
#include "fault_point.h"
#include "guc.h"
#include "shared/control.h"
#include "shared/slot.h"
#include "stream_am/back_pressure.h"
#include "stream_am/batch_writer.h"
#include "stream_am/stream_am.h"

struct BatchWriter
{
	Oid			relid;
	SubTransactionId subid;		/* owner of the rows in the builder ... */
	TransactionId xid;			/* ... and its xid */
	TupleDesc	desc;			/* what the builder was made for */
	bool		check_desc;		/* the relcache entry may have changed */
	bool		wrote;			/* a batch is in WAL */
	bool		takes_place;	/* its stream is new, and is about to commit */
	BatchBuilder *builder;
	StreamControl *stream;		/* where its rows are counted */
	StreamControl own_counts;	/* ... until a new stream has committed */
	MemoryContext row_context;	/* detoasted values of one row */
	Datum	   *row_values;
	int			nvarlenas;
	int		   *varlenas;		/* indexes of variable-length columns */
};

/* --- state of this transaction, emptied by writers_forget() --- */
static List *writers = NIL;		/* of BatchWriter */
static uint32 next_seq = 0;
static bool wrote_rows = false;
static bool closing = false;	/* PRE_COMMIT has passed: nobody will write
								 * later */
static bool commit_prepared = false;

/* --- state of this session --- */
static DatabaseControl *my_database = NULL;
static XLogRecPtr last_commit_lsn = InvalidXLogRecPtr;

/* Raises an error unless the library was preloaded. */
void
batch_writer_require_preload(void)
{
	if (!control_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("streams need the library \"stream_ext\" to be preloaded"),
				 errhint("Add stream_ext to shared_preload_libraries and restart the server.")));
}

/* Makes sure that somebody keeps and reads what this transaction will write. */
static void
writer_prepare_database(void)
{
	batch_writer_require_preload();
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot insert into a stream during recovery")));
	if (!XLogIsNeeded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("streams need wal_level to be \"replica\" or \"logical\""),
				 errhint("Set wal_level = replica, the default, and restart the server.")));

	if (my_database != NULL && my_database->dbid == MyDatabaseId)
		return;
	slot_ensure(MyDatabaseId);
	my_database = control_database(MyDatabaseId, true);
	if (my_database == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases have streams"),
				 errhint("Raise stream_ext.max_databases (now %d) and restart the server.",
						 guc_max_databases)));
	control_wake_launcher();
}

/* Makes the builder for today's descriptor of the stream. */
static void
writer_make_builder(BatchWriter *writer, TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	writer->desc = CreateTupleDescCopy(desc);
	writer->builder = batch_builder_create(writer->desc, TopTransactionContext);
	writer->row_values = palloc(desc->natts * sizeof(Datum));
	writer->varlenas = palloc(desc->natts * sizeof(int));
	writer->nvarlenas = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (attr->attlen == -1 && !attr->attisdropped)
			writer->varlenas[writer->nvarlenas++] = i;
	}
	writer->check_desc = false;
	MemoryContextSwitchTo(old);
}

/* Returns whether rows of desc can go on filling the builder. */
static bool
writer_fits_desc(const BatchWriter *writer, TupleDesc desc)
{
	if (desc->natts != writer->desc->natts)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute now = TupleDescAttr(desc, i);
		Form_pg_attribute then = TupleDescAttr(writer->desc, i);

		if (now->attisdropped != then->attisdropped ||
			now->atttypid != then->atttypid ||
			now->attstorage != then->attstorage)
			return false;
	}
	return true;
}

/*
 * Returns the stream's slot in shared memory.  The last one is remembered, so
 * that small transactions on one stream do not meet at ControlLock.
 */
static StreamControl *
writer_find_stream(Oid relid)
{
	static StreamControl *last = NULL;

	if (last != NULL && last->dbid == MyDatabaseId && last->relid == relid)
		return last;
	last = control_stream(MyDatabaseId, relid, true);
	return last;
}

/* Returns a new writer, in the list. */
static BatchWriter *
writer_create(Relation rel)
{
	BatchWriter *writer;
	MemoryContext old;

	writer_prepare_database();
	old = MemoryContextSwitchTo(TopTransactionContext);
	writer = palloc0(sizeof(BatchWriter));
	writer->relid = RelationGetRelid(rel);
	if (rel->rd_createSubid != InvalidSubTransactionId)
		writer->stream = &writer->own_counts;
	else
		writer->stream = writer_find_stream(writer->relid);
	writer_make_builder(writer, RelationGetDescr(rel));
	writers = lcons(writer, writers);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Writes the rows collected so far as one WAL record. */
static void
writer_write(BatchWriter *writer)
{
	uint32		nrows = batch_builder_rows(writer->builder);
	Size		length;
	char	   *batch;

	if (nrows == 0)
		return;
	/* rows of a child that has been released are its parent's */
	if (writer->subid == GetCurrentSubTransactionId())
		writer->xid = GetCurrentTransactionId();
	Assert(TransactionIdFollowsOrEquals(GetCurrentTransactionIdIfAny(), writer->xid));

	FAULT_POINT("batch-before-write");
	back_pressure_wait(my_database, writer->relid, writer->stream);
	batch = batch_builder_finish(writer->builder, MyDatabaseId, writer->relid,
								 writer->xid, next_seq, &length);
	XLogBeginInsert();
	XLogRegisterData(batch, (uint32) length);
	(void) XLogInsert(RM_XLOG_ID, XLOG_NOOP);

	batch_builder_reset(writer->builder);
	next_seq++;
	writer->wrote = true;
	wrote_rows = true;
	pg_atomic_fetch_add_u64(&writer->stream->rows_in, nrows);
	pg_atomic_fetch_add_u64(&writer->stream->batches_in, 1);
	pg_atomic_fetch_add_u64(&writer->stream->bytes_in, length);
	FAULT_POINT("batch-after-write");
}

/* Returns the writer of a stream for the current subtransaction; see batch_writer.h. */
BatchWriter *
batch_writer_open(Relation rel)
{
	SubTransactionId subid = GetCurrentSubTransactionId();

	/* also for the record of a batch that must go before these rows come */
	TransactionId xid = GetCurrentTransactionId();
	BatchWriter *writer = NULL;
	ListCell   *cell;

	foreach(cell, writers)
	{
		writer = lfirst(cell);
		if (writer->relid == RelationGetRelid(rel))
			break;
	}
	if (cell == NULL)
		writer = writer_create(rel);

	if (writer->check_desc && !writer_fits_desc(writer, RelationGetDescr(rel)))
	{
		BatchBuilder *former = writer->builder;

		writer_write(writer);
		writer_make_builder(writer, RelationGetDescr(rel));
		batch_builder_free(former);
	}
	writer->check_desc = false;

	if (strcmp(batch_builder_input(writer->builder), guc_input) != 0)
	{
		writer_write(writer);
		batch_builder_set_input(writer->builder, guc_input);
	}
	if (writer->subid != subid || !TransactionIdIsValid(writer->xid))
	{
		writer_write(writer);
		writer->subid = subid;
		writer->xid = xid;
	}
	return writer;
}

/* Returns whether a varlena has to be flattened before it can be in a batch. */
static inline bool
value_is_toasted(Datum value)
{
	struct varlena *varlena = (struct varlena *) DatumGetPointer(value);

	return VARATT_IS_EXTERNAL(varlena) || VARATT_IS_COMPRESSED(varlena);
}

/* Returns the row's values with every toasted one flattened into row_context. */
static pg_noinline Datum *
writer_flatten(BatchWriter *writer, const Datum *values, const bool *isnull)
{
	MemoryContext old;

	if (writer->row_context == NULL)
		writer->row_context = AllocSetContextCreate(TopTransactionContext, "stream row",
													ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(writer->row_context);
	old = MemoryContextSwitchTo(writer->row_context);
	memcpy(writer->row_values, values, writer->desc->natts * sizeof(Datum));
	for (int i = 0; i < writer->nvarlenas; i++)
	{
		int			at = writer->varlenas[i];

		if (!isnull[at] && value_is_toasted(values[at]))
			writer->row_values[at] =
				PointerGetDatum(detoast_attr((struct varlena *) DatumGetPointer(values[at])));
	}
	MemoryContextSwitchTo(old);
	return writer->row_values;
}

/* Adds the slot's row; see batch_writer.h. */
void
batch_writer_add(BatchWriter *writer, TupleTableSlot *slot)
{
	Datum	   *values;

	slot_getallattrs(slot);
	Assert(slot->tts_nvalid == writer->desc->natts);
	values = slot->tts_values;
	for (int i = 0; i < writer->nvarlenas; i++)
	{
		int			at = writer->varlenas[i];

		if (!slot->tts_isnull[at] && value_is_toasted(values[at]))
		{
			values = writer_flatten(writer, values, slot->tts_isnull);
			break;
		}
	}
	batch_builder_add(writer->builder, values, slot->tts_isnull);
	if (values == writer->row_values)
		MemoryContextReset(writer->row_context);

	if (closing ||
		batch_builder_bytes(writer->builder) >= (Size) guc_batch_size_kb * 1024 ||
		batch_builder_rows(writer->builder) >= BATCH_MAX_ROWS)
		writer_write(writer);
}

/* --- transactions ---------------------------------------------------------- */

/* Returns whether the writer counts rows of a stream that this transaction leaves behind. */
static bool
writer_has_new_stream(const BatchWriter *writer)
{
	return writer->stream == &writer->own_counts &&
		SearchSysCacheExists1(RELOID, ObjectIdGetDatum(writer->relid));
}

/* Writes what is left, before commit or prepare. */
static void
writers_write_all(void)
{
	ListCell   *cell;

	foreach(cell, writers)
	{
		BatchWriter *writer = lfirst(cell);

		writer_write(writer);
		writer->takes_place = writer->wrote && writer_has_new_stream(writer);
	}
	closing = true;
	if (wrote_rows)
		FAULT_POINT("pre-commit-after-write");
}

/* Forgets the transaction; its memory goes with TopTransactionContext. */
static void
writers_forget(void)
{
	writers = NIL;
	next_seq = 0;
	wrote_rows = false;
	closing = false;
	commit_prepared = false;
}

/* Moves an atomic position forward. */
static void
position_advance(pg_atomic_uint64 *position, uint64 value)
{
	uint64		known = pg_atomic_read_u64(position);

	while (known < value && !pg_atomic_compare_exchange_u64(position, &known, value))
		;
}

/* A new stream has committed: it takes a place, and what was counted goes there. */
static void
writer_take_place(BatchWriter *writer)
{
	StreamControl *from = &writer->own_counts;
	StreamControl *stream = writer_find_stream(writer->relid);

	pg_atomic_fetch_add_u64(&stream->rows_in, pg_atomic_read_u64(&from->rows_in));
	pg_atomic_fetch_add_u64(&stream->batches_in, pg_atomic_read_u64(&from->batches_in));
	pg_atomic_fetch_add_u64(&stream->bytes_in, pg_atomic_read_u64(&from->bytes_in));
	pg_atomic_fetch_add_u64(&stream->backpressure_count,
							pg_atomic_read_u64(&from->backpressure_count));
	pg_atomic_fetch_add_u64(&stream->backpressure_us,
							pg_atomic_read_u64(&from->backpressure_us));
	writer->stream = stream;
}

/*
 * Returns whether the transaction that commits may have been a COMMIT PREPARED
 * that no statement announced: logical replication hands one on so, in a
 * transaction without an xid of its own.
 */
static bool
writer_may_be_replaying(void)
{
	return IsLogicalWorker() && !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* Tells the worker, the statistics and this session where the commit ended. */
static void
writers_committed(void)
{
	ListCell   *cell;

	if (!wrote_rows && writer_may_be_replaying())
		stream_am_expect_commit_prepared();
	if (!wrote_rows && !commit_prepared)
		return;
	Assert(my_database != NULL);

	last_commit_lsn = XactLastCommitEnd;
	foreach(cell, writers)
	{
		BatchWriter *writer = lfirst(cell);

		if (!writer->wrote)
			continue;
		if (writer->takes_place)
			writer_take_place(writer);
		position_advance(&writer->stream->last_commit_lsn, XactLastCommitEnd);
		position_advance(&writer->stream->last_commit_time,
						 (uint64) GetCurrentTransactionStopTimestamp());
	}
	if (commit_prepared)
		position_advance(&my_database->last_prepared_lsn, XactLastCommitEnd);
	control_notify_commit(my_database, XactLastCommitEnd);
}

/* Transaction callback. */
static void
writer_xact_cb(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			writers_write_all();
			break;
		case XACT_EVENT_COMMIT:
			writers_committed();
			writers_forget();
			break;
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			writers_forget();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			Assert(writers == NIL);
			break;
	}
}

/* Subtransaction callback: rows go with their owner, to the parent or away. */
static void
writer_subxact_cb(SubXactEvent event, SubTransactionId subid,
				  SubTransactionId parent_subid, void *arg)
{
	ListCell   *cell;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(cell, writers)
	{
		BatchWriter *writer = lfirst(cell);

		if (writer->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			writer->subid = parent_subid;
		else
		{
			batch_builder_reset(writer->builder);
			writer->subid = InvalidSubTransactionId;
			writer->xid = InvalidTransactionId;
		}
	}
}

/* Relcache callback: descriptors may have changed. */
static void
writer_relcache_cb(Datum arg, Oid relid)
{
	ListCell   *cell;

	foreach(cell, writers)
	{
		BatchWriter *writer = lfirst(cell);

		if (!OidIsValid(relid) || writer->relid == relid)
			writer->check_desc = true;
	}
}

/* The command that starts now is COMMIT PREPARED. */
void
stream_am_expect_commit_prepared(void)
{
	if (my_database == NULL || my_database->dbid != MyDatabaseId)
		my_database = control_database(MyDatabaseId, false);
	commit_prepared = my_database != NULL;
}

/* Registers the callbacks. */
void
batch_writer_init(void)
{
	RegisterXactCallback(writer_xact_cb, NULL);
	RegisterSubXactCallback(writer_subxact_cb, NULL);
	CacheRegisterRelcacheCallback(writer_relcache_cb, (Datum) 0);
}

/* Returns the end of this session's last commit that carried stream rows. */
XLogRecPtr
stream_am_last_commit_lsn(void)
{
	return last_commit_lsn;
}

/* Returns whether this transaction has put rows into streams. */
bool
stream_am_wrote_rows(void)
{
	return writers != NIL;
}
