/*
 * utility.c - the hooks through which DDL reaches us, and its dispatch.
 *
 * A statement is ours (a continuous CREATE, DROP, SET, REFRESH MATERIALIZED
 * VIEW), or core's after a look at it (refusals for streams, VIEW for
 * MATERIALIZED VIEW), or concerns a database as a whole.  Our own commands
 * keep core's manners: read-only and recovery checks, event triggers, command
 * counter.
 *
 * There is no effect at all in binary upgrade, where the extension does not
 * exist, and while its own script runs.  Statements about databases are the
 * exception: the database that is dropped has streams, not the one where we
 * are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/alter_view.h"
#include "ddl/commit_actions.h"
#include "ddl/create_view.h"
#include "ddl/database_hold.h"
#include "ddl/ddl.h"
#include "ddl/drop_view.h"
#include "ddl/event_time_guard.h"
#include "ddl/part_guard.h"
#include "ddl/stream_refusals.h"
#include "ddl/view_claim.h"
#include "ddl/view_statement.h"
#include "ddl/view_tablespace.h"
#include "query/stream_query.h"
#include "stream_am/stream_am.h"
#include "stream_am/stream_quota.h"

static ProcessUtility_hook_type prev_utility_hook = NULL;
static object_access_hook_type prev_object_access_hook = NULL;

/* The arguments of a utility hook. */
typedef struct UtilityCall
{
	PlannedStmt *pstmt;
	const char *source;
	bool		read_only_tree;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *environment;
	DestReceiver *dest;
	QueryCompletion *completion;
} UtilityCall;

/* Runs the statement as if we were not there. */
static void
run_next(const UtilityCall *call)
{
	ProcessUtility_hook_type next = prev_utility_hook ? prev_utility_hook : standard_ProcessUtility;

	next(call->pstmt, call->source, call->read_only_tree, call->context,
		 call->params, call->environment, call->dest, call->completion);
}

/* Runs the statement; a stream that it scans itself is empty. */
static void
run_next_scans_empty(const UtilityCall *call)
{
	bool		saved = stream_am_scan_empty;

	stream_am_scan_empty = true;
	PG_TRY();
	{
		run_next(call);
	}
	PG_FINALLY();
	{
		stream_am_scan_empty = saved;
	}
	PG_END_TRY();
}

/* run_next() for database_hold_run(). */
static void
run_next_cb(void *call)
{
	run_next((const UtilityCall *) call);
}

/* After ALTER TABLE ... OWNER TO: the new owner of a stream may have too many. */
static void
check_stream_owner(Node *parsetree)
{
	ListCell   *lc;

	if (!IsA(parsetree, AlterTableStmt))
		return;
	foreach(lc, ((AlterTableStmt *) parsetree)->cmds)
	{
		Oid			relid;

		if (lfirst_node(AlterTableCmd, lc)->subtype != AT_ChangeOwner)
			continue;
		relid = RangeVarGetRelid(((AlterTableStmt *) parsetree)->relation, NoLock, true);
		CommandCounterIncrement();
		if (OidIsValid(relid) && stream_am_is_stream_oid(relid))
			stream_quota_check(stream_quota_owner(relid), 0);
	}
}

/* Hands the statement to core, with what has to be done before and after. */
static void
run_core(UtilityCall call)
{
	Node	   *parsetree;
	Oid			altered;

	part_guard_check_statement(call.pstmt->utilityStmt);
	parsetree = view_statement_translate(call.pstmt->utilityStmt);
	altered = view_statement_target(parsetree);
	if (parsetree != call.pstmt->utilityStmt)
	{
		PlannedStmt *translated = copyObject(call.pstmt);

		translated->utilityStmt = parsetree;
		call.pstmt = translated;
		call.read_only_tree = false;
	}

	ddl_check_stream_utility(parsetree);
	if (ddl_utility_scans_empty(parsetree))
		run_next_scans_empty(&call);
	else
		run_next(&call);

	check_stream_owner(parsetree);
	if (OidIsValid(altered))
	{
		alter_view_finish(altered);
		commit_wake_worker();
	}
}

