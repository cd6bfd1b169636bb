/*
 * linreg_state.c - linear regression over several features, one row at a time.
 *
 * Sums of squares and products lose all digits where the values are large and
 * their spread is small (timestamps!), so means and central co-moments are
 * kept: updated by row as in B. P. Welford, "Note on a method for calculating
 * corrected sums of squares and products", Technometrics 4 (1962), merged as
 * in T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances" (1979), for co-moments P. Pébay,
 * SAND2008-6212 (2008).
 *
 * The fit factors the matrix of co-moments as L * D * L' with a unit lower
 * triangle L (Cholesky without square roots: a single feature is divided as
 * in regr_slope), features in their given order and y last.  What remains of
 * a variable on the diagonal is the part of its variation that the ones before
 * it do not explain.  A feature of which nothing remains is left out, as lm()
 * of R does it: which one does not depend on rounding, as it would if the
 * largest pivot were taken first; and the matrix being positive semidefinite,
 * pivoting is not needed for stability (N. J. Higham, "Accuracy and Stability
 * of Numerical Algorithms", ch. 10).  What remains of y are the squared
 * residuals.  Nothing here depends on the scales of the variables.
 */
#include "postgres.h"

#include "compat.h"

#include <float.h>
#include <math.h>

#include "aggregate/linreg_state.h"

/*
 * A feature is left out if no more than this part of its variance is its own.
 * Co-moments carry rounding errors of about 1e-15, relative; 1e-7 is what
 * lm() of R allows for a standard deviation, which is 1e-14 here, too close.
 */
#define MIN_OWN_VARIANCE 1e-12

/* Index into a lower triangle stored by rows; column <= row. */
#define TRIANGLE(row, column) ((row) * ((row) + 1) / 2 + (column))
#define MAX_VARIABLES (LINREG_MAX_FEATURES + 1)

/* A state taken apart; features first, y last. */
#define STATE_ROWS(state)		((state)[0])
#define STATE_FEATURES(state)	((int) (state)[1])
#define STATE_MEANS(state)		((state) + 2)
#define STATE_MOMENTS(state)	((state) + 2 + STATE_FEATURES(state) + 1)

bool
linreg_state_valid(const double *state, int length)
{
	if (length < LINREG_STATE_LENGTH(1) || !(state[0] >= 0) || isinf(state[0]))
		return false;
	if (!(state[1] >= 1 && state[1] <= LINREG_MAX_FEATURES) || state[1] != floor(state[1]))
		return false;
	return length == LINREG_STATE_LENGTH(STATE_FEATURES(state));
}

void
linreg_state_init(double *state, int nfeatures)
{
	Assert(nfeatures >= 1 && nfeatures <= LINREG_MAX_FEATURES);
	for (int i = 0; i < LINREG_STATE_LENGTH(nfeatures); i++)
		state[i] = 0;
	state[1] = nfeatures;
}

/* Makes all means and co-moments NaN. */
static void
state_poison(double *state)
{
	int			length = LINREG_STATE_LENGTH(STATE_FEATURES(state));

	for (int i = 2; i < length; i++)
		state[i] = NAN;
}

/*
 * Adds weight * (the products of the differences) to the co-moments; returns
 * false if a co-moment is not finite any more.
 */
static bool
moments_add(double *moments, const double *delta, double weight, int nvariables)
{
	bool		finite = true;

	for (int i = 0; i < nvariables; i++)
	{
		double		weighted = weight * delta[i];

		for (int j = 0; j <= i; j++)
			moments[TRIANGLE(i, j)] += weighted * delta[j];
		finite = finite && isfinite(moments[TRIANGLE(i, i)]);
	}
	return finite;
}

bool
linreg_state_add(double *state, double y, const double *x)
{
	int			d = STATE_FEATURES(state);
	double	   *means = STATE_MEANS(state);
	double		delta[MAX_VARIABLES];
	double		rows = STATE_ROWS(state);
	bool		finite = isfinite(y);

	for (int i = 0; i < d; i++)
		finite = finite && isfinite(x[i]);
	STATE_ROWS(state) = rows + 1;
	if (!finite || isnan(means[d]))
	{
		state_poison(state);
		return true;
	}
	for (int i = 0; i <= d; i++)
	{
		delta[i] = (i < d ? x[i] : y) - means[i];
		means[i] += delta[i] / (rows + 1);
	}
	return moments_add(STATE_MOMENTS(state), delta, rows / (rows + 1), d + 1);
}

