/*
 * partial.h - one interface for any aggregate that PostgreSQL can combine.
 *
 * A StreamAggregate resolves pg_aggregate once; after that a transition state
 * can be started, advanced, combined, turned into a *partial* (a storable
 * Datum: the native transition type, or stream_partial where that is
 * "internal") and finalised, through fmgr with a private AggState context, or
 * through a C kernel where there is one.
 *
 * Memory: transition states live in the context given to each call (what
 * AggCheckCallContext hands to the functions).
 */
#ifndef STREAM_EXT_PARTIAL_H
#define STREAM_EXT_PARTIAL_H

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

#define AGGREGATE_MAX_ARGS 8

typedef struct StreamAggregate StreamAggregate;

/* A transition state: value/isnull as the executor keeps it. */
typedef struct AggregateState
{
	Datum		value;
	bool		isnull;
	bool		started;		/* false: no input yet for a strict function
								 * without initial value */
} AggregateState;

/*
 * Says why agg cannot be maintained incrementally, or returns NULL if it can.
 * *hint is set with the reason.
 */
extern const char *aggregate_refuse(Oid aggfnoid, const char **hint);

/* Resolves the aggregate for these argument types and this collation. */
extern StreamAggregate *aggregate_create(Oid aggfnoid, int nargs, const Oid *argtypes,
										 Oid collation, MemoryContext parent);
extern Oid	aggregate_partial_type(const StreamAggregate *agg); /* type of its storage
																 * column */
extern Oid	aggregate_result_type(const StreamAggregate *agg);
extern bool aggregate_partial_byval(const StreamAggregate *agg, int16 *len);

/* All of these may run user code and may raise errors. */
extern void aggregate_start(StreamAggregate *agg, AggregateState *state, MemoryContext context);
extern void aggregate_advance(StreamAggregate *agg, AggregateState *state,
							  const NullableDatum *args, MemoryContext context);

/* state := state + other (another state, left as it was) */
extern void aggregate_combine(StreamAggregate *agg, AggregateState *state,
							  const AggregateState *other, MemoryContext context);

/* Returns the storable form, in CurrentMemoryContext. *isnull may become true. */
extern Datum aggregate_to_partial(StreamAggregate *agg, const AggregateState *state, bool *isnull);

/* Sets *state from a stored partial; NULL means "no input yet". Checks stream_partial headers. */
extern void aggregate_from_partial(StreamAggregate *agg, AggregateState *state,
								   Datum partial, bool isnull, MemoryContext context);

/* state := state + a stored partial; NULL adds nothing. */
extern void aggregate_combine_partial(StreamAggregate *agg, AggregateState *state,
									  Datum partial, bool isnull, MemoryContext context);
extern Datum aggregate_finalize(StreamAggregate *agg, const AggregateState *state, bool *isnull);

/*
 * SQL side:
 *   type _stream_ext.stream_partial (partial_type.c)
 *   _stream_ext.finalize(aggregate regprocedure, partial anyelement, result anycompatible,
 *                        arguments ...) returns anycompatible (finalize.c)
 * an aggregate that combines partials and finalises them, used by the views.
 * Result and arguments only say types and are NULL; the input collation is
 * that of the call.
 */

#endif							/* STREAM_EXT_PARTIAL_H */
