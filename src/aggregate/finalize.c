/*
 * finalize.c - the SQL aggregate _stream_ext.finalize(), used by the views.
 *
 * finalize(aggregate, partial, NULL::resulttype, NULL::argumenttype ...)
 * combines partials of one aggregate and finalises the sum; the NULLs say
 * types.  One polymorphic aggregate does it for all, so a view needs no SQL
 * objects of its own.  Readers may execute it, so nothing is believed: the
 * function must be an aggregate that the current user may execute, partial
 * and result must have its very types, and every stream_partial its name.
 *
 * Memory: the resolved aggregate lives in fn_extra of the transition
 * function, states in the executor's aggregate context.
 */
#include "postgres.h"

#include "compat.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "aggregate/aggregate_internal.h"

STREAM_FUNCTION(stream_ext_finalize_transition);
STREAM_FUNCTION(stream_ext_finalize_final);

/* What one group has got so far. */
typedef struct FinalizeState
{
	StreamAggregate *aggregate;
	bool		any;			/* a partial has come: state is set */
	AggregateState state;
} FinalizeState;

#define FIRST_ARGUMENT 4		/* of both functions */

/* Resolves the aggregate of a call and checks the types of partial and result. */
static StreamAggregate *
resolve_call(FunctionCallInfo fcinfo, Oid aggfnoid, MemoryContext parent)
{
	Oid			partial_type = get_fn_expr_argtype(fcinfo->flinfo, 2);
	Oid			result_type = get_fn_expr_argtype(fcinfo->flinfo, 3);
	Oid			argtypes[FUNC_MAX_ARGS];
	int			nargs = PG_NARGS() - FIRST_ARGUMENT;
	StreamAggregate *agg;

	for (int i = 0; i < nargs; i++)
		argtypes[i] = get_fn_expr_argtype(fcinfo->flinfo, FIRST_ARGUMENT + i);
	agg = aggregate_create(aggfnoid, nargs, argtypes, PG_GET_COLLATION(), parent);
	if (agg->partial_type != partial_type || agg->resulttype != result_type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("partial of type %s and result of type %s do not belong to aggregate %s",
						format_type_be(partial_type), format_type_be(result_type),
						format_procedure(aggfnoid))));
	return agg;
}

/* Returns the aggregate of a call, resolving it once. */
static StreamAggregate *
cached_aggregate(FunctionCallInfo fcinfo, Oid aggfnoid)
{
	StreamAggregate *agg = (StreamAggregate *) fcinfo->flinfo->fn_extra;

	if (agg == NULL)
	{
		agg = resolve_call(fcinfo, aggfnoid, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = agg;
	}
	if (agg->aggfnoid != aggfnoid)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("aggregate must be the same for all partials")));
	return agg;
}

/* Returns the group's state, starting it at the group's first row. */
static FinalizeState *
group_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	FinalizeState *group;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("aggregate must not be null")));
	if (!PG_ARGISNULL(0))
		group = (FinalizeState *) PG_GETARG_POINTER(0);
	else
		group = MemoryContextAllocZero(context, sizeof(FinalizeState));
	group->aggregate = cached_aggregate(fcinfo, PG_GETARG_OID(1));
	return group;
}

/* Adds one partial to its group. */
Datum
stream_ext_finalize_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	FinalizeState *group;

	if (AggCheckCallContext(fcinfo, &context) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("finalize() can be called as an aggregate only")));
	group = group_state(fcinfo, context);
	if (!PG_ARGISNULL(2) && !group->any)
		aggregate_from_partial(group->aggregate, &group->state, PG_GETARG_DATUM(2), false, context);
	else if (!PG_ARGISNULL(2))
		aggregate_combine_partial(group->aggregate, &group->state, PG_GETARG_DATUM(2), false, context);
	group->any |= !PG_ARGISNULL(2);
	PG_RETURN_POINTER(group);
}

/* Returns what the aggregate says about the combined partials, or about no row. */
Datum
stream_ext_finalize_final(PG_FUNCTION_ARGS)
{
	FinalizeState *group;
	Datum		result;
	bool		isnull;

	if (AggCheckCallContext(fcinfo, NULL) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("finalize() can be called as an aggregate only")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	group = (FinalizeState *) PG_GETARG_POINTER(0);
	if (!group->any)
		aggregate_start(group->aggregate, &group->state, CurrentMemoryContext);
	result = aggregate_finalize(group->aggregate, &group->state, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
