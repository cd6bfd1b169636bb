/*
 * kernel_sum.c - sum of int2, int4, float4, float8.
 *
 * States: int8 for integers (int2_sum, int4_sum, combined by int8pl), the
 * type itself for floats (float4pl, float8pl); initially NULL.  Advancing
 * integers needs 2^31 rows of 2^32 to overflow and is not checked, as there.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "common/int.h"
#include "utils/fmgroids.h"

#include "aggregate/kernel.h"

/* Adds an integer without looking for overflow (int4_sum). */
static inline void
sum_integer(AggregateState *state, int64 value)
{
	if (state->isnull)
		kernel_adopt(state, Int64GetDatum(value));
	else
		state->value = Int64GetDatum((int64) ((uint64) DatumGetInt64(state->value) +
											  (uint64) value));
}

static void
sum_int2_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		sum_integer(state, DatumGetInt16(args[0].value));
}

static void
sum_int4_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		sum_integer(state, DatumGetInt32(args[0].value));
}

/* int8pl */
static void
sum_integer_combine(AggregateState *state, const AggregateState *other)
{
	int64		sum;

	if (other->isnull)
		return;
	if (state->isnull)
	{
		kernel_adopt(state, other->value);
		return;
	}
	if (unlikely(pg_add_s64_overflow(DatumGetInt64(state->value),
									 DatumGetInt64(other->value), &sum)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
	state->value = Int64GetDatum(sum);
}

/* Raises if finite numbers gave an infinite sum. */
static inline void
check_float(double sum, double a, double b)
{
	if (unlikely(isinf(sum)) && !isinf(a) && !isinf(b))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value out of range: overflow")));
}

/* float4pl */
static inline void
sum_float4(AggregateState *state, Datum value)
{
	float4		a;
	float4		b = DatumGetFloat4(value);
	float4		sum;

	if (state->isnull)
	{
		kernel_adopt(state, value);
		return;
	}
	a = DatumGetFloat4(state->value);
	sum = a + b;
	check_float(sum, a, b);
	state->value = Float4GetDatum(sum);
}

static void
sum_float4_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		sum_float4(state, args[0].value);
}

static void
sum_float4_combine(AggregateState *state, const AggregateState *other)
{
	if (!other->isnull)
		sum_float4(state, other->value);
}

/* float8pl */
static inline void
sum_float8(AggregateState *state, Datum value)
{
	float8		a;
	float8		b = DatumGetFloat8(value);
	float8		sum;

	if (state->isnull)
	{
		kernel_adopt(state, value);
		return;
	}
	a = DatumGetFloat8(state->value);
	sum = a + b;
	check_float(sum, a, b);
	state->value = Float8GetDatum(sum);
}

static void
sum_float8_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		sum_float8(state, args[0].value);
}

static void
sum_float8_combine(AggregateState *state, const AggregateState *other)
{
	if (!other->isnull)
		sum_float8(state, other->value);
}

const AggregateKernel kernel_sum[] = {
	{F_INT2_SUM, F_INT8PL, false, sum_int2_advance, sum_integer_combine},
	{F_INT4_SUM, F_INT8PL, false, sum_int4_advance, sum_integer_combine},
	{F_FLOAT4PL, F_FLOAT4PL, false, sum_float4_advance, sum_float4_combine},
	{F_FLOAT8PL, F_FLOAT8PL, false, sum_float8_advance, sum_float8_combine},
	{InvalidOid}
};
