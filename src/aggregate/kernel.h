/*
 * kernel.h - transition and combine functions of common aggregates, in C.
 *
 * A kernel does on an AggregateState what PostgreSQL's own pair of functions
 * does, on the same states, without a function call through fmgr.  It is
 * chosen by that pair, so every aggregate built on it profits.  Its rules
 * about NULL are its functions' own: see transition.c.
 *
 * A kernel calls no SQL, no catalog and no clock; it raises the errors of the
 * functions it stands for.  States of type array are changed in place.
 */
#ifndef STREAM_EXT_KERNEL_H
#define STREAM_EXT_KERNEL_H

#include "aggregate/partial.h"

typedef struct AggregateKernel
{
	Oid			transfn;		/* what it stands for */
	Oid			combinefn;
	bool		needs_initial;	/* its states are never NULL */
	void		(*advance) (AggregateState *state, const NullableDatum *args);
	/* other is a plain value: no toast pointer, no short header */
	void		(*combine) (AggregateState *state, const AggregateState *other);
} AggregateKernel;

/* Each kernel file's list, ended by an invalid transfn. */
extern const AggregateKernel kernel_count[];
extern const AggregateKernel kernel_sum[];
extern const AggregateKernel kernel_average[];
extern const AggregateKernel kernel_extreme[];

/* Returns the kernel for these functions, or NULL. */
extern const AggregateKernel *kernel_find(Oid transfn, Oid combinefn);

/* The first value becomes the state, as for a strict function without initial value. */
static inline void
kernel_adopt(AggregateState *state, Datum value)
{
	state->value = value;
	state->isnull = false;
	state->started = true;
}

#endif							/* STREAM_EXT_KERNEL_H */
