/*
 * linreg_test.c - linear regression against a direct solution.
 *
 * The model centres all rows at once in long double and solves the normal
 * equations by Gaussian elimination with pivoting: nothing of the method under
 * test.  Rows are cut at random into parts, and the parts merged.
 */
#include "postgres.h"

#include "unit.h"

#include <float.h>
#include <math.h>

#include "aggregate/linreg_state.h"

#define MAX_ROWS 120
#define RANDOM_CASES 3000

typedef struct Rows
{
	int			nrows;
	int			nfeatures;
	double		x[MAX_ROWS][LINREG_MAX_FEATURES];
	double		y[MAX_ROWS];
} Rows;

static Rows rows;

/* Returns a random number in [-1, 1). */
static double
random_unit(void)
{
	return (double) unit_random_below(UINT64CONST(1) << 53) / (UINT64CONST(1) << 52) - 1;
}

/* Fills rows: y depends on the features, with noise; each has its own scale and offset. */
static void
rows_random(int nfeatures, int nrows, double noise)
{
	double		scale[LINREG_MAX_FEATURES];
	double		offset[LINREG_MAX_FEATURES];

	rows.nrows = nrows;
	rows.nfeatures = nfeatures;
	for (int i = 0; i < nfeatures; i++)
	{
		scale[i] = pow(10, (int) unit_random_below(7) - 3);
		offset[i] = scale[i] * (unit_random_below(2) ? 1000 * random_unit() : 0);
	}
	for (int r = 0; r < nrows; r++)
	{
		rows.y[r] = 5 + noise * random_unit();
		for (int i = 0; i < nfeatures; i++)
		{
			double		unit = random_unit();

			rows.x[r][i] = offset[i] + scale[i] * unit;
			rows.y[r] += (i + 1) * unit;
		}
	}
}

/* Makes the state of rows [from, to). */
static void
state_of(double *state, int from, int to)
{
	linreg_state_init(state, rows.nfeatures);
	for (int r = from; r < to; r++)
		UNIT_CHECK(linreg_state_add(state, rows.y[r], rows.x[r]));
	UNIT_CHECK(linreg_state_valid(state, LINREG_STATE_LENGTH(rows.nfeatures)));
}

/* Fits all rows, cut into at most parts parts, some of them empty. */
static void
fit_in_parts(int parts, LinregFit *fit)
{
	double		state[LINREG_MAX_LENGTH];
	double		part[LINREG_MAX_LENGTH];
	int			from = 0;

	linreg_state_init(state, rows.nfeatures);
	for (int p = 0; p < parts; p++)
	{
		int			to = p == parts - 1 ? rows.nrows : from + unit_random_below(rows.nrows - from + 1);

		state_of(part, from, to);
		UNIT_CHECK(linreg_state_merge(state, part));
		from = to;
	}
	linreg_state_fit(state, fit);
}

/* Returns the mean of feature i, or of y. */
static long double
mean_of(int i)
{
	long double sum = 0;

	for (int r = 0; r < rows.nrows; r++)
		sum += i < rows.nfeatures ? rows.x[r][i] : rows.y[r];
	return sum / rows.nrows;
}

/* Solves a (d x (d + 1), in place) by Gaussian elimination; the result is its last column. */
static void
solve(long double a[][LINREG_MAX_FEATURES + 1], int d)
{
	for (int i = 0; i < d; i++)
	{
		int			pivot = i;

		for (int r = i + 1; r < d; r++)
			if (fabsl(a[r][i]) > fabsl(a[pivot][i]))
				pivot = r;
		for (int c = 0; c <= d; c++)
		{
			long double swap = a[i][c];

			a[i][c] = a[pivot][c];
			a[pivot][c] = swap;
		}
		for (int r = 0; r < d; r++)
		{
			long double factor = a[r][i] / a[i][i];

			for (int c = i; c <= d && r != i; c++)
				a[r][c] -= factor * a[i][c];
		}
	}
	for (int i = 0; i < d; i++)
		a[i][d] /= a[i][i];
}

