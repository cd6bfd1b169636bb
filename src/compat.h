/*
 * compat.h - one spelling of the server's API for PostgreSQL 15 to 18.
 *
 * Every PG_VERSION_NUM of the project stands here.  The newest API is the
 * name; the older server emulates it.
 */
#ifndef STREAM_EXT_COMPAT_H
#define STREAM_EXT_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

/* 16 took the macros for variable-length values out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * We build with -fvisibility=hidden, so that nothing but SQL functions and
 * bgworker entry points leaves the library.  PostgreSQL 15 has no visibility
 * attribute in PGDLLEXPORT.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* A C function that SQL calls: declared visible, then registered. */
#define STREAM_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/*
 * Writing by table access methods: 16 tells a summarizing index from others.
 * The caller includes access/tableam.h and executor/executor.h.
 */
#if PG_VERSION_NUM < 160000
typedef enum TU_UpdateIndexes
{
	TU_None,
	TU_All,
	TU_Summarizing
} TU_UpdateIndexes;
#define compat_simple_table_tuple_update(rel, tid, slot, snapshot, which) \
	do { \
		bool		changed_; \
		simple_table_tuple_update(rel, tid, slot, snapshot, &changed_); \
		*(which) = changed_ ? TU_All : TU_None; \
	} while (0)
#define compat_insert_index_tuples(result, slot, estate, which) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL)
#else
#define compat_simple_table_tuple_update(rel, tid, slot, snapshot, which) \
	simple_table_tuple_update(rel, tid, slot, snapshot, which)
#define compat_insert_index_tuples(result, slot, estate, which) \
	ExecInsertIndexTuples(result, slot, estate, false, false, NULL, NIL, (which) == TU_Summarizing)
#endif

#if PG_VERSION_NUM < 160000
#include "storage/relfilenode.h"
typedef RelFileNode RelFileLocator;
#endif

/* Names in the table access method's interface. */
#if PG_VERSION_NUM < 160000
#define compat_set_new_filelocator relation_set_new_filenode
#define compat_update_indexes bool
#else
#define compat_set_new_filelocator relation_set_new_filelocator
#define compat_update_indexes TU_UpdateIndexes
#endif

/* Moves a table's freeze horizons; commands/vacuum.h must be included. */
#if PG_VERSION_NUM < 180000
#define compat_update_relstats_horizons(rel, frozen_xid, min_multi) \
	vac_update_relstats(rel, 0, 0, 0, false, frozen_xid, min_multi, NULL, NULL, false)
#else
#define compat_update_relstats_horizons(rel, frozen_xid, min_multi) \
	vac_update_relstats(rel, 0, 0, 0, 0, false, frozen_xid, min_multi, NULL, NULL, false)
#endif

/* attgenerated of a column that is computed when it is read. */
#if PG_VERSION_NUM < 180000
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

/* Runs a query to its end. */
#if PG_VERSION_NUM < 180000
#define compat_executor_run(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0, true)
#else
#define compat_executor_run(query_desc) \
	ExecutorRun(query_desc, ForwardScanDirection, 0)
#endif

/*
 * Replication slots.  The macros expand where replication/slot.h has been
 * included; "invalid" is a field of its own from 16 on.
 */
#if PG_VERSION_NUM < 170000
#define compat_slot_create_physical(name, persistency) \
	ReplicationSlotCreate(name, false, persistency, false)
#else
#define compat_slot_create_physical(name, persistency) \
	ReplicationSlotCreate(name, false, persistency, false, false, false)
#endif

#if PG_VERSION_NUM < 180000
#define compat_slot_acquire_nowait(name)	ReplicationSlotAcquire(name, true)
#else
#define compat_slot_acquire_nowait(name)	ReplicationSlotAcquire(name, true, false)
#endif

#if PG_VERSION_NUM < 160000
#define compat_slot_is_invalidated(slot) \
	(!XLogRecPtrIsInvalid((slot)->data.invalidated_at))
#else
#define compat_slot_is_invalidated(slot) \
	((slot)->data.invalidated != RS_INVAL_NONE)
#endif

/* Rights: 16 asks for any kind of object by one function. */
#include "catalog/pg_class_d.h"
#include "catalog/pg_database_d.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_proc_d.h"
#include "catalog/pg_tablespace_d.h"
#include "utils/acl.h"

#if PG_VERSION_NUM < 160000
static inline AclResult
object_aclcheck(Oid classid, Oid objectid, Oid roleid, AclMode mode)
{
	if (classid == TableSpaceRelationId)
		return pg_tablespace_aclcheck(objectid, roleid, mode);
	Assert(classid == ProcedureRelationId);
	return pg_proc_aclcheck(objectid, roleid, mode);
}

