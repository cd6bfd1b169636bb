/*
 * analyze_window.c - recognises the group keys that are bounds of a window.
 *
 * tumble(), hop() and cumulate() in FROM, date_bin() and date_trunc() are
 * windows.  Storage is
 * partitioned by that key, and its size tells when a window is over.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/int.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "query/analyze.h"

/* date_trunc units; daylight saving changes the length of some in a time zone. */
typedef struct TruncUnit
{
	const char *name;
	int64		size_us;
	bool		fixed_in_zones;
} TruncUnit;

static const TruncUnit trunc_units[] = {
	{"microseconds", 1, true},
	{"milliseconds", 1000, true},
	{"second", USECS_PER_SEC, true},
	{"minute", USECS_PER_MINUTE, true},
	{"hour", USECS_PER_HOUR, true},
	{"day", USECS_PER_DAY, false},
	{"week", 7 * USECS_PER_DAY, false},
};

/* Returns the length of a constant interval without months, else 0. */
int64
analyze_interval_us(Node *node)
{
	Const	   *constant = (Const *) node;
	Interval   *interval;
	int64		us;

	if (!IsA(node, Const) || constant->consttype != INTERVALOID || constant->constisnull)
		return 0;

	interval = DatumGetIntervalP(constant->constvalue);
	if (interval->month != 0 ||
		pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, interval->time, &us))
		return 0;
	return Max(us, 0);
}

/* Returns the length of date_trunc's constant unit, 0 if unknown or not fixed. */
static int64
constant_unit_us(Node *node, bool has_zone)
{
	Const	   *constant = (Const *) node;
	char	   *unit;

	if (!IsA(node, Const) || constant->consttype != TEXTOID || constant->constisnull)
		return 0;

	unit = TextDatumGetCString(constant->constvalue);
	for (int i = 0; i < lengthof(trunc_units); i++)
	{
		if (pg_strcasecmp(unit, trunc_units[i].name) == 0)
			return trunc_units[i].fixed_in_zones || !has_zone ? trunc_units[i].size_us : 0;
	}
	return 0;
}

/* Our window functions, and which arguments (from 0) are size and time zone. */
typedef struct WindowFunction
{
	const char *name;
	WindowKind	kind;
	int			size_arg;
	int			zone_arg;
} WindowFunction;

static const WindowFunction window_functions[] = {
	{"tumble", WINDOW_TUMBLE, 1, 3},
	{"hop", WINDOW_HOP, 2, -1},
	{"cumulate", WINDOW_CUMULATE, 2, -1},
	{"session", WINDOW_SESSION, -1, -1},
};

/* Returns which of this extension's window functions a function is, or NULL. */
static const WindowFunction *
find_window_function(Oid funcid)
{
	char	   *name = get_func_name(funcid);
	Oid			extension = get_extension_oid("stream_ext", true);

	if (name == NULL || !OidIsValid(extension) ||
		getExtensionOfObject(ProcedureRelationId, funcid) != extension)
		return NULL;
	for (int i = 0; i < lengthof(window_functions); i++)
	{
		if (strcmp(name, window_functions[i].name) == 0)
			return &window_functions[i];
	}
	return NULL;
}

/* Recognises date_bin() and date_trunc() over timestamps. */
static bool
is_window_call(const FuncExpr *call, int64 *size_us)
{
	switch (call->funcid)
	{
		case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
		case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
			*size_us = analyze_interval_us(linitial(call->args));
			return true;
		case F_DATE_TRUNC_TEXT_TIMESTAMP:
			*size_us = constant_unit_us(linitial(call->args), false);
			return true;
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
			*size_us = constant_unit_us(linitial(call->args), true);
			return true;
		default:
			return false;
	}
}

/* Returns argument number argno of a window function's call, NULL if it is left out. */
Node *
analyze_window_arg(const FuncExpr *call, int argno)
{
	ListCell   *lc;
	int			position = 0;

	foreach(lc, call->args)
	{
		Node	   *arg = lfirst(lc);
		int			number = position++;

		if (IsA(arg, NamedArgExpr))
		{
			number = ((NamedArgExpr *) arg)->argnumber;
			arg = (Node *) ((NamedArgExpr *) arg)->arg;
		}
		if (number == argno)
			return arg;
	}
	return NULL;
}

/* Returns the length of the windows of a call, 0 if unknown or not fixed. */
static int64
window_size_us(const FuncExpr *call, const WindowFunction *function)
{
	Node	   *size = analyze_window_arg(call, function->size_arg);

	if (size == NULL || analyze_window_arg(call, function->zone_arg) != NULL)
		return 0;
	return analyze_interval_us(size);
}

/* Tells whether a function is a window function. */
bool
analyze_is_window_function(Oid funcid)
{
	return find_window_function(funcid) != NULL;
}

/* Tells whether a function is session(). */
bool
analyze_is_session(Oid funcid)
{
	const WindowFunction *function = find_window_function(funcid);

	return function != NULL && function->size_arg < 0;
}

/* Tells whether a function is hop(). */
bool
analyze_is_hop(Oid funcid)
{
	const WindowFunction *function = find_window_function(funcid);

	return function != NULL && function->kind == WINDOW_HOP;
}

/* Fills source if the function entry calls one of our window functions. */
static bool
find_in_function(const RangeTblEntry *rte, AttrNumber attnum, WindowSource *source)
{
	FuncExpr   *call;
	const WindowFunction *function;

	Assert(rte->rtekind == RTE_FUNCTION);
	if (list_length(rte->functions) != 1 || attnum < 1 || attnum > 2)
		return false;
	call = (FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	function = IsA(call, FuncExpr) ? find_window_function(call->funcid) : NULL;
	if (function == NULL)
		return false;

	source->kind = function->kind;
	source->entry = rte;
	source->call = call;
	source->is_end = attnum == 2;
	source->size_us = window_size_us(call, function);
	return true;
}

/* Follows expr down through subqueries until it is a window's bound, or is not. */
bool
analyze_find_window(const Query *query, Node *expr, WindowSource *source)
{
	Var		   *var = (Var *) expr;
	RangeTblEntry *rte;
	TargetEntry *tle;

	Assert(query != NULL && expr != NULL);
	memset(source, 0, sizeof(*source));
	if (IsA(expr, FuncExpr))
	{
		source->kind = WINDOW_CALL;
		source->call = (FuncExpr *) expr;
		return is_window_call(source->call, &source->size_us);
	}
	if (!IsA(expr, Var) || var->varlevelsup != 0)
		return false;

	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_FUNCTION)
		return find_in_function(rte, var->varattno, source);
	if (rte->rtekind == RTE_JOIN && var->varattno > 0)
		return analyze_find_window(query, list_nth(rte->joinaliasvars, var->varattno - 1),
								   source);
	if (rte->rtekind != RTE_SUBQUERY || var->varattno <= 0)
		return false;
	tle = get_tle_by_resno(rte->subquery->targetList, var->varattno);
	return tle != NULL && analyze_find_window(rte->subquery, (Node *) tle->expr, source);
}

/* If expr is the start of a window of time: its size, or 0 if unknown. */
bool
analyze_is_window_start(const Query *query, Node *expr, int64 *size_us)
{
	WindowSource source;

	if (exprType(expr) != TIMESTAMPTZOID && exprType(expr) != TIMESTAMPOID)
		return false;
	if (!analyze_find_window(query, expr, &source) || source.is_end)
		return false;
	*size_us = source.size_us;
	return true;
}
