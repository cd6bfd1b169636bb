/*
 * analyze_panes.c - recognises hopping windows whose rows can go to panes.
 *
 * With hop(ts, slide, size) a row is in size / slide windows, and the inner
 * query gives it as often.  Where nothing but the group keys looks at the
 * window, all its windows get the same values, so that one row of the
 * window's pane (window/pane.h) says it all.  Then the inner query calls
 * _stream_ext.hop_pane() in place of hop(), with the same arguments.
 *
 * What mentions the window anywhere else (WHERE, a join, an aggregate's
 * argument or FILTER, an expression as key) needs the windows one by one.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "catalog/pg_proc.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "query/analyze.h"
#include "query/own_function.h"
#include "window/window.h"

/* The arguments of hop(), each constant; NULL where it was not given. */
typedef struct HopArgs
{
	Const	   *slide;
	Const	   *size;
	Const	   *origin;
} HopArgs;

/* Counts how often a query mentions columns of a range table entry. */
typedef struct MentionCount
{
	const Query *query;
	int			varno;
	int			sublevels_up;
	int			count;
} MentionCount;

/* Returns the number of the one call of hop() in FROM, 0 if there is none or several. */
static int
find_hop(const Query *query)
{
	int			found = 0;

	for (int varno = 1; varno <= list_length(query->rtable); varno++)
	{
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);
		FuncExpr   *call;

		if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
			continue;
		call = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
		if (!IsA(call, FuncExpr) || !analyze_is_hop(call->funcid))
			continue;
		if (found != 0 || rte->funcordinality)
			return 0;
		found = varno;
	}
	return found;
}

/* Walker of count_mentions(). */
static bool
count_mentions_walker(Node *node, void *context)
{
	MentionCount *search = context;
	Var		   *var = (Var *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const RangeTblEntry *rte;

		if (var->varlevelsup != search->sublevels_up)
			return false;
		if (var->varno == search->varno)
			search->count++;
		rte = rt_fetch(var->varno, search->query->rtable);
		if (rte->rtekind == RTE_JOIN && var->varattno > 0)
		{
			int			sublevels_up = search->sublevels_up;

			search->sublevels_up = 0;
			(void) count_mentions_walker(list_nth(rte->joinaliasvars, var->varattno - 1), context);
			search->sublevels_up = sublevels_up;
		}
		else if (rte->rtekind == RTE_JOIN)
			search->count++;	/* a whole row of it, which may have the
								 * window */
		return false;
	}
	if (IsA(node, Query))
	{
		search->sublevels_up++;
		(void) query_tree_walker((Query *) node, count_mentions_walker, context,
								 QTW_IGNORE_JOINALIASES);
		search->sublevels_up--;
		return false;
	}
	return expression_tree_walker(node, count_mentions_walker, context);
}

/* Returns how often a query mentions columns of a range table entry, at all levels. */
static int
count_mentions(const Query *query, int varno)
{
	MentionCount search = {.query = query,.varno = varno};

	(void) query_tree_walker((Query *) query, count_mentions_walker, &search,
							 QTW_IGNORE_JOINALIASES);
	return search.count;
}

/* Returns how many group keys are columns of the window, and which. */
static int
count_window_keys(const StreamQuery *sq, const Query *inner, int varno, ViewPanes *panes)
{
	int			count = 0;

	for (int i = 0; i < sq->nkeys; i++)
	{
		Var		   *var = (Var *) list_nth_node(TargetEntry, inner->targetList,
												sq->keys[i].column)->expr;

		if (!IsA(var, Var) || var->varno != varno || var->varlevelsup != 0)
			continue;
		/* the same column is never two keys: a pane has one place for each */
		if (var->varattno == 1 && panes->start_attnum == 0)
			panes->start_attnum = i + 1;
		else if (var->varattno == 2 && panes->end_attnum == 0)
			panes->end_attnum = i + 1;
		else
			return 0;
		count++;
	}
	return count;
}

/* Returns a constant argument; NULL if it is none. */
static Const *
constant_arg(Node *arg)
{
	Node	   *folded = eval_const_expressions(NULL, copyObject(arg));

	return IsA(folded, Const) ? (Const *) folded : NULL;
}

