/*
 * kernel_count.c - count(*), count(x) and regr_count(y, x).
 *
 * State: int8, initially 0 (int8inc, int8inc_any, int8pl in int8.c).
 */
#include "postgres.h"

#include "compat.h"

#include "common/int.h"
#include "utils/fmgroids.h"

#include "aggregate/kernel.h"

/* Adds to the count, with int8pl's overflow. */
static inline void
count_add(AggregateState *state, int64 n)
{
	int64		sum;

	if (unlikely(pg_add_s64_overflow(DatumGetInt64(state->value), n, &sum)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
	state->value = Int64GetDatum(sum);
}

static void
count_rows_advance(AggregateState *state, const NullableDatum *args)
{
	count_add(state, 1);
}

static void
count_values_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		count_add(state, 1);
}

static void
count_pairs_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull && !args[1].isnull)
		count_add(state, 1);
}

static void
count_combine(AggregateState *state, const AggregateState *other)
{
	if (!other->isnull)
		count_add(state, DatumGetInt64(other->value));
}

const AggregateKernel kernel_count[] = {
	{F_INT8INC, F_INT8PL, true, count_rows_advance, count_combine},
	{F_INT8INC_ANY, F_INT8PL, true, count_values_advance, count_combine},
	{F_INT8INC_FLOAT8_FLOAT8, F_INT8PL, true, count_pairs_advance, count_combine},
	{InvalidOid}
};
