/*
 * view_constants.c - constants that stay out of the SQL text of a view.
 *
 * The text is parsed as the superuser, and the parser makes a value of a
 * literal at once, with the input function of its type.  That of an array, a
 * composite or a range evaluates the CHECKs of domains in it, and those may be
 * anybody's code.  And no text need be the value again: a float may have lost
 * digits, a time zone's name may mean another.  So a constant is $1, $2, .. in
 * the text, and the value that the user's own statement made of it is put back
 * into what was parsed.
 *
 * A few stay literals, because ruleutils.c prints SQL only where it knows that
 * a constant stands: the length in a cast, the field of EXTRACT(year FROM ..),
 * the clauses of XML functions.  These are integers, booleans and plain words.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "tcop/tcopprot.h"

#include "query/analyze.h"

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

/* Returns whether an argument is a constant whose text is its value everywhere. */
static bool
is_word(const Node *arg)
{
	Oid			type = IsA(arg, Const) ? ((const Const *) arg)->consttype : InvalidOid;

	return type == INT4OID || type == BOOLOID || type == TEXTOID;
}

/* Puts arguments back that have to be constants, from number first (0-based) on. */
static void
keep_words(List *mutated, List *args, int first)
{
	for (int i = first; i < list_length(args); i++)
	{
		if (list_nth(args, i) != NULL && is_word(list_nth(args, i)))
			lfirst(list_nth_cell(mutated, i)) = copyObject(list_nth(args, i));
	}
}

/* Puts constants back that are part of how a node is written; see the top. */
static void
keep_syntax(Node *mutated, Node *node)
{
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;

		if (call->funcformat == COERCE_SQL_SYNTAX)
			keep_words(((FuncExpr *) mutated)->args, call->args, 0);
		else if (call->funcformat != COERCE_EXPLICIT_CALL)
			keep_words(((FuncExpr *) mutated)->args, call->args, 1);
	}
	else if (IsA(node, XmlExpr))
		keep_words(((XmlExpr *) mutated)->args, ((XmlExpr *) node)->args, 0);
}

/* Replaces constants by parameters. */
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
	if (compat_holds_constants(node))
		return copyObject(node);
	if (!IsA(node, Const))
	{
		Node	   *mutated = expression_tree_mutator(node, take_mutator, context);

		keep_syntax(mutated, node);
		return mutated;
	}

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

/* Returns a copy of expr without constants; see analyze.h. */
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
