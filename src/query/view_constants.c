/*
 * view_constants.c - constants that stay out of the SQL text of a view.
 *
 * The text is parsed as the superuser, and the parser makes a value of a
 * literal at once, with the input function of its type.  That of an array, a
 * composite or a range evaluates the CHECKs of domains in it, and those may be
 * anybody's code.  So a constant of a user's type is $1, $2, .. in the text,
 * and the value that the user's own statement made of it is put back into what
 * was parsed.
 *
 * Constants of built-in types stay literals: their input functions run nobody's
 * code, and ruleutils.c prints no parameter where it knows that a constant
 * stands, as in EXTRACT(year FROM ..).  Pseudo-types are no such types: of an
 * UNKNOWN the parser makes what a function wants that has the name today.
 */
#include "postgres.h"

#include "compat.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"

#include "query/analyze.h"

/* Whether no input function of a literal of this type can reach user code. */
static bool
is_plain_type(Oid type)
{
	return type < FirstUnpinnedObjectId && get_typtype(type) != TYPTYPE_PSEUDO;
}

/* Returns the parameter that stands for constant number (from 1). */
static Node *
make_param(const Const *constant, int number)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = number;
	param->paramtype = constant->consttype;
	param->paramtypmod = constant->consttypmod;
	param->paramcollid = constant->constcollid;
	param->location = -1;
	return (Node *) param;
}

/* Replaces constants of users' types by parameters. */
static Node *
take_mutator(Node *node, void *context)
{
	List	  **constants = (List **) context;
	int			number = 1;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, take_mutator, context, 0);
	/* CREATE MATERIALIZED VIEW takes no parameters, so all numbers are ours */
	Assert(!IsA(node, Param) || ((Param *) node)->paramkind != PARAM_EXTERN);
	if (!IsA(node, Const) || is_plain_type(((Const *) node)->consttype))
		return expression_tree_mutator(node, take_mutator, context);

	/* equal constants stay equal: GROUP BY of a subquery compares expressions */
	foreach(lc, *constants)
	{
		if (equal(lfirst(lc), node))
			break;
		number++;
	}
	if (lc == NULL)
		*constants = lappend(*constants, copyObject(node));
	return make_param((Const *) node, number);
}

/* Returns a copy of expr without constants of users' types; see analyze.h. */
Node *
view_constants_take(Node *expr, List **constants)
{
	return take_mutator(expr, constants);
}

/* Analyses $n: it has the type of its constant, exactly, so that nothing is coerced. */
static Node *
analyse_param(ParseState *pstate, ParamRef *ref)
{
	List	   *constants = (List *) pstate->p_ref_hook_state;

	if (ref->number < 1 || ref->number > list_length(constants))
		elog(ERROR, "the text of a view has a parameter $%d", ref->number);
	return make_param(list_nth_node(Const, constants, ref->number - 1), ref->number);
}

/* Has the parser ask for parameters. */
static void
setup_parser(ParseState *pstate, void *constants)
{
	pstate->p_paramref_hook = analyse_param;
	pstate->p_ref_hook_state = constants;
}

/* Replaces parameters by their constants. */
static Node *
put_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *) query_tree_mutator((Query *) node, put_mutator, context, 0);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		return copyObject(list_nth((List *) context, ((Param *) node)->paramid - 1));
	return expression_tree_mutator(node, put_mutator, context);
}

/* Returns a text's query with its constants; see analyze.h. */
Query *
view_constants_parse(const char *sql, List *constants)
{
	Query	   *query = parse_analyze_withcb(linitial_node(RawStmt, pg_parse_query(sql)), sql,
											 setup_parser, constants, NULL);

	return castNode(Query, put_mutator((Node *) query, constants));
}
