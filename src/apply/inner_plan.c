/*
 * inner_plan.c - a view's inner query: plan and execute.
 *
 * The inner query is an ordinary query in which the scan of the stream
 * returns the rows of the current run.  Its result goes to a DestReceiver
 * that feeds the scratch, so that rows pass through without being stored.
 *
 * Two plans are kept: a join that is right for three rows is wrong for a
 * million.  The access method tells the planner the size of the run.
 *
 * Memory: plans live in a context of their own under the view's query
 * context and go with it when something they use changes.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "apply/inner_plan.h"
#include "apply/row_order.h"
#include "compat.h"
#include "try_lock.h"

/* From this many rows on a run is a large one. */
#define LARGE_RUN_ROWS	1000

struct InnerPlan
{
	MemoryContext context;
	StreamQuery *query;
	List	   *relations;		/* of the query, at all levels */
	List	   *functions;		/* that it calls, and its aggregates */
	const char *name;			/* of the view, for error messages */
	PlannedStmt *small;
	PlannedStmt *large;
};

/* Every so many rows of the inner query, the scratch's size is looked at. */
#define ROWS_PER_LOOK	1024

/* Feeds the scratch. */
typedef struct ScratchReceiver
{
	DestReceiver pub;
	Scratch    *scratch;
	LateRows   *late;			/* NULL: nothing is late */
	Run		   *run;
	bool		appends;		/* rows are kept with their commit time */
	RowOrder   *order;			/* NULL: rows come in order, or need not */
	Size		budget;			/* of the scratch, 0: none */
	uint32		rows;			/* since the last look */
} ScratchReceiver;

/* Takes one row of the inner query, when it is its turn. */
static void
scratch_take_row(TupleTableSlot *slot, void *arg)
{
	ScratchReceiver *receiver = (ScratchReceiver *) arg;

	slot_getallattrs(slot);
	if (receiver->appends)
		scratch_set_commit_time(receiver->scratch,
								run_current_transaction(receiver->run)->commit_time);
	if (receiver->late == NULL ||
		late_judge(receiver->late, receiver->run, receiver->scratch,
				   slot->tts_values, slot->tts_isnull))
		scratch_add_row(receiver->scratch, slot->tts_values, slot->tts_isnull);
}

/* Takes one row of the inner query. */
static bool
scratch_receive_cb(TupleTableSlot *slot, DestReceiver *self)
{
	ScratchReceiver *receiver = (ScratchReceiver *) self;

	if (receiver->order != NULL)
		row_order_add(receiver->order, slot);
	else
		scratch_take_row(slot, receiver);
	if (receiver->budget > 0 && ++receiver->rows == ROWS_PER_LOOK)
	{
		Size		bytes = scratch_bytes(receiver->scratch);

		receiver->rows = 0;
		if (receiver->late != NULL)
			bytes += late_bytes(receiver->late);
		if (receiver->order != NULL)
			bytes += row_order_bytes(receiver->order);
		if (bytes > receiver->budget)
			run_hold(receiver->run);
	}
	return true;
}

static void
scratch_startup_cb(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
scratch_shutdown_cb(DestReceiver *self)
{
}

/* Collects the relations of a query, at all levels. */
static bool
collect_relations_walker(Node *node, void *context)
{
	List	  **relations = (List **) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			*relations = list_append_unique_oid(*relations, ((RangeTblEntry *) node)->relid);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_relations_walker, context,
								 QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, collect_relations_walker, context);
}

/* check_functions_in_node() callback: collects a function. */
static bool
collect_function(Oid funcid, void *context)
{
	List	  **functions = (List **) context;

	*functions = list_append_unique_oid(*functions, funcid);
	return false;
}

/* Collects the functions that a query calls, at all levels; those of operators, too. */
static bool
collect_functions_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, collect_function, context);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, collect_functions_walker, context, 0);
	return expression_tree_walker(node, collect_functions_walker, context);
}

/* Prepares for planning; see inner_plan.h. */
InnerPlan *
inner_plan_create(StreamQuery *query, const char *name, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream inner plan",
												  ALLOCSET_DEFAULT_SIZES);
	InnerPlan  *plan = MemoryContextAllocZero(context, sizeof(InnerPlan));
	MemoryContext old;

	plan->context = context;
	plan->query = query;
	plan->name = MemoryContextStrdup(context, name);

	old = MemoryContextSwitchTo(context);
	collect_relations_walker((Node *) query->inner, &plan->relations);
	(void) collect_functions_walker((Node *) query->inner, &plan->functions);
	for (int i = 0; i < query->naggregates; i++)
		plan->functions = list_append_unique_oid(plan->functions, query->aggregates[i].aggfnoid);
	MemoryContextSwitchTo(old);
	return plan;
}

/* Returns whether a relation is used by the query or one of its plans. */
bool
inner_plan_uses_relation(const InnerPlan *plan, Oid relid)
{
	return list_member_oid(plan->relations, relid) ||
		(plan->small && list_member_oid(plan->small->relationOids, relid)) ||
		(plan->large && list_member_oid(plan->large->relationOids, relid));
}

