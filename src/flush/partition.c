/*
 * partition.c - the partitions of a view's storage: found, and made.
 *
 * A partition is made by CREATE TABLE on its own and ATTACH PARTITION, which
 * takes SHARE UPDATE EXCLUSIVE on the range parent and so waits for no
 * reader (CREATE TABLE ... PARTITION OF would take ACCESS EXCLUSIVE).  That
 * happens in the flush transaction: a partition without its rows is never
 * seen.  The session runs it as the superuser that the worker is; the table
 * belongs to the owner of the storage.
 *
 * A partition whose detaching is pending (retention.c) is read by nobody whose
 * plan is new.  So what is to be written into it, or kept after all, takes it
 * back first: PostgreSQL has no statement for that, but all that a pending
 * detach has changed is one flag in pg_inherits, and a CHECK constraint that
 * says what holds anyway.
 *
 * Locking: the storage tables ROW EXCLUSIVE until the end of the transaction.
 * Memory: the map lives where it was opened.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "storage/lmgr.h"
#include "commands/tablespace.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/part_dependency.h"
#include "clock.h"
#include "guc.h"
#include "flush/flush_private.h"
#include "flush/partition.h"
#include "pinned_settings.h"

#define NULL_SLOT 0				/* of the table of NULL windows */

struct PartitionMap
{
	Oid			root;			/* the storage */
	Oid			null_table;
	Oid			range_parent;
	bool		with_zone;		/* the window is a timestamptz */
	int			fillfactor;		/* of new partitions */
	PartitionAxis axis;
	int			allocated;		/* of axis.ranges */
	int			nslots;			/* tables handed out so far */
	int			slots_allocated;
	Oid		   *slot_relids;
	bool	   *slot_empty;
	int			last_slot;		/* the last answer, and ... */
	int64		last_first;		/* ... the range it holds for */
	int64		last_last;
	MemoryContext context;
};

/*
 * Returns the microseconds of an interval written as text.
 */
int64
partition_interval_us(const char *text)
{
	Interval   *interval = settings_interval(text);
	int64		days = (int64) interval->month * DAYS_PER_MONTH + interval->day;

	return days * USECS_PER_DAY + interval->time;
}

/*
 * Adds a range, keeping them sorted; returns its place.
 */
static PartitionRange *
add_range(PartitionMap *map, int64 first, int64 last, Oid relid)
{
	PartitionAxis *axis = &map->axis;
	int			place = axis->nranges;

	if (axis->nranges == map->allocated)
	{
		map->allocated *= 2;
		axis->ranges = repalloc(axis->ranges, sizeof(PartitionRange) * map->allocated);
	}
	while (place > 0 && axis->ranges[place - 1].first > first)
	{
		axis->ranges[place] = axis->ranges[place - 1];
		place--;
	}
	axis->nranges++;
	axis->ranges[place].first = first;
	axis->ranges[place].last = last;
	axis->ranges[place].relid = relid;
	axis->ranges[place].slot = -1;
	return &axis->ranges[place];
}

/*
 * Reads the range partitions, those being detached included: they still
 * cover their stretch of the axis.
 */
static void
read_ranges(PartitionMap *map, LOCKMODE lockmode)
{
	Relation	parent = table_open(map->range_parent, lockmode);
	PartitionDesc desc = RelationGetPartitionDesc(parent, false);
	PartitionBoundInfo bounds = desc->boundinfo;

	for (int i = 1; desc->nparts > 0 && i < bounds->ndatums; i++)
	{
		int			number = bounds->indexes[i];
		int64		first = PG_INT64_MIN;
		int64		last = PG_INT64_MAX;

		if (number < 0)
			continue;
		if (bounds->kind[i - 1][0] == PARTITION_RANGE_DATUM_VALUE)
			first = DatumGetInt64(bounds->datums[i - 1][0]);
		if (bounds->kind[i][0] == PARTITION_RANGE_DATUM_VALUE)
			last = DatumGetInt64(bounds->datums[i][0]) - 1;
		add_range(map, first, last, desc->oids[number]);
	}
	table_close(parent, NoLock);
}

