/*
 * catalog_table.c - where our own tables are, and single-row access to them.
 *
 * The tables are found by name in schema _stream_ext, but only if that schema
 * belongs to the extension: anybody may create a schema of that name where
 * the extension is absent.  The oids are cached until an invalidation of one
 * of them; while the extension is absent any invalidation of a relation makes
 * us look again, because CREATE EXTENSION makes relations.
 *
 * Access is by systable scans and CatalogTuple*(): no SPI, no search_path, no
 * planner, and no rights: callers decide who may do what.
 *
 * Memory: nothing is kept but a static array of oids.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/catalog_table.h"
#include "catalog/view_catalog.h"
#include "compat.h"

#define CATALOG_SCHEMA "_stream_ext"

typedef struct TableName
{
	const char *table;
	const char *index;			/* begins with the oid in the first column */
} TableName;

static const TableName table_names[CATALOG_TABLES] = {
	{"continuous_view", "continuous_view_pkey"},
	{"view_position", "view_position_pkey"},
	{"dead_letter", "dead_letter_view_idx"},
	{"quarantine", "quarantine_view_idx"},
	{"event_time", "event_time_pkey"},
};

/* What was found; schema is InvalidOid where the extension is absent. */
static bool looked_up = false;
static Oid	schema_oid = InvalidOid;
static Oid	table_oids[CATALOG_TABLES];
static Oid	index_oids[CATALOG_TABLES];

static uint64 generation = 1;
static bool callback_registered = false;

/* Relation cache invalidation: ours changed, or may have come or gone. */
static void
catalog_invalidate_cb(Datum arg, Oid relid)
{
	bool		unknown = !OidIsValid(relid) || !OidIsValid(schema_oid);
	bool		ours = unknown;

	for (int i = 0; !ours && i < CATALOG_TABLES; i++)
		ours = (relid == table_oids[i] || relid == index_oids[i]);

	if (ours)
		looked_up = false;
	if (unknown || relid == table_oids[CATALOG_CONTINUOUS_VIEW])
		generation++;
}

/* Registers the invalidation callback. Called by the worker and _PG_init. */
void
catalog_init(void)
{
	if (callback_registered)
		return;
	CacheRegisterRelcacheCallback(catalog_invalidate_cb, (Datum) 0);
	callback_registered = true;
}

/* Returns a number that changes whenever the catalog of views has changed. */
uint64
catalog_generation(void)
{
	Assert(callback_registered);
	return generation;
}

/* Returns the extension's internal schema, if it is really the extension's. */
static Oid
catalog_find_schema(void)
{
	Oid			schema = get_namespace_oid(CATALOG_SCHEMA, true);
	Oid			extension;

	if (!OidIsValid(schema))
		return InvalidOid;
	extension = getExtensionOfObject(NamespaceRelationId, schema);
	if (!OidIsValid(extension) || extension != get_extension_oid("stream_ext", true))
		return InvalidOid;
	return schema;
}

/* Fills the cached oids, unless they are valid. */
static void
catalog_look_up(void)
{
	Oid			schema;

	Assert(IsTransactionState());

	if (looked_up)
		return;
	Assert(callback_registered);	/* else nothing would ever reset it */

	schema = catalog_find_schema();
	for (int i = 0; i < CATALOG_TABLES; i++)
	{
		table_oids[i] = get_relname_relid(table_names[i].table, schema);
		index_oids[i] = get_relname_relid(table_names[i].index, schema);

		/* the extension is being created, or dropped: as good as absent */
		if (!OidIsValid(table_oids[i]) || !OidIsValid(index_oids[i]))
			schema = InvalidOid;
	}
	schema_oid = schema;
	looked_up = true;
}

/* Returns the oid of schema _stream_ext, InvalidOid where absent. */
Oid
catalog_schema_oid(void)
{
	catalog_look_up();
	return schema_oid;
}

/* Returns whether this database has the extension, with its catalog. */
bool
catalog_extension_exists(void)
{
	catalog_look_up();
	return OidIsValid(schema_oid);
}

/* Returns the oid of a table, InvalidOid where the extension is absent. */
Oid
catalog_table_oid(CatalogTable table)
{
	Assert(table >= 0 && table < CATALOG_TABLES);
	catalog_look_up();
	return OidIsValid(schema_oid) ? table_oids[table] : InvalidOid;
}

/* Starts a scan; see catalog_table.h. */
bool
catalog_scan_begin(CatalogScan *scan, CatalogTable table, LOCKMODE lockmode,
				   Oid viewid, Snapshot snapshot)
{
	Oid			relid = catalog_table_oid(table);
	ScanKeyData key;

	if (!OidIsValid(relid))
		return false;
	scan->rel = try_table_open(relid, lockmode);
	if (scan->rel == NULL)
		return false;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(viewid));
	scan->scan = systable_beginscan(scan->rel, index_oids[table], OidIsValid(viewid), snapshot,
									OidIsValid(viewid) ? 1 : 0, &key);
	return true;
}

/* Starts a scan by two columns; see catalog_table.h. */
bool
catalog_scan_begin_pair(CatalogScan *scan, CatalogTable table, Oid viewid,
						AttrNumber attnum, int64 value)
{
	Oid			relid = catalog_table_oid(table);
	ScanKeyData keys[2];

	if (!OidIsValid(relid))
		return false;
	scan->rel = try_table_open(relid, RowExclusiveLock);
	if (scan->rel == NULL)
		return false;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(viewid));
	ScanKeyInit(&keys[1], attnum, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
	scan->scan = systable_beginscan(scan->rel, index_oids[table], true, NULL, 2, keys);
	return true;
}

/* Returns the next row or NULL. */
HeapTuple
catalog_scan_next(CatalogScan *scan)
{
	return systable_getnext(scan->scan);
}

/* Ends a scan; NoLock keeps the table locked until the transaction ends. */
void
catalog_scan_end(CatalogScan *scan, LOCKMODE lockmode)
{
	systable_endscan(scan->scan);
	table_close(scan->rel, lockmode);
}

/* Inserts one row, as the system: no rights are checked. */
void
catalog_insert_row(CatalogTable table, const Datum *values, const bool *isnull)
{
	Relation	rel = table_open(catalog_table_oid(table), RowExclusiveLock);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(rel), (Datum *) values,
										(bool *) isnull);

	CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, NoLock);
}

/* Replaces a row, as the system: no rights are checked. */
void
catalog_update_row(CatalogScan *scan, HeapTuple tuple, const Datum *values, const bool *isnull)
{
	HeapTuple	changed = heap_form_tuple(RelationGetDescr(scan->rel), (Datum *) values,
										  (bool *) isnull);

	CatalogTupleUpdate(scan->rel, &tuple->t_self, changed);
	heap_freetuple(changed);
}

/* Deletes every row of the view; nothing where the table is absent. */
void
catalog_delete_rows(CatalogTable table, Oid viewid)
{
	CatalogScan scan;
	HeapTuple	tuple;

	Assert(OidIsValid(viewid));
	if (!catalog_scan_begin(&scan, table, RowExclusiveLock, viewid, NULL))
		return;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
		CatalogTupleDelete(scan.rel, &tuple->t_self);
	catalog_scan_end(&scan, NoLock);
}
