/*
 * kernel_test.c - kernels against a naive version, on random values.
 *
 * The rows are cut at random into parts, each part is advanced on its own and
 * the parts are combined: the result must be that of one pass.
 */
#include "postgres.h"

#include "unit.h"

#include <math.h>

#include "aggregate/kernel.h"
#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/fmgroids.h"

#define ROWS 200

/* Returns the kernel, which must be there. */
static const AggregateKernel *
kernel_get(Oid transfn, Oid combinefn)
{
	const AggregateKernel *kernel = kernel_find(transfn, combinefn);

	UNIT_CHECK(kernel != NULL);
	return kernel;
}

/* Makes the initial state of n zero elements of 8 bytes. */
static AggregateState
array_state(Oid element_type, int n)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * 8;
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = element_type;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	return (AggregateState)
	{
		PointerGetDatum(array), false, true
	};
}

static AggregateState
null_state(void)
{
	return (AggregateState)
	{
		(Datum) 0, true, false
	};
}

static AggregateState
zero_state(void)
{
	return (AggregateState)
	{
		Int64GetDatum(0), false, true
	};
}

static AggregateState
integer_average_state(void)
{
	return array_state(INT8OID, 2);
}

static AggregateState
float_average_state(void)
{
	return array_state(FLOAT8OID, 3);
}

/* Aggregates the rows in random parts. */
static AggregateState
in_parts(const AggregateKernel *kernel, AggregateState (*start) (void),
		 const NullableDatum *rows, int nrows)
{
	AggregateState total = start();
	int			row = 0;

	while (row < nrows)
	{
		AggregateState part = start();
		int			end = row + 1 + (int) unit_random_below(nrows - row);

		for (; row < end; row++)
			kernel->advance(&part, &rows[row]);
		kernel->combine(&total, &part);
	}
	return total;
}

/* Fills rows with integers of some bytes, every fifth a NULL. */
static void
random_integers(NullableDatum *rows, int nrows, int bits)
{
	for (int i = 0; i < nrows; i++)
	{
		int64		value = (int64) unit_random() >> (64 - bits);

		rows[i].isnull = unit_random_below(5) == 0;
		rows[i].value = bits == 16 ? Int16GetDatum((int16) value) :
			bits == 32 ? Int32GetDatum((int32) value) : Int64GetDatum(value);
	}
}

static int64
integer_of(Datum value, int bits)
{
	return bits == 16 ? DatumGetInt16(value) :
		bits == 32 ? DatumGetInt32(value) : DatumGetInt64(value);
}

/* Compares count, sum, min, max, avg of integers of one width with a loop. */
static void
compare_integers(int bits, Oid sumfn, Oid avgfn, Oid maxfn, Oid minfn)
{
	NullableDatum rows[ROWS];
	int			nrows = 1 + (int) unit_random_below(ROWS);
	int64		count = 0;
	int64		sum = 0;
	int64		max = PG_INT64_MIN;
	int64		min = PG_INT64_MAX;
	AggregateState state;

	random_integers(rows, nrows, bits);
	for (int i = 0; i < nrows; i++)
	{
		int64		value = integer_of(rows[i].value, bits);

		if (rows[i].isnull)
			continue;
		count++;
		sum = (int64) ((uint64) sum + (uint64) value);
		max = Max(max, value);
		min = Min(min, value);
	}

	state = in_parts(kernel_get(F_INT8INC_ANY, F_INT8PL), zero_state, rows, nrows);
	UNIT_EQUAL(DatumGetInt64(state.value), count);
	state = in_parts(kernel_get(F_INT8INC, F_INT8PL), zero_state, rows, nrows);
	UNIT_EQUAL(DatumGetInt64(state.value), nrows);
	state = in_parts(kernel_get(maxfn, maxfn), null_state, rows, nrows);
	UNIT_EQUAL(state.isnull, count == 0);
	if (count > 0)
		UNIT_EQUAL(integer_of(state.value, bits), max);
	state = in_parts(kernel_get(minfn, minfn), null_state, rows, nrows);
	UNIT_EQUAL(state.isnull, count == 0);
	if (count > 0)
		UNIT_EQUAL(integer_of(state.value, bits), min);
	if (bits == 64)
		return;
	state = in_parts(kernel_get(sumfn, F_INT8PL), null_state, rows, nrows);
	UNIT_EQUAL(state.isnull, count == 0);
	if (count > 0)
		UNIT_EQUAL(DatumGetInt64(state.value), sum);
	state = in_parts(kernel_get(avgfn, F_INT4_AVG_COMBINE), integer_average_state, rows, nrows);
	UNIT_EQUAL(((int64 *) ARR_DATA_PTR((ArrayType *) state.value))[0], count);
	UNIT_EQUAL(((int64 *) ARR_DATA_PTR((ArrayType *) state.value))[1], sum);
}

static void
integers_agree_with_a_loop(void)
{
	for (int i = 0; i < 500; i++)
	{
		compare_integers(16, F_INT2_SUM, F_INT2_AVG_ACCUM, F_INT2LARGER, F_INT2SMALLER);
		compare_integers(32, F_INT4_SUM, F_INT4_AVG_ACCUM, F_INT4LARGER, F_INT4SMALLER);
		compare_integers(64, InvalidOid, InvalidOid, F_INT8LARGER, F_INT8SMALLER);
	}
}