static inline bool
object_ownercheck(Oid classid, Oid objectid, Oid roleid)
{
	if (classid == NamespaceRelationId)
		return pg_namespace_ownercheck(objectid, roleid);
	if (classid == DatabaseRelationId)
		return pg_database_ownercheck(objectid, roleid);
	Assert(classid == RelationRelationId);
	return pg_class_ownercheck(objectid, roleid);
}
#endif

/* Who reads a relation of a query.  Expands where parser/parse_relation.h has been included. */
#if PG_VERSION_NUM < 160000
#define compat_check_as_user(query, rte)	((rte)->checkAsUser)
#else
#define compat_check_as_user(query, rte) \
	(getRTEPermissionInfo((query)->rteperminfos, rte)->checkAsUser)
#endif

/* Gives a query that shares another's range table the rights to check with it. */
#if PG_VERSION_NUM < 160000
#define compat_copy_permissions(to, from)	((void) 0)
#else
#define compat_copy_permissions(to, from) \
	((to)->rteperminfos = copyObject((from)->rteperminfos))
#endif

/* Notes that a query reads a column.  Expands where access/sysattr.h and, from 16 on, parser/parse_relation.h are. */
#if PG_VERSION_NUM < 160000
#define compat_require_column(query, rte, attnum) \
	((rte)->selectedCols = bms_add_member((rte)->selectedCols, \
										  (attnum) - FirstLowInvalidHeapAttributeNumber))
#else
#define compat_require_column(query, rte, attnum) \
	do { \
		RTEPermissionInfo *info_ = getRTEPermissionInfo((query)->rteperminfos, (rte)); \
		info_->selectedCols = bms_add_member(info_->selectedCols, \
											 (attnum) - FirstLowInvalidHeapAttributeNumber); \
	} while (0)
#endif

/* ALTER TABLE ... ADD COLUMN: a tree as parsed has one kind from 16 on. */
#if PG_VERSION_NUM < 160000
#define COMPAT_CASE_ADD_COLUMN	AT_AddColumn: case AT_AddColumnRecurse
#else
#define COMPAT_CASE_ADD_COLUMN	AT_AddColumn
#endif

/* The local transaction id of this session.  Expands where storage/proc.h has been included. */
#if PG_VERSION_NUM < 170000
#define compat_my_lxid()	(MyProc->lxid)
#else
#define compat_my_lxid()	(MyProc->vxid.lxid)
#endif

/* The process of a virtual transaction, or NULL.  Expands where storage/procarray.h and storage/sinvaladt.h have been included. */
#if PG_VERSION_NUM < 170000
#define compat_vxid_proc(vxid)	BackendIdGetProc((vxid).backendId)
#else
#define compat_vxid_proc(vxid)	ProcNumberGetProc((vxid).procNumber)
#endif

/* The path of a plain foreign scan. */
#if PG_VERSION_NUM >= 180000
#define compat_foreignscan_path(root, rel, startup, total) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, 0, startup, total, NIL, \
							(rel)->lateral_relids, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define compat_foreignscan_path(root, rel, startup, total) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, startup, total, NIL, \
							(rel)->lateral_relids, NULL, NIL, NIL)
#else
#define compat_foreignscan_path(root, rel, startup, total) \
	create_foreignscan_path(root, rel, NULL, (rel)->rows, startup, total, NIL, \
							(rel)->lateral_relids, NULL, NIL)
#endif

/* The callback of ANALYZE: 17 reads by stream, not by block. */
#if PG_VERSION_NUM < 170000
#define COMPAT_ANALYZE_BLOCK_ARGS \
	TableScanDesc base, BlockNumber blockno, BufferAccessStrategy strategy
#else
#define COMPAT_ANALYZE_BLOCK_ARGS \
	TableScanDesc base, struct ReadStream *stream
#endif

/* 17 has no such condition any more. */
#ifndef ERRCODE_SNAPSHOT_TOO_OLD
#define ERRCODE_SNAPSHOT_TOO_OLD	MAKE_SQLSTATE('7', '2', '0', '0', '0')
#endif

#if PG_VERSION_NUM < 160000
#define pgstat_get_local_beentry_by_index(index)	pgstat_fetch_stat_local_beentry(index)
#endif

/* EXPLAIN has three headers from 18 on. */
#if PG_VERSION_NUM < 180000
#define COMPAT_EXPLAIN_STATE_HEADER		"commands/explain.h"
#define COMPAT_EXPLAIN_FORMAT_HEADER	"commands/explain.h"
#else
#define COMPAT_EXPLAIN_STATE_HEADER		"commands/explain_state.h"
#define COMPAT_EXPLAIN_FORMAT_HEADER	"commands/explain_format.h"
#endif

