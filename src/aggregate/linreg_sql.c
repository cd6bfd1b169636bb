/*
 * linreg_sql.c - the aggregate linreg, predict() and standardise().
 *
 * The transition state is a float8[], as those of regr_* are, so that it can
 * be stored, combined and dumped without further ado; its layout is that of
 * linreg_state.h.  It may come from a table: its shape is checked.
 *
 * Memory: a state is changed in place; the first row of a group makes it.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "aggregate/linreg_state.h"

STREAM_FUNCTION(stream_ext_linreg_transition);
STREAM_FUNCTION(stream_ext_linreg_combine);
STREAM_FUNCTION(stream_ext_linreg_final);
STREAM_FUNCTION(stream_ext_predict);
STREAM_FUNCTION(stream_ext_standardise);

/* The attributes of type linreg_model. */
enum
{
	MODEL_N,
	MODEL_INTERCEPT,
	MODEL_COEFFICIENTS,
	MODEL_R2,
	MODEL_MSE,
	MODEL_NATTS
};

/* Raises unless called by an aggregate. */
static void
check_aggregate_context(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate context")));
}

/* Returns the doubles of a stored state once its shape has been checked. */
static double *
state_doubles(ArrayType *array)
{
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != FLOAT8OID ||
		!linreg_state_valid((double *) ARR_DATA_PTR(array), ARR_DIMS(array)[0]))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("state of a linear regression is not an array of the expected shape")));
	return (double *) ARR_DATA_PTR(array);
}

/* Raises unless two numbers of features are the same. */
static void
check_features(int actual, int expected)
{
	if (actual != expected)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("linear regression over %d features got %d features",
						expected, actual),
				 errhint("All rows of a group need as many features.")));
}

/*
 * Returns how many features an array has, and those of them that are not NULL
 * in x, which has room for LINREG_MAX_FEATURES; *complete says that none is.
 */
static int
features_get(ArrayType *array, double *x, bool *complete)
{
	Datum	   *values;
	bool	   *nulls;
	int			nfeatures;

	if (ARR_NDIM(array) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("features must be an array of one dimension, not empty")));
	if (ARR_DIMS(array)[0] > LINREG_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("linear regression over %d features is not supported",
						ARR_DIMS(array)[0]),
				 errdetail("The limit is %d.", LINREG_MAX_FEATURES)));
	*complete = !array_contains_nulls(array);
	if (*complete)
	{
		memcpy(x, ARR_DATA_PTR(array), ARR_DIMS(array)[0] * sizeof(double));
		return ARR_DIMS(array)[0];
	}
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, &nulls, &nfeatures);
	for (int i = 0; i < nfeatures; i++)
		x[i] = nulls[i] ? 0 : DatumGetFloat8(values[i]);
	return nfeatures;
}

/* Makes the state of no rows, as an array. */
static ArrayType *
state_create(int nfeatures)
{
	int			length = LINREG_STATE_LENGTH(nfeatures);
	Size		size = ARR_OVERHEAD_NONULLS(1) + length * sizeof(double);
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = length;
	ARR_LBOUND(array)[0] = 1;
	linreg_state_init((double *) ARR_DATA_PTR(array), nfeatures);
	return array;
}

/* Takes one row into the state; one with a NULL in it is ignored. */
Datum
stream_ext_linreg_transition(PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0);
	double		x[LINREG_MAX_FEATURES];

	check_aggregate_context(fcinfo);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		bool		complete;
		int			nfeatures = features_get(PG_GETARG_ARRAYTYPE_P(2), x, &complete);

		if (state != NULL)
			check_features(nfeatures, (int) state_doubles(state)[1]);
		if (complete)
		{
			if (state == NULL)
				state = state_create(nfeatures);
			if (!linreg_state_add((double *) ARR_DATA_PTR(state), PG_GETARG_FLOAT8(1), x))
				float_overflow_error();
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(state);
}

