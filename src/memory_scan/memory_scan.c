/*
 * memory_scan.c - the foreign table over a view's groups in shared memory.
 *
 * Every continuous view reads storage UNION ALL its memory table.  The memory
 * table is a foreign table of this wrapper, whose rows are the flat groups
 * that follow what storage holds in the statement's snapshot, and then those of
 * partitions that storage got since the plan was made.
 *
 * Read by the leader only: the cut is copied into its memory, and workers
 * could not share it.  Never written: the worker that applies transactions is
 * the only writer.
 *
 * Which view a memory table belongs to stands in the catalog, not in an
 * option, so that a restored dump needs no new oids in it.
 *
 * Rights: the table belongs to the view's owner, and only the view reads it.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/rel.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include COMPAT_EXPLAIN_STATE_HEADER
#include COMPAT_EXPLAIN_FORMAT_HEADER
#include "memory_scan/freshness.h"
#include "memory_scan/late_partition.h"
#include "memory_scan/scan_filter.h"
#include "memory_scan/statement_cut.h"
#include "state/pane_group.h"

/* What a look-up costs at least, as that of a row from a function. */
#define STARTUP_COST	(10 * cpu_operator_cost)

/* fdw_state of a scan */
typedef struct MemoryScan
{
	StatementCut *cut;
	CutCursor	cursor;
	bool		started;
	ScanFilter *filter;
	ExprContext *econtext;
	GenerationFilter computed;
	ReadRequest request;
	TupleTableSlot *slot;
	Oid			storage;
	List	   *known;			/* its partitions that the plan scans */
	LatePartitions *late;		/* the others, once the groups are through */
	TupleTableSlot *late_slot;

	/* the pane whose windows are being returned */
	TupleTableSlot *window_slot;
	WindowSet	windows;		/* those still to come */
} MemoryScan;

/* fdw_private of a plan */
enum
{
	PLAN_ROLES,					/* as scan_filter_create() wants them */
	PLAN_PARTITIONS				/* oids that late_partition_known() gave */
};

STREAM_FUNCTION(stream_ext_memory_handler);

/* Returns the view that a memory table belongs to. */
static Oid
memory_view(Oid memory)
{
	Oid			viewid = catalog_view_of_part(memory);

	if (!OidIsValid(viewid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table with OID %u does not belong to a continuous view", memory)));
	return viewid;
}

/* Returns the storage of a view. */
static Oid
memory_storage(Oid viewid)
{
	ViewCatalog *view = catalog_get_view(viewid);

	if (view == NULL)
		elog(ERROR, "continuous view %u has no catalog row", viewid);
	return view->storage;
}

/* Returns the number of groups that a view has in memory, as a scan returns them. */
static double
memory_groups(Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);
	double		groups = 0;

	if (view == NULL)
		return 0;
	LWLockAcquire(&view->lock, LW_SHARED);
	for (int i = 0; i < view->ngenerations; i++)
	{
		if (!FullTransactionIdIsValid(view->generations[i].flush_xid))
			groups += view->generations[i].ngroups;
	}
	if (view->panes.slide > 0)
		groups *= (double) view->panes.size / view->panes.slide;
	LWLockRelease(&view->lock);
	return groups;
}

/* Estimates rows; also waits, see read_session_prepare(). */
static void
memory_get_rel_size_cb(PlannerInfo *root, RelOptInfo *baserel, Oid memory)
{
	Oid			viewid = memory_view(memory);

	read_session_prepare(viewid, memory);
	baserel->tuples = memory_groups(viewid);
	baserel->rows = clamp_row_est(baserel->tuples *
								  clauselist_selectivity(root, baserel->baserestrictinfo, 0,
														 JOIN_INNER, NULL));
}

/* Makes the one path. */
static void
memory_get_paths_cb(PlannerInfo *root, RelOptInfo *baserel, Oid memory)
{
	Cost		cost = STARTUP_COST + baserel->baserestrictcost.startup +
	(cpu_tuple_cost + baserel->baserestrictcost.per_tuple) * baserel->tuples;

	add_path(baserel, (Path *)
			 compat_foreignscan_path(root, baserel, STARTUP_COST, cost));
}

/* Makes the plan: all conditions are checked by the executor, some select before that. */
static ForeignScan *
memory_get_plan_cb(PlannerInfo *root, RelOptInfo *baserel, Oid memory, ForeignPath *path,
				   List *tlist, List *scan_clauses, Plan *outer_plan)
{
	Relation	rel = table_open(memory, NoLock);
	ScanFilterPlan filter;
	List	   *known;

	scan_clauses = extract_actual_clauses(scan_clauses, false);
	scan_filter_plan(baserel->relid, RelationGetDescr(rel), scan_clauses, &filter);
	table_close(rel, NoLock);
	known = late_partition_known(root, memory_storage(memory_view(memory)));
	return make_foreignscan(tlist, scan_clauses, baserel->relid, filter.exprs,
							list_make2(filter.roles, known), NIL, NIL, outer_plan);
}

/* Computes the filter with the parameters of now. */
static void
memory_compute_filter_cb(void *arg)
{
	MemoryScan *scan = arg;

	scan_filter_compute(scan->filter, scan->econtext, &scan->computed);
}

/* Announces the scan. */
static void
memory_begin_cb(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState	   *estate = node->ss.ps.state;
	Relation	rel = node->ss.ss_currentRelation;
	MemoryScan *scan;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	scan = palloc0(sizeof(MemoryScan));
	scan->filter = scan_filter_create(RelationGetDescr(rel), plan->fdw_exprs,
									  list_nth(plan->fdw_private, PLAN_ROLES), &node->ss.ps);
	scan->slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsMinimalTuple);
	scan->late_slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsBufferHeapTuple);
	scan->window_slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsVirtual);
	scan->request.viewid = memory_view(RelationGetRelid(rel));
	scan->storage = memory_storage(scan->request.viewid);
	scan->known = list_nth(plan->fdw_private, PLAN_PARTITIONS);
	scan->request.memory = RelationGetRelid(rel);
	scan->request.snapshot = estate->es_snapshot;
	scan->request.others_lsn = freshness_of_others(scan->request.viewid);
	scan->request.desc = RelationGetDescr(rel);
	scan->request.filter = &scan->computed;
	scan->econtext = node->ss.ps.ps_ExprContext;
	scan->cut = statement_cut_register(estate, &scan->request, memory_compute_filter_cb, scan,
									   scan_filter_varies(plan->fdw_exprs));
	node->fdw_state = scan;
}