/* Fits all rows directly. */
static void
fit_directly(LinregFit *fit)
{
	static long double a[LINREG_MAX_FEATURES][LINREG_MAX_FEATURES + 1];
	int			d = rows.nfeatures;
	long double mean[LINREG_MAX_FEATURES + 1];
	long double total = 0;
	long double residual = 0;

	for (int i = 0; i <= d; i++)
		mean[i] = mean_of(i);
	for (int i = 0; i < d; i++)
		for (int j = 0; j <= d; j++)
		{
			a[i][j] = 0;
			for (int r = 0; r < rows.nrows; r++)
				a[i][j] += (rows.x[r][i] - mean[i]) *
					((j < d ? rows.x[r][j] : rows.y[r]) - mean[j]);
		}
	solve(a, d);
	for (int r = 0; r < rows.nrows; r++)
	{
		long double rest = rows.y[r] - mean[d];

		total += rest * rest;
		for (int i = 0; i < d; i++)
			rest -= a[i][d] * (rows.x[r][i] - mean[i]);
		residual += rest * rest;
	}
	fit->intercept = mean[d];
	for (int i = 0; i < d; i++)
	{
		fit->coefficients[i] = a[i][d];
		fit->intercept -= a[i][d] * mean[i];
	}
	fit->r2 = 1 - residual / total;
	fit->mse = residual / rows.nrows;
}

/* Are two numbers the same but for rounding? scale is what they came from. */
static bool
is_close(double actual, double expected, double scale)
{
	return fabs(actual - expected) <= 1e-8 * (fabs(expected) + scale);
}

/* Any number of features and rows, any parts. */
static void
random_rows(void)
{
	LinregFit	fit;
	LinregFit	direct;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int			d = 1 + unit_random_below(i % 100 == 0 ? LINREG_MAX_FEATURES : 6);

		rows_random(d, d + 10 + unit_random_below(MAX_ROWS - d - 10), 0.5);
		fit_in_parts(1 + unit_random_below(5), &fit);
		fit_directly(&direct);
		UNIT_EQUAL(fit.n, rows.nrows);
		for (int f = 0; f < d; f++)
			UNIT_CHECK(fit.used[f] && is_close(fit.coefficients[f], direct.coefficients[f], 0));
		UNIT_CHECK(is_close(fit.intercept, direct.intercept, 100 * d * d));
		UNIT_CHECK(is_close(fit.r2, direct.r2, 1));
		UNIT_CHECK(is_close(fit.mse, direct.mse, 1));
	}
}

/* Large values with a small spread, as timestamps have. */
static void
large_offset(void)
{
	LinregFit	fit;

	rows.nrows = 100;
	rows.nfeatures = 1;
	for (int r = 0; r < 100; r++)
	{
		rows.x[r][0] = 1e15 + r;
		rows.y[r] = 1e9 + 3 * r;
	}
	fit_in_parts(4, &fit);
	UNIT_CHECK(fabs(fit.coefficients[0] - 3) < 1e-9);
	UNIT_CHECK(fit.r2 > 1 - 1e-12);
}

/* Constant, repeated and dependent features are left out, the later ones. */
static void
collinear(void)
{
	LinregFit	fit;
	LinregFit	without;

	for (int i = 0; i < 200; i++)
	{
		rows_random(5, 60, 0.5);
		for (int r = 0; r < rows.nrows; r++)
		{
			rows.x[r][1] = 0.1;
			rows.x[r][2] = rows.x[r][0];
			rows.x[r][4] = 7 - 2 * rows.x[r][0] + 3 * rows.x[r][3];
		}
		fit_in_parts(3, &fit);
		UNIT_CHECK(fit.used[0] && !fit.used[1] && !fit.used[2] && fit.used[3] && !fit.used[4]);
		rows.nfeatures = 2;
		for (int r = 0; r < rows.nrows; r++)
			rows.x[r][1] = rows.x[r][3];
		fit_directly(&without);
		UNIT_CHECK(is_close(fit.coefficients[0], without.coefficients[0], 0));
		UNIT_CHECK(is_close(fit.coefficients[3], without.coefficients[1], 0));
		UNIT_CHECK(is_close(fit.mse, without.mse, 1));
	}
}