/* 18 can leave room in front of a minimal tuple.  Expands where access/htup_details.h is. */
#if PG_VERSION_NUM < 180000
#define compat_form_minimal_tuple(desc, values, isnull) \
	heap_form_minimal_tuple(desc, values, isnull)
#else
#define compat_form_minimal_tuple(desc, values, isnull) \
	heap_form_minimal_tuple(desc, values, isnull, 0)
#endif

/* ExecutorRun and its hook: 18 has no "execute_once" any more. */
#if PG_VERSION_NUM < 180000
#define COMPAT_EXECUTOR_RUN_ARGS \
	QueryDesc *desc, ScanDirection direction, uint64 count, bool execute_once
#define COMPAT_EXECUTOR_RUN_PASS	desc, direction, count, execute_once
#else
#define COMPAT_EXECUTOR_RUN_ARGS \
	QueryDesc *desc, ScanDirection direction, uint64 count
#define COMPAT_EXECUTOR_RUN_PASS	desc, direction, count
#endif

/* 18 counts index searches for EXPLAIN. */
#if PG_VERSION_NUM < 180000
#define compat_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#else
#define compat_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#endif

/* 18 puts this in front of a declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* What Assert() calls: 16 does not name the kind of error any more. */
#if PG_VERSION_NUM < 160000
#define COMPAT_ASSERTION_PARAMETERS \
	const char *conditionName, const char *errorType, const char *fileName, int lineNumber
#else
#define COMPAT_ASSERTION_PARAMETERS \
	const char *conditionName, const char *fileName, int lineNumber
#endif

/* Expands where utils/wait_event.h has been included. */
#if PG_VERSION_NUM < 170000
#define WaitEventExtensionNew(name) ((void) (name), PG_WAIT_EXTENSION)
#endif

/* The macro expands where optimizer/optimizer.h has been included. */
#if PG_VERSION_NUM < 160000
#define compat_flatten_join_alias_vars(query, node) \
	flatten_join_alias_vars(query, node)
#else
#define compat_flatten_join_alias_vars(query, node) \
	flatten_join_alias_vars(NULL, query, node)
#endif

/*
 * Since 18 the columns of a grouped query name an entry of the range table
 * that holds the expressions grouped by; before, they are those expressions.
 */
static inline List *
compat_group_expressions(const Query *query)
{
#if PG_VERSION_NUM >= 180000
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_GROUP)
			return rte->groupexprs;
	}
#endif
	return NIL;
}

/*
 * Makes the columns of a grouped query the expressions grouped by, as before
 * 18.  The entry of the range table that held them is the last one.  The
 * macro expands where optimizer/optimizer.h has been included.
 */
#if PG_VERSION_NUM < 180000
#define compat_flatten_group_exprs(query)	((void) 0)
#else
#define compat_flatten_group_exprs(query) \
	do { \
		if (!(query)->hasGroupRTE) \
			break; \
		Assert(llast_node(RangeTblEntry, (query)->rtable)->rtekind == RTE_GROUP); \
		(query)->targetList = (List *) \
			flatten_group_exprs(NULL, query, (Node *) (query)->targetList); \
		(query)->havingQual = flatten_group_exprs(NULL, query, (query)->havingQual); \
		(query)->rtable = list_delete_last((query)->rtable); \
		(query)->hasGroupRTE = false; \
	} while (0)
#endif

/* 17: what follows DEFAULT in an SQL/JSON function may be no parameter. */
#if PG_VERSION_NUM < 170000
#define compat_holds_constants(node) false
#else
#define compat_holds_constants(node) IsA(node, JsonBehavior)
#endif

/* ExecutorCheckPerms_hook: 16 takes the rights needed out of the range table. */
#if PG_VERSION_NUM < 160000
#define CompatPermission RangeTblEntry
#define COMPAT_CHECK_PERMS_PARAMETERS List *range_table, bool raise
#define COMPAT_CHECK_PERMS_ARGUMENTS range_table, raise
#define compat_permissions range_table
#else
#define CompatPermission RTEPermissionInfo
#define COMPAT_CHECK_PERMS_PARAMETERS List *range_table, List *permissions, bool raise
#define COMPAT_CHECK_PERMS_ARGUMENTS range_table, permissions, raise
#define compat_permissions permissions
#endif

/* The macro expands where executor/executor.h has been included. */
#if PG_VERSION_NUM < 160000
#define compat_check_query_rights(query) \
	((void) ExecCheckRTPerms((query)->rtable, true))
#else
#define compat_check_query_rights(query) \
	((void) ExecCheckPermissions((query)->rtable, (query)->rteperminfos, true))
#endif

#endif							/* STREAM_EXT_COMPAT_H */
