/*
 * retention.c - windows that a view no longer keeps.
 *
 * Three things use one horizon, "now - retention" reckoned in UTC whatever a
 * session's TimeZone is: the view hides older windows at once (the SQL
 * functions below stand in its text), the worker counts older rows instead of
 * applying them, and partitions that lie wholly before it are dropped.  A
 * coarse partition that is only partly expired stays as a whole: its rows are
 * hidden, and deleting them one by one would cost more WAL and vacuum than
 * the space is worth.  A session has its horizon at its end, and a partition
 * into which one reaches stays, so that no session is cut in half.
 *
 * A partition is dropped in two steps, each in transactions of its own:
 * DETACH CONCURRENTLY, which readers do not notice, then DROP of a table that
 * nobody can reach any more.  Whatever a lock timeout or a crash leaves behind
 * is the first thing the next call looks at: a pending detach is completed if
 * the partition is still expired, and taken back if the retention is a longer
 * one by now, or none; a detached table is as good as dropped, and dropped.
 *
 * Locking: SHARE UPDATE EXCLUSIVE on the range parent; ACCESS EXCLUSIVE on
 * the partition, after its last reader.  Each wait is bounded.
 *
 * Failure: a lock that was not to be had is left to the next call.  Other
 * errors (an event trigger that refuses the DROP, an object that depends on a
 * partition, a full disk) are reported and returned: the view keeps what it
 * hides already, and the worker goes on.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "common/int.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "fault_point.h"
#include "flush/flush_private.h"
#include "pinned_settings.h"

STREAM_FUNCTION(stream_ext_retention_horizon);

/*
 * Returns the moment before which windows are expired.
 */
static int64
horizon_at(TimestampTz now, Interval *retention)
{
	return DatumGetTimestamp(DirectFunctionCall2(timestamp_mi_interval,
												 TimestampGetDatum((Timestamp) now),
												 IntervalPGetDatum(retention)));
}

/*
 * SQL: retention_horizon(interval) and retention_horizon_utc(interval); the
 * same for the whole of a statement, so that a group is hidden in storage and
 * in memory alike.
 */
Datum
stream_ext_retention_horizon(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMP(horizon_at(clock_statement(), PG_GETARG_INTERVAL_P(0)));
}

/*
 * Returns the moment before which windows of a view are expired now.
 */
int64
retention_horizon(const ContinuousOptions *options)
{
	if (options->retention == NULL)
		return DT_NOBEGIN;
	return horizon_at(clock_now(), settings_interval(options->retention));
}

/*
 * Returns the start of the first window, or cell, that is not expired.
 */
int64
retention_first_window(const ContinuousOptions *options, const StreamQuery *query)
{
	int64		horizon = retention_horizon(options);
	int64		first;

	if (query->session == NULL || TIMESTAMP_NOT_FINITE(horizon))
		return horizon;
	if (pg_sub_s64_overflow(horizon, query->session->gap, &first) ||
		pg_sub_s64_overflow(first, query->session->gap, &first))
		return DT_NOBEGIN;
	return first;
}

/*
 * Says whether relid is a table that was a partition and is detached.
 */
static bool
is_detached_table(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	result = form->relkind == RELKIND_RELATION && !form->relispartition;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Returns a detached table of this storage, or InvalidOid: partitions depend
 * on the storage itself, also after they were detached.
 */
static Oid
find_detached_table(Oid storage)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	Oid			found = InvalidOid;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(storage));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (!OidIsValid(found) && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->classid == RelationRelationId && form->deptype == DEPENDENCY_AUTO &&
			is_detached_table(form->objid))
			found = form->objid;
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/*
 * Says whether a partition can go.
 */
static bool
is_expired(const ViewCatalog *view, const StreamQuery *query, const PartitionRange *range)
{
	return range->last < retention_first_window(&view->options, query) &&
		(query->session == NULL || !session_crosses(view, query, range->last + 1));
}

/*
 * Returns the statement that takes the next step towards dropping what is
 * expired, in CurrentMemoryContext, or NULL if nothing is left to do.  Takes
 * back what is pending and not expired any more.
 */
