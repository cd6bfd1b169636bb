/*
 * transition.c - starting, advancing, combining and finalising states.
 *
 * The rules about NULLs, strict functions, the first input as initial state
 * and who owns a state are those of advance_transition_function(),
 * ExecAggTransReparent() and finalize_aggregate() in nodeAgg.c; a state here
 * goes through exactly what it would go through in a plain or a parallel
 * aggregate.  Two differences: a state outlives the query that made it, so a
 * TOASTed value that becomes a state is fetched at once; and a state may be
 * combined after it was advanced, so one that is still NULL takes over what
 * it is combined with, as a partial that is NULL adds nothing.
 *
 * Memory: functions run in the aggregate's temporary context, which is reset
 * after each call, as is the one for deserialised states; states are copied into the context that the caller gives.
 * Failure: an error of a function leaves the state undefined; the caller
 * throws it away.
 */
#include "postgres.h"

#include "compat.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/nodeAgg.h"
#include "utils/datum.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "aggregate/aggregate_internal.h"
#include "aggregate/kernel.h"

/* Makes the nodes that support functions look at through fcinfo->context. */
void
aggregate_frame_init(StreamAggregate *agg, Aggref *aggref)
{
	AggState   *node = makeNode(AggState);
	ExprContext *temp_context = makeNode(ExprContext);
	AggregateFrame *frame = &agg->frame;

	frame->temp = AllocSetContextCreate(agg->context, "stream aggregate call",
										ALLOCSET_SMALL_SIZES);
	frame->input = AllocSetContextCreate(agg->context, "stream aggregate input",
										 ALLOCSET_SMALL_SIZES);
	frame->state_context = makeNode(ExprContext);
	temp_context->ecxt_per_tuple_memory = frame->temp;
	temp_context->ecxt_per_query_memory = agg->context;

	node->curaggcontext = frame->state_context;
	node->tmpcontext = temp_context;
	node->pertrans = palloc0(sizeof(AggStatePerTransData));
	node->pertrans->aggref = aggref;
	node->pertrans->aggCollation = agg->collation;
	node->pertrans->aggtranstype = agg->transtype;
	node->peragg = palloc0(sizeof(AggStatePerAggData));
	node->peragg->aggref = aggref;
	node->numaggs = 1;
	node->numtrans = 1;
	frame->node = node;
}

/*
 * Prepares a call: states live in context, the function runs in the
 * temporary context.  Returns the memory context to go back to.
 */
static MemoryContext
frame_enter(AggregateFrame *frame, MemoryContext context)
{
	Assert(context != frame->temp);
	frame->state_context->ecxt_per_tuple_memory = context;
	frame->state_context->ecxt_per_query_memory = context;
	return MemoryContextSwitchTo(frame->temp);
}

/* Ends a call. */
static void
frame_leave(AggregateFrame *frame, MemoryContext oldcontext)
{
	MemoryContextSwitchTo(oldcontext);
	MemoryContextReset(frame->temp);
	if (frame->state_context->ecxt_callbacks != NULL)
	{
		/* its clean-up belongs to an executor node that we do not have */
		frame->state_context->ecxt_callbacks = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate registers a clean-up callback"),
				 errhint("Such an aggregate cannot be maintained in a continuous view.")));
	}
}

/* Copies a non-null value of the transition type into CurrentMemoryContext. */
static Datum
copy_state_value(const StreamAggregate *agg, Datum value)
{
	Assert(agg->transtype != INTERNALOID);
	if (agg->translen == -1)
	{
		struct varlena *varlena = (struct varlena *) DatumGetPointer(value);

		if (VARATT_IS_EXTENDED(varlena) && !VARATT_IS_EXTERNAL_EXPANDED(varlena))
			return PointerGetDatum(detoast_attr(varlena));
	}
	return datumCopy(value, agg->transbyval, agg->translen);
}

/* Is value an expanded object that already belongs to context? */
static bool
is_own_expanded_object(const StreamAggregate *agg, Datum value, MemoryContext context)
{
	return DatumIsReadWriteExpandedObject(value, false, agg->translen) &&
		MemoryContextGetParent(DatumGetEOHP(value)->eoh_context) == context;
}

/* Frees a by-reference state that is being replaced. */
static void
free_state_value(const StreamAggregate *agg, Datum value)
{
	if (DatumIsReadWriteExpandedObject(value, false, agg->translen))
		DeleteExpandedObject(value);
	else
		pfree(DatumGetPointer(value));
}