/* Returns the next group of a late partition, or an empty slot. */
static TupleTableSlot *
memory_next_late(MemoryScan *scan)
{
	TupleTableSlot *slot;

	if (scan->late == NULL)
	{
		/* the executor calls us in a context that it resets for each row */
		MemoryContext saved = MemoryContextSwitchTo(scan->late_slot->tts_mcxt);

		scan->late = late_partition_open(scan->storage, scan->known, scan->request.snapshot,
										 scan->late_slot);
		MemoryContextSwitchTo(saved);
	}
	slot = late_partition_next(scan->late);
	return slot != NULL ? slot : ExecClearTuple(scan->slot);
}

/* Begins with the windows of a pane. */
static void
memory_begin_pane(MemoryScan *scan, MinimalTuple tuple)
{
	const ViewPanes *panes = statement_cut_panes(scan->cut);

	group_filter_windows(&scan->computed, panes,
						 pane_group_tuple_start(panes, scan->request.desc, tuple), &scan->windows);
	ExecStoreMinimalTuple(tuple, scan->slot, false);
	slot_getallattrs(scan->slot);
}

/* Returns the group of the next window of the pane at work. */
static TupleTableSlot *
memory_next_window(MemoryScan *scan)
{
	TupleTableSlot *slot = scan->window_slot;
	int			natts = scan->request.desc->natts;

	Assert(scan->windows.count > 0);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, scan->slot->tts_values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, scan->slot->tts_isnull, sizeof(bool) * natts);
	pane_group_set_window(statement_cut_panes(scan->cut), scan->request.desc,
						  scan->windows.start, slot->tts_values);
	scan->windows.start += scan->windows.start_step;
	scan->windows.count--;
	return ExecStoreVirtualTuple(slot);
}

/* Returns the next group, or an empty slot; a pane is a group for each of its windows. */
static TupleTableSlot *
memory_iterate_cb(ForeignScanState *node)
{
	MemoryScan *scan = node->fdw_state;
	MinimalTuple tuple;

	if (!scan->started)
	{
		memory_compute_filter_cb(scan);
		statement_cut_start(scan->cut, &scan->computed, &scan->cursor);
		scan->started = true;
		scan->windows.count = 0;
	}
	while (scan->windows.count == 0)
	{
		tuple = statement_cut_next(scan->cut, &scan->cursor);
		if (tuple == NULL)
			return memory_next_late(scan);
		if (!pane_group_is_marked(tuple))
			return ExecStoreMinimalTuple(tuple, scan->slot, false);
		memory_begin_pane(scan, tuple);
	}
	return memory_next_window(scan);
}

/* Lets go of late partitions. */
static void
memory_forget_late(MemoryScan *scan)
{
	if (scan->late != NULL)
		late_partition_close(scan->late);
	scan->late = NULL;
}

/* Starts over, maybe with other parameters. */
static void
memory_rescan_cb(ForeignScanState *node)
{
	MemoryScan *scan = node->fdw_state;

	scan->started = false;
	memory_forget_late(scan);
}

/* Ends the scan: all of it goes with the statement's memory. */
static void
memory_end_cb(ForeignScanState *node)
{
	MemoryScan *scan = node->fdw_state;

	if (scan == NULL)
		return;
	ExecClearTuple(scan->slot);
	memory_forget_late(scan);
}

/* Returns whether rows of a view go to panes, as far as its worker has said so. */
static bool
memory_has_panes(Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);
	bool		result;

	if (view == NULL)
		return false;
	LWLockAcquire(&view->lock, LW_SHARED);
	result = view->panes.slide > 0;
	LWLockRelease(&view->lock);
	return result;
}

/* Says how groups are selected and of what they are, and how many generations were read. */
static void
memory_explain_cb(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	MemoryScan *scan = node->fdw_state;

	ExplainPropertyText("Memory Filter",
						scan_filter_describe(RelationGetDescr(node->ss.ss_currentRelation),
											 list_nth(plan->fdw_private, PLAN_ROLES)),
						es);
	if (memory_has_panes(memory_view(RelationGetRelid(node->ss.ss_currentRelation))))
		ExplainPropertyText("Memory Groups", "panes of hopping windows", es);
	if (scan != NULL && es->analyze)
		ExplainPropertyInteger("Generations", NULL, statement_cut_generations(scan->cut), es);
}

/* The handler of foreign-data wrapper stream_memory. */
Datum
stream_ext_memory_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = memory_get_rel_size_cb;
	routine->GetForeignPaths = memory_get_paths_cb;
	routine->GetForeignPlan = memory_get_plan_cb;
	routine->BeginForeignScan = memory_begin_cb;
	routine->IterateForeignScan = memory_iterate_cb;
	routine->ReScanForeignScan = memory_rescan_cb;
	routine->EndForeignScan = memory_end_cb;
	routine->ExplainForeignScan = memory_explain_cb;
	PG_RETURN_POINTER(routine);
}
