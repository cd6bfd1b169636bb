/*
 * scan_filter.c - conditions on keys, from the plan to a GenerationFilter.
 *
 * Two kinds of conditions select groups in shared memory: equality on every
 * key, by the equality that made the groups, looks the group up by its hash;
 * a range of one timestamp key (the window, as a rule) skips records while
 * they are copied.  Everything is checked again by the executor, so a filter
 * may let through too much but never too little.
 *
 * Comparisons across integer types count as equality: the hash of a plain key
 * is that of its value, whatever its width.
 *
 * What is computed at run time are expressions without columns of the memory
 * table: constants and parameters.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "memory_scan/scan_filter.h"

/* What an expression is for: kept in the plan as an integer list of (role, attnum) pairs. */
typedef enum FilterRole
{
	FILTER_EQUAL,				/* the key equals it */
	FILTER_LESS,				/* the key is less ... */
	FILTER_LESS_EQUAL,
	FILTER_GREATER_EQUAL,
	FILTER_GREATER
} FilterRole;

struct ScanFilter
{
	TupleDesc	desc;
	List	   *states;			/* of ExprState */
	List	   *exprs;
	List	   *roles;
	int			nkeys;			/* 0: no look-up by hash */
	GroupKey   *keys;
};

/* A condition "key operator expression" taken apart. */
typedef struct KeyCondition
{
	AttrNumber	attnum;
	Expr	   *expr;
	Oid			opno;			/* with the key on its left */
	Oid			collation;
} KeyCondition;

/* Returns how many columns of a flat group are keys: k1 .. kn. */
static int
count_keys(TupleDesc desc)
{
	int			n = 0;

	while (n < desc->natts && NameStr(TupleDescAttr(desc, n)->attname)[0] == 'k')
		n++;
	return n;
}

/* Returns how many columns may be a window: the keys, or the time of a row that is appended. */
static int
count_windows(TupleDesc desc)
{
	return NameStr(TupleDescAttr(desc, 0)->attname)[0] == 't' ? 1 : count_keys(desc);
}

/* Returns the key column that a node is, or 0. */
static AttrNumber
match_key(Node *node, Index relid, int nkeys)
{
	Var		   *var;

	if (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, Var))
		return 0;
	var = (Var *) node;
	if (var->varno != relid || var->varlevelsup != 0 ||
		var->varattno < 1 || var->varattno > nkeys)
		return 0;
	return var->varattno;
}

/* Returns whether a node can be computed before the scan. */
static bool
is_computable(Node *node)
{
	return !contain_var_clause(node) && !contain_volatile_functions(node) &&
		!contain_subplans(node);
}

/* Takes a condition apart; false if it is of another form. */
static bool
match_condition(Node *clause, Index relid, int nkeys, KeyCondition *condition)
{
	OpExpr	   *op = (OpExpr *) clause;
	Node	   *left;
	Node	   *right;

	if (!IsA(clause, OpExpr) || list_length(op->args) != 2)
		return false;
	left = linitial(op->args);
	right = lsecond(op->args);
	condition->collation = op->inputcollid;

	condition->attnum = match_key(left, relid, nkeys);
	condition->expr = (Expr *) right;
	condition->opno = op->opno;
	if (condition->attnum != 0)
		return is_computable(right);

	condition->attnum = match_key(right, relid, nkeys);
	condition->expr = (Expr *) left;
	condition->opno = get_commutator(op->opno);
	return condition->attnum != 0 && OidIsValid(condition->opno) && is_computable(left);
}

/* Returns whether a type is one of the integers that compare with each other. */
static bool
is_integer_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* Returns whether the condition is the equality that makes groups of the key. */
static bool
is_group_equality(const KeyCondition *condition, TupleDesc desc)
{
	Form_pg_attribute attr = TupleDescAttr(desc, condition->attnum - 1);
	TypeCacheEntry *type = lookup_type_cache(attr->atttypid,
											 TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC |
											 TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(type->hash_proc) || condition->collation != attr->attcollation)
		return false;
	if (condition->opno == type->eq_opr)
		return true;
	return is_integer_type(attr->atttypid) &&
		is_integer_type(exprType((Node *) condition->expr)) &&
		get_op_opfamily_strategy(condition->opno, type->btree_opf) == BTEqualStrategyNumber;
}

