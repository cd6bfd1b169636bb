/*
 * analyze_closing.c - when the groups of a view are closed.
 *
 * A group closes with the window among its keys.  The worker judges every
 * (row, window) by the row's number, which tells the watermark before it, and
 * by the window's end; readers of closed groups judge by the keys alone.
 *
 * The row's number travels as ctid of the stream and joins the inner query as
 * a hidden column, from however deep in ordinary views and subqueries the
 * stream stands.  The window's end often needs no column of its own: it is a
 * key, or the start of a window of fixed size.  Otherwise it is the other
 * column of the window function, or, for date_trunc(), an expression over the
 * key.
 *
 * Columns are added to the rewritten inner query: what the user wrote, and
 * what the view shows, stays as it is.
 */
#include "postgres.h"

#include "compat.h"

#include "access/sysattr.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog/view_catalog.h"
#include "query/analyze.h"
#include "query/own_function.h"

/* Returns the expression of a key in the inner query. */
static Node *
key_inner_expr(const StreamQuery *sq, int key)
{
	return (Node *) list_nth_node(TargetEntry, sq->inner->targetList, sq->keys[key].column)->expr;
}

/* Returns whether two bounds are bounds of the same window. */
static bool
is_same_window(const WindowSource *a, const WindowSource *b)
{
	if (a->entry != NULL || b->entry != NULL)
		return a->entry == b->entry;
	return equal(a->call, b->call);
}

/* Finds the one window among the keys; see analyze.h. */
int
analyze_find_closing(const StreamQuery *sq, ClosingWindow *window)
{
	int			nwindows = 0;

	memset(window, 0, sizeof(*window));
	window->start_key = window->end_key = -1;
	if (sq->appends || sq->session != NULL)
		return 0;
	for (int i = 0; i < sq->nkeys; i++)
	{
		WindowSource source;
		bool		known;

		if (!analyze_find_window(sq->inner, key_inner_expr(sq, i), &source))
			continue;
		known = nwindows > 0 && is_same_window(&source, &window->source);
		if (!known && ++nwindows > 1)
			continue;
		if (!known)
			window->source = source;
		if (source.is_end)
			window->end_key = i;
		else
			window->start_key = i;
	}
	return nwindows;
}

/* Returns the type of the bounds of a found window. */
static Oid
window_type(const StreamQuery *sq, const ClosingWindow *window)
{
	int			key = window->start_key >= 0 ? window->start_key : window->end_key;

	Assert(key >= 0);
	return sq->keys[key].type;
}

/* Notes the type of the one window; see stream_query.h. */
void
analyze_closing(StreamQuery *sq)
{
	ClosingWindow window;

	sq->nwindows = sq->session != NULL ? 1 : analyze_find_closing(sq, &window);
	if (sq->session != NULL)
		sq->window_type = sq->session->time_type;
	else
		sq->window_type = sq->nwindows == 1 ? window_type(sq, &window) : InvalidOid;
	/* that of the view: it is set wherever a view's query is analysed */
	sq->timezone = pstrdup(pg_get_timezone_name(session_timezone));
	sq->row_column = sq->end_column = sq->start_column = -1;
}

/* Adds a column to a subquery; returns it as the query above sees it. */
static Node *
add_subquery_column(RangeTblEntry *rte, int varno, Node *expr)
{
	Query	   *subquery = rte->subquery;
	int			number = list_length(subquery->targetList) + 1;
	char	   *name = psprintf("stream_ext_%d", number);

	Assert(rte->rtekind == RTE_SUBQUERY);
	subquery->targetList = lappend(subquery->targetList,
								   makeTargetEntry((Expr *) expr, number, name, false));
	rte->eref->colnames = lappend(rte->eref->colnames, makeString(pstrdup(name)));
	return (Node *) makeVar(varno, number, exprType(expr), exprTypmod(expr),
							exprCollation(expr), 0);
}