static char *
next_step_sql(const ViewCatalog *view, const StreamQuery *query)
{
	Oid			storage = view->storage;
	Oid			detached = find_detached_table(storage);
	PartitionAxis axis = {0};
	Oid			parent;
	int			expired = -1;

	if (OidIsValid(detached))
		return psprintf("DROP TABLE _stream_ext.%s", quote_identifier(get_rel_name(detached)));

	parent = partition_read_axis(storage, &axis);
	for (int i = 0; i < axis.nranges; i++)
	{
		bool		is_pending = PartitionHasPendingDetach(axis.ranges[i].relid);

		if (is_pending && !is_expired(view, query, &axis.ranges[i]))
			partition_take_back(parent, axis.ranges[i].relid);
		else if (is_pending)
			return psprintf("ALTER TABLE _stream_ext.%s DETACH PARTITION _stream_ext.%s FINALIZE",
							quote_identifier(get_rel_name(parent)),
							quote_identifier(get_rel_name(axis.ranges[i].relid)));
		else if (expired < 0 && is_expired(view, query, &axis.ranges[i]))
			expired = i;
	}
	if (expired < 0)
		return NULL;
	return psprintf("ALTER TABLE _stream_ext.%s DETACH PARTITION _stream_ext.%s CONCURRENTLY",
					quote_identifier(get_rel_name(parent)),
					quote_identifier(get_rel_name(axis.ranges[expired].relid)));
}

/*
 * Runs a statement as a client would, alone in its transaction: DETACH
 * CONCURRENTLY commits in the middle and wants to be at the top level.
 * PortalContext must outlive that commit.
 */
static void
run_top_level(const char *sql, MemoryContext context)
{
	PlannedStmt *statement = makeNode(PlannedStmt);

	statement->commandType = CMD_UTILITY;
	statement->utilityStmt = linitial_node(RawStmt, pg_parse_query(sql))->stmt;

	PushActiveSnapshot(GetTransactionSnapshot());
	ProcessUtility(statement, sql, false, PROCESS_UTILITY_TOPLEVEL, NULL, NULL,
				   None_Receiver, NULL);
	MemoryContextSwitchTo(context);
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
}

/*
 * Takes one step; returns false if nothing was left to do.
 */
static bool
take_step(const ViewCatalog *view, const StreamQuery *query, MemoryContext context)
{
	char	   *sql;

	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	sql = next_step_sql(view, query);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	if (sql == NULL)
		return false;

	FAULT_POINT("retention-before-step");
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	run_top_level(sql, context);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	FAULT_POINT("retention-after-step");
	return true;
}

/*
 * Says whether an error is no more than a step that was not to be taken now: a
 * lock, or a partition that ALTER has taken back meanwhile.
 */
static bool
passes_by_itself(int sqlstate)
{
	return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED ||
		sqlstate == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

/*
 * Takes steps until nothing is left.  Returns the error that kept it from
 * that, in CurrentMemoryContext, or NULL: a lock may be had next time.
 */
static ErrorData *
take_all_steps(const ViewCatalog *view, const StreamQuery *query, MemoryContext context)
{
	MemoryContext old = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		while (take_step(view, query, context))
			CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		if (!passes_by_itself(geterrcode()))
		{
			error = CopyErrorData();
			if (!ShutdownRequestPending)
				EmitErrorReport();
		}
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return error;
}

/*
 * Detaches and drops the partitions that retention has expired.
 */
ErrorData *
retention_drop_expired(const ViewCatalog *view, const StreamQuery *query, int lock_timeout_ms)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext old_portal = PortalContext;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "retention",
												  ALLOCSET_DEFAULT_SIZES);
	int			old_timeout = LockTimeout;
	ErrorData  *error = NULL;

	Assert(!IsTransactionState());

	/* a SET LOCAL would end at the commit inside DETACH CONCURRENTLY */
	LockTimeout = lock_timeout_ms;
	PortalContext = context;
	PG_TRY();
	{
		error = take_all_steps(view, query, context);
	}
	PG_FINALLY();
	{
		LockTimeout = old_timeout;
		PortalContext = old_portal;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	return error;
}