/*
 * Finds the table of NULL windows and the range parent below the storage.
 */
static void
read_layout(PartitionMap *map, LOCKMODE lockmode)
{
	Relation	root = table_open(map->root, lockmode);
	PartitionDesc desc;

	if (root->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		elog(ERROR, "storage \"%s\" is not partitioned", RelationGetRelationName(root));
	desc = RelationGetPartitionDesc(root, false);
	for (int i = 0; i < desc->nparts; i++)
	{
		if (desc->is_leaf[i])
			map->null_table = desc->oids[i];
		else
			map->range_parent = desc->oids[i];
	}
	if (!OidIsValid(map->null_table) || !OidIsValid(map->range_parent))
		elog(ERROR, "storage \"%s\" lacks a part", RelationGetRelationName(root));
	table_close(root, NoLock);
}

/*
 * Reads the tables of a storage.
 */
static void
read_storage(PartitionMap *map, Oid storage, LOCKMODE lockmode)
{
	map->context = CurrentMemoryContext;
	map->root = storage;
	map->allocated = 16;
	map->axis.ranges = palloc(sizeof(PartitionRange) * map->allocated);
	read_layout(map, lockmode);
	read_ranges(map, lockmode);
}

/*
 * Reads the ranges of a storage's partitions.
 */
Oid
partition_read_axis(Oid storage, PartitionAxis *axis)
{
	PartitionMap map = {0};

	read_storage(&map, storage, AccessShareLock);
	*axis = map.axis;
	return map.range_parent;
}

/*
 * Makes a partition an ordinary one again; see partition.h.  Whoever is
 * detaching it finds nothing to complete, and fails.
 */
void
partition_take_back(Oid parent, Oid relid)
{
	Relation	inherits;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	LockRelationOid(parent, ShareUpdateExclusiveLock);
	inherits = table_open(InheritsRelationId, RowExclusiveLock);
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		Assert(form->inhparent == parent);
		if (!form->inhdetachpending)
			continue;
		tuple = heap_copytuple(tuple);
		((Form_pg_inherits) GETSTRUCT(tuple))->inhdetachpending = false;
		CatalogTupleUpdate(inherits, &tuple->t_self, tuple);
		CacheInvalidateRelcacheByRelid(parent);
		break;
	}
	systable_endscan(scan);
	table_close(inherits, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * Takes back what is pending of a storage; see flush.h.
 */
void
storage_take_back(Oid storage)
{
	PartitionAxis axis = {0};
	Oid			parent;

	if (get_rel_relkind(storage) != RELKIND_PARTITIONED_TABLE)
		return;
	parent = partition_read_axis(storage, &axis);
	for (int i = 0; i < axis.nranges; i++)
	{
		if (PartitionHasPendingDetach(axis.ranges[i].relid))
			partition_take_back(parent, axis.ranges[i].relid);
	}
}

/*
 * Returns the width of the finest partitions of a view.
 */
static int64
partition_width(const ContinuousOptions *options, const GroupDesc *desc)
{
	int64		retention_us = 0;

	if (options->partition_width != NULL)
		return Max(partition_interval_us(options->partition_width), USECS_PER_MINUTE);
	if (options->retention != NULL)
		retention_us = partition_interval_us(options->retention);
	return partition_default_width(group_desc_appends(desc) ? STORAGE_ROWS_SPAN_US :
								   desc->window_size_us, retention_us);
}

/*
 * Gives a table the next slot number.
 */
static int
add_slot(PartitionMap *map, Oid relid, bool empty)
{
	if (map->nslots == map->slots_allocated)
	{
		map->slots_allocated *= 2;
		map->slot_relids = repalloc(map->slot_relids, sizeof(Oid) * map->slots_allocated);
		map->slot_empty = repalloc(map->slot_empty, sizeof(bool) * map->slots_allocated);
	}
	map->slot_relids[map->nslots] = relid;
	map->slot_empty[map->nslots] = empty;
	return map->nslots++;
}

/*
 * Reads the partitions of a view's storage.
 */
PartitionMap *
partition_map_open(const ViewCatalog *view, const GroupDesc *desc)
{
	PartitionMap *map = palloc0(sizeof(PartitionMap));
	Oid			type;

	Assert(desc->window_key >= 0 && desc->window_key < desc->nkeys);

	type = TupleDescAttr(desc->storage, desc->window_key)->atttypid;
	if (type != TIMESTAMPTZOID && type != TIMESTAMPOID)
		elog(ERROR, "window has type %u, which is no timestamp", type);

	read_storage(map, view->storage, RowExclusiveLock);
	map->with_zone = type == TIMESTAMPTZOID;
	map->axis.now = clock_now();
	map->fillfactor = group_desc_appends(desc) ? HEAP_DEFAULT_FILLFACTOR : STORAGE_WINDOW_FILLFACTOR;
	map->axis.width = partition_width(&view->options, desc);
	map->axis.max_partitions = guc_max_partitions;
	map->slots_allocated = 16;
	map->slot_relids = palloc(sizeof(Oid) * map->slots_allocated);
	map->slot_empty = palloc(sizeof(bool) * map->slots_allocated);
	add_slot(map, map->null_table, false);
	map->last_slot = -1;
	return map;
}

/*
 * Returns the bound of a partition as SQL text.
 */
static char *
bound_sql(const PartitionMap *map, int64 value)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char		literal[MAXDATELEN + 1];

	if (value == PG_INT64_MAX)
		return pstrdup("'infinity'");
	if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "partition bound " INT64_FORMAT " is no timestamp", value);
	EncodeDateTime(&tm, fsec, map->with_zone, 0, NULL, USE_ISO_DATES, literal);
	return psprintf("'%s'", literal);
}