/* Returns whether the condition is a range of a timestamp key, and which side. */
static bool
is_window_range(const KeyCondition *condition, TupleDesc desc, FilterRole *role)
{
	Oid			type = TupleDescAttr(desc, condition->attnum - 1)->atttypid;
	TypeCacheEntry *entry;

	if ((type != TIMESTAMPTZOID && type != TIMESTAMPOID) ||
		exprType((Node *) condition->expr) != type)
		return false;
	entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	switch (get_op_opfamily_strategy(condition->opno, entry->btree_opf))
	{
		case BTLessStrategyNumber:
			*role = FILTER_LESS;
			return true;
		case BTLessEqualStrategyNumber:
			*role = FILTER_LESS_EQUAL;
			return true;
		case BTEqualStrategyNumber:
			*role = FILTER_EQUAL;
			return true;
		case BTGreaterEqualStrategyNumber:
			*role = FILTER_GREATER_EQUAL;
			return true;
		case BTGreaterStrategyNumber:
			*role = FILTER_GREATER;
			return true;
		default:
			return false;
	}
}

/* Adds an expression and what it is for. */
static void
add_role(ScanFilterPlan *plan, Expr *expr, FilterRole role, AttrNumber attnum)
{
	plan->exprs = lappend(plan->exprs, expr);
	plan->roles = lappend_int(plan->roles, role);
	plan->roles = lappend_int(plan->roles, attnum);
}

/* Plans a look-up by hash; false unless every key has an equality. */
static bool
plan_key_hash(Index relid, TupleDesc desc, List *clauses, ScanFilterPlan *plan)
{
	int			nkeys = count_keys(desc);
	Expr	  **exprs = palloc0(sizeof(Expr *) * (nkeys + 1));
	ListCell   *lc;

	foreach(lc, clauses)
	{
		KeyCondition condition;

		if (match_condition(lfirst(lc), relid, nkeys, &condition) &&
			is_group_equality(&condition, desc))
			exprs[condition.attnum - 1] = condition.expr;
	}
	for (int i = 0; i < nkeys; i++)
	{
		if (exprs[i] == NULL)
			return false;
	}
	for (int i = 0; i < nkeys; i++)
		add_role(plan, exprs[i], FILTER_EQUAL, i + 1);
	return nkeys > 0;
}

/* Plans a range of the first timestamp key that has one. */
static void
plan_window(Index relid, TupleDesc desc, List *clauses, ScanFilterPlan *plan)
{
	int			nkeys = count_windows(desc);
	AttrNumber	window = 0;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		KeyCondition condition;
		FilterRole	role;

		if (!match_condition(lfirst(lc), relid, nkeys, &condition) ||
			!is_window_range(&condition, desc, &role) ||
			(window != 0 && window != condition.attnum))
			continue;
		window = condition.attnum;
		if (role == FILTER_EQUAL)
		{
			add_role(plan, condition.expr, FILTER_LESS_EQUAL, window);
			add_role(plan, condition.expr, FILTER_GREATER_EQUAL, window);
		}
		else
			add_role(plan, condition.expr, role, window);
	}
}

/* Plans the filter; see scan_filter.h. */
void
scan_filter_plan(Index relid, TupleDesc desc, List *clauses, ScanFilterPlan *plan)
{
	plan->exprs = NIL;
	plan->roles = NIL;
	if (!plan_key_hash(relid, desc, clauses, plan))
		plan_window(relid, desc, clauses, plan);
	Assert(list_length(plan->roles) == 2 * list_length(plan->exprs));
}

/* Returns whether the plan looks a group up by its hash. */
static bool
roles_are_key_hash(List *roles)
{
	return roles != NIL && linitial_int(roles) == FILTER_EQUAL;
}

/* Prepares hashing of the keys. */
static void
create_keys(ScanFilter *filter)
{
	filter->nkeys = list_length(filter->exprs);
	filter->keys = palloc0(sizeof(GroupKey) * filter->nkeys);
	for (int i = 0; i < filter->nkeys; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(filter->desc, i);
		TypeCacheEntry *type = lookup_type_cache(attr->atttypid,
												 TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC);
		GroupKeyInput input = {
			.type = attr->atttypid,
			.collation = attr->attcollation,
			.eqfn = get_opcode(type->eq_opr),
			.hashfn = type->hash_proc
		};

		group_key_init(&filter->keys[i], &input, CurrentMemoryContext);
	}
}