/* Exactly representable values: sums do not depend on the order. */
static void
floats_agree_with_a_loop(void)
{
	for (int round = 0; round < 500; round++)
	{
		NullableDatum rows[ROWS];
		int			nrows = 1 + (int) unit_random_below(ROWS);
		double		sum = 0;
		double		squares = 0;
		double		max = -HUGE_VAL;
		int			count = 0;
		AggregateState state;

		for (int i = 0; i < nrows; i++)
		{
			double		value = ((int) unit_random_below(2001) - 1000) / 8.0;

			rows[i].value = Float8GetDatum(value);
			rows[i].isnull = unit_random_below(5) == 0;
			if (rows[i].isnull)
				continue;
			sum += value;
			squares += value * value;
			max = Max(max, value);
			count++;
		}
		state = in_parts(kernel_get(F_FLOAT8PL, F_FLOAT8PL), null_state, rows, nrows);
		UNIT_CHECK(state.isnull ? count == 0 : DatumGetFloat8(state.value) == sum);
		state = in_parts(kernel_get(F_FLOAT8LARGER, F_FLOAT8LARGER), null_state, rows, nrows);
		UNIT_CHECK(state.isnull ? count == 0 : DatumGetFloat8(state.value) == max);
		state = in_parts(kernel_get(F_FLOAT8_ACCUM, F_FLOAT8_COMBINE), float_average_state,
						 rows, nrows);
		{
			float8	   *average = (float8 *) ARR_DATA_PTR((ArrayType *) state.value);
			double		sxx = count > 0 ? squares - sum * sum / count : 0;

			UNIT_CHECK(average[0] == count && average[1] == sum);
			UNIT_CHECK(fabs(average[2] - sxx) <= 1e-9 * (1 + fabs(sxx)));
		}
	}
}

/* NaN is the largest of all, and infinities are no overflow. */
static void
floats_that_are_no_numbers(void)
{
	const AggregateKernel *max = kernel_get(F_FLOAT8LARGER, F_FLOAT8LARGER);
	const AggregateKernel *sum = kernel_get(F_FLOAT8PL, F_FLOAT8PL);
	const AggregateKernel *average = kernel_get(F_FLOAT8_ACCUM, F_FLOAT8_COMBINE);
	NullableDatum rows[3] = {{Float8GetDatum(1.0)}, {Float8GetDatum(NAN)}, {Float8GetDatum(INFINITY)}};
	AggregateState state = in_parts(max, null_state, rows, 3);

	UNIT_CHECK(isnan(DatumGetFloat8(state.value)));
	state = in_parts(max, null_state, &rows[2], 1);
	max->advance(&state, &rows[0]);
	UNIT_CHECK(isinf(DatumGetFloat8(state.value)));
	state = in_parts(sum, null_state, &rows[2], 1);
	sum->advance(&state, &rows[0]);
	UNIT_CHECK(isinf(DatumGetFloat8(state.value)));
	state = in_parts(average, float_average_state, &rows[2], 1);
	UNIT_CHECK(isnan(((float8 *) ARR_DATA_PTR((ArrayType *) state.value))[2]));
}

/* Combines what arg points to, two states, by int8pl, float8pl or an average. */
typedef struct Combination
{
	const AggregateKernel *kernel;
	AggregateState a;
	AggregateState b;
} Combination;

static void
combine_cb(void *arg)
{
	Combination *c = arg;

	c->kernel->combine(&c->a, &c->b);
}

static void
overflow_is_an_error(void)
{
	Combination c = {kernel_get(F_INT4_SUM, F_INT8PL),
	{Int64GetDatum(PG_INT64_MAX), false, true}, {Int64GetDatum(1), false, true}};

	UNIT_EQUAL(unit_error(combine_cb, &c), ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
	c.kernel = kernel_get(F_INT8INC, F_INT8PL);
	UNIT_EQUAL(unit_error(combine_cb, &c), ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
	c.kernel = kernel_get(F_FLOAT8PL, F_FLOAT8PL);
	c.a.value = c.b.value = Float8GetDatum(1.7e308);
	UNIT_EQUAL(unit_error(combine_cb, &c), ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
	c.b.value = Float8GetDatum(-1.7e308);
	UNIT_EQUAL(unit_error(combine_cb, &c), 0);
}

/* An array of another shape, as a forged partial may be. */
static void
arrays_of_another_shape_are_refused(void)
{
	Combination c = {kernel_get(F_INT4_AVG_ACCUM, F_INT4_AVG_COMBINE),
	array_state(INT8OID, 2), array_state(INT8OID, 3)};

	UNIT_EQUAL(unit_error(combine_cb, &c), ERRCODE_DATA_CORRUPTED);
	c.b = array_state(FLOAT8OID, 2);
	UNIT_EQUAL(unit_error(combine_cb, &c), ERRCODE_DATA_CORRUPTED);
	c.b = array_state(INT8OID, 2);
	UNIT_EQUAL(unit_error(combine_cb, &c), 0);
}

/* Nothing but NULLs leaves nothing, and takes over what comes. */
static void
nulls_add_nothing(void)
{
	const AggregateKernel *sum = kernel_get(F_INT4_SUM, F_INT8PL);
	NullableDatum null = {(Datum) 0, true};
	AggregateState state = null_state();
	AggregateState other = {Int64GetDatum(7), false, true};

	sum->advance(&state, &null);
	UNIT_CHECK(state.isnull);
	sum->combine(&state, &other);
	UNIT_EQUAL(DatumGetInt64(state.value), 7);
	other = null_state();
	sum->combine(&state, &other);
	UNIT_EQUAL(DatumGetInt64(state.value), 7);
	UNIT_CHECK(kernel_find(F_INT4_SUM, F_INT4_SUM) == NULL);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(integers_agree_with_a_loop);
	UNIT_RUN(floats_agree_with_a_loop);
	UNIT_RUN(floats_that_are_no_numbers);
	UNIT_RUN(overflow_is_an_error);
	UNIT_RUN(arrays_of_another_shape_are_refused);
	UNIT_RUN(nulls_add_nothing);
	return unit_end();
}
