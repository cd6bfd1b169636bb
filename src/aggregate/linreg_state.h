/*
 * linreg_state.h - linear regression over several features, one row at a time.
 *
 * Arithmetic only.  A state is an array of doubles, as it is stored:
 *
 *	 n │ d │ mean of x1 .. xd, y │ co-moments of (x1 .. xd, y), lower triangle
 *	 1   1		   d + 1				 (d + 1)(d + 2) / 2, by rows
 *
 * where the co-moment of u and v is sum((u - mean(u)) * (v - mean(v))).
 */
#ifndef STREAM_EXT_LINREG_STATE_H
#define STREAM_EXT_LINREG_STATE_H

#define LINREG_MAX_FEATURES 64

/* Doubles in a state of d features. */
#define LINREG_STATE_LENGTH(d)	(2 + ((d) + 1) + ((d) + 1) * ((d) + 2) / 2)
#define LINREG_MAX_LENGTH		LINREG_STATE_LENGTH(LINREG_MAX_FEATURES)

/* The model that fits the rows of a state best (least squares). */
typedef struct LinregFit
{
	double		n;				/* rows */
	int			nfeatures;
	double		intercept;
	bool		used[LINREG_MAX_FEATURES];	/* false: constant, or a linear
											 * function of features before it */
	double		coefficients[LINREG_MAX_FEATURES];	/* where used */
	bool		any_used;		/* false: r2 is not defined */
	double		r2;				/* in [0, 1] */
	double		mse;			/* mean of the squared residuals */
} LinregFit;

/* Is this array of length doubles a state? */
extern bool linreg_state_valid(const double *state, int length);

/* Makes the state of no rows. */
extern void linreg_state_init(double *state, int nfeatures);

/*
 * state := state + a row.  A row with NaN or an infinity makes the state not
 * a number for good.  Returns false if finite numbers overflow; the state is
 * then of no use.
 */
extern bool linreg_state_add(double *state, double y, const double *x);

/* state := state + other, over as many features; returns as linreg_state_add(). */
extern bool linreg_state_merge(double *state, const double *other);

/* Fits the model.  Requires: at least one row. */
extern void linreg_state_fit(const double *state, LinregFit *fit);

#endif							/* STREAM_EXT_LINREG_STATE_H */
