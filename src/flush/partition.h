/*
 * partition.h - where in a view's storage a group belongs.
 *
 * Private to flush/.  A window is an int64 here: microseconds since 2000-01-01
 * as timestamp and timestamptz store them, with -infinity and infinity as the
 * smallest and the largest value.  Ranges are closed on both sides, so that
 * the whole axis can be written without a special case.
 */
#ifndef STREAM_EXT_PARTITION_H
#define STREAM_EXT_PARTITION_H

#include "catalog/view_catalog.h"
#include "state/group.h"

typedef struct PartitionRange
{
	int64		first;			/* PG_INT64_MIN = MINVALUE */
	int64		last;			/* inclusive; PG_INT64_MAX = MAXVALUE */
	Oid			relid;
	int			slot;			/* of the PartitionMap, -1 = none yet */
} PartitionRange;

/* --- arithmetic (partition_cell.c): no catalogs, no clock ------------------ */

/* The axis cut by what exists: ranges sorted, without overlap. */
typedef struct PartitionAxis
{
	int64		now;			/* cells are fine near it */
	int64		width;			/* of the finest cells, > 0 */
	int			max_partitions;
	int			nranges;
	PartitionRange *ranges;
} PartitionAxis;

/* Index of the range that holds value, or -1. */
extern int	partition_find(const PartitionAxis *axis, int64 value);

/*
 * The range of the partition to make for value.
 * Requires: no range holds value.
 */
extern void partition_choose(const PartitionAxis *axis, int64 value,
							 int64 *first, int64 *last);

/* The width of the finest cells for windows of this size (0 = unknown). */
extern int64 partition_default_width(int64 window_size_us, int64 retention_us);

/* --- catalogs (partition.c) ------------------------------------------------ */

typedef struct PartitionMap PartitionMap;

/* Reads the partitions of the view's storage; lives in CurrentMemoryContext. */
extern PartitionMap *partition_map_open(const ViewCatalog *view, const GroupDesc *desc);

/*
 * Returns the slot number of the table for this window, making the table if
 * need be.  Slots are small numbers in the order of first use.
 */
extern int	partition_map_slot(PartitionMap *map, int64 window, bool isnull);
extern Oid	partition_map_relid(const PartitionMap *map, int slot);
extern bool partition_map_is_empty(const PartitionMap *map, int slot);

/* From now on a table counts as empty only if it is made after this. */
extern void partition_map_settle(PartitionMap *map);

/*
 * Reads the ranges of a storage's partitions, sorted, those being detached
 * included; returns the table that they are partitions of.  Width, limit and
 * clock are not set.
 */
extern Oid	partition_read_axis(Oid storage, PartitionAxis *axis);

/*
 * Makes a partition whose detaching is pending an ordinary one again, in the
 * current transaction; readers see its rows from the commit on.
 */
extern void partition_take_back(Oid parent, Oid relid);

/* Microseconds of an interval written as text; months count 30 days. */
extern int64 partition_interval_us(const char *text);

#endif							/* STREAM_EXT_PARTITION_H */
