/*
 * collect.c - the SQL aggregate _stream_ext.partial(): rows to a partial.
 *
 * partial(aggregate, NULL::partialtype, arguments ...) does over rows of any
 * table what the stream worker does over rows of a stream, so that finalize()
 * of several such partials can be held against the aggregate itself, and
 * rows kept elsewhere can be turned into what a view stores.
 *
 * Memory: as in finalize.c.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "aggregate/aggregate_internal.h"

STREAM_FUNCTION(stream_ext_partial_transition);
STREAM_FUNCTION(stream_ext_partial_final);

#define FIRST_ARGUMENT 3		/* of the transition function */

typedef struct CollectState
{
	StreamAggregate *aggregate;
	AggregateState state;
} CollectState;

/* Resolves the aggregate for the argument types of this call. */
static StreamAggregate *
resolve_collect(FunctionCallInfo fcinfo, Oid aggfnoid)
{
	Oid			argtypes[FUNC_MAX_ARGS];
	Oid		   *declared;
	int			nargs;
	StreamAggregate *agg;

	(void) get_func_signature(aggfnoid, &declared, &nargs);
	if (get_func_variadictype(aggfnoid) == ANYOID)
		nargs = PG_NARGS() - FIRST_ARGUMENT;
	if (nargs > PG_NARGS() - FIRST_ARGUMENT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("aggregate %s needs %d arguments",
						format_procedure(aggfnoid), nargs)));
	for (int i = 0; i < nargs; i++)
		argtypes[i] = get_fn_expr_argtype(fcinfo->flinfo, FIRST_ARGUMENT + i);
	agg = aggregate_create(aggfnoid, nargs, argtypes, PG_GET_COLLATION(),
						   fcinfo->flinfo->fn_mcxt);
	if (agg->partial_type != get_fn_expr_argtype(fcinfo->flinfo, 2))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("partials of aggregate %s have type %s",
						format_procedure(aggfnoid), format_type_be(agg->partial_type))));
	return agg;
}

/* Returns the group's state, starting it at the group's first row. */
static CollectState *
collect_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	CollectState *group;
	StreamAggregate *agg = (StreamAggregate *) fcinfo->flinfo->fn_extra;

	if (!PG_ARGISNULL(0))
		return (CollectState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("aggregate must not be null")));
	if (agg == NULL)
		agg = resolve_collect(fcinfo, PG_GETARG_OID(1));
	fcinfo->flinfo->fn_extra = agg;
	group = MemoryContextAllocZero(context, sizeof(CollectState));
	group->aggregate = agg;
	aggregate_start(agg, &group->state, context);
	return group;
}

/* Adds one row to its group. */
Datum
stream_ext_partial_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	CollectState *group;

	if (AggCheckCallContext(fcinfo, &context) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partial() can be called as an aggregate only")));
	group = collect_state(fcinfo, context);
	if (PG_ARGISNULL(1) || group->aggregate->aggfnoid != PG_GETARG_OID(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("aggregate must be the same for all rows")));
	aggregate_advance(group->aggregate, &group->state, &fcinfo->args[FIRST_ARGUMENT], context);
	PG_RETURN_POINTER(group);
}

/* Returns the partial, or NULL for no rows. */
Datum
stream_ext_partial_final(PG_FUNCTION_ARGS)
{
	CollectState *group;
	Datum		partial;
	bool		isnull;

	if (AggCheckCallContext(fcinfo, NULL) != AGG_CONTEXT_AGGREGATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("partial() can be called as an aggregate only")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	group = (CollectState *) PG_GETARG_POINTER(0);
	partial = aggregate_to_partial(group->aggregate, &group->state, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(partial);
}
