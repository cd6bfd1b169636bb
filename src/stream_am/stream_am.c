/*
 * stream_am.c - the table access method "stream".
 *
 * The routine starts as a copy of heap's: a stream keeps an empty main fork,
 * so what only looks at that (size, tablespace, parallel scan bookkeeping)
 * works unchanged.  Inserts go to batch_writer.c, scans to stream_scan.c;
 * whatever would need a row that stays is refused here with a hint.
 *
 * freezeXid and minmulti are invalid, so that no vacuum is ever owed.  A
 * rewrite by ALTER TABLE sets them all the same; VACUUM then moves them on.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/multixact.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/storage.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "storage/smgr.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "stream_am/batch_writer.h"
#include "stream_am/stream_am.h"
#include "stream_am/stream_plan.h"
#include "stream_am/stream_quota.h"
#include "stream_am/stream_rewrite.h"
#include "stream_am/stream_scan.h"

STREAM_FUNCTION(stream_ext_tableam_handler);

static TableAmRoutine stream_methods;

/* The access method's oid in this database; looked up again after a change of pg_am. */
static Oid	am_oid = InvalidOid;
static bool am_oid_known = false;

/* --- rows in ---------------------------------------------------------------- */

/* Slots hold values only: there is no tuple format to keep. */
static const TupleTableSlotOps *
stream_slot_callbacks(Relation rel)
{
	return &TTSOpsVirtual;
}

/* Marks a slot as a row that has no place. */
static inline void
stream_label_slot(Relation rel, TupleTableSlot *slot)
{
	slot->tts_tableOid = RelationGetRelid(rel);
	ItemPointerSetInvalid(&slot->tts_tid);
}

/* Inserts one row. */
static void
stream_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
					struct BulkInsertStateData *bistate)
{
	batch_writer_add(batch_writer_open(rel), slot);
	stream_label_slot(rel, slot);
}

/* Inserts the rows of a COPY, many at a time. */
static void
stream_multi_insert(Relation rel, TupleTableSlot **slots, int nslots, CommandId cid,
					int options, struct BulkInsertStateData *bistate)
{
	BatchWriter *writer = batch_writer_open(rel);

	for (int i = 0; i < nslots; i++)
	{
		batch_writer_add(writer, slots[i]);
		stream_label_slot(rel, slots[i]);
	}
}

/* --- what needs a row that stays -------------------------------------------- */

/* Raises the error for an operation on rows that streams do not keep. */
static void
stream_refuse(Relation rel, const char *operation)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s stream \"%s\"", operation, RelationGetRelationName(rel)),
			 errdetail("A stream keeps no rows; it hands them to the continuous views over it.")));
}

static void
stream_tuple_insert_speculative(Relation rel, TupleTableSlot *slot, CommandId cid, int options,
								struct BulkInsertStateData *bistate, uint32 token)
{
	stream_refuse(rel, "use ON CONFLICT with");
}

static TM_Result
stream_tuple_delete(Relation rel, ItemPointer tid, CommandId cid, Snapshot snapshot,
					Snapshot crosscheck, bool wait, TM_FailureData *failure, bool changing_part)
{
	stream_refuse(rel, "delete from");
	return TM_Ok;
}

static TM_Result
stream_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid,
					Snapshot snapshot, Snapshot crosscheck, bool wait,
					TM_FailureData *failure, LockTupleMode *mode,
					compat_update_indexes * update_indexes)
{
	stream_refuse(rel, "update");
	return TM_Ok;
}

static TM_Result
stream_tuple_lock(Relation rel, ItemPointer tid, Snapshot snapshot, TupleTableSlot *slot,
				  CommandId cid, LockTupleMode mode, LockWaitPolicy wait_policy,
				  uint8 flags, TM_FailureData *failure)
{
	stream_refuse(rel, "lock a row of");
	return TM_Ok;
}

static bool
stream_tuple_fetch_row_version(Relation rel, ItemPointer tid, Snapshot snapshot,
							   TupleTableSlot *slot)
{
	stream_refuse(rel, "fetch a row of");
	return false;
}

static void
stream_tuple_get_latest_tid(TableScanDesc scan, ItemPointer tid)
{
	stream_refuse(scan->rs_rd, "fetch a row of");
}

static struct IndexFetchTableData *
stream_index_fetch_begin(Relation rel)
{
	stream_refuse(rel, "use an index on");
	return NULL;
}

/* Refuses an index that comes with a constraint, or with a table like another. */
static void
stream_refuse_index(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot create an index on stream \"%s\"", RelationGetRelationName(rel)),
			 errdetail("A stream keeps no rows; it hands them to the continuous views over it."),
			 errhint("Leave out PRIMARY KEY, UNIQUE and EXCLUDE; continuous views are indexed on their group keys by themselves.")));
}

/* Builds an index: never. */
static double
stream_index_build_range_scan(Relation rel, Relation index, struct IndexInfo *info,
							  bool allow_sync, bool any_visible, bool progress,
							  BlockNumber start, BlockNumber nblocks,
							  IndexBuildCallback callback, void *arg, TableScanDesc scan)
{
	stream_refuse_index(rel);
	return 0;
}

static void
stream_index_validate_scan(Relation rel, Relation index, struct IndexInfo *info,
						   Snapshot snapshot, struct ValidateIndexState *state)
{
	stream_refuse_index(rel);
}

/* --- storage that stays empty ------------------------------------------------ */

