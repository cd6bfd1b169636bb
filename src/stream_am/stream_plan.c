/*
 * stream_plan.c - what a query may do with a stream, before it runs.
 *
 * UPDATE, DELETE and MERGE would find no rows and say so; ON CONFLICT would
 * never see a conflict.  Both are refused when the query is planned, which
 * every execution goes through, prepared statements included.
 *
 * SELECT ... FROM ONLY stream is what pg_dump --inserts sends: it returns no
 * rows.  The range table entry gets a security qualification that is false,
 * which stays at the scan wherever in a join that stands; a stream with such
 * a qualification is then planned as an empty relation.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "stream_am/stream_am.h"
#include "stream_am/stream_plan.h"

static planner_hook_type prev_planner_hook = NULL;
static set_rel_pathlist_hook_type prev_set_rel_pathlist_hook = NULL;
static ExecutorRun_hook_type prev_executor_run_hook = NULL;

/* Returns the word for a command that streams refuse, or NULL. */
static const char *
plan_refused_command(const Query *query)
{
	switch (query->commandType)
	{
		case CMD_UPDATE:
			return "update";
		case CMD_DELETE:
			return "delete from";
		case CMD_MERGE:
			return "merge into";
		default:
			return query->onConflict != NULL ? "use ON CONFLICT with" : NULL;
	}
}

/* Refuses the query if it changes rows of a stream. */
static void
plan_check_target(const Query *query)
{
	const char *command = plan_refused_command(query);
	RangeTblEntry *target;

	if (command == NULL || query->resultRelation == 0)
		return;
	target = rt_fetch(query->resultRelation, query->rtable);
	if (target->rtekind != RTE_RELATION || !stream_am_is_stream_oid(target->relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s stream \"%s\"", command, get_rel_name(target->relid)),
			 errdetail("A stream keeps no rows; it hands them to the continuous views over it."),
			 errhint("Insert a row that corrects the former one, and let the view take account of it.")));
}

/* Makes every ONLY scan of a stream in the query return nothing. */
static void
plan_empty_only(Query *query)
{
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *entry = lfirst(cell);

		if (entry->rtekind == RTE_RELATION && !entry->inh &&
			entry->relkind == RELKIND_RELATION &&
			foreach_current_index(cell) + 1 != query->resultRelation &&
			stream_am_is_stream_oid(entry->relid) &&
			!stream_am_has_row_source(entry->relid))
			entry->securityQuals = lappend(entry->securityQuals, makeBoolConst(false, false));
	}
}

/* Treats a query and all queries in it. */
static bool
plan_walk(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		plan_check_target(query);
		plan_empty_only(query);
		return query_tree_walker(query, plan_walk, context, 0);
	}
	return expression_tree_walker(node, plan_walk, context);
}

/* Planner hook. */
static PlannedStmt *
plan_hook(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	if (OidIsValid(stream_am_oid()))
		(void) plan_walk((Node *) parse, NULL);
	if (prev_planner_hook)
		return prev_planner_hook(parse, query_string, cursor_options, params);
	return standard_planner(parse, query_string, cursor_options, params);
}

/* Returns whether one of the relation's restrictions is constant and false. */
static bool
plan_is_contradiction(RelOptInfo *rel)
{
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
	{
		Expr	   *clause = lfirst_node(RestrictInfo, cell)->clause;

		if (IsA(clause, Const) &&
			(((Const *) clause)->constisnull || !DatumGetBool(((Const *) clause)->constvalue)))
			return true;
	}
	return false;
}

/*
 * Path hook: a stream under a false restriction is empty.  The planner sees
 * that by itself only where the restriction is the only one.
 */
static void
plan_set_rel_pathlist_hook(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (prev_set_rel_pathlist_hook)
		prev_set_rel_pathlist_hook(root, rel, rti, rte);
	if (rel->reloptkind == RELOPT_BASEREL && rte->rtekind == RTE_RELATION &&
		plan_is_contradiction(rel) && stream_am_is_stream_oid(rte->relid))
		mark_dummy_rel(rel);
}

/* Runs a query through whoever else has hooked it. */
static void
plan_run_next(COMPAT_EXECUTOR_RUN_ARGS)
{
	if (prev_executor_run_hook)
		prev_executor_run_hook(COMPAT_EXECUTOR_RUN_PASS);
	else
		standard_ExecutorRun(COMPAT_EXECUTOR_RUN_PASS);
}

/*
 * ExecutorRun hook: queries inside a utility statement that may scan streams
 * (a function called by ALTER TABLE, say) may not.
 */
static void
plan_executor_run_hook(COMPAT_EXECUTOR_RUN_ARGS)
{
	if (!stream_am_scan_empty)
	{
		plan_run_next(COMPAT_EXECUTOR_RUN_PASS);
		return;
	}

	stream_am_scan_empty = false;
	PG_TRY();
	{
		plan_run_next(COMPAT_EXECUTOR_RUN_PASS);
	}
	PG_FINALLY();
	{
		stream_am_scan_empty = true;
	}
	PG_END_TRY();
}

/* Installs the hooks. */
void
stream_plan_init(void)
{
	prev_planner_hook = planner_hook;
	planner_hook = plan_hook;
	prev_set_rel_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = plan_set_rel_pathlist_hook;
	prev_executor_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = plan_executor_run_hook;
}