/*
 * Returns what the partition that begins at first is called: no two of a view
 * begin at the same moment.
 */
static char *
partition_base_name(const PartitionMap *map, int64 first)
{
	struct pg_tm tm;
	fsec_t		fsec;
	const char *root = get_rel_name(map->root);

	if (first == PG_INT64_MIN)
		return psprintf("%s_min", root);
	if (first == PG_INT64_MAX || timestamp2tm(first, NULL, &tm, &fsec, NULL, NULL) != 0)
		return psprintf("%s_max", root);
	return psprintf("%s_%04d%02d%02d_%02d%02d%02d_%06d%s", root,
					tm.tm_year > 0 ? tm.tm_year : 1 - tm.tm_year,
					tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec,
					tm.tm_year > 0 ? "" : "_bc");
}

/*
 * Returns a name for the partition that begins at first.  One that was detached
 * and is not dropped yet has kept its name.
 */
static char *
partition_name(const PartitionMap *map, int64 first)
{
	char	   *base = partition_base_name(map, first);
	char	   *name = base;

	for (int i = 1; OidIsValid(get_relname_relid(name, get_rel_namespace(map->root))); i++)
		name = psprintf("%s_%d", base, i);
	return name;
}

/*
 * Runs one statement of our own.
 */
static void
run_utility(const char *sql)
{
	int			result = SPI_execute(sql, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "\"%s\" returned %s", sql, SPI_result_code_string(result));
}

/*
 * Makes the table for a range, owned as the storage is, and not yet attached.
 * It depends on the storage itself, so that it goes with it even while it is
 * detached and not yet dropped.
 */