/* Makes the function's result the state (ExecAggTransReparent). */
static void
adopt_result(const StreamAggregate *agg, AggregateState *state, Datum value,
			 bool isnull, MemoryContext context)
{
	/*
	 * the combine functions of sum(int8) and its like give a null pointer for
	 * two NULLs
	 */
	if (agg->transtype == INTERNALOID && DatumGetPointer(value) == NULL)
		isnull = true;
	if (isnull)
		value = (Datum) 0;
	if (!agg->transbyval && value != state->value)
	{
		if (!isnull && !is_own_expanded_object(agg, value, context))
		{
			MemoryContext oldcontext = MemoryContextSwitchTo(context);

			value = copy_state_value(agg, value);
			MemoryContextSwitchTo(oldcontext);
		}
		if (!state->isnull)
			free_state_value(agg, state->value);
	}
	state->value = value;
	state->isnull = isnull;
}

/* Makes the first input the state of a strict function without initial value. */
static void
adopt_first_input(const StreamAggregate *agg, AggregateState *state, Datum value,
				  MemoryContext context)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(context);

	state->value = copy_state_value(agg, value);
	state->isnull = false;
	state->started = true;
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Calls the transition or combine function, whose inputs stand in
 * fcinfo->args[1 .. ninputs], and makes its result the state.
 */
static void
call_transition(StreamAggregate *agg, SupportFunction *fn, int ninputs,
				AggregateState *state, MemoryContext context)
{
	FunctionCallInfo fcinfo = fn->fcinfo;
	AggState   *node = agg->frame.node;
	MemoryContext oldcontext;
	Datum		value;

	if (fn->flinfo.fn_strict)
	{
		for (int i = 1; i <= ninputs; i++)
			if (fcinfo->args[i].isnull)
				return;
		if (!state->started)
		{
			adopt_first_input(agg, state, fcinfo->args[1].value, context);
			return;
		}
		if (state->isnull)
			return;
	}

	oldcontext = frame_enter(&agg->frame, context);
	node->curperagg = NULL;
	node->curpertrans = node->pertrans;
	fcinfo->args[0].value = state->value;
	fcinfo->args[0].isnull = state->isnull;
	fcinfo->isnull = false;
	value = FunctionCallInvoke(fcinfo);
	adopt_result(agg, state, value, fcinfo->isnull, context);
	if (!state->isnull)
		state->started = true;
	frame_leave(&agg->frame, oldcontext);
}

void
aggregate_start(StreamAggregate *agg, AggregateState *state, MemoryContext context)
{
	state->value = (Datum) 0;
	state->isnull = agg->initial_isnull;
	state->started = !agg->initial_isnull;
	if (!agg->initial_isnull)
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(context);

		state->value = copy_state_value(agg, agg->initial);
		MemoryContextSwitchTo(oldcontext);
	}
}

void
aggregate_advance(StreamAggregate *agg, AggregateState *state,
				  const NullableDatum *args, MemoryContext context)
{
	if (agg->kernel != NULL)
	{
		agg->kernel->advance(state, args);
		return;
	}
	for (int i = 0; i < agg->nargs; i++)
		agg->trans.fcinfo->args[i + 1] = args[i];
	call_transition(agg, &agg->trans, agg->nargs, state, context);
}

/* Combines by the kernel, which wants a plain value. */
static void
kernel_combine(StreamAggregate *agg, AggregateState *state, const AggregateState *other)
{
	AggregateState plain = *other;

	if (!agg->transbyval && !other->isnull &&
		VARATT_IS_EXTENDED(DatumGetPointer(other->value)))
	{
		MemoryContext oldcontext = MemoryContextSwitchTo(agg->frame.temp);

		plain.value = copy_state_value(agg, other->value);
		MemoryContextSwitchTo(oldcontext);
		agg->kernel->combine(state, &plain);
		MemoryContextReset(agg->frame.temp);
		return;
	}
	agg->kernel->combine(state, &plain);
}

void
aggregate_combine(StreamAggregate *agg, AggregateState *state,
				  const AggregateState *other, MemoryContext context)
{
	NullableDatum *input = &agg->combine.fcinfo->args[1];

	Assert(state != other);
	if (agg->kernel != NULL)
	{
		kernel_combine(agg, state, other);
		return;
	}
	if (agg->combine.flinfo.fn_strict && state->isnull)
		state->started = false;
	input->value = other->value;
	if (!other->isnull && !agg->transbyval)
		input->value = MakeExpandedObjectReadOnly(other->value, other->isnull,
												  agg->translen);
	input->isnull = other->isnull;
	call_transition(agg, &agg->combine, 1, state, context);
}

