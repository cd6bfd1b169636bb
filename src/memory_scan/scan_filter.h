/*
 * scan_filter.h - conditions on keys, from the plan to a GenerationFilter.
 */
#ifndef STREAM_EXT_SCAN_FILTER_H
#define STREAM_EXT_SCAN_FILTER_H

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "state/generation.h"

/* Plan time: the expressions to compute, and what they are for (copyable nodes). */
typedef struct ScanFilterPlan
{
	List	   *exprs;
	List	   *roles;			/* to be handed to scan_filter_create() */
} ScanFilterPlan;

/* Finds equality to a constant on every key, and ranges of one timestamp key. */
extern void scan_filter_plan(Index relid, TupleDesc desc, List *clauses, ScanFilterPlan *plan);

/* Executor side. */
typedef struct ScanFilter ScanFilter;

extern ScanFilter *scan_filter_create(TupleDesc desc, List *exprs, List *roles, PlanState *parent);

/* Computes the filter with the parameters of now.  Runs operators' hash functions. */
extern void scan_filter_compute(ScanFilter *filter, ExprContext *econtext,
								GenerationFilter *result);

/* Whether expressions contain parameters that change within a statement. */
extern bool scan_filter_varies(List *exprs);

/* What EXPLAIN says: the names of the keys that select. */
extern const char *scan_filter_describe(TupleDesc desc, List *roles);

#endif							/* STREAM_EXT_SCAN_FILTER_H */
