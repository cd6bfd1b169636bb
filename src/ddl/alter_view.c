/*
 * alter_view.c - ALTER and REFRESH MATERIALIZED VIEW of continuous views.
 *
 * Renaming, SET SCHEMA and OWNER TO are core's ALTER VIEW; what is left is
 * to set options and to let the parts follow.
 *
 * Locking: AccessExclusiveLock on the view, as core's ALTER; its rule may be
 * replaced.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog/lag_policy.h"
#include "catalog/owner.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/alter_view.h"
#include "ddl/quota.h"
#include "ddl/closing_options.h"
#include "ddl/commit_actions.h"
#include "ddl/view_options.h"
#include "ddl/view_parts.h"
#include "flush/flush.h"
#include "query/stream_query.h"

/* Returns whether the subcommand sets or resets options of relations. */
static bool
is_options_command(const AlterTableCmd *cmd)
{
	return cmd->subtype == AT_SetRelOptions ||
		cmd->subtype == AT_ResetRelOptions ||
		cmd->subtype == AT_ReplaceRelOptions;
}

/* Returns whether all that the statement does is to set or reset stream.* options. */
bool
alter_view_sets_options(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (!is_options_command(cmd) || !view_options_present((List *) cmd->def))
			return false;
	}
	return true;
}

/* Refuses what ALTER VIEW allows but a continuous view does not survive. */
void
alter_view_check(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		if (is_options_command(lfirst_node(AlterTableCmd, lc)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot change these options of continuous view \"%s\"",
							stmt->relation->relname),
					 errhint("The options of a continuous view are %s; set them in a statement of their own.",
							 VIEW_OPTION_NAMES)));
	}
}

/* Returns the view's query, analysed as the view's owner. */
static StreamQuery *
analyze_definition(const ViewCatalog *view)
{
	Relation	definition = table_open(view->definition, AccessShareLock);
	Query	   *query = copyObject(get_view_query(definition));
	OwnerScope	scope;
	StreamQuery *sq;

	AcquireRewriteLocks(query, false, false);
	owner_enter(&scope, view);
	sq = query_analyze(query);
	owner_leave(&scope);
	table_close(definition, NoLock);
	return sq;
}

/* Returns the options after the statement. */
static ContinuousOptions
changed_options(const ViewCatalog *view, const AlterTableStmt *stmt)
{
	ContinuousOptions options = view->options;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		view_options_apply(&options, (List *) cmd->def,
						   cmd->subtype == AT_ResetRelOptions);
	}
	return options;
}

/*
 * Returns whether the statement names an option that the query has to do with.
 * A view that waits for a lock on a table of its query must not need that lock
 * to be told not to hold writers up.
 */
static bool
changes_query_options(const ContinuousOptions *before, const ContinuousOptions *after)
{
	/* what was not named is the same string */
	return before->retention != after->retention ||
		before->partition_width != after->partition_width ||
		before->lateness != after->lateness ||
		before->late != after->late ||
		before->emit != after->emit;
}

/* Checks the options against the view's query, and writes its rule anew: the retention is part of it. */
static void
apply_query_options(ViewCatalog *view, const ContinuousOptions *before)
{
	StreamQuery *sq = analyze_definition(view);

	storage_check_options(&view->options, sq->window_key >= 0);
	closing_options_check(&view->options, sq);
	closing_options_check_change(before, &view->options, sq->window_type);
	view_parts_store_rule(view, sq, true);
}

/*
 * Sets or resets stream.* options.  What a former retention was about to drop
 * is taken back: the worker looks anew.
 */
void
alter_view_set_options(const AlterTableStmt *stmt)
{
	Oid			viewid = RangeVarGetRelidExtended(stmt->relation, AccessExclusiveLock, 0,
												  RangeVarCallbackOwnsRelation, NULL);
	ViewCatalog *view = catalog_get_view(viewid);
	ContinuousOptions before;
	bool		changes_query;

	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("continuous view \"%s\" does not exist", stmt->relation->relname)));

	before = view->options;
	view->options = changed_options(view, stmt);
	lag_policy_check_option(&view->options, view->streamid, view->ownerid);
	changes_query = changes_query_options(&before, &view->options);
	if (changes_query)
		apply_query_options(view, &before);
	catalog_set_options(viewid, &view->options);
	if (changes_query)
		storage_take_back(view->storage);
	CommandCounterIncrement();
}

/* After any ALTER: the parts follow the view's owner, name and schema. */
void
alter_view_finish(Oid viewid)
{
	ViewCatalog *view = catalog_get_view(viewid);
	HeapTuple	tuple;
	bool		moved;

	if (view == NULL)
		return;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(view->storage));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", view->storage);
	moved = ((Form_pg_class) GETSTRUCT(tuple))->relowner != view->ownerid;
	ReleaseSysCache(tuple);

	if (moved)
	{
		quota_check_views(view->ownerid, 0);
		view_parts_change_owner(view);
	}
	view_parts_follow_name(view);
}

/*
 * After any change of a relation; see alter_view.h.  REASSIGN OWNED gives a
 * view and its parts to somebody else without a statement that names them, and
 * the worker would go on as the former owner.
 */
void
alter_view_altered(Oid relid)
{
	/* while core swaps the files of its own catalogs, nobody may look there */
	if (relid < FirstNormalObjectId || !catalog_is_view(relid))
		return;
	catalog_touch();
	commit_wake_worker();
}

/* REFRESH has nothing to do, and says so; WITH NO DATA would mean to lose data. */
void
alter_view_refresh(const RefreshMatViewStmt *stmt, Oid viewid)
{
	if (!object_ownercheck(RelationRelationId, viewid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_MATVIEW, stmt->relation->relname);
	if (stmt->skipData)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot empty continuous view \"%s\"", stmt->relation->relname),
				 errhint("Drop the view and create it again.")));
	ereport(NOTICE,
			(errmsg("continuous view \"%s\" is always up to date, nothing to refresh",
					stmt->relation->relname)));
}