static Oid
create_table(PartitionMap *map, const char *name)
{
	Relation	root;
	Oid			relid;
	Oid			ownerid;
	ObjectAddress table;
	ObjectAddress storage;

	run_utility(psprintf("CREATE TABLE _stream_ext.%s (LIKE _stream_ext.%s)"
						 " USING heap WITH (fillfactor = %d)",
						 quote_identifier(name), quote_identifier(get_rel_name(map->root)),
						 map->fillfactor));
	relid = get_relname_relid(name, get_rel_namespace(map->root));
	Assert(OidIsValid(relid));

	root = table_open(map->root, NoLock);
	ownerid = root->rd_rel->relowner;
	table_close(root, NoLock);
	part_clear_privileges(relid);
	ATExecChangeOwner(relid, ownerid, true, AccessExclusiveLock);

	ObjectAddressSet(table, RelationRelationId, relid);
	ObjectAddressSet(storage, RelationRelationId, map->root);
	recordDependencyOn(&table, &storage, DEPENDENCY_AUTO);
	CommandCounterIncrement();
	return relid;
}

/*
 * Has tables and indexes that are made go where the storage is, whatever the
 * database or the role says.  Returns what ends that.
 */
static int
enter_tablespace(const PartitionMap *map)
{
	Oid			tablespace = get_rel_tablespace(map->range_parent);
	const char *name = OidIsValid(tablespace) ? get_tablespace_name(tablespace) : "";
	int			nestlevel = NewGUCNestLevel();

	(void) set_config_option("default_tablespace", name ? name : "", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

/*
 * Makes and attaches the partition for a window.
 */
static PartitionRange *
create_partition(PartitionMap *map, int64 window)
{
	MemoryContext old;
	PartitionRange *range;
	int64		first;
	int64		last;
	char	   *name;
	Oid			relid;
	int			nestlevel;

	partition_choose(&map->axis, window, &first, &last);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	nestlevel = enter_tablespace(map);
	name = partition_name(map, first);
	relid = create_table(map, name);
	run_utility(psprintf("ALTER TABLE _stream_ext.%s ATTACH PARTITION _stream_ext.%s"
						 " FOR VALUES FROM (%s) TO (%s)",
						 quote_identifier(get_rel_name(map->range_parent)),
						 quote_identifier(name),
						 first == PG_INT64_MIN ? "MINVALUE" : bound_sql(map, first),
						 last == PG_INT64_MAX ? "MAXVALUE" : bound_sql(map, last + 1)));
	AtEOXact_GUC(false, nestlevel);
	SPI_finish();

	old = MemoryContextSwitchTo(map->context);
	range = add_range(map, first, last, relid);
	range->slot = add_slot(map, relid, true);
	MemoryContextSwitchTo(old);
	return range;
}

/*
 * Returns the slot number of the table for a window.
 */
int
partition_map_slot(PartitionMap *map, int64 window, bool isnull)
{
	PartitionRange *range;
	int			number;

	if (isnull)
		return NULL_SLOT;
	if (map->last_slot >= 0 && window >= map->last_first && window <= map->last_last)
		return map->last_slot;

	number = partition_find(&map->axis, window);
	range = number >= 0 ? &map->axis.ranges[number] : create_partition(map, window);
	if (range->slot < 0)
	{
		if (PartitionHasPendingDetach(range->relid))
			partition_take_back(map->range_parent, range->relid);
		range->slot = add_slot(map, range->relid, false);
	}
	map->last_slot = range->slot;
	map->last_first = range->first;
	map->last_last = range->last;
	return range->slot;
}

/*
 * Returns the table of a slot.
 */
Oid
partition_map_relid(const PartitionMap *map, int slot)
{
	Assert(slot >= 0 && slot < map->nslots);
	return map->slot_relids[slot];
}

/*
 * Says whether the table of a slot was made since partition_map_settle().
 */
bool
partition_map_is_empty(const PartitionMap *map, int slot)
{
	Assert(slot >= 0 && slot < map->nslots);
	return map->slot_empty[slot];
}

/*
 * Notes that the tables made so far are about to be, or have been, written.
 */
void
partition_map_settle(PartitionMap *map)
{
	memset(map->slot_empty, 0, sizeof(bool) * map->nslots);
}