/* A command of ours: runs it and returns the object it made, if any. */
typedef ObjectAddress (*own_command) (Node *parsetree, const char *source);

/* CREATE MATERIALIZED VIEW over a stream. */
static ObjectAddress
own_create(Node *parsetree, const char *source)
{
	return create_continuous_view(castNode(CreateTableAsStmt, parsetree), source);
}

/* DROP MATERIALIZED VIEW with continuous ones. */
static ObjectAddress
own_drop(Node *parsetree, const char *source)
{
	drop_materialized_views(castNode(DropStmt, parsetree));
	return InvalidObjectAddress;
}

/* Returns whether the name is one of a continuous view. */
static bool
names_view(const RangeVar *name)
{
	return catalog_is_view(RangeVarGetRelid(name, NoLock, true));
}

/* ALTER MATERIALIZED VIEW ... SET (stream....). */
static ObjectAddress
own_set_options(Node *parsetree, const char *source)
{
	alter_view_set_options(castNode(AlterTableStmt, parsetree));
	return InvalidObjectAddress;
}

/* ALTER MATERIALIZED VIEW ... SET TABLESPACE. */
static ObjectAddress
own_set_tablespace(Node *parsetree, const char *source)
{
	view_tablespace_set(castNode(AlterTableStmt, parsetree));
	return InvalidObjectAddress;
}

/* Returns our own command for an ALTER of a relation's properties, or NULL. */
static own_command
find_own_alter(const AlterTableStmt *stmt)
{
	if (alter_view_sets_options(stmt) && names_view(stmt->relation))
		return own_set_options;
	if (view_tablespace_sets(stmt) && names_view(stmt->relation))
		return own_set_tablespace;
	return NULL;
}

/* REFRESH MATERIALIZED VIEW of a continuous one. */
static ObjectAddress
own_refresh(Node *parsetree, const char *source)
{
	RefreshMatViewStmt *stmt = castNode(RefreshMatViewStmt, parsetree);

	alter_view_refresh(stmt, RangeVarGetRelid(stmt->relation, NoLock, false));
	return InvalidObjectAddress;
}

/* Returns our own command for the statement, or NULL if it is core's. */
static own_command
find_own_command(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_CreateTableAsStmt:
			{
				CreateTableAsStmt *stmt = (CreateTableAsStmt *) parsetree;

				return stmt->objtype == OBJECT_MATVIEW &&
					query_reads_stream(castNode(Query, stmt->query)) ? own_create : NULL;
			}
		case T_DropStmt:
			return ((DropStmt *) parsetree)->removeType == OBJECT_MATVIEW &&
				drop_names_continuous_view((DropStmt *) parsetree) ? own_drop : NULL;
		case T_AlterTableStmt:
			return find_own_alter((AlterTableStmt *) parsetree);
		case T_RefreshMatViewStmt:
			return names_view(((RefreshMatViewStmt *) parsetree)->relation) ? own_refresh : NULL;
		default:
			return NULL;
	}
}

/*
 * Reports rows for CREATE MATERIALIZED VIEW, as core does unless WITH NO DATA
 * was said; SPI insists on it.
 */
static void
report_completion(Node *parsetree, QueryCompletion *completion)
{
	if (completion != NULL && IsA(parsetree, CreateTableAsStmt) &&
		!((CreateTableAsStmt *) parsetree)->into->skipData)
		SetQueryCompletion(completion, CMDTAG_SELECT, 0);
}

