/*
 * create_view.c - CREATE MATERIALIZED VIEW over a stream.
 *
 * Core has analysed the statement, so a query with parameters, temporary
 * tables or data-modifying WITH was refused before.  The order here matters:
 * rights first, then the lock, then the start position.
 *
 * The stream is locked against writers until this transaction ends, so that
 * no transaction in flight straddles the start: all that wrote before have
 * committed, and their commit records lie before the insert position that we
 * take after we have the lock; all others will commit after it.  Rows that
 * this very transaction has written would be neither, so it must not have.
 *
 * Locking: ShareRowExclusiveLock on the stream until the transaction ends.
 * Failure: all in one transaction; only the slot stays, and the launcher
 * drops it if nobody needs it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "catalog/lag_policy.h"
#include "catalog/owner.h"
#include "catalog/part_dependency.h"
#include "compat.h"
#include "ddl/closing_options.h"
#include "ddl/create_view.h"
#include "ddl/quota.h"
#include "ddl/view_options.h"
#include "ddl/view_parts.h"
#include "ddl/view_tablespace.h"
#include "flush/flush.h"
#include "guc.h"
#include "query/stream_query.h"
#include "shared/slot.h"
#include "stream_am/stream_am.h"

/* Returns whether the name is taken; an error unless IF NOT EXISTS was said. */
static bool
name_is_taken(const CreateTableAsStmt *stmt, RangeVar *name)
{
	Oid			existing;
	Oid			schema = RangeVarGetAndCheckCreationNamespace(name, NoLock, &existing);

	if (isAnyTempNamespace(schema))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views cannot be temporary"),
				 errhint("Create the view in a permanent schema.")));
	if (!OidIsValid(existing))
		return false;
	if (!stmt->if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", name->relname)));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_TABLE),
			 errmsg("relation \"%s\" already exists, skipping", name->relname)));
	return true;
}

/* Refuses clauses that mean nothing for a continuous view. */
static void
check_clauses(const IntoClause *into)
{
	if (into->accessMethod != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views do not support USING"),
				 errhint("Leave the access method out: the storage of a continuous view is a heap.")));
	if (stream_am_wrote_rows())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot create a continuous view in a transaction that has written to a stream"),
				 errhint("Commit first; the view counts what is committed after it was created.")));
}

/* Gives the query's columns the names of CREATE MATERIALIZED VIEW v (names). */
static void
apply_column_names(Query *query, List *names)
{
	ListCell   *name = list_head(names);
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk || name == NULL)
			continue;
		tle->resname = pstrdup(strVal(lfirst(name)));
		name = lnext(names, name);
	}
	if (name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("too many column names were specified")));
}

/*
 * Checks all the rights that running the query would need, by planning it and
 * preparing its execution.  Planning may run the user's functions: confined
 * as for REFRESH MATERIALIZED VIEW.
 */
static void
check_query_rights(const Query *query, const char *source)
{
	Oid			userid;
	int			context;
	int			nestlevel = NewGUCNestLevel();
	List	   *rewritten;
	PlannedStmt *plan;
	QueryDesc  *desc;

	GetUserIdAndSecContext(&userid, &context);
	SetUserIdAndSecContext(userid, context | SECURITY_RESTRICTED_OPERATION);

	rewritten = QueryRewrite(copyObject((Query *) query));
	plan = pg_plan_query(linitial_node(Query, rewritten), source, 0, NULL);
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	desc = CreateQueryDesc(plan, source, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, NULL, 0);
	ExecutorStart(desc, EXEC_FLAG_EXPLAIN_ONLY);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();

	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(userid, context);
}

/* Returns the query of the statement, analysed for a continuous view, with its rights checked. */
static StreamQuery *
analyze_statement(const CreateTableAsStmt *stmt, const char *source)
{
	Query	   *query = copyObject(castNode(Query, stmt->query));
	StreamQuery *sq;
	Query	   *timed;

	apply_column_names(query, stmt->into->colNames);
	query_check_names(query);
	sq = query_analyze(query);
	timed = query_add_event_time(sq);
	if (timed != NULL)
		sq = query_analyze(timed);
	query_check_rights(sq);
	check_query_rights(query_plannable(sq), source);
	return sq;
}

/* Stops writers of the stream; see create_view.h. */
XLogRecPtr
create_view_lock_start(Oid streamid)
{
	LockRelationOid(streamid, ShareRowExclusiveLock);
	slot_ensure(MyDatabaseId);
	return GetXLogInsertRecPtr();
}

/* Makes the view, its parts and its catalog row; see create_view.h. */
ObjectAddress
create_continuous_view(const CreateTableAsStmt *stmt, const char *source)
{
	const IntoClause *into = stmt->into;
	RangeVar   *name = copyObject(into->rel);
	ViewCatalog view = {.ownerid = GetUserId(),.state = VIEW_RUNNING};
	const char *tablespace;
	StreamQuery *sq;
	XLogRecPtr	start_lsn;
	ObjectAddress address;

	if (name_is_taken(stmt, name))
		return InvalidObjectAddress;
	check_clauses(into);
	tablespace = view_tablespace_check(into->tableSpaceName);
	view_options_apply(&view.options, into->options, false);

	sq = analyze_statement(stmt, source);
	storage_check_options(&view.options, sq->window_key >= 0);
	closing_options_check(&view.options, sq);
	lag_policy_check_option(&view.options, sq->streamid, view.ownerid);
	quota_check_views(view.ownerid, 1);

	view.streamid = sq->streamid;
	view.settings = owner_freeze_settings();
	start_lsn = create_view_lock_start(sq->streamid);

	view.viewid = view_parts_define_view(name, sq->query->targetList, InvalidOid);
	view_parts_create(&view, sq, tablespace);
	view_parts_store_rule(&view, sq, false);
	part_bind_to_view(&view);
	catalog_insert_view(&view, start_lsn);
	CommandCounterIncrement();

	ObjectAddressSet(address, RelationRelationId, view.viewid);
	return address;
}