/* Returns the number of the stream's row, as this query sees it; NULL if it has no stream. */
static Node *
row_number(Query *query, Oid streamid)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, analyze_from_indexes(query))
	{
		int			varno = lfirst_int(lc);
		RangeTblEntry *rte = rt_fetch(varno, query->rtable);
		Node	   *number;

		if (rte->rtekind == RTE_RELATION && rte->relid == streamid)
			return (Node *) makeVar(varno, SelfItemPointerAttributeNumber, TIDOID, -1,
									InvalidOid, 0);
		if (rte->rtekind != RTE_SUBQUERY)
			continue;
		number = row_number(rte->subquery, streamid);
		if (number != NULL)
			return add_subquery_column(rte, varno, number);
	}
	return NULL;
}

/* Returns a column of the window function that expr is a column of, as this query sees it. */
static Node *
window_column(Query *query, Node *expr, AttrNumber column)
{
	Var		   *var = castNode(Var, expr);
	RangeTblEntry *rte = rt_fetch(var->varno, query->rtable);
	TargetEntry *tle;

	if (rte->rtekind == RTE_FUNCTION)
	{
		var = copyObject(var);
		var->varattno = column;
		return (Node *) var;
	}
	if (rte->rtekind == RTE_JOIN)
		return window_column(query, list_nth(rte->joinaliasvars, var->varattno - 1), column);

	Assert(rte->rtekind == RTE_SUBQUERY);
	tle = get_tle_by_resno(rte->subquery->targetList, var->varattno);
	return add_subquery_column(rte, var->varno,
							   window_column(rte->subquery, (Node *) tle->expr, column));
}

/* Returns whether an expression is there and the same for every row. */
static bool
is_fixed(Node *expr)
{
	return expr != NULL && !contain_var_clause(expr);
}

/* Returns a call of one of our own functions. */
static Node *
own_call(const char *name, List *args)
{
	Oid			types[4] = {InvalidOid};
	ListCell   *lc;
	int			nargs = 0;
	Oid			funcid;

	Assert(list_length(args) <= lengthof(types));
	foreach(lc, args)
		types[nargs++] = exprType(lfirst(lc));
	funcid = own_function(name, nargs, types);
	return (Node *) makeFuncExpr(funcid, get_func_rettype(funcid), copyObject(args), InvalidOid,
								 DEFAULT_COLLATION_OID, COERCE_EXPLICIT_CALL);
}

/* Returns a constant text, or the null value. */
static Node *
text_constant(const char *text)
{
	return (Node *) makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
							  text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL, false);
}

/* Returns an integer as bigint and a date as timestamp, as windows are reckoned in. */
static Node *
widen(Node *expr)
{
	Oid			type = expr ? exprType(expr) : InvalidOid;

	if (type != INT4OID && type != DATEOID)
		return expr;
	return (Node *) makeFuncExpr(type == INT4OID ? F_INT8_INT4 : F_TIMESTAMP_DATE,
								 type == INT4OID ? INT8OID : TIMESTAMPOID,
								 list_make1(expr), InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST);
}

/* Returns the end of the tumbling window that starts at key; NULL as below. */
static Node *
tumble_end(const FuncExpr *call, Node *key)
{
	Node	   *size = widen(analyze_window_arg(call, 1));
	Node	   *origin = widen(analyze_window_arg(call, 2));
	Node	   *zone = analyze_window_arg(call, 3);
	List	   *args;

	key = widen(key);
	if (origin == NULL)
		origin = (Node *) makeNullConst(exprType(key), -1, InvalidOid);
	args = list_make3(key, size, origin);
	if (exprType(key) == TIMESTAMPTZOID)
		args = lappend(args, zone ? zone : text_constant(NULL));
	if (!is_fixed(size) || !is_fixed(origin) || (zone != NULL && !is_fixed(zone)))
		return NULL;
	return own_call("tumble_end", args);
}

/*
 * Returns the end of the date_bin() or date_trunc() that key is; NULL as
 * below.  Without a time zone the one of the view counts.
 */