/* Fewer rows than coefficients: the rows are met exactly. */
static void
few_rows(void)
{
	LinregFit	fit;

	for (int nrows = 1; nrows <= 5; nrows++)
	{
		int			used = 0;

		rows_random(5, nrows, 0.5);
		fit_in_parts(2, &fit);
		for (int i = 0; i < 5; i++)
			used += fit.used[i];
		UNIT_EQUAL(used, nrows - 1);
		UNIT_CHECK(fit.any_used == (nrows > 1));
		UNIT_CHECK(fit.mse < 1e-9);
		UNIT_CHECK(nrows > 1 || fit.intercept == rows.y[0]);
	}
}

/* A constant y is explained whole, as regr_r2() says. */
static void
constant_y(void)
{
	LinregFit	fit;

	rows_random(3, 50, 0.5);
	for (int r = 0; r < 50; r++)
		rows.y[r] = 0.1;
	fit_in_parts(3, &fit);
	for (int i = 0; i < 3; i++)
		UNIT_CHECK(fit.used[i] && fit.coefficients[i] == 0);
	UNIT_CHECK(fit.intercept == 0.1 && fit.r2 == 1 && fit.mse == 0);
}

/* NaN and infinities, wherever they stand, make the model NaN; n goes on. */
static void
not_finite(void)
{
	const double bad[] = {NAN, INFINITY, -INFINITY};
	LinregFit	fit;

	for (int i = 0; i < 300; i++)
	{
		rows_random(2, 20, 0.5);
		if (i % 2)
			rows.y[unit_random_below(20)] = bad[i % 3];
		else
			rows.x[unit_random_below(20)][i / 2 % 2] = bad[i % 3];
		fit_in_parts(1 + i % 4, &fit);
		UNIT_EQUAL(fit.n, 20);
		UNIT_CHECK(fit.used[0] && isnan(fit.coefficients[0]) && isnan(fit.coefficients[1]));
		UNIT_CHECK(isnan(fit.intercept) && isnan(fit.r2) && isnan(fit.mse));
	}
}

/* Finite numbers that overflow are noticed. */
static void
overflow(void)
{
	double		state[LINREG_STATE_LENGTH(1)];
	double		other[LINREG_STATE_LENGTH(1)];
	double		large = 1e200;
	double		small = -1e200;

	linreg_state_init(state, 1);
	UNIT_CHECK(linreg_state_add(state, 1, &large));
	memcpy(other, state, sizeof(state));
	UNIT_CHECK(!linreg_state_add(other, 2, &small));
	linreg_state_init(other, 1);
	UNIT_CHECK(linreg_state_add(other, 1, &small));
	UNIT_CHECK(!linreg_state_merge(state, other));
}

/* Arrays that are no states. */
static void
invalid_states(void)
{
	double		state[LINREG_MAX_LENGTH + 1];

	linreg_state_init(state, 3);
	UNIT_CHECK(linreg_state_valid(state, LINREG_STATE_LENGTH(3)));
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3) - 1));
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3) + 1));
	UNIT_CHECK(!linreg_state_valid(state, 0));
	state[1] = 3.5;
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3)));
	state[1] = NAN;
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3)));
	state[1] = -1;
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(1)));
	state[1] = 3;
	state[0] = NAN;
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3)));
	state[0] = -1;
	UNIT_CHECK(!linreg_state_valid(state, LINREG_STATE_LENGTH(3)));
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(random_rows);
	UNIT_RUN(large_offset);
	UNIT_RUN(collinear);
	UNIT_RUN(few_rows);
	UNIT_RUN(constant_y);
	UNIT_RUN(not_finite);
	UNIT_RUN(overflow);
	UNIT_RUN(invalid_states);
	return unit_end();
}
