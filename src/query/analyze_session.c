/*
 * analyze_session.c - session() in FROM, and what stands in its place.
 *
 * Which session a row is in depends on other rows, so the inner query has no
 * session() but session_row(): the row's cell, and its time.  A group of the
 * view's state is a fragment of a session: q's keys without the window
 * columns, the cell as window key, and a label that tells apart sessions
 * which must not be joined.  Two hidden aggregates keep the first and the
 * last time of the fragment; the view joins fragments when it is read.
 *
 * A session is therefore known only as a whole.  Its columns can stand where
 * groups stand (select list, HAVING), and nowhere where rows stand.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog/view_catalog.h"
#include "query/analyze.h"
#include "query/own_function.h"
#include "window/window_session.h"

/* Columns of session(), and those that session_row() has beside them. */
#define SESSION_COLUMNS 2
#define ROW_CELL		3
#define ROW_TIME		4

/* A search for uses of one range table entry. */
typedef struct EntrySearch
{
	int			rtindex;
	int			sublevels_up;
} EntrySearch;

/* Returns the call of a function in FROM, or NULL if it is no single call. */
static FuncExpr *
entry_call(const RangeTblEntry *rte)
{
	Node	   *call;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1)
		return NULL;
	call = linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	return IsA(call, FuncExpr) ? (FuncExpr *) call : NULL;
}

/* Refuses session() where not every row has one. */
static void
check_jointree(Node *node, int rtindex, bool nullable)
{
	ListCell   *lc;

	if (IsA(node, RangeTblRef))
	{
		if (nullable && ((RangeTblRef *) node)->rtindex == rtindex)
			analyze_refuse("session() on the nullable side of an outer join",
						   "Write FROM stream, session(...): every row has a session.");
		return;
	}
	if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;
		bool		full = join->jointype == JOIN_FULL;

		check_jointree(join->larg, rtindex, nullable || full || join->jointype == JOIN_RIGHT);
		check_jointree(join->rarg, rtindex, nullable || full || join->jointype == JOIN_LEFT);
		return;
	}
	foreach(lc, castNode(FromExpr, node)->fromlist)
		check_jointree(lfirst(lc), rtindex, nullable);
}

/* Returns the constant gap of session() in units of the axis; refuses any other. */
static int64
session_gap(const FuncExpr *call, Oid time_type)
{
	Node	   *gap = NULL;
	ListCell   *lc;

	foreach(lc, call->args)
	{
		Node	   *arg = lfirst(lc);
		NamedArgExpr *named = IsA(arg, NamedArgExpr) ? (NamedArgExpr *) arg : NULL;

		if (named != NULL ? named->argnumber == 1 : foreach_current_index(lc) == 1)
			gap = named != NULL ? (Node *) named->arg : arg;
	}
	gap = eval_const_expressions(NULL, gap);
	if (gap == NULL || !IsA(gap, Const) || ((Const *) gap)->constisnull)
		analyze_refuse("session() with a gap that is not constant",
					   "Write the gap as a literal, such as '30 minutes'.");
	return window_session_gap(((Const *) gap)->constvalue, time_type);
}

/* Returns the type of the first argument of session(). */
static Oid
session_time_type(Oid funcid)
{
	Oid		   *types;
	int			ntypes;

	(void) get_func_signature(funcid, &types, &ntypes);
	Assert(ntypes == 2);
	return types[0];
}

/* Returns the function that stands for session() in the inner query. */
static Oid
row_function(Oid time_type, Oid gap_type)
{
	Oid			types[] = {time_type, gap_type};

	return own_function("session_row", lengthof(types), types);
}

/* Fills in what is known from the call itself. */
static QuerySession *
make_session(const RangeTblEntry *rte, int rtindex)
{
	QuerySession *session = palloc0(sizeof(QuerySession));
	FuncExpr   *call = entry_call(rte);
	Oid			time_type = session_time_type(call->funcid);
	bool		is_integer = time_type == INT4OID || time_type == INT8OID;

	if (rte->funcordinality)
		analyze_refuse("session() WITH ORDINALITY", "Leave WITH ORDINALITY out.");

	session->rtindex = rtindex;
	session->time_type = time_type;
	session->axis_type = is_integer ? INT8OID : time_type == DATEOID ? TIMESTAMPOID : time_type;
	session->gap = session_gap(call, time_type);
	session->row_function = row_function(time_type, is_integer ? time_type : INTERVALOID);
	return session;
}

/* Finds session() in q's FROM; NULL if there is none. */
QuerySession *
analyze_session_find(Query *query)
{
	QuerySession *session = NULL;
	List	   *windows = NIL;

	for (int rtindex = 1; rtindex <= list_length(query->rtable); rtindex++)
	{
		RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
		FuncExpr   *call = entry_call(rte);

		if (call == NULL || !analyze_is_window_function(call->funcid))
			continue;
		windows = lappend_int(windows, rtindex);
		if (!analyze_is_session(call->funcid))
			continue;
		session = make_session(rte, rtindex);
		check_jointree((Node *) query->jointree, rtindex, false);
	}
	if (session != NULL && list_length(windows) > 1)
		analyze_refuse("session() together with another window function",
					   "Create one view per kind of window.");
	return session;
}

