/*
 * harmless.c - may a view share a process with the views of others?
 *
 * The tree is walked as it is stored, and so are the trees of ordinary views
 * that it names; every kind of node that is not known is not harmless.  A
 * subquery in FROM may name each of its columns several times, and one above
 * it again: what the planner would make of that is bounded as well, and so is
 * the number of windows that one row falls into.
 *
 * Locking: none on relations; rules come from the system cache.  Whoever
 * replaces a view that is read invalidates the plan, and it is asked again.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteDefine.h"
#include "rewrite/rewriteSupport.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "query/analyze.h"
#include "query/harmless.h"
#include "stream_am/stream_am.h"

STREAM_FUNCTION(stream_ext_view_isolation);

/* Windows that one row may fall into. */
#define MAX_WINDOWS 64

/* Nodes of the query's expressions after everything was put into everything. */
#define MAX_EXPANDED_NODES 100000.0

/* Views over views and subqueries in subqueries. */
#define MAX_DEPTH 10

typedef struct HarmSearch
{
	const char *why;			/* what was found, or NULL */
	int			depth;			/* of queries */
	double		windows;		/* of a row, so far */
	double		nodes;			/* of this query level */
	double		vars;			/* among them */
} HarmSearch;

static bool harm_walker(Node *node, void *context);
static bool check_query(const Query *query, HarmSearch *search);

/* Notes what is not harmless; returns true, which ends the walk. */
static bool
found(HarmSearch *search, const char *why)
{
	Assert(search->why == NULL);
	search->why = why;
	return true;
}

/* Returns the query of an ordinary view; NULL if there is none. */
static Query *
stored_query(Oid viewid)
{
	HeapTuple	tuple = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(viewid),
										PointerGetDatum(ViewSelectRuleName));
	Query	   *query = NULL;
	Datum		action;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	action = SysCacheGetAttr(RULERELNAME, tuple, Anum_pg_rewrite_ev_action, &isnull);
	if (!isnull)
		query = linitial_node(Query, castNode(List, stringToNode(TextDatumGetCString(action))));
	ReleaseSysCache(tuple);
	return query;
}

/* Checks a relation in FROM: the stream, or a view over it. */
static bool
check_relation(Oid relid, HarmSearch *search)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		is_view;
	bool		has_policies;
	Query	   *query;

	if (!HeapTupleIsValid(tuple))
		return found(search, "a relation that is gone");
	form = (Form_pg_class) GETSTRUCT(tuple);
	is_view = form->relkind == RELKIND_VIEW;
	has_policies = form->relrowsecurity;
	ReleaseSysCache(tuple);

	if (!is_view && !stream_am_is_stream_oid(relid))
		return found(search, psprintf("table %s", get_rel_name(relid)));
	if (has_policies)
		return found(search, "row-level security");
	if (!is_view)
		return false;
	query = stored_query(relid);
	return query == NULL ? found(search, "a view that is gone") : check_query(query, search);
}

/* Returns a constant length of a window as a number; 0 if it is none. */
static double
constant_length(Node *node)
{
	Const	   *length = (Const *) node;
	Interval   *span;

	if (node == NULL || !IsA(node, Const) || length->constisnull)
		return 0;
	switch (length->consttype)
	{
		case INT4OID:
			return DatumGetInt32(length->constvalue);
		case INT8OID:
			return DatumGetInt64(length->constvalue);
		case INTERVALOID:
			span = DatumGetIntervalP(length->constvalue);
			return span->time + (double) USECS_PER_DAY * (span->day + 30.0 * span->month);
		default:
			return 0;
	}
}

/* Checks one of our window functions: how many windows does it make of a row? */
static bool
check_window(FuncExpr *call, HarmSearch *search)
{
	const char *name = get_func_name(call->funcid);
	double		step;
	double		size;

	if (name != NULL && (strcmp(name, "hop") == 0 || strcmp(name, "cumulate") == 0))
	{
		step = constant_length(analyze_window_arg(call, 1));
		size = constant_length(analyze_window_arg(call, 2));
		if (step <= 0 || size <= 0)
			return found(search, "windows whose length is no constant");
		search->windows *= Max(size / step, 1.0);
	}
	if (search->windows > MAX_WINDOWS)
		return found(search, "rows in very many windows");
	return harm_walker((Node *) call->args, search);
}

/* Checks a function in FROM. */
static bool
check_range_function(const RangeTblEntry *rte, HarmSearch *search)
{
	RangeTblFunction *function;
	FuncExpr   *call;

	if (list_length(rte->functions) != 1)
		return found(search, "functions in FROM");
	function = linitial_node(RangeTblFunction, rte->functions);
	call = (FuncExpr *) function->funcexpr;
	if (!IsA(call, FuncExpr) || !analyze_is_window_function(call->funcid))
		return found(search, "a function in FROM that makes no windows");
	return check_window(call, search);
}

/* Checks an entry of FROM. */
static bool
check_entry(const RangeTblEntry *rte, HarmSearch *search)
{
	if (rte->tablesample != NULL)
		return found(search, "TABLESAMPLE");
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return check_relation(rte->relid, search);
		case RTE_SUBQUERY:
			return check_query(rte->subquery, search);
		case RTE_FUNCTION:
			return check_range_function(rte, search);
		case RTE_RESULT:
			return false;
		default:
			return found(search, "what stands in FROM");
	}
}