/* Makes the empty main fork; refuses what would not survive a crash. */
static void
stream_set_new_filelocator(Relation rel, const RelFileLocator *locator, char persistence,
						   TransactionId *freeze_xid, MultiXactId *min_multi)
{
	if (!IsBinaryUpgrade)
		batch_writer_require_preload();
	if (persistence != RELPERSISTENCE_PERMANENT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a stream cannot be unlogged or temporary"),
				 errdetail("The rows of a stream travel in the write-ahead log."),
				 errhint("Create it without UNLOGGED or TEMPORARY.")));
	if (!IsBinaryUpgrade && rel->rd_createSubid != InvalidSubTransactionId &&
		!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(RelationGetRelid(rel))))
		stream_quota_check(GetUserId(), 1);	/* relowner is not set yet */

	*freeze_xid = InvalidTransactionId;
	*min_multi = InvalidMultiXactId;
	smgrclose(RelationCreateStorage(*locator, persistence, true));
}

/* VACUUM FULL and CLUSTER: there is nothing to copy, but something to keep. */
static void
stream_copy_for_cluster(Relation old_rel, Relation new_rel, Relation index, bool use_sort,
						TransactionId oldest_xmin, TransactionId *freeze_xid,
						MultiXactId *min_multi, double *ntuples,
						double *nvacuumed, double *nrecently_dead)
{
	stream_rewrite_keep_missing(old_rel);
	*freeze_xid = InvalidTransactionId;
	*min_multi = InvalidMultiXactId;
	*ntuples = 0;
	*nvacuumed = 0;
	*nrecently_dead = 0;
}

/* VACUUM: nothing to clean; horizons that a rewrite has left behind move on. */
static void
stream_vacuum(Relation rel, struct VacuumParams *params, BufferAccessStrategy strategy)
{
	if (TransactionIdIsValid(rel->rd_rel->relfrozenxid))
		compat_update_relstats_horizons(rel, GetOldestNonRemovableTransactionId(rel),
										GetOldestMultiXactId());
}

/* Large values are in the batch itself. */
static bool
stream_needs_toast_table(Relation rel)
{
	return false;
}

/* Replaces what differs from heap. */
static void
stream_methods_fill(void)
{
	TableAmRoutine *routine = &stream_methods;

	*routine = *GetHeapamTableAmRoutine();
	stream_scan_override(routine);
	routine->slot_callbacks = stream_slot_callbacks;
	routine->index_fetch_begin = stream_index_fetch_begin;
	routine->tuple_insert = stream_tuple_insert;
	routine->tuple_insert_speculative = stream_tuple_insert_speculative;
	routine->multi_insert = stream_multi_insert;
	routine->tuple_delete = stream_tuple_delete;
	routine->tuple_update = stream_tuple_update;
	routine->tuple_lock = stream_tuple_lock;
	routine->tuple_fetch_row_version = stream_tuple_fetch_row_version;
	routine->tuple_get_latest_tid = stream_tuple_get_latest_tid;
	routine->compat_set_new_filelocator = stream_set_new_filelocator;
	routine->relation_copy_for_cluster = stream_copy_for_cluster;
	routine->relation_vacuum = stream_vacuum;
	routine->index_build_range_scan = stream_index_build_range_scan;
	routine->index_validate_scan = stream_index_validate_scan;
	routine->relation_needs_toast_table = stream_needs_toast_table;
}

/* The handler of the access method. */
Datum
stream_ext_tableam_handler(PG_FUNCTION_ARGS)
{
	if (stream_methods.type != T_TableAmRoutine)
		stream_methods_fill();
	PG_RETURN_POINTER(&stream_methods);
}

/* --- which relations are streams --------------------------------------------- */

/* Returns whether the relation is a stream. */
bool
stream_am_is_stream(Relation rel)
{
	return rel->rd_tableam == &stream_methods;
}

/* Syscache callback: pg_am has changed. */
static void
stream_am_syscache_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	am_oid_known = false;
}

/* Returns the oid of an access method "stream" whose handler is ours. */
static Oid
stream_am_look_up(void)
{
	HeapTuple	tuple = SearchSysCache1(AMNAME, CStringGetDatum("stream"));
	Form_pg_am	form;
	FmgrInfo	handler;
	Oid			oid = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = (Form_pg_am) GETSTRUCT(tuple);
	if (form->amtype == AMTYPE_TABLE)
	{
		fmgr_info(form->amhandler, &handler);
		if (handler.fn_addr == stream_ext_tableam_handler)
			oid = form->oid;
	}
	ReleaseSysCache(tuple);
	return oid;
}

/* Returns the access method's oid, InvalidOid where the extension is absent. */
Oid
stream_am_oid(void)
{
	if (!am_oid_known)
	{
		Oid			oid = stream_am_look_up();

		am_oid = oid;
		am_oid_known = true;
	}
	return am_oid;
}

/* Returns whether relid is a stream; false for a missing relation. */
bool
stream_am_is_stream_oid(Oid relid)
{
	HeapTuple	tuple;
	bool		result = false;

	if (!OidIsValid(stream_am_oid()))
		return false;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_class) GETSTRUCT(tuple))->relam == stream_am_oid();
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Registers callbacks and hooks. */
void
stream_am_init(void)
{
	CacheRegisterSyscacheCallback(AMNAME, stream_am_syscache_cb, (Datum) 0);
	batch_writer_init();
	stream_plan_init();
	stream_rewrite_init();
}
