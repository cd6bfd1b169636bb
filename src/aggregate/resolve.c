/*
 * resolve.c - from an aggregate's oid to functions ready to be called.
 *
 * Follows ExecInitAgg() and build_pertrans_for_aggref() of nodeAgg.c: the
 * same checks of rights, strictness and types, in the same order, so that an
 * aggregate behaves here as in a plain query.  Rights are those of the
 * current user: the view's owner in the worker, the reader in the view.
 *
 * Memory: everything belongs to the StreamAggregate's own context.
 * Failure: raises what PostgreSQL raises for the same defect.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_agg.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "aggregate/aggregate_internal.h"
#include "aggregate/kernel.h"

/* Returns the pg_aggregate row, or NULL; the caller releases it. */
static HeapTuple
fetch_aggregate(Oid aggfnoid)
{
	return SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggfnoid));
}

/* Returns the pg_proc row, which must exist; the caller releases it. */
static HeapTuple
fetch_function(Oid fnoid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fnoid));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", fnoid)));
	return tuple;
}

/* Says what of this pg_aggregate row cannot be combined, or returns NULL. */
static const char *
refuse_form(Form_pg_aggregate form, const char **hint)
{
	if (form->aggkind != AGGKIND_NORMAL)
	{
		*hint = "Ordered-set and hypothetical-set aggregates need all rows at once; aggregate an approximation, or query the rows.";
		return "is an ordered-set or hypothetical-set aggregate";
	}
	if (!OidIsValid(form->aggcombinefn))
	{
		*hint = "A continuous view needs aggregates with a combine function (COMBINEFUNC).";
		return "has no combine function";
	}
	if (form->aggtranstype == INTERNALOID &&
		(!OidIsValid(form->aggserialfn) || !OidIsValid(form->aggdeserialfn)))
	{
		*hint = "A continuous view stores aggregate states: a state of type internal needs SERIALFUNC and DESERIALFUNC.";
		return "has no serialization functions for its state of type internal";
	}
	return NULL;
}

const char *
aggregate_refuse(Oid aggfnoid, const char **hint)
{
	HeapTuple	tuple = fetch_aggregate(aggfnoid);
	const char *reason;

	Assert(hint != NULL);
	if (!HeapTupleIsValid(tuple))
	{
		*hint = "Use an aggregate function.";
		return "is not an aggregate function";
	}
	reason = refuse_form((Form_pg_aggregate) GETSTRUCT(tuple), hint);
	ReleaseSysCache(tuple);
	return reason;
}

/* Raises the refusal, if there is one. */
static void
check_not_refused(Oid aggfnoid)
{
	const char *hint = NULL;
	const char *reason = aggregate_refuse(aggfnoid, &hint);

	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function %s %s", format_procedure(aggfnoid), reason),
				 errhint("%s", hint)));
}

/* Raises unless role may execute the function. */
static void
check_execute(Oid fnoid, Oid role, ObjectType type)
{
	AclResult	aclresult = object_aclcheck(ProcedureRelationId, fnoid, role,
											ACL_EXECUTE);

	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, type, get_func_name(fnoid));
	InvokeFunctionExecuteHook(fnoid);
}

/* Looks a support function up and prepares its call with nargs arguments. */
static void
prepare_function(StreamAggregate *agg, SupportFunction *fn, Oid fnoid, int nargs,
				 Oid collation, Expr *expr)
{
	Assert(OidIsValid(fnoid));
	Assert(nargs >= 1 && nargs <= AGGREGATE_MAX_ARGS + 1);

	fmgr_info_cxt(fnoid, &fn->flinfo, agg->context);
	fmgr_info_set_expr((Node *) expr, &fn->flinfo);
	fn->fcinfo = palloc0(SizeForFunctionCallInfo(nargs));
	InitFunctionCallInfoData(*fn->fcinfo, &fn->flinfo, nargs, collation,
							 (Node *) agg->frame.node, NULL);
}