bool
linreg_state_merge(double *state, const double *other)
{
	int			d = STATE_FEATURES(state);
	double	   *means = STATE_MEANS(state);
	const double *other_means = STATE_MEANS(other);
	double	   *moments = STATE_MOMENTS(state);
	const double *other_moments = STATE_MOMENTS(other);
	double		delta[MAX_VARIABLES];
	double		rows = STATE_ROWS(state);
	double		all_rows = rows + STATE_ROWS(other);

	Assert(STATE_FEATURES(other) == d);
	if (STATE_ROWS(other) == 0)
		return true;
	STATE_ROWS(state) = all_rows;
	if (isnan(means[d]) || isnan(other_means[d]))
	{
		state_poison(state);
		return true;
	}
	for (int i = 0; i <= d; i++)
	{
		delta[i] = other_means[i] - means[i];
		means[i] += delta[i] * (STATE_ROWS(other) / all_rows);
	}
	for (int i = 0; i < TRIANGLE(d + 1, 0); i++)
		moments[i] += other_moments[i];
	return moments_add(moments, delta, rows * (STATE_ROWS(other) / all_rows), d + 1);
}

/*
 * Computes row i of the factor from the co-moments of variable i with the used
 * features before it; D is on the diagonal.
 */
static void
factor_row(double *factor, const double *moments, const bool *used, int i)
{
	double		own = moments[TRIANGLE(i, i)];

	for (int j = 0; j < i; j++)
	{
		double		sum = moments[TRIANGLE(i, j)];

		if (!used[j])
			continue;
		for (int k = 0; k < j; k++)
			if (used[k])
				sum -= factor[TRIANGLE(i, k)] * factor[TRIANGLE(j, k)] * factor[TRIANGLE(k, k)];
		factor[TRIANGLE(i, j)] = sum / factor[TRIANGLE(j, j)];
		own -= sum * factor[TRIANGLE(i, j)];
	}
	factor[TRIANGLE(i, i)] = own;
}

/* Solves for the coefficients from the factor, whose last row is that of y. */
static void
solve_coefficients(const double *factor, LinregFit *fit)
{
	int			d = fit->nfeatures;

	for (int i = d - 1; i >= 0; i--)
	{
		double		sum = factor[TRIANGLE(d, i)];

		if (!fit->used[i])
			continue;
		for (int k = i + 1; k < d; k++)
			if (fit->used[k])
				sum -= factor[TRIANGLE(k, i)] * fit->coefficients[k];
		fit->coefficients[i] = sum;
	}
}

/* The fit of a state that is not a number. */
static void
fit_nan(LinregFit *fit)
{
	for (int i = 0; i < fit->nfeatures; i++)
	{
		fit->used[i] = true;
		fit->coefficients[i] = NAN;
	}
	fit->any_used = true;
	fit->intercept = fit->r2 = fit->mse = NAN;
}

void
linreg_state_fit(const double *state, LinregFit *fit)
{
	double		factor[TRIANGLE(MAX_VARIABLES, 0)] = {0};
	const double *means = STATE_MEANS(state);
	const double *moments = STATE_MOMENTS(state);
	int			d = STATE_FEATURES(state);
	double		total = moments[TRIANGLE(d, d)];
	double		residual;

	Assert(STATE_ROWS(state) >= 1);
	memset(fit, 0, sizeof(LinregFit));
	fit->n = STATE_ROWS(state);
	fit->nfeatures = d;
	if (isnan(means[d]))
	{
		fit_nan(fit);
		return;
	}
	for (int i = 0; i < d; i++)
	{
		double		variation = moments[TRIANGLE(i, i)];

		factor_row(factor, moments, fit->used, i);
		fit->used[i] = variation >= DBL_MIN &&
			factor[TRIANGLE(i, i)] > variation * MIN_OWN_VARIANCE;
		fit->any_used = fit->any_used || fit->used[i];
	}
	factor_row(factor, moments, fit->used, d);
	solve_coefficients(factor, fit);
	fit->intercept = means[d];
	for (int i = 0; i < d; i++)
		if (fit->used[i])
			fit->intercept -= fit->coefficients[i] * means[i];
	residual = Min(Max(factor[TRIANGLE(d, d)], 0), total);
	fit->r2 = total > 0 ? 1 - residual / total : 1;
	fit->mse = residual / fit->n;
}
