/*
 * analyze.c - takes a continuous view's query apart.
 *
 * Keys and aggregates are found in the query as the user wrote it, because
 * the view that users read is deparsed from it.  The inner query is built
 * from the same expressions and then rewritten, so that ordinary views over
 * the stream are expanded and policies of joined tables apply; the place of
 * the stream is judged there.  The tree may come from parse analysis or from
 * a rule.
 *
 * Memory: everything is allocated in CurrentMemoryContext.
 * Failure: refuses with an error; nothing is left behind.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "aggregate/partial.h"
#include "query/analyze.h"

/* Sets the operators of one key that compares with eqop; refuses a type that cannot be a key. */
static void
resolve_key_operators(QueryKey *key, Oid eqop)
{
	TypeCacheEntry *type;

	if (get_typtype(key->type) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views do not support group keys of type %s",
						format_type_be(key->type)),
				 errhint("Group by the columns of the record, or cast the value.")));

	type = lookup_type_cache(key->type, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC |
							 TYPECACHE_CMP_PROC);
	key->eqop = eqop;
	key->eqfn = get_opcode(eqop);
	key->hashfn = type->hash_proc;
	key->btree_opclass = GetDefaultOpClass(key->type, BTREE_AM_OID);
	if (!OidIsValid(key->hashfn) || !OidIsValid(type->cmp_proc) ||
		!OidIsValid(key->btree_opclass) || type->eq_opr != key->eqop)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views do not support group keys of type %s",
						format_type_be(key->type)),
				 errdetail("A key needs the type's default hash and btree operator classes."),
				 errhint("Group by a cast to another type, such as text.")));

	/* the parser refuses GROUP BY where collations conflict */
	Assert(OidIsValid(key->collation) || !type_is_collatable(key->type));
}

/* Adds a key; its column in the inner query is its index. */
static void
add_key(StreamQuery *sq, Node *expr, Oid eqop)
{
	QueryKey   *key = &sq->keys[sq->nkeys];

	key->expr = expr;
	key->type = exprType(expr);
	key->typmod = exprTypmod(expr);
	key->collation = exprCollation(expr);
	key->column = sq->nkeys++;
	resolve_key_operators(key, eqop);
}

/* Returns whether a key of GROUP BY says again what an earlier one says. */
static bool
is_known_key(const StreamQuery *sq, Node *expr, Oid eqop)
{
	for (int i = 0; i < sq->nkeys; i++)
	{
		if (sq->keys[i].eqop == eqop && equal(sq->keys[i].expr, expr))
			return true;
	}
	return false;
}

/* Adds the keys that take the place of the session's columns. */
static void
add_session_keys(StreamQuery *sq)
{
	ListCell   *lc;

	sq->session->cell_key = sq->nkeys;
	sq->session->label_key = sq->nkeys + 1;
	foreach(lc, analyze_session_keys(sq->session))
		add_key(sq, lfirst(lc),
				lookup_type_cache(exprType(lfirst(lc)), TYPECACHE_EQ_OPR)->eq_opr);
}

/*
 * Fills sq->keys from GROUP BY.  The parser makes two clauses where one
 * expression is two columns of the select list, and one where the same query
 * comes back from a dump: a key is a key once.
 */
static void
analyze_keys(StreamQuery *sq)
{
	List	   *clauses = sq->query->groupClause;
	int			hidden = sq->session != NULL ? 2 : 0;
	bool		by_session = false;
	ListCell   *lc;

	if (list_length(clauses) > INDEX_MAX_KEYS - hidden)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("continuous views cannot have more than %d group keys",
						INDEX_MAX_KEYS - hidden),
				 errhint("Combine several keys in an array or a jsonb value.")));

	sq->has_group_by = (clauses != NIL);
	sq->keys = palloc0(sizeof(QueryKey) * Max(list_length(clauses) + hidden, 1));
	foreach(lc, clauses)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *expr = get_sortgroupclause_expr(clause, sq->query->targetList);

		if (analyze_session_column(sq->session, expr) != 0)
		{
			by_session = true;
			continue;
		}
		analyze_session_check_expr(sq->session, expr);
		if (!is_known_key(sq, expr, clause->eqop))
			add_key(sq, expr, clause->eqop);
	}
	if (sq->session == NULL)
		return;
	if (!by_session)
		analyze_refuse("session() without its columns in GROUP BY",
					   "Group by window_start, window_end or both, and the keys whose sessions you want.");
	add_session_keys(sq);
}