/* Serialises a state of type internal; returns its stream_partial. */
static Datum
serialize_state(StreamAggregate *agg, const AggregateState *state, bool *isnull)
{
	FunctionCallInfo fcinfo = agg->serial.fcinfo;
	MemoryContext target = CurrentMemoryContext;
	MemoryContext oldcontext;
	StreamPartial *partial = NULL;

	*isnull = true;
	if (agg->serial.flinfo.fn_strict && state->isnull)
		return (Datum) 0;
	oldcontext = frame_enter(&agg->frame, target);
	agg->frame.node->curperagg = NULL;
	agg->frame.node->curpertrans = NULL;
	fcinfo->args[0].value = state->value;
	fcinfo->args[0].isnull = state->isnull;
	fcinfo->isnull = false;
	{
		Datum		bytes = FunctionCallInvoke(fcinfo);

		*isnull = fcinfo->isnull;
		MemoryContextSwitchTo(target);
		if (!*isnull)
			partial = partial_append(agg->header, DatumGetByteaPP(bytes));
	}
	frame_leave(&agg->frame, oldcontext);
	return PointerGetDatum(partial);
}

Datum
aggregate_to_partial(StreamAggregate *agg, const AggregateState *state, bool *isnull)
{
	if (agg->transtype == INTERNALOID)
		return serialize_state(agg, state, isnull);
	*isnull = state->isnull;
	if (state->isnull)
		return (Datum) 0;
	return datumCopy(state->value, agg->transbyval, agg->translen);
}

/*
 * Combines a stored internal state into *state.  The deserialised state lives
 * only as long as the call, as in a parallel query: its functions promise no
 * more than to be combined.
 */
static void
combine_serialized(StreamAggregate *agg, AggregateState *state, Datum datum,
				   MemoryContext context)
{
	FunctionCallInfo fcinfo = agg->deserial.fcinfo;
	MemoryContext input = agg->frame.input;
	MemoryContext oldcontext;
	AggregateState other;
	StreamPartial *partial;

	oldcontext = frame_enter(&agg->frame, input);
	MemoryContextSwitchTo(input);
	partial = partial_check((struct varlena *) DatumGetPointer(datum));
	partial_verify(agg, partial);
	agg->frame.node->curperagg = NULL;
	agg->frame.node->curpertrans = NULL;
	fcinfo->args[0].value = PointerGetDatum(partial_state(partial));
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = (Datum) 0;
	fcinfo->args[1].isnull = false;
	fcinfo->isnull = false;
	other.value = FunctionCallInvoke(fcinfo);
	other.isnull = fcinfo->isnull;
	other.started = true;
	MemoryContextSwitchTo(oldcontext);

	aggregate_combine(agg, state, &other, context);
	MemoryContextReset(input);
}

void
aggregate_from_partial(StreamAggregate *agg, AggregateState *state,
					   Datum partial, bool isnull, MemoryContext context)
{
	if (isnull || agg->transtype == INTERNALOID)
	{
		aggregate_start(agg, state, context);
		if (!isnull)
			combine_serialized(agg, state, partial, context);
	}
	else
		adopt_first_input(agg, state, partial, context);
}

void
aggregate_combine_partial(StreamAggregate *agg, AggregateState *state,
						  Datum partial, bool isnull, MemoryContext context)
{
	AggregateState other = {partial, isnull, true};

	if (isnull)
		return;
	if (agg->transtype == INTERNALOID)
		combine_serialized(agg, state, partial, context);
	else
		aggregate_combine(agg, state, &other, context);
}

/* Calls the final function in the temporary context. */
static Datum
call_final(StreamAggregate *agg, const AggregateState *state, bool *isnull)
{
	FunctionCallInfo fcinfo = agg->final.fcinfo;
	bool		anynull = state->isnull || agg->nfinal_args > 1;
	Datum		result = (Datum) 0;

	*isnull = true;
	if (agg->final.flinfo.fn_strict && anynull)
		return result;
	agg->frame.node->curpertrans = NULL;
	agg->frame.node->curperagg = agg->frame.node->peragg;
	fcinfo->args[0].value = MakeExpandedObjectReadOnly(state->value, state->isnull,
													   agg->translen);
	fcinfo->args[0].isnull = state->isnull;
	for (int i = 1; i < agg->nfinal_args; i++)
	{
		fcinfo->args[i].value = (Datum) 0;
		fcinfo->args[i].isnull = true;
	}
	fcinfo->isnull = false;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	agg->frame.node->curperagg = NULL;
	return result;
}

Datum
aggregate_finalize(StreamAggregate *agg, const AggregateState *state, bool *isnull)
{
	MemoryContext target = CurrentMemoryContext;
	MemoryContext oldcontext = frame_enter(&agg->frame, target);
	Datum		result = state->value;

	*isnull = state->isnull;
	if (OidIsValid(agg->final.flinfo.fn_oid))
		result = call_final(agg, state, isnull);
	MemoryContextSwitchTo(target);
	result = *isnull ? (Datum) 0 : datumCopy(result, agg->resultbyval, agg->resultlen);
	frame_leave(&agg->frame, oldcontext);
	return result;
}
