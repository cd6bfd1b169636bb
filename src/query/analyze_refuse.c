/*
 * analyze_refuse.c - what a continuous view's query must not contain.
 *
 * A row is processed once, when its transaction commits, and then forgotten.
 * So whatever needs the whole input at once (order, distinctness, windows of
 * rows), whatever gives another answer at another time (now(), random()) and
 * whatever gives another answer to another user is refused here, at CREATE,
 * each with a hint at what to do instead.
 */
#include "postgres.h"

#include "compat.h"

#include "access/relation.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "access/relation.h"

#include "aggregate/partial.h"
#include "catalog/view_catalog.h"
#include "query/analyze.h"

/* A clause that is refused where it is present. */
typedef struct ClauseRule
{
	bool		present;
	const char *what;
	const char *hint;
} ClauseRule;

/* Stable functions that depend on the moment, the session or the server. */
static const Oid momentary_functions[] = {
	F_NOW, F_TRANSACTION_TIMESTAMP, F_STATEMENT_TIMESTAMP,
	F_AGE_TIMESTAMP, F_AGE_TIMESTAMPTZ, F_AGE_XID,
	F_CURRENT_USER, F_SESSION_USER, F_CURRENT_SCHEMA, F_CURRENT_SCHEMAS,
	F_CURRENT_SETTING_TEXT, F_CURRENT_SETTING_TEXT_BOOL,
	F_INET_CLIENT_ADDR, F_INET_CLIENT_PORT, F_INET_SERVER_ADDR, F_INET_SERVER_PORT,
	F_PG_BACKEND_PID, F_PG_POSTMASTER_START_TIME, F_PG_TRIGGER_DEPTH,
	F_TXID_CURRENT, F_TXID_CURRENT_SNAPSHOT, F_TXID_CURRENT_IF_ASSIGNED,
	F_PG_CURRENT_XACT_ID, F_PG_CURRENT_XACT_ID_IF_ASSIGNED, F_PG_CURRENT_SNAPSHOT,
};

/* Raises the error of a refused query. */
void
analyze_refuse(const char *what, const char *hint)
{
	Assert(what != NULL && hint != NULL);

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("continuous views do not support %s", what),
			 errhint("%s", hint)));
}

/* Refuses the first rule whose clause is present. */
static void
apply_rules(const ClauseRule *rules, int nrules)
{
	for (int i = 0; i < nrules; i++)
	{
		if (rules[i].present)
			analyze_refuse(rules[i].what, rules[i].hint);
	}
}

/* Refuses the clauses that neither a view nor a subquery over a stream may have. */
static void
check_common_clauses(const Query *query)
{
	const ClauseRule rules[] = {
		{query->setOperations != NULL, "UNION, INTERSECT or EXCEPT",
		"Create one view per branch and combine them when reading."},
		{query->cteList != NIL, "WITH",
		"Write the query as a subquery in FROM, or create an ordinary view for it."},
		{query->hasDistinctOn, "DISTINCT ON",
		"Group by the columns and use min() or max()."},
		{query->distinctClause != NIL, "SELECT DISTINCT",
		"Use GROUP BY with the same columns."},
		{query->hasWindowFuncs, "window functions",
		"Apply the window function when reading the view."},
		{query->groupingSets != NIL, "GROUPING SETS, ROLLUP or CUBE",
		"Create one view per grouping set."},
		{query->limitCount != NULL || query->limitOffset != NULL, "LIMIT or OFFSET",
		"Limit the rows when reading the view."},
		{query->rowMarks != NIL, "FOR UPDATE or FOR SHARE",
		"Leave the locking clause out."},
		{query->sortClause != NIL, "ORDER BY",
		"Order the rows when reading the view."},
	};

	apply_rules(rules, lengthof(rules));
}

/* Refuses functions that make several rows of one, where rows are grouped or go on into a join. */
static void
check_target_functions(const Query *query)
{
	if (query->hasTargetSRFs)
		analyze_refuse("set-returning functions in the select list", "Move the function to FROM.");
}

/* Refuses a top query by its clauses. */
void
analyze_check_query(const Query *query)
{
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL)
		analyze_refuse("anything but SELECT", "Write the view as SELECT ... FROM ... GROUP BY ...");

	check_common_clauses(query);

	if (query->hasAggs || query->groupClause != NIL)
		check_target_functions(query);
	else if (query->havingQual != NULL)
		analyze_refuse("HAVING without aggregates and GROUP BY",
					   "Use WHERE, or add an aggregate such as count(*).");
}

