/*
 * kernel_extreme.c - min and max of integers, floats, dates and timestamps.
 *
 * State: the value itself, initially NULL.  One function both advances and
 * combines.  Where the two are equal the new one is taken, as int4larger()
 * and its kin do (it shows for 0 and -0); NaN is above all numbers.
 */
#include "postgres.h"

#include "compat.h"

#include "utils/date.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "aggregate/kernel.h"

/* Defines name_advance and name_combine: keep(old, new) says that the old one stays. */
#define EXTREME(name, ctype, from_datum, keep) \
static inline void \
name(AggregateState *state, Datum value) \
{ \
	ctype		a; \
	ctype		b; \
\
	if (state->isnull) \
	{ \
		kernel_adopt(state, value); \
		return; \
	} \
	a = from_datum(state->value); \
	b = from_datum(value); \
	if (!(keep)) \
		state->value = value; \
} \
static void \
name##_advance(AggregateState *state, const NullableDatum *args) \
{ \
	if (!args[0].isnull) \
		name(state, args[0].value); \
} \
static void \
name##_combine(AggregateState *state, const AggregateState *other) \
{ \
	if (!other->isnull) \
		name(state, other->value); \
}

EXTREME(max_int2, int16, DatumGetInt16, a > b)
EXTREME(min_int2, int16, DatumGetInt16, a < b)
EXTREME(max_int4, int32, DatumGetInt32, a > b)
EXTREME(min_int4, int32, DatumGetInt32, a < b)
EXTREME(max_int8, int64, DatumGetInt64, a > b)
EXTREME(min_int8, int64, DatumGetInt64, a < b)
EXTREME(max_float4, float4, DatumGetFloat4, float4_gt(a, b))
EXTREME(min_float4, float4, DatumGetFloat4, float4_lt(a, b))
EXTREME(max_float8, float8, DatumGetFloat8, float8_gt(a, b))
EXTREME(min_float8, float8, DatumGetFloat8, float8_lt(a, b))
EXTREME(max_date, DateADT, DatumGetDateADT, a > b)
EXTREME(min_date, DateADT, DatumGetDateADT, a < b)
EXTREME(max_timestamp, Timestamp, DatumGetTimestamp, a > b)
EXTREME(min_timestamp, Timestamp, DatumGetTimestamp, a < b)

#define KERNEL(function, name) {function, function, false, name##_advance, name##_combine}

const AggregateKernel kernel_extreme[] = {
	KERNEL(F_INT2LARGER, max_int2),
	KERNEL(F_INT2SMALLER, min_int2),
	KERNEL(F_INT4LARGER, max_int4),
	KERNEL(F_INT4SMALLER, min_int4),
	KERNEL(F_INT8LARGER, max_int8),
	KERNEL(F_INT8SMALLER, min_int8),
	KERNEL(F_FLOAT4LARGER, max_float4),
	KERNEL(F_FLOAT4SMALLER, min_float4),
	KERNEL(F_FLOAT8LARGER, max_float8),
	KERNEL(F_FLOAT8SMALLER, min_float8),
	KERNEL(F_DATE_LARGER, max_date),
	KERNEL(F_DATE_SMALLER, min_date),
	KERNEL(F_TIMESTAMP_LARGER, max_timestamp),
	KERNEL(F_TIMESTAMP_SMALLER, min_timestamp),
	KERNEL(F_TIMESTAMPTZ_LARGER, max_timestamp),
	KERNEL(F_TIMESTAMPTZ_SMALLER, min_timestamp),
	{InvalidOid}
};
