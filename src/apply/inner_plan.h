/*
 * inner_plan.h - a view's inner query: plan and execute.
 */
#ifndef STREAM_EXT_INNER_PLAN_H
#define STREAM_EXT_INNER_PLAN_H

#include "apply/late.h"
#include "apply/run.h"
#include "query/stream_query.h"
#include "state/scratch.h"

typedef struct InnerPlan InnerPlan;

/* Prepares for planning the query's inner query; the plans are made when first needed. */
extern InnerPlan *inner_plan_create(StreamQuery *query, const char *name, MemoryContext parent);

/* Returns whether relation relid is used by the query or a plan. */
extern bool inner_plan_uses_relation(const InnerPlan *plan, Oid relid);

/*
 * Whether the query or a plan depends on the type or function with this hash in
 * the cache TYPEOID or PROCOID; 0 stands for all.  Of types it is true before
 * there is a plan.  A function that was computed away while another one
 * was inlined is not known here, nor to the server's own plans.
 */
extern bool inner_plan_uses_object(const InnerPlan *plan, int cacheid, uint32 hashvalue);

/*
 * Locks, until the transaction ends, whatever the plans read; raises
 * ERRCODE_LOCK_NOT_AVAILABLE if some of it is not free.  This takes in
 * invalidations: look afterwards whether the plan is still to be used.
 */
extern void inner_plan_lock(InnerPlan *plan);

/* Locks the same, and returns whether all of it was free. */
extern bool inner_plan_try_lock(InnerPlan *plan);

/* Locks the relations of a query that is to be analysed, or raises the same. */
extern void inner_plan_lock_query(Query *query);

/*
 * Runs the inner query over the rows that run hands out now and adds what
 * comes out to scratch, but for what late (NULL: nobody) keeps from it.  Holds
 * the run when the two are over budget bytes (0: no limit), so that rows which
 * give many do not fill memory.
 * Requires: a transaction, an active snapshot, the view owner's scope, and
 * inner_plan_lock() in this transaction.
 */
extern void inner_plan_execute(InnerPlan *plan, Run *run, Scratch *scratch, LateRows *late,
							   Size budget);

#endif							/* STREAM_EXT_INNER_PLAN_H */