/* Refuses a subquery that holds the stream, by its clauses. */
void
analyze_check_stream_subquery(const Query *subquery)
{
	const ClauseRule rule = {
		subquery->hasAggs || subquery->groupClause != NIL || subquery->havingQual != NULL,
		"aggregates in a subquery or view over the stream",
		"Aggregate in the outermost query only."
	};

	check_common_clauses(subquery);
	check_target_functions(subquery);
	apply_rules(&rule, 1);
}

/* Refuses an aggregate call that cannot be maintained. */
void
analyze_check_aggregate(const Aggref *aggref)
{
	const ClauseRule rules[] = {
		{AGGKIND_IS_ORDERED_SET(aggref->aggkind), "ordered-set and hypothetical-set aggregates",
		"An approximation whose aggregate has a combine function, such as tdigest, can take its place."},
		{aggref->aggdistinct != NIL, "DISTINCT in aggregates",
		"Add the column to GROUP BY and count the rows when reading the view."},
		{aggref->aggorder != NIL, "ORDER BY in aggregates",
		"Rows are aggregated in the order in which they arrive; leave ORDER BY out."},
		{list_length(aggref->args) > AGGREGATE_MAX_ARGS, "aggregates with more than 8 arguments",
		"Split the aggregate in several."},
	};
	const char *hint = NULL;
	const char *reason;

	Assert(aggref->agglevelsup == 0);
	apply_rules(rules, lengthof(rules));

	reason = aggregate_refuse(aggref->aggfnoid, &hint);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function %s %s", format_procedure(aggref->aggfnoid), reason),
				 hint ? errhint("%s", hint) : 0));
}

/* check_functions_in_node() callback: refuses a volatile or momentary function. */
static bool
check_function(Oid funcid, void *context)
{
	for (int i = 0; i < lengthof(momentary_functions); i++)
	{
		if (funcid == momentary_functions[i])
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("continuous views do not support function %s",
							format_procedure(funcid)),
					 errdetail("A row is processed once, so the result would not follow the time or the session."),
					 errhint("Filter by the current time or user when reading the view.")));
	}

	if (analyze_is_session(funcid))
		analyze_refuse("session() in this place",
					   "Write session(ts, gap) in FROM of the continuous view itself, once, with a constant gap.");

	if (func_volatile(funcid) == PROVOLATILE_VOLATILE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views do not support volatile function %s",
						format_procedure(funcid)),
				 errhint("Call the function when inserting the row or when reading the view.")));

	return false;
}

static bool check_tree_walker(Node *node, void *context);

/* Checks what query's FROM names, looking into ordinary views. */
static void
check_entries_of(const Query *query)
{
	ListCell   *lc;

	foreach(lc, analyze_from_entries(query))
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Relation	view;

		if (rte->tablesample != NULL)
			analyze_refuse("TABLESAMPLE", "Sample by a condition on a column, such as a hash of a key.");
		if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_VIEW)
			continue;

		Assert(!catalog_is_view(rte->relid));
		view = relation_open(rte->relid, AccessShareLock);
		check_tree_walker((Node *) get_view_query(view), NULL);
		relation_close(view, NoLock);
	}
}

/* Refuses what makes the result depend on time, session or chance; walks everything. */
static bool
check_tree_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;

	check_stack_depth();
	check_functions_in_node(node, check_function, NULL);

	if (IsA(node, SQLValueFunction))
		analyze_refuse("CURRENT_TIMESTAMP, CURRENT_USER and their like",
					   "Filter by the current time or user when reading the view.");
	if (IsA(node, NextValueExpr))
		analyze_refuse("sequences", "Take the number when inserting the row.");

	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->rowMarks != NIL)
			analyze_refuse("FOR UPDATE or FOR SHARE", "Leave the locking clause out.");
		check_entries_of(query);
		return query_tree_walker(query, check_tree_walker, context, 0);
	}
	return expression_tree_walker(node, check_tree_walker, context);
}

/* Refuses what must not stand anywhere in the query, nor in the views it names. */
void
analyze_check_tree(Query *query)
{
	check_tree_walker((Node *) query, NULL);
}