typedef struct AggregateSearch
{
	int			sublevels_up;
	List	   *aggrefs;		/* distinct, agglevelsup = 0 */
} AggregateSearch;

/* Collects the top query's aggregates, also where a subquery mentions them. */
static bool
collect_aggregates_walker(Node *node, void *context)
{
	AggregateSearch *search = (AggregateSearch *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Aggref) && ((Aggref *) node)->agglevelsup == search->sublevels_up)
	{
		Aggref	   *aggref = copyObject((Aggref *) node);

		IncrementVarSublevelsUp((Node *) aggref, -search->sublevels_up, 0);
		Assert(aggref->agglevelsup == 0);
		search->aggrefs = list_append_unique(search->aggrefs, aggref);
		return false;
	}
	if (IsA(node, GroupingFunc))
		analyze_refuse("GROUPING()", "Create one view per grouping set.");
	if (IsA(node, Query))
	{
		bool		result;

		search->sublevels_up++;
		result = query_tree_walker((Query *) node, collect_aggregates_walker, context, 0);
		search->sublevels_up--;
		return result;
	}
	return expression_tree_walker(node, collect_aggregates_walker, context);
}

/* Asks the aggregate layer for the types of one aggregate's partial and result. */
static void
resolve_aggregate_types(QueryAggregate *aggregate)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "query aggregate",
												  ALLOCSET_SMALL_SIZES);
	StreamAggregate *resolved = aggregate_create(aggregate->aggfnoid, aggregate->nargs,
												 aggregate->argtypes, aggregate->collation,
												 context);

	aggregate->partial_type = aggregate_partial_type(resolved);
	aggregate->result_type = aggregate_result_type(resolved);
	Assert(aggregate->result_type == aggregate->aggref->aggtype);
	MemoryContextDelete(context);
}

/* Fills sq->aggregates from the select list and HAVING, and lays out their columns. */
static void
analyze_aggregates(StreamQuery *sq)
{
	AggregateSearch search = {0};
	int			column = sq->nkeys;
	ListCell   *lc;

	collect_aggregates_walker((Node *) sq->query->targetList, &search);
	collect_aggregates_walker(sq->query->havingQual, &search);
	analyze_session_check_expr(sq->session, (Node *) search.aggrefs);
	if (sq->session != NULL)
	{
		sq->session->first_aggregate = list_length(search.aggrefs);
		sq->session->last_aggregate = list_length(search.aggrefs) + 1;
		search.aggrefs = list_concat(search.aggrefs, analyze_session_aggregates(sq->session));
	}

	sq->aggregates = palloc0(sizeof(QueryAggregate) * Max(list_length(search.aggrefs), 1));
	foreach(lc, search.aggrefs)
	{
		Aggref	   *aggref = lfirst_node(Aggref, lc);
		QueryAggregate *aggregate = &sq->aggregates[sq->naggregates++];
		ListCell   *arg;

		analyze_check_aggregate(aggref);
		aggregate->aggref = aggref;
		aggregate->aggfnoid = aggref->aggfnoid;
		aggregate->collation = aggref->inputcollid;
		aggregate->first_column = column;
		foreach(arg, aggref->args)
			aggregate->argtypes[aggregate->nargs++] =
			exprType((Node *) lfirst_node(TargetEntry, arg)->expr);
		column += aggregate->nargs;
		aggregate->filter_column = aggref->aggfilter ? column++ : -1;
		resolve_aggregate_types(aggregate);
	}

	sq->ninner = column;
	if (sq->ninner > MaxTupleAttributeNumber || sq->nkeys + sq->naggregates > MaxHeapAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("continuous view has too many aggregates"),
				 errhint("Spread them over several views.")));
}

