/*
 * late_partition.c - partitions of storage that the plan does not know.
 *
 * A plan scans the partitions that there were when it was made, and then the
 * statement takes its snapshot.  A flush that commits in between (planning
 * waits for the worker, so that is not rare) may have made a partition: by the
 * snapshot's position memory leaves out what storage holds, but the plan does
 * not scan that part of storage.  PostgreSQL itself has this gap between
 * ATTACH PARTITION and a query; here rows that were shown before would be
 * missing.  So the scan of memory looks again, with the snapshot taken, and
 * gives the rows of such partitions as its own.  Its conditions are those of
 * the storage scan, and the executor checks them.
 *
 * Which partitions the planner took stands in its partition directory, where
 * every look-up of a statement finds the same.  Which there are is read from
 * pg_inherits with the statement's snapshot: the relation cache hears of a
 * commit only after snapshots see it.
 *
 * Locking: ACCESS SHARE on the tables, as the plan has on those it knows.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "nodes/pathnodes.h"
#include "partitioning/partdesc.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "memory_scan/late_partition.h"

struct LatePartitions
{
	List	   *relids;			/* still to be read */
	Snapshot	snapshot;
	Relation	rel;			/* being read, or NULL */
	TableScanDesc scan;
	TupleTableSlot *slot;		/* the caller's */
	MemoryContext context;
};

/* Returns the table whose partitions are ranges of windows, InvalidOid if storage has none. */
static Oid
range_parent(Oid storage)
{
	Oid			parent = InvalidOid;
	Relation	root;
	PartitionDesc desc;

	if (get_rel_relkind(storage) != RELKIND_PARTITIONED_TABLE)
		return InvalidOid;
	root = table_open(storage, AccessShareLock);
	desc = RelationGetPartitionDesc(root, true);
	for (int i = 0; i < desc->nparts; i++)
	{
		if (!desc->is_leaf[i])
			parent = desc->oids[i];
	}
	table_close(root, NoLock);
	return parent;
}

/* Returns what the planner takes there to be; see late_partition.h. */
List *
late_partition_known(PlannerInfo *root, Oid storage)
{
	Oid			relid = range_parent(storage);
	List	   *known = NIL;
	Relation	parent;
	PartitionDesc desc;

	if (!OidIsValid(relid))
		return NIL;
	if (root->glob->partition_directory == NULL)
		root->glob->partition_directory = CreatePartitionDirectory(CurrentMemoryContext, true);
	parent = table_open(relid, AccessShareLock);
	desc = PartitionDirectoryLookup(root->glob->partition_directory, parent);
	for (int i = 0; i < desc->nparts; i++)
		known = lappend_oid(known, desc->oids[i]);
	table_close(parent, NoLock);
	list_sort(known, list_oid_cmp);
	return known;
}

/* Returns whether an oid is in a sorted list. */
static bool
is_known(List *known, Oid relid)
{
	int			low = 0;
	int			high = list_length(known);

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (list_nth_oid(known, middle) < relid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list_length(known) && list_nth_oid(known, low) == relid;
}

/* Returns the partitions of a table that the snapshot sees and that are not known. */
static List *
find_unknown(Oid parent, List *known, Snapshot snapshot)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *relids = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(parent));
	scan = systable_beginscan(inherits, InheritsParentIndexId, true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!form->inhdetachpending && !is_known(known, form->inhrelid))
			relids = lappend_oid(relids, form->inhrelid);
	}
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);
	return relids;
}

/* Begins to read the other partitions; see late_partition.h. */
LatePartitions *
late_partition_open(Oid storage, List *known, Snapshot snapshot, TupleTableSlot *slot)
{
	LatePartitions *late = palloc0(sizeof(LatePartitions));
	Oid			parent = range_parent(storage);

	late->snapshot = snapshot;
	late->slot = slot;
	late->context = CurrentMemoryContext;
	if (OidIsValid(parent))
		late->relids = find_unknown(parent, known, snapshot);
	return late;
}

/* Closes the partition being read. */
static void
close_partition(LatePartitions *late)
{
	if (late->rel == NULL)
		return;
	ExecClearTuple(late->slot);
	table_endscan(late->scan);
	table_close(late->rel, NoLock);
	late->rel = NULL;
}

/* Opens the next partition; false if there is none. */
static bool
open_next_partition(LatePartitions *late)
{
	MemoryContext saved = MemoryContextSwitchTo(late->context);

	while (late->rel == NULL && late->relids != NIL)
	{
		/*
		 * Retention may have dropped it; and its maker holds a lock on it
		 * until the relation cache can know of it.
		 */
		late->rel = try_relation_open(linitial_oid(late->relids), AccessShareLock);
		late->relids = list_delete_first(late->relids);
	}
	if (late->rel != NULL)
		late->scan = table_beginscan(late->rel, late->snapshot, 0, NULL);
	MemoryContextSwitchTo(saved);
	return late->rel != NULL;
}

/* Returns the next row, or NULL. */
TupleTableSlot *
late_partition_next(LatePartitions *late)
{
	while (late->rel != NULL || open_next_partition(late))
	{
		if (table_scan_getnextslot(late->scan, ForwardScanDirection, late->slot))
			return late->slot;
		close_partition(late);
	}
	return NULL;
}

/* Ends the reading. */
void
late_partition_close(LatePartitions *late)
{
	close_partition(late);
	list_free(late->relids);
	pfree(late);
}