/* Prepares the filter for execution; see scan_filter.h. */
ScanFilter *
scan_filter_create(TupleDesc desc, List *exprs, List *roles, PlanState *parent)
{
	ScanFilter *filter = palloc0(sizeof(ScanFilter));

	filter->desc = desc;
	filter->exprs = exprs;
	filter->roles = roles;
	filter->states = ExecInitExprList(exprs, parent);
	if (roles_are_key_hash(roles))
		create_keys(filter);
	return filter;
}

/* Returns an integer of any width in the widest one. */
static Datum
widen_integer(Datum value, Oid type)
{
	if (type == INT2OID)
		return Int64GetDatum(DatumGetInt16(value));
	if (type == INT4OID)
		return Int64GetDatum(DatumGetInt32(value));
	return value;
}

/* Computes what the hash of all keys is made of. */
static void
compute_key_hash(ScanFilter *filter, ExprContext *econtext, GenerationFilter *result)
{
	for (int i = 0; i < filter->nkeys; i++)
	{
		bool		isnull;
		Datum		value = ExecEvalExpr((ExprState *) list_nth(filter->states, i),
										 econtext, &isnull);

		value = widen_integer(value, exprType(list_nth(filter->exprs, i)));
		result->key_bits[i] = group_hash_bits(&filter->keys[i], value, isnull);
	}
	result->has_key_hash = true;
	result->nkeys = filter->nkeys;
}

/* Narrows the window by one bound; an impossible one leaves from > to. */
static void
narrow_window(GenerationFilter *result, FilterRole role, int64 bound)
{
	if (role == FILTER_LESS || role == FILTER_LESS_EQUAL)
	{
		if (role == FILTER_LESS && bound == PG_INT64_MIN)
			result->window_from = PG_INT64_MAX;
		else
			bound -= (role == FILTER_LESS);
		result->window_to = Min(result->window_to, bound);
	}
	else
	{
		if (role == FILTER_GREATER && bound == PG_INT64_MAX)
			result->window_to = PG_INT64_MIN;
		else
			bound += (role == FILTER_GREATER);
		result->window_from = Max(result->window_from, bound);
	}
}

/* Computes the range of the window. */
static void
compute_window(ScanFilter *filter, ExprContext *econtext, GenerationFilter *result)
{
	result->has_window = true;
	result->window_attnum = lsecond_int(filter->roles);
	result->window_from = PG_INT64_MIN;
	result->window_to = PG_INT64_MAX;
	for (int i = 0; i < list_length(filter->exprs); i++)
	{
		bool		isnull;
		Datum		value = ExecEvalExpr((ExprState *) list_nth(filter->states, i),
										 econtext, &isnull);

		if (isnull)
			result->window_to = PG_INT64_MIN;	/* nothing compares with NULL */
		else
			narrow_window(result, list_nth_int(filter->roles, 2 * i), DatumGetInt64(value));
	}
}

/* Computes the filter; see scan_filter.h. */
void
scan_filter_compute(ScanFilter *filter, ExprContext *econtext, GenerationFilter *result)
{
	MemoryContext saved = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);

	memset(result, 0, sizeof(*result));
	if (filter->nkeys > 0)
		compute_key_hash(filter, econtext, result);
	else if (filter->roles != NIL)
		compute_window(filter, econtext, result);
	MemoryContextSwitchTo(saved);
}

/* Walker of scan_filter_varies(). */
static bool
varies_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		return true;
	return expression_tree_walker(node, varies_walker, context);
}

/* Returns whether expressions contain parameters that change within a statement. */
bool
scan_filter_varies(List *exprs)
{
	return varies_walker((Node *) exprs, NULL);
}

/* Returns what EXPLAIN says. */
const char *
scan_filter_describe(TupleDesc desc, List *roles)
{
	if (roles == NIL)
		return "none";
	if (roles_are_key_hash(roles))
		return "hash of all keys";
	return psprintf("range of %s",
					NameStr(TupleDescAttr(desc, lsecond_int(roles) - 1)->attname));
}