/* Runs a command of ours with the checks of standard_ProcessUtility(). */
static void
run_own(own_command command, const UtilityCall *call)
{
	Node	   *parsetree = call->pstmt->utilityStmt;
	const char *name = GetCommandTagName(CreateCommandTag(parsetree));
	bool		complete = call->context != PROCESS_UTILITY_SUBCOMMAND;
	bool		cleanup;

	PreventCommandIfReadOnly(name);
	PreventCommandIfParallelMode(name);
	PreventCommandDuringRecovery(name);

	cleanup = complete && EventTriggerBeginCompleteQuery();
	PG_TRY();
	{
		ObjectAddress address;

		if (complete)
			EventTriggerDDLCommandStart(parsetree);
		address = command(parsetree, call->source);
		if (OidIsValid(address.objectId))
		{
			EventTriggerCollectSimpleCommand(address, InvalidObjectAddress, parsetree);
			report_completion(parsetree, call->completion);
		}
		if (complete)
		{
			EventTriggerSQLDrop(parsetree);
			EventTriggerDDLCommandEnd(parsetree);
		}
	}
	PG_FINALLY();
	{
		if (cleanup)
			EventTriggerEndCompleteQuery();
	}
	PG_END_TRY();

	CommandCounterIncrement();
	commit_wake_worker();
}

/* Returns whether the extension's own script is running. */
static bool
creating_ourselves(void)
{
	return creating_extension &&
		CurrentExtensionObject == get_extension_oid("stream_ext", true);
}

/* Returns whether we may look at catalogs and have something to look after. */
static bool
concerns_us(Node *parsetree)
{
	if (IsBinaryUpgrade || !IsTransactionState())
		return false;
	if (IsA(parsetree, TransactionStmt) &&
		((TransactionStmt *) parsetree)->kind != TRANS_STMT_COMMIT_PREPARED)
		return false;
	return catalog_extension_exists() && !creating_ourselves();
}

/* Runs a statement that may concern us. */
static void
run_ours_cb(void *arg)
{
	const UtilityCall *call = arg;
	own_command command = find_own_command(call->pstmt->utilityStmt);

	if (command != NULL)
		run_own(command, call);
	else
		run_core(*call);
}

/* ProcessUtility_hook. */
static void
ddl_process_utility(PlannedStmt *pstmt, const char *source, bool read_only_tree,
					ProcessUtilityContext context, ParamListInfo params,
					QueryEnvironment *environment, DestReceiver *dest,
					QueryCompletion *completion)
{
	UtilityCall call = {pstmt, source, read_only_tree, context, params,
	environment, dest, completion};
	bool		drops;
	Oid			dbid;

	if (!IsBinaryUpgrade && IsTransactionState() &&
		OidIsValid(dbid = database_to_hold(pstmt->utilityStmt, &drops)))
		database_hold_run(dbid, drops, run_next_cb, &call);
	else if (!concerns_us(pstmt->utilityStmt))
		run_next(&call);
	else
		view_claim_run(pstmt->utilityStmt, run_ours_cb, &call);
}

/* object_access_hook. */
static void
ddl_object_access(ObjectAccessType access, Oid classid, Oid objectid, int subid, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, classid, objectid, subid, arg);

	if (IsBinaryUpgrade || !IsTransactionState())
		return;
	/* also while the extension goes, when nothing tells a stream any more */
	if (access == OAT_DROP && classid == RelationRelationId && subid == 0)
		drop_forget_place(objectid);
	if (!catalog_extension_exists())
		return;
	if (access == OAT_DROP && classid == RelationRelationId && subid == 0)
		drop_forget_relation(objectid);
	else if (access == OAT_DROP && classid == RelationRelationId)
		event_time_guard_drop(objectid, subid);
	else if (access == OAT_POST_ALTER && classid == RelationRelationId && subid > 0)
		event_time_guard_altered(objectid, subid);
	else if (access == OAT_POST_ALTER && classid == RelationRelationId)
	{
		if (!((ObjectAccessPostAlter *) arg)->is_internal)
			alter_view_altered(objectid);
	}
	else if (!creating_ourselves())
		ddl_check_stream_object(access, classid, objectid, subid, arg);
}

/* Installs the hooks. Called by _PG_init only, when the library is preloaded. */
void
ddl_init(void)
{
	prev_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = ddl_process_utility;
	prev_object_access_hook = object_access_hook;
	object_access_hook = ddl_object_access;
	part_guard_init();
	commit_actions_init();
}