/* Prepares transition and combine function, with nodeAgg's checks on them. */
static void
prepare_transition(StreamAggregate *agg, Form_pg_aggregate form)
{
	Oid			combine_types[2] = {agg->transtype, agg->transtype};
	Expr	   *expr;

	build_aggregate_transfn_expr(agg->argtypes, agg->nargs, 0, false,
								 agg->transtype, agg->collation,
								 form->aggtransfn, InvalidOid, &expr, NULL);
	prepare_function(agg, &agg->trans, form->aggtransfn, agg->nargs + 1,
					 agg->collation, expr);

	build_aggregate_transfn_expr(combine_types, 2, 0, false,
								 agg->transtype, agg->collation,
								 form->aggcombinefn, InvalidOid, &expr, NULL);
	prepare_function(agg, &agg->combine, form->aggcombinefn, 2,
					 agg->collation, expr);

	if (agg->combine.flinfo.fn_strict && agg->transtype == INTERNALOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("combine function with transition type %s must not be declared STRICT",
						format_type_be(agg->transtype))));
	if (agg->trans.flinfo.fn_strict && agg->initial_isnull &&
		(agg->nargs < 1 || !IsBinaryCoercible(agg->argtypes[0], agg->transtype)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("aggregate %u needs to have compatible input type and transition type",
						agg->aggfnoid)));
}

/* Prepares serialisation of internal states, and the final function. */
static void
prepare_output(StreamAggregate *agg, Form_pg_aggregate form)
{
	Expr	   *expr;

	if (agg->transtype == INTERNALOID)
	{
		build_aggregate_serialfn_expr(form->aggserialfn, &expr);
		prepare_function(agg, &agg->serial, form->aggserialfn, 1, InvalidOid, expr);
		build_aggregate_deserialfn_expr(form->aggdeserialfn, &expr);
		prepare_function(agg, &agg->deserial, form->aggdeserialfn, 2, InvalidOid, expr);
	}
	if (OidIsValid(form->aggfinalfn))
	{
		agg->nfinal_args = form->aggfinalextra ? agg->nargs + 1 : 1;
		build_aggregate_finalfn_expr(agg->argtypes, agg->nfinal_args,
									 agg->transtype, agg->resulttype,
									 agg->collation, form->aggfinalfn, &expr);
		prepare_function(agg, &agg->final, form->aggfinalfn, agg->nfinal_args,
						 agg->collation, expr);
	}
}

/* Raises unless the aggregate's owner may execute all its functions. */
static void
check_support_rights(Form_pg_aggregate form, Oid aggowner)
{
	Oid			functions[] = {form->aggtransfn, form->aggcombinefn, form->aggserialfn,
	form->aggdeserialfn, form->aggfinalfn};

	for (int i = 0; i < lengthof(functions); i++)
	{
		if (OidIsValid(functions[i]))
			check_execute(functions[i], aggowner, OBJECT_FUNCTION);
	}
}

/* Raises unless the aggregate takes arguments of these types as they are. */
static void
check_argument_types(const StreamAggregate *agg, Form_pg_proc proc)
{
	bool		variadic_any = proc->provariadic == ANYOID;

	if (agg->nargs != proc->pronargs && !(variadic_any && agg->nargs > proc->pronargs))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("aggregate %s needs %d arguments", format_procedure(agg->aggfnoid),
						proc->pronargs)));
	for (int i = 0; i < agg->nargs; i++)
	{
		Oid			declared = proc->proargtypes.values[Min(i, proc->pronargs - 1)];

		if (!IsBinaryCoercible(agg->argtypes[i], declared))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument %d of aggregate %s cannot be of type %s", i + 1,
							format_procedure(agg->aggfnoid),
							format_type_be(agg->argtypes[i]))));
	}
}

/* Resolves polymorphic transition and result types from the argument types. */
static void
resolve_types(StreamAggregate *agg, Form_pg_aggregate form, Form_pg_proc proc)
{
	Oid			rettype = proc->prorettype;

	agg->transtype = resolve_aggregate_transtype(agg->aggfnoid, form->aggtranstype,
												 agg->argtypes, agg->nargs);
	if (IsPolymorphicType(rettype))
	{
		Oid		   *declared;
		int			ndeclared;

		(void) get_func_signature(agg->aggfnoid, &declared, &ndeclared);
		rettype = enforce_generic_type_consistency(agg->argtypes, declared,
												   ndeclared, rettype, false);
	}
	agg->resulttype = rettype;
	agg->partial_type = agg->transtype == INTERNALOID ? partial_type_oid() : agg->transtype;
	get_typlenbyval(agg->transtype, &agg->translen, &agg->transbyval);
	get_typlenbyval(agg->resulttype, &agg->resultlen, &agg->resultbyval);
}