/* Appends one column to the inner query's target list. */
static void
add_inner_column(Query *inner, Node *expr)
{
	int			number = list_length(inner->targetList) + 1;

	inner->targetList = lappend(inner->targetList,
								makeTargetEntry((Expr *) copyObject(expr), number,
												psprintf("c%d", number), false));
}

/* Returns if arg cannot fail: a constant, or a stored column.  One of a view may be any expression. */
static bool
is_plain_input(List *rtable, Expr *arg)
{
	RangeTblEntry *rte;

	if (IsA(arg, Const))
		return true;
	if (!IsA(arg, Var))
		return false;
	rte = rt_fetch(((Var *) arg)->varno, rtable);
	return rte->rtekind == RTE_RELATION && rte->relkind != RELKIND_VIEW;
}

/*
 * Returns what the inner query computes for an argument of aggref: nothing
 * where FILTER is not true.  PostgreSQL does not evaluate it there either, and
 * FILTER may be what keeps it from failing.
 */
static Expr *
aggregate_input(List *rtable, Aggref *aggref, Expr *arg)
{
	CaseExpr   *guarded;
	CaseWhen   *when;

	if (aggref->aggfilter == NULL || is_plain_input(rtable, arg))
		return arg;

	when = makeNode(CaseWhen);
	when->expr = aggref->aggfilter;
	when->result = arg;
	when->location = -1;

	guarded = makeNode(CaseExpr);
	guarded->casetype = exprType((Node *) arg);
	guarded->casecollid = exprCollation((Node *) arg);
	guarded->args = list_make1(when);
	/* never aggregated, so a domain that forbids NULL is not asked */
	guarded->defresult = (Expr *) makeNullConst(guarded->casetype, exprTypmod((Node *) arg),
												guarded->casecollid);
	guarded->location = -1;
	return (Expr *) guarded;
}

/* Returns the target columns of the inner query over q's FROM and WHERE, not rewritten. */
static Query *
build_inner(const StreamQuery *sq)
{
	Query	   *inner = makeNode(Query);

	inner->commandType = CMD_SELECT;
	inner->querySource = QSRC_ORIGINAL;
	inner->canSetTag = true;
	inner->stmt_location = -1;
	inner->rtable = copyObject(sq->query->rtable);
	compat_copy_permissions(inner, sq->query);
	inner->jointree = copyObject(sq->query->jointree);
	if (sq->session != NULL)
		analyze_session_replace(sq->session, inner->rtable);
	inner->hasSubLinks = sq->query->hasSubLinks;
	inner->hasTargetSRFs = sq->query->hasTargetSRFs;

	for (int i = 0; i < sq->ncolumns; i++)
		add_inner_column(inner, sq->columns[i].expr);
	for (int i = 0; i < sq->nkeys; i++)
	{
		if (sq->keys[i].expr != NULL)
			add_inner_column(inner, sq->keys[i].expr);
	}
	for (int i = 0; i < sq->naggregates; i++)
	{
		Aggref	   *aggref = sq->aggregates[i].aggref;
		ListCell   *lc;

		Assert(list_length(inner->targetList) == sq->aggregates[i].first_column);
		foreach(lc, aggref->args)
			add_inner_column(inner, (Node *) aggregate_input(sq->query->rtable, aggref,
															 lfirst_node(TargetEntry, lc)->expr));
		if (aggref->aggfilter != NULL)
			add_inner_column(inner, (Node *) aggref->aggfilter);
	}
	Assert(list_length(inner->targetList) == sq->ninner);
	return inner;
}

/* Returns the query with views expanded and policies applied, ready to be planned. */
static Query *
rewrite_inner(Query *inner)
{
	List	   *rewritten;

	AcquireRewriteLocks(inner, true, false);
	rewritten = QueryRewrite(inner);
	if (list_length(rewritten) != 1)
		analyze_refuse("relations with rules that replace SELECT by several queries",
					   "Use an ordinary view.");
	return linitial_node(Query, rewritten);
}