/* Returns whether a plan depends on the object with this hash. */
static bool
plan_uses_object(const PlannedStmt *plan, int cacheid, uint32 hashvalue)
{
	ListCell   *lc;

	if (plan == NULL)
		return false;
	foreach(lc, plan->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		if (item->cacheId == cacheid && item->hashValue == hashvalue)
			return true;
	}
	return false;
}

/* Returns whether the query calls the function with this hash. */
static bool
query_calls_function(const InnerPlan *plan, uint32 hashvalue)
{
	ListCell   *lc;

	foreach(lc, plan->functions)
	{
		if (GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(lfirst_oid(lc))) == hashvalue)
			return true;
	}
	return false;
}

/* Returns whether the query or a plan depends on an object, or might; see inner_plan.h. */
bool
inner_plan_uses_object(const InnerPlan *plan, int cacheid, uint32 hashvalue)
{
	Assert(cacheid == TYPEOID || cacheid == PROCOID);
	if (hashvalue == 0)
		return true;
	if (cacheid == TYPEOID && plan->small == NULL && plan->large == NULL)
		return true;
	return plan_uses_object(plan->small, cacheid, hashvalue) ||
		plan_uses_object(plan->large, cacheid, hashvalue) ||
		(cacheid == PROCOID && query_calls_function(plan, hashvalue));
}

/* Locks relations for reading; returns the first that is not free, or InvalidOid. */
static Oid
lock_relations(List *relations)
{
	ListCell   *lc;

	foreach(lc, relations)
	{
		if (!try_lock_got(lfirst_oid(lc), AccessShareLock))
			return lfirst_oid(lc);
	}
	return InvalidOid;
}

/* Locks what the plans read; returns the first relation that is not free, or InvalidOid. */
static Oid
lock_plan(const InnerPlan *plan)
{
	Oid			locked = lock_relations(plan->relations);

	/* a plan also reads the partitions and children of those */
	if (!OidIsValid(locked) && plan->small != NULL)
		locked = lock_relations(plan->small->relationOids);
	if (!OidIsValid(locked) && plan->large != NULL)
		locked = lock_relations(plan->large->relationOids);
	return locked;
}

/* Locks what the plans read or raises; see inner_plan.h. */
void
inner_plan_lock(InnerPlan *plan)
{
	Oid			locked;

	/* free by now, it is had */
	while (OidIsValid(locked = lock_plan(plan)))
		try_lock_relation(locked, AccessShareLock);
}

/* Locks what the plans read if that is free; see inner_plan.h. */
bool
inner_plan_try_lock(InnerPlan *plan)
{
	return !OidIsValid(lock_plan(plan));
}

/* Locks the relations of a query; see inner_plan.h. */
void
inner_plan_lock_query(Query *query)
{
	List	   *relations = NIL;
	ListCell   *lc;

	collect_relations_walker((Node *) query, &relations);
	foreach(lc, relations)
		try_lock_relation(lfirst_oid(lc), AccessShareLock);
}

/* Plans the inner query, which is rewritten, for a run of the current size. */
static PlannedStmt *
inner_plan_make(InnerPlan *plan)
{
	PlannedStmt *stmt = pg_plan_query(copyObject(plan->query->inner), plan->name, 0, NULL);
	MemoryContext old = MemoryContextSwitchTo(plan->context);

	stmt = copyObject(stmt);
	MemoryContextSwitchTo(old);
	return stmt;
}

/* Returns the plan for a run of nrows rows. */
static PlannedStmt *
inner_plan_get(InnerPlan *plan, uint64 nrows)
{
	PlannedStmt **stmt = (nrows < LARGE_RUN_ROWS) ? &plan->small : &plan->large;

	if (*stmt == NULL)
		*stmt = inner_plan_make(plan);
	return *stmt;
}

/* Runs the inner query; see inner_plan.h. */
void
inner_plan_execute(InnerPlan *plan, Run *run, Scratch *scratch, LateRows *late, Size budget)
{
	PlannedStmt *stmt = inner_plan_get(plan, run->source.nrows);
	QueryDesc  *query_desc;
	ScratchReceiver receiver = {
		.pub = {scratch_receive_cb, scratch_startup_cb, scratch_shutdown_cb,
		scratch_shutdown_cb, DestNone},
		.scratch = scratch,
		.late = late,
		.run = run,
		.appends = plan->query->appends,
		.budget = budget,
	};

	Assert(ActiveSnapshotSet());
	query_desc = CreateQueryDesc(stmt, plan->name, GetActiveSnapshot(),
								 InvalidSnapshot, &receiver.pub, NULL, NULL, 0);
	ExecutorStart(query_desc, 0);
	if (late != NULL && late_needs_order(late) && !row_order_is_kept(stmt, plan->query->streamid))
		receiver.order = row_order_create(plan->query->row_column, CurrentMemoryContext);
	compat_executor_run(query_desc);
	if (receiver.order != NULL)
		row_order_drain(receiver.order, query_desc->tupDesc, scratch_take_row, &receiver);
	ExecutorFinish(query_desc);
	ExecutorEnd(query_desc);
	FreeQueryDesc(query_desc);
}