/* Reads the initial value, which is text in the catalog. */
static void
resolve_initial_value(StreamAggregate *agg, HeapTuple tuple)
{
	Datum		text_value;
	Oid			typinput;
	Oid			typioparam;

	text_value = SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval,
								 &agg->initial_isnull);
	if (agg->initial_isnull)
		return;
	getTypeInputInfo(agg->transtype, &typinput, &typioparam);
	agg->initial = OidInputFunctionCall(typinput, TextDatumGetCString(text_value),
										typioparam, -1);
}

/* Makes the Aggref that functions see through AggGetAggref(). */
static Aggref *
make_aggref(const StreamAggregate *agg)
{
	Aggref	   *aggref = makeNode(Aggref);

	aggref->aggfnoid = agg->aggfnoid;
	aggref->aggtype = agg->resulttype;
	aggref->inputcollid = agg->collation;
	aggref->aggtranstype = agg->transtype;
	aggref->aggkind = AGGKIND_NORMAL;
	aggref->aggstar = agg->nargs == 0;
	aggref->aggsplit = AGGSPLIT_SIMPLE;
	aggref->location = -1;
	for (int i = 0; i < agg->nargs; i++)
	{
		Const	   *argument = makeNullConst(agg->argtypes[i], -1, InvalidOid);

		aggref->args = lappend(aggref->args,
							   makeTargetEntry((Expr *) argument, i + 1, NULL, false));
		aggref->aggargtypes = lappend_oid(aggref->aggargtypes, agg->argtypes[i]);
	}
	return aggref;
}

/* Fills in everything that comes from the catalogs. */
static void
resolve_aggregate(StreamAggregate *agg)
{
	HeapTuple	agg_tuple = fetch_aggregate(agg->aggfnoid);
	HeapTuple	proc_tuple = fetch_function(agg->aggfnoid);
	Form_pg_aggregate form = (Form_pg_aggregate) GETSTRUCT(agg_tuple);
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(proc_tuple);

	check_argument_types(agg, proc);
	check_execute(agg->aggfnoid, GetUserId(), OBJECT_AGGREGATE);
	check_support_rights(form, proc->proowner);
	resolve_types(agg, form, proc);
	resolve_initial_value(agg, agg_tuple);
	aggregate_frame_init(agg, make_aggref(agg));
	prepare_transition(agg, form);
	prepare_output(agg, form);
	agg->kernel = kernel_find(form->aggtransfn, form->aggcombinefn);
	if (agg->kernel && agg->kernel->needs_initial && agg->initial_isnull)
		agg->kernel = NULL;
	if (agg->transtype == INTERNALOID)
		agg->header = partial_header(agg);

	ReleaseSysCache(proc_tuple);
	ReleaseSysCache(agg_tuple);
}

StreamAggregate *
aggregate_create(Oid aggfnoid, int nargs, const Oid *argtypes,
				 Oid collation, MemoryContext parent)
{
	MemoryContext context;
	MemoryContext oldcontext;
	StreamAggregate *agg;

	check_not_refused(aggfnoid);
	if (nargs > AGGREGATE_MAX_ARGS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("aggregate %s has more than %d arguments",
						format_procedure(aggfnoid), AGGREGATE_MAX_ARGS)));

	context = AllocSetContextCreate(parent, "stream aggregate", ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	agg = palloc0(sizeof(StreamAggregate));
	agg->context = context;
	agg->aggfnoid = aggfnoid;
	agg->nargs = nargs;
	if (nargs > 0)
		memcpy(agg->argtypes, argtypes, nargs * sizeof(Oid));
	agg->collation = collation;
	resolve_aggregate(agg);
	MemoryContextSwitchTo(oldcontext);
	return agg;
}

Oid
aggregate_partial_type(const StreamAggregate *agg)
{
	return agg->partial_type;
}

Oid
aggregate_result_type(const StreamAggregate *agg)
{
	return agg->resulttype;
}

bool
aggregate_partial_byval(const StreamAggregate *agg, int16 *len)
{
	if (agg->transtype == INTERNALOID)
	{
		*len = -1;
		return false;
	}
	*len = agg->translen;
	return agg->transbyval;
}
