/*
 * kernel_average.c - avg of int2, int4, float4, float8; variance of floats.
 *
 * States are PostgreSQL's own arrays, changed in place: {count, sum} as int8[]
 * (int4_avg_accum, numeric.c), {N, Sx, Sxx} as float8[] (float8_accum, float.c:
 * Youngs and Cramer's algorithm, and its generalisation for combining).  The
 * arrays may come from a table, so their shape is checked as there.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/fmgroids.h"

#include "aggregate/kernel.h"

/* {count, sum} of integers */
typedef struct IntegerAverage
{
	int64		count;
	int64		sum;
} IntegerAverage;

/* {N, Sx, Sxx} of floats; Sxx is the sum of squared differences from the mean */
typedef struct FloatAverage
{
	float8		n;
	float8		sx;
	float8		sxx;
} FloatAverage;

/* Returns the elements of a one-dimensional array of exactly this shape. */
static inline void *
array_elements(Datum value, Oid element_type, Size size)
{
	ArrayType  *array = (ArrayType *) DatumGetPointer(value);

	Assert(!VARATT_IS_EXTENDED(array));
	if (unlikely(VARSIZE(array) != ARR_OVERHEAD_NONULLS(1) + size ||
				 ARR_NDIM(array) != 1 || ARR_HASNULL(array) ||
				 ARR_ELEMTYPE(array) != element_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state of an average is not an array of the expected shape")));
	return ARR_DATA_PTR(array);
}

static inline IntegerAverage *
integer_average(const AggregateState *state)
{
	return array_elements(state->value, INT8OID, sizeof(IntegerAverage));
}

static inline FloatAverage *
float_average(const AggregateState *state)
{
	return array_elements(state->value, FLOAT8OID, sizeof(FloatAverage));
}

static void
average_int2_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
	{
		IntegerAverage *average = integer_average(state);

		average->count++;
		average->sum += DatumGetInt16(args[0].value);
	}
}

static void
average_int4_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
	{
		IntegerAverage *average = integer_average(state);

		average->count++;
		average->sum += DatumGetInt32(args[0].value);
	}
}

static void
average_integer_combine(AggregateState *state, const AggregateState *other)
{
	if (!other->isnull)
	{
		IntegerAverage *average = integer_average(state);
		const IntegerAverage *added = integer_average(other);

		average->count += added->count;
		average->sum += added->sum;
	}
}

/* Raises what float_overflow_error() raises. */
static void
raise_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("value out of range: overflow")));
}

/* float8_accum */
static inline void
average_float(AggregateState *state, float8 value)
{
	FloatAverage *average = float_average(state);
	float8		n = average->n + 1.0;
	float8		sx = average->sx + value;
	float8		sxx = average->sxx;

	if (average->n > 0.0)
	{
		float8		tmp = value * n - sx;

		sxx += tmp * tmp / (n * average->n);
		if (unlikely(isinf(sx) || isinf(sxx)))
		{
			if (!isinf(average->sx) && !isinf(value))
				raise_overflow();
			sxx = get_float8_nan();
		}
	}
	else if (unlikely(isnan(value) || isinf(value)))
		sxx = get_float8_nan();

	average->n = n;
	average->sx = sx;
	average->sxx = sxx;
}

static void
average_float4_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		average_float(state, (float8) DatumGetFloat4(args[0].value));
}

static void
average_float8_advance(AggregateState *state, const NullableDatum *args)
{
	if (!args[0].isnull)
		average_float(state, DatumGetFloat8(args[0].value));
}

/* float8_combine */
static void
average_float_combine(AggregateState *state, const AggregateState *other)
{
	FloatAverage *a;
	const FloatAverage *b;
	FloatAverage sum;
	float8		tmp;

	if (other->isnull)
		return;
	a = float_average(state);
	b = float_average(other);
	if (b->n == 0.0)
		return;
	if (a->n == 0.0)
	{
		*a = *b;
		return;
	}

	sum.n = a->n + b->n;
	sum.sx = a->sx + b->sx;
	if (unlikely(isinf(sum.sx)) && !isinf(a->sx) && !isinf(b->sx))
		raise_overflow();
	tmp = a->sx / a->n - b->sx / b->n;
	sum.sxx = a->sxx + b->sxx + a->n * b->n * tmp * tmp / sum.n;
	if (unlikely(isinf(sum.sxx)) && !isinf(a->sxx) && !isinf(b->sxx))
		raise_overflow();
	*a = sum;
}

const AggregateKernel kernel_average[] = {
	{F_INT2_AVG_ACCUM, F_INT4_AVG_COMBINE, true, average_int2_advance, average_integer_combine},
	{F_INT4_AVG_ACCUM, F_INT4_AVG_COMBINE, true, average_int4_advance, average_integer_combine},
	{F_FLOAT4_ACCUM, F_FLOAT8_COMBINE, true, average_float4_advance, average_float_combine},
	{F_FLOAT8_ACCUM, F_FLOAT8_COMBINE, true, average_float8_advance, average_float_combine},
	{InvalidOid}
};