/* Takes the arguments apart; false unless slide, size and origin are constants. */
static bool
take_args(const FuncExpr *call, HopArgs *args)
{
	int			position = 0;
	ListCell   *lc;

	memset(args, 0, sizeof(*args));
	foreach(lc, call->args)
	{
		Node	   *arg = lfirst(lc);
		int			number = position++;
		Const	   *constant;

		if (IsA(arg, NamedArgExpr))
		{
			number = ((NamedArgExpr *) arg)->argnumber;
			arg = (Node *) ((NamedArgExpr *) arg)->arg;
		}
		if (number == 0)
			continue;
		constant = constant_arg(arg);
		if (constant == NULL || (constant->constisnull && number != 3))
			return false;
		if (number == 1)
			args->slide = constant;
		else if (number == 2)
			args->size = constant;
		else if (!constant->constisnull)
			args->origin = constant;
	}
	return args->slide != NULL && args->size != NULL;
}

/* Returns a constant of the axis as int64; for dates lengths are in days. False if it has no fixed length. */
static bool
constant_value(const Const *constant, Oid axis, int64 *value)
{
	switch (constant->consttype)
	{
		case INTERVALOID:
			*value = analyze_interval_us((Node *) constant);
			if (axis != DATEOID)
				return *value > 0;
			*value /= USECS_PER_DAY;
			return *value > 0 &&
				DatumGetIntervalP(constant->constvalue)->time % USECS_PER_DAY == 0;
		case INT8OID:
			*value = DatumGetInt64(constant->constvalue);
			return true;
		case INT4OID:
			*value = DatumGetInt32(constant->constvalue);
			return true;
		case DATEOID:
			*value = DatumGetDateADT(constant->constvalue);
			return !DATE_NOT_FINITE(*value);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*value = DatumGetTimestamp(constant->constvalue);
			return !TIMESTAMP_NOT_FINITE(*value);
		default:
			return false;
	}
}

/* Sets the shape of the windows; false if they have none, or rows just one of them. */
static bool
take_shape(const FuncExpr *call, Oid axis, ViewPanes *panes)
{
	HopArgs		args;

	if (!take_args(call, &args) ||
		!constant_value(args.slide, axis, &panes->slide) ||
		!constant_value(args.size, axis, &panes->size))
		return false;
	if (args.origin != NULL)
	{
		if (!constant_value(args.origin, axis, &panes->origin))
			return false;
	}
	else if (axis == TIMESTAMPOID || axis == TIMESTAMPTZOID)
		panes->origin = WINDOW_DEFAULT_ORIGIN;
	else if (axis == DATEOID)
		panes->origin = WINDOW_DEFAULT_ORIGIN / USECS_PER_DAY;
	else
		panes->origin = 0;
	return panes->slide > 0 && panes->size > panes->slide &&
		(panes->size - 1) / panes->slide < WINDOW_MAX_PER_VALUE;
}

/* Replaces hop() by panes where that gives the same; see analyze.h. */
Query *
analyze_panes(const StreamQuery *sq, const Query *inner, ViewPanes *panes)
{
	int			varno = find_hop(inner);
	int			nkeys;
	Query	   *result;
	FuncExpr   *call;
	Oid		   *types;
	int			ntypes;

	memset(panes, 0, sizeof(*panes));
	if (varno == 0)
		return NULL;
	nkeys = count_window_keys(sq, inner, varno, panes);
	Assert(panes->slide == 0);
	if (nkeys == 0 || count_mentions(inner, varno) != nkeys)
		return NULL;

	result = copyObject((Query *) inner);
	call = (FuncExpr *) linitial_node(RangeTblFunction,
									  rt_fetch(varno, result->rtable)->functions)->funcexpr;
	(void) get_func_signature(call->funcid, &types, &ntypes);
	if (!take_shape(call, types[0], panes))
	{
		panes->slide = 0;
		return NULL;
	}
	call->funcid = own_function("hop_pane", ntypes, types);
	return result;
}