/* Returns whether a query has only the clauses that are known here. */
static bool
is_plain_select(const Query *query, int depth)
{
	return query->commandType == CMD_SELECT && query->cteList == NIL &&
		query->setOperations == NULL && !query->hasSubLinks && !query->hasTargetSRFs &&
		!query->hasWindowFuncs && query->groupingSets == NIL && query->limitCount == NULL &&
		query->limitOffset == NULL && query->rowMarks == NIL && query->distinctClause == NIL &&
		(depth == 0 || (!query->hasAggs && query->groupClause == NIL && query->havingQual == NULL));
}

/* Returns whether columns of two sides are merged, which may call casts. */
static bool
has_merged_columns(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_JOIN && rte->joinmergedcols > 0)
			return true;
	}
	return false;
}

/*
 * Checks a query and what it reads; search->nodes then holds its size once the
 * expressions of FROM are in the place of the columns that name them.
 */
static bool
check_query(const Query *query, HarmSearch *search)
{
	double		below = 0;
	ListCell   *lc;

	check_stack_depth();
	if (search->depth >= MAX_DEPTH)
		return found(search, "views over views over views");
	if (!is_plain_select(query, search->depth))
		return found(search, "subqueries, or clauses that need several rows");

	search->depth++;
	foreach(lc, analyze_from_entries(query))
	{
		search->nodes = search->vars = 0;
		if (check_entry(lfirst_node(RangeTblEntry, lc), search))
			return true;
		below += search->nodes;
	}
	search->depth--;
	if (has_merged_columns(query))
		return found(search, "a join that merges columns");

	search->nodes = search->vars = 0;
	if (query_tree_walker((Query *) query, harm_walker, search, QTW_IGNORE_RANGE_TABLE) ||
		harm_walker((Node *) compat_group_expressions(query), search))
		return true;
	search->nodes += search->vars * below + below;
	if (search->nodes > MAX_EXPANDED_NODES)
		return found(search, "very large expressions");
	return false;
}

/* Checks type and collations of an expression that gives a value. */
static bool
check_value(Node *node, HarmSearch *search)
{
	if (!harmless_type(exprType(node)))
		return found(search, psprintf("type %s", format_type_be(exprType(node))));
	if (exprCollation(node) >= FirstNormalObjectId ||
		exprInputCollation(node) >= FirstNormalObjectId)
		return found(search, "a collation that is not built in");
	return false;
}

/* Checks the call of a function. */
static bool
check_call(Oid funcid, List *args, HarmSearch *search)
{
	if (OidIsValid(funcid) && harmless_function(funcid, args))
		return false;
	return found(search, psprintf("function %s", format_procedure(funcid)));
}

/* Checks what a node calls; unknown nodes are not harmless. */
static bool
check_node(Node *node, HarmSearch *search)
{
	switch (nodeTag(node))
	{
		case T_Var:
			search->vars++;
			return false;
		case T_FuncExpr:
			return check_call(((FuncExpr *) node)->funcid, ((FuncExpr *) node)->args, search);
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return check_call(get_opcode(((OpExpr *) node)->opno), ((OpExpr *) node)->args, search);
		case T_ScalarArrayOpExpr:
			return check_call(get_opcode(((ScalarArrayOpExpr *) node)->opno),
							  ((ScalarArrayOpExpr *) node)->args, search);
		case T_Aggref:
			if (harmless_aggregate(((Aggref *) node)->aggfnoid))
				return false;
			return found(search, psprintf("aggregate %s",
										  format_procedure(((Aggref *) node)->aggfnoid)));
		case T_Const:
		case T_BoolExpr:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RelabelType:
		case T_CollateExpr:
		case T_CoerceViaIO:
		case T_ArrayExpr:
			return false;
		default:
			return found(search, "an expression that is not on the list");
	}
}

/* Returns whether a node holds others together, and has no value itself. */
static bool
is_structure(Node *node)
{
	switch (nodeTag(node))
	{
		case T_List:
		case T_TargetEntry:
		case T_FromExpr:
		case T_JoinExpr:
		case T_RangeTblRef:
		case T_SortGroupClause:
		case T_CaseWhen:
			return true;
		default:
			return false;
	}
}

/* Finds what is not harmless in expressions. */
static bool
harm_walker(Node *node, void *context)
{
	HarmSearch *search = (HarmSearch *) context;

	if (node == NULL)
		return false;
	check_stack_depth();
	search->nodes++;
	if (!is_structure(node) && (check_node(node, search) || check_value(node, search)))
		return true;
	return expression_tree_walker(node, harm_walker, context);
}

/* Tells whether a query is harmless; see harmless.h. */
bool
query_is_harmless(const Query *query, const char **why_not)
{
	HarmSearch	search = {.windows = 1};

	(void) check_query(query, &search);
	if (why_not != NULL)
		*why_not = search.why;
	return search.why == NULL;
}

/* Tells whether a view is harmless; see harmless.h. */
bool
view_is_harmless(const ViewCatalog *view, const char **why_not)
{
	Query	   *query = stored_query(view->definition);
	const char *why = NULL;

	if (OidIsValid(view->late))
		why = "a table for late rows";	/* to which its owner adds indexes and triggers */
	else if (query == NULL)
		why = "a view that is gone";
	else
		(void) query_is_harmless(query, &why);
	if (why_not != NULL)
		*why_not = why;
	return why == NULL;
}

/* Returns with whom a view shares a process, and what makes it so. */
Datum
stream_ext_view_isolation(PG_FUNCTION_ARGS)
{
	ViewCatalog *view = catalog_get_view(PG_GETARG_OID(0));
	const char *why = NULL;
	Datum		values[2] = {0};
	bool		nulls[2] = {false, true};
	TupleDesc	desc;

	if (view == NULL)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(view_is_harmless(view, &why) ? "shared" : "owner");
	nulls[1] = why == NULL;
	if (why != NULL)
		values[1] = CStringGetTextDatum(why);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
