/*
 * late_partition.h - partitions of storage that the plan does not know.
 */
#ifndef STREAM_EXT_LATE_PARTITION_H
#define STREAM_EXT_LATE_PARTITION_H

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

typedef struct LatePartitions LatePartitions;

/* Plan time: the partitions of a storage that the planner takes there to be, as a list of oids. */
extern List *late_partition_known(PlannerInfo *root, Oid storage);

/*
 * Begins to read the rows of all other partitions with a snapshot that is
 * older than this call, into a buffer heap slot.  Lives in
 * CurrentMemoryContext until it is closed; an error's abort closes it as well.
 */
extern LatePartitions *late_partition_open(Oid storage, List *known, Snapshot snapshot,
										   TupleTableSlot *slot);

/* Returns the slot with the next row, or NULL. */
extern TupleTableSlot *late_partition_next(LatePartitions *late);
extern void late_partition_close(LatePartitions *late);

#endif							/* STREAM_EXT_LATE_PARTITION_H */
