/*
 * group_expr.c - expressions of q as expressions over its groups.
 *
 * Whatever q says outside aggregates is, by SQL's rules, a function of the
 * group keys and the aggregates.  Replacing those by columns of a derived
 * table leaves an expression that can be evaluated when the view is read.
 *
 * Failure: a column that is neither grouped nor aggregated (SQL allows it if
 * it depends on a grouped primary key) is refused.
 */
#include "postgres.h"

#include "compat.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

#include "query/analyze.h"

/* A replacement in progress: how deep below the view's own level we are. */
typedef struct GroupMutation
{
	const StreamQuery *sq;
	int			sublevels_up;
} GroupMutation;

/* Returns a Var of m for a group key. */
static Node *
key_var(const StreamQuery *sq, int index, int sublevels_up)
{
	const QueryKey *key = &sq->keys[index];

	return (Node *) makeVar(1, index + 1, key->type, key->typmod, key->collation, sublevels_up);
}

/* Returns a Var of m for a column of the session: these follow the aggregates. */
static Node *
session_var(const StreamQuery *sq, AttrNumber column, int sublevels_up)
{
	return (Node *) makeVar(1, sq->nkeys + sq->naggregates + column, sq->session->time_type,
							-1, InvalidOid, sublevels_up);
}

/* Returns a Var of m for an aggregate's result. */
static Node *
aggregate_var(const GroupMutation *mutation, Aggref *aggref)
{
	const StreamQuery *sq = mutation->sq;
	Aggref	   *local = copyObject(aggref);

	IncrementVarSublevelsUp((Node *) local, -mutation->sublevels_up, 0);
	for (int i = 0; i < sq->naggregates; i++)
	{
		if (equal(local, sq->aggregates[i].aggref))
			return (Node *) makeVar(1, sq->nkeys + i + 1, local->aggtype, -1, local->aggcollid,
									mutation->sublevels_up);
	}
	elog(ERROR, "aggregate %u is not part of the analysed query", aggref->aggfnoid);
	return NULL;
}

/* Returns the index of the key that node, at this depth, is; -1 if it is none. */
static int
find_key(const GroupMutation *mutation, Node *node)
{
	const StreamQuery *sq = mutation->sq;
	Node	   *local = node;

	/* below the top level only columns are matched, as the parser does */
	if (mutation->sublevels_up > 0)
	{
		if (!IsA(node, Var))
			return -1;
		local = copyObject(node);
		((Var *) local)->varlevelsup = 0;
	}
	for (int i = 0; i < sq->nkeys; i++)
	{
		/* the hidden keys are no expressions of q */
		if (sq->session != NULL && i >= sq->session->cell_key)
			break;
		if (equal(local, sq->keys[i].expr))
			return i;
	}
	return -1;
}

/* Replaces group expressions and aggregates of the view's level by Vars of m. */
static Node *
group_mutator(Node *node, void *context)
{
	GroupMutation *mutation = (GroupMutation *) context;
	bool		own_var;

	if (node == NULL)
		return NULL;
	if (IsA(node, Aggref) && ((Aggref *) node)->agglevelsup == mutation->sublevels_up)
		return aggregate_var(mutation, (Aggref *) node);

	own_var = IsA(node, Var) && ((Var *) node)->varlevelsup == mutation->sublevels_up;
	if (own_var && analyze_session_column(mutation->sq->session, node) != 0)
		return session_var(mutation->sq, analyze_session_column(mutation->sq->session, node),
						   mutation->sublevels_up);
	if (own_var || mutation->sublevels_up == 0)
	{
		int			index = find_key(mutation, node);

		if (index >= 0)
			return key_var(mutation->sq, index, mutation->sublevels_up);
	}
	if (own_var)
		analyze_refuse("columns that only depend on a grouped primary key",
					   "Add the column to GROUP BY.");

	if (IsA(node, Query))
	{
		Query	   *result;

		mutation->sublevels_up++;
		result = query_tree_mutator((Query *) node, group_mutator, context, 0);
		mutation->sublevels_up--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, group_mutator, context);
}

/* Returns a copy of expr over m: group expressions and aggregates become its Vars. */
Node *
group_replace(const StreamQuery *sq, Node *expr)
{
	GroupMutation mutation = {.sq = sq};
	Node	   *result = group_mutator(copyObject(expr), &mutation);

	Assert(mutation.sublevels_up == 0);
	return result;
}