/* check_functions_in_node() callback: refuses a function that may not be called. */
static bool
check_function_right(Oid funcid, void *context)
{
	AclResult	aclresult = object_aclcheck(ProcedureRelationId, funcid, GetUserId(),
											ACL_EXECUTE);

	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_FUNCTION, get_func_name(funcid));
	return false;
}

/* Checks that the user may read and call what the inner query reads and calls. */
static bool
check_rights_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		(void) query_tree_walker((Query *) node, check_rights_walker, context, 0);
		compat_check_query_rights((Query *) node);
		return false;
	}
	(void) check_functions_in_node(node, check_function_right, NULL);
	return expression_tree_walker(node, check_rights_walker, context);
}

/* Checks the user's rights; see stream_query.h. */
void
query_check_rights(const StreamQuery *sq)
{
	(void) check_rights_walker((Node *) sq->inner, NULL);
}

/* Finds the key that is a session's cell, or the first that is a window's start. */
static void
analyze_window(StreamQuery *sq)
{
	sq->window_key = -1;
	if (sq->session != NULL)
	{
		bool		is_time = sq->session->axis_type != INT8OID;

		sq->window_key = is_time ? sq->session->cell_key : -1;
		sq->window_size_us = is_time ? sq->session->gap : 0;
		return;
	}
	for (int i = 0; i < sq->nkeys; i++)
	{
		TargetEntry *tle = list_nth_node(TargetEntry, sq->inner->targetList, sq->keys[i].column);

		if (analyze_is_window_start(sq->inner, (Node *) tle->expr, &sq->window_size_us))
		{
			sq->window_key = i;
			return;
		}
	}
	sq->window_size_us = 0;
}

/* Finds session(), and checks everything else in the query. */
static void
analyze_session(StreamQuery *sq)
{
	sq->session = analyze_session_find(sq->query);
	if (sq->session != NULL)
		analyze_session_check_rows(sq->session, sq->query);
	analyze_check_tree(query_plannable(sq));
}

/* Returns q as PostgreSQL can plan it; see stream_query.h. */
Query *
query_plannable(const StreamQuery *sq)
{
	Query	   *query = copyObject(sq->query);

	if (sq->session != NULL)
		analyze_session_replace(sq->session, query->rtable);
	return query;
}

/* Fills keys and aggregates of a query that groups. */
static void
analyze_groups(StreamQuery *sq)
{
	analyze_keys(sq);
	analyze_aggregates(sq);
	/* reading the view will need this; refuse now what it would refuse then */
	(void) group_replace(sq, (Node *) sq->query->targetList);
	(void) group_replace(sq, sq->query->havingQual);
}

/* Takes a query over one stream apart, or refuses it. */
StreamQuery *
query_analyze(Query *query)
{
	StreamQuery *sq = palloc0(sizeof(StreamQuery));
	Query	   *inner;

	Assert(query != NULL);
	analyze_check_views(query);
	analyze_check_query(query);

	sq->query = copyObject(query);
	/* also clears references to dropped columns in the join aliases of a rule */
	AcquireRewriteLocks(sq->query, true, false);
	compat_flatten_group_exprs(sq->query);
	analyze_session(sq);
	analyze_check_subqueries((Node *) sq->query->targetList);
	analyze_check_subqueries(sq->query->havingQual);
	sq->query->targetList = (List *)
		compat_flatten_join_alias_vars(sq->query, (Node *) sq->query->targetList);
	sq->query->havingQual =
		compat_flatten_join_alias_vars(sq->query, sq->query->havingQual);

	sq->appends = !query->hasAggs && query->groupClause == NIL;
	if (sq->appends)
		analyze_append(sq);
	else
		analyze_groups(sq);

	inner = build_inner(sq);
	if (sq->session == NULL && !sq->appends)
		sq->pane_inner = analyze_panes(sq, inner, &sq->panes);
	if (sq->pane_inner != NULL)
		sq->pane_inner = rewrite_inner(sq->pane_inner);
	sq->inner = rewrite_inner(inner);
	sq->streamid = analyze_find_stream(sq->inner);
	if (!sq->appends)
		analyze_window(sq);
	analyze_closing(sq);
	return sq;
}