/* Replaces session() by session_row() in a copy of q or its range table. */
void
analyze_session_replace(const QuerySession *session, List *rtable)
{
	RangeTblEntry *rte = rt_fetch(session->rtindex, rtable);

	Assert(analyze_is_session(entry_call(rte)->funcid));
	entry_call(rte)->funcid = session->row_function;
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup("cell")));
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup("event_time")));
}

/* Tells whether a tree uses a column of one range table entry. */
static bool
uses_entry_walker(Node *node, void *context)
{
	EntrySearch *search = (EntrySearch *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varno == search->rtindex &&
			((Var *) node)->varlevelsup == search->sublevels_up;
	if (IsA(node, Query))
	{
		bool		result;

		search->sublevels_up++;
		result = query_tree_walker((Query *) node, uses_entry_walker, context, 0);
		search->sublevels_up--;
		return result;
	}
	return expression_tree_walker(node, uses_entry_walker, context);
}

/* Returns which column of the session an expression is, 0 if it is none. */
AttrNumber
analyze_session_column(const QuerySession *session, const Node *expr)
{
	const Var  *var = (const Var *) expr;

	if (session == NULL || !IsA(expr, Var) || var->varno != session->rtindex ||
		var->varattno < 1 || var->varattno > SESSION_COLUMNS)
		return 0;
	return var->varattno;
}

/* Refuses an expression of a row, key or aggregate that uses the session's columns. */
void
analyze_session_check_expr(const QuerySession *session, Node *expr)
{
	EntrySearch search = {0};

	if (session == NULL)
		return;
	search.rtindex = session->rtindex;
	if (uses_entry_walker(expr, &search))
		analyze_refuse("window_start and window_end of session() inside other expressions, except in the select list and HAVING",
					   "A session is known only when its rows are; group by window_start or window_end, and compute from them in the select list, HAVING, or when reading the view.");
}

/* Refuses WHERE, ON and lateral items that use the session's columns. */
void
analyze_session_check_rows(const QuerySession *session, const Query *query)
{
	Query	   *rows = copyObject((Query *) query);
	EntrySearch search = {.rtindex = session->rtindex};
	ListCell   *lc;

	rows->targetList = NIL;
	rows->havingQual = NULL;
	rows->jointree = (FromExpr *)
		compat_flatten_join_alias_vars(rows, (Node *) rows->jointree);
	foreach(lc, rows->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_SUBQUERY)
			rte->subquery = (Query *)
				compat_flatten_join_alias_vars(rows, (Node *) rte->subquery);
		else if (rte->rtekind == RTE_FUNCTION)
			rte->functions = (List *)
				compat_flatten_join_alias_vars(rows, (Node *) rte->functions);
	}
	if (query_tree_walker(rows, uses_entry_walker, &search, QTW_IGNORE_JOINALIASES))
		analyze_refuse("conditions on window_start and window_end of session() in WHERE",
					   "Rows are filtered before they make sessions. Use HAVING, or filter when reading the view.");
}

/* Returns the expressions of the hidden keys: the cell, then the label. */
List *
analyze_session_keys(const QuerySession *session)
{
	Var		   *cell = makeVar(session->rtindex, ROW_CELL, session->axis_type, -1, InvalidOid, 0);
	Const	   *label = makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0),
								  false, FLOAT8PASSBYVAL);

	return list_make2(cell, label);
}

/* Returns a call of min() or max() over the row's time. */
static Aggref *
make_extreme(const QuerySession *session, Oid aggfnoid)
{
	Aggref	   *aggref = makeNode(Aggref);
	Var		   *time = makeVar(session->rtindex, ROW_TIME, session->axis_type, -1, InvalidOid, 0);

	aggref->aggfnoid = aggfnoid;
	aggref->aggtype = session->axis_type;
	aggref->aggargtypes = list_make1_oid(session->axis_type);
	aggref->args = list_make1(makeTargetEntry((Expr *) time, 1, NULL, false));
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->location = -1;
	return aggref;
}

/* Returns the hidden aggregates: first and last time of a fragment. */
List *
analyze_session_aggregates(const QuerySession *session)
{
	switch (session->axis_type)
	{
		case TIMESTAMPTZOID:
			return list_make2(make_extreme(session, F_MIN_TIMESTAMPTZ),
							  make_extreme(session, F_MAX_TIMESTAMPTZ));
		case TIMESTAMPOID:
			return list_make2(make_extreme(session, F_MIN_TIMESTAMP),
							  make_extreme(session, F_MAX_TIMESTAMP));
		default:
			return list_make2(make_extreme(session, F_MIN_INT8),
							  make_extreme(session, F_MAX_INT8));
	}
}