static Node *
call_end(const StreamQuery *sq, const FuncExpr *call, Node *key)
{
	Node	   *length = linitial(call->args);	/* interval or unit */
	Node	   *zone;

	if (!is_fixed(length))
		return NULL;
	switch (call->funcid)
	{
		case F_DATE_TRUNC_TEXT_TIMESTAMP:
			return own_call("trunc_end", list_make2(length, key));
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
			zone = text_constant(sq->timezone);
			return own_call("trunc_end", list_make3(length, key, zone));
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
			zone = lthird(call->args);
			return is_fixed(zone) ? own_call("trunc_end", list_make3(length, key, zone)) : NULL;
		default:
			return own_call("window_end", list_make2(key, length));
	}
}

/*
 * Returns the end of the window that starts at key, as an expression over
 * key; NULL if it cannot be told from the start alone.
 */
static Node *
end_over_start(const StreamQuery *sq, const WindowSource *source, Node *key)
{
	Node	   *size;

	switch (source->kind)
	{
		case WINDOW_TUMBLE:
			return tumble_end(source->call, key);
		case WINDOW_HOP:
			size = widen(analyze_window_arg(source->call, 2));
			return is_fixed(size) ? own_call("window_end", list_make2(widen(key), size)) : NULL;
		case WINDOW_CALL:
			return call_end(sq, source->call, key);
		default:
			return NULL;
	}
}

/* Returns the end of a group's window over the keys of q; see analyze.h. */
Node *
analyze_window_end(const StreamQuery *sq)
{
	ClosingWindow window;

	if (analyze_find_closing(sq, &window) != 1)
		return NULL;
	if (window.end_key >= 0)
		return sq->keys[window.end_key].expr;
	return end_over_start(sq, &window.source, sq->keys[window.start_key].expr);
}

/* Returns whether the keys tell when a window ends; see stream_query.h. */
bool
query_knows_ends(const StreamQuery *sq)
{
	return sq->session != NULL || analyze_window_end(sq) != NULL;
}

/* Appends a hidden column to the inner query and returns its index. */
static int
add_hidden_column(StreamQuery *sq, Node *expr)
{
	int			number = list_length(sq->inner->targetList);

	sq->inner->targetList = lappend(sq->inner->targetList,
									makeTargetEntry((Expr *) copyObject(expr), number + 1,
													psprintf("c%d", number + 1), false));
	sq->ninner = number + 1;
	return number;
}

/* Lays down from which column of the inner query a window's end is reckoned. */
static bool
track_end(StreamQuery *sq, const ClosingWindow *window)
{
	const WindowSource *source = &window->source;
	Node	   *end;

	sq->end_offset = 0;
	if (window->end_key >= 0)
	{
		sq->end_column = sq->keys[window->end_key].column;
		return true;
	}
	if (source->size_us > 0 && source->kind != WINDOW_CUMULATE)
	{
		sq->end_column = sq->keys[window->start_key].column;
		sq->end_offset = source->size_us;
		return true;
	}
	if (source->kind != WINDOW_CALL)
		end = window_column(sq->inner, key_inner_expr(sq, window->start_key), 2);
	else
		end = call_end(sq, source->call, key_inner_expr(sq, window->start_key));
	if (end != NULL)
		sq->end_column = add_hidden_column(sq, end);
	return end != NULL;
}

/* Adds what lateness is judged by; see stream_query.h. */
bool
query_track_windows(StreamQuery *sq, bool with_start)
{
	ClosingWindow window;
	bool		by_key = sq->panes.slide == 0 && sq->session == NULL;

	Assert(sq->row_column < 0);
	if (sq->nwindows != 1)
		return false;
	if (by_key && (analyze_find_closing(sq, &window) != 1 || !track_end(sq, &window)))
		return false;

	sq->row_column = add_hidden_column(sq, row_number(sq->inner, sq->streamid));
	if (!by_key || !with_start)
		return true;
	if (window.start_key >= 0)
		sq->start_column = sq->keys[window.start_key].column;
	else
		sq->start_column = add_hidden_column(sq, window_column(sq->inner,
															   key_inner_expr(sq, window.end_key), 1));
	return true;
}
