/*
 * kernel.c - the registry of kernels: one line each.
 */
#include "postgres.h"

#include "compat.h"

#include "aggregate/kernel.h"

static const AggregateKernel *const kernel_lists[] = {
	kernel_count,
	kernel_sum,
	kernel_average,
	kernel_extreme,
};

/* Returns the kernel for a pair of functions; none where int8 is passed by reference. */
const AggregateKernel *
kernel_find(Oid transfn, Oid combinefn)
{
#ifdef USE_FLOAT8_BYVAL
	for (int i = 0; i < lengthof(kernel_lists); i++)
	{
		for (const AggregateKernel *k = kernel_lists[i]; OidIsValid(k->transfn); k++)
		{
			if (k->transfn == transfn && k->combinefn == combinefn)
				return k;
		}
	}
#endif
	return NULL;
}