/* Takes another state into the state. */
Datum
stream_ext_linreg_combine(PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	double	   *doubles = state_doubles(state);
	double	   *other = state_doubles(PG_GETARG_ARRAYTYPE_P(1));

	check_aggregate_context(fcinfo);
	check_features((int) other[1], (int) doubles[1]);
	if (!linreg_state_merge(doubles, other))
		float_overflow_error();
	PG_RETURN_ARRAYTYPE_P(state);
}

/* Makes the array of coefficients, NULL for features that are not used. */
static ArrayType *
coefficients_array(const LinregFit *fit)
{
	Datum		values[LINREG_MAX_FEATURES];
	bool		nulls[LINREG_MAX_FEATURES];
	int			dims[1] = {fit->nfeatures};
	int			lower_bounds[1] = {1};

	for (int i = 0; i < fit->nfeatures; i++)
	{
		values[i] = Float8GetDatum(fit->coefficients[i]);
		nulls[i] = !fit->used[i];
	}
	return construct_md_array(values, nulls, 1, dims, lower_bounds, FLOAT8OID,
							  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* The result of the aggregate: a linreg_model, NULL without rows. */
Datum
stream_ext_linreg_final(PG_FUNCTION_ARGS)
{
	double	   *state;
	LinregFit	fit;
	TupleDesc	desc;
	Datum		values[MODEL_NATTS];
	bool		nulls[MODEL_NATTS] = {false};

	check_aggregate_context(fcinfo);
	state = state_doubles(PG_GETARG_ARRAYTYPE_P(0));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != MODEL_NATTS)
		elog(ERROR, "type linreg_model is not as it was created");
	if (state[0] < 1)
		PG_RETURN_NULL();
	linreg_state_fit(state, &fit);
	values[MODEL_N] = Int64GetDatum((int64) fit.n);
	values[MODEL_INTERCEPT] = Float8GetDatum(fit.intercept);
	values[MODEL_COEFFICIENTS] = PointerGetDatum(coefficients_array(&fit));
	values[MODEL_R2] = Float8GetDatum(fit.r2);
	nulls[MODEL_R2] = !fit.any_used;
	values[MODEL_MSE] = Float8GetDatum(fit.mse);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * Returns what a model says of these features: NULL if one of them is; a
 * feature that the model does not use adds nothing.
 */
Datum
stream_ext_predict(PG_FUNCTION_ARGS)
{
	HeapTupleHeader model = PG_GETARG_HEAPTUPLEHEADER(0);
	double		x[LINREG_MAX_FEATURES];
	double		coefficients[LINREG_MAX_FEATURES];
	bool		complete;
	bool		all_used;
	bool		no_intercept;
	bool		no_coefficients;
	Datum		intercept = GetAttributeByNum(model, MODEL_INTERCEPT + 1, &no_intercept);
	Datum		array = GetAttributeByNum(model, MODEL_COEFFICIENTS + 1, &no_coefficients);
	int			nfeatures = features_get(PG_GETARG_ARRAYTYPE_P(1), x, &complete);
	float8		result;

	if (no_intercept || no_coefficients)
		PG_RETURN_NULL();
	check_features(nfeatures, features_get(DatumGetArrayTypeP(array), coefficients, &all_used));
	if (!complete)
		PG_RETURN_NULL();
	result = DatumGetFloat8(intercept);
	for (int i = 0; i < nfeatures; i++)
		result += coefficients[i] * x[i];
	PG_RETURN_FLOAT8(result);
}

/* Returns how many deviations x is away from mean; NULL if there is no deviation. */
Datum
stream_ext_standardise(PG_FUNCTION_ARGS)
{
	float8		x = PG_GETARG_FLOAT8(0);
	float8		mean = PG_GETARG_FLOAT8(1);
	float8		deviation = PG_GETARG_FLOAT8(2);

	if (deviation < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("deviation must not be negative"),
				 errhint("Give a standard deviation, such as stddev_samp() returns.")));
	if (deviation == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(float8_div(float8_mi(x, mean), deviation));
}
