/*
 * view_catalog.c - the rows of _stream_ext.continuous_view as structs.
 *
 * Every change invalidates the catalog table's relation cache entry, so that
 * catalog_generation() moves in every process of the database once the change
 * has committed.
 *
 * Locking: who changes a row takes an exclusive object lock on (table, view)
 * until the transaction ends and then reads the row anew, so that the worker
 * and users wait for each other instead of failing with "tuple concurrently
 * updated".
 *
 * Memory: structs are made in CurrentMemoryContext.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "catalog/catalog_table.h"
#include "catalog/view_catalog.h"
#include "compat.h"

/* Columns of _stream_ext.continuous_view. */
enum
{
	VIEW_VIEW = 1,
	VIEW_DEFINITION,
	VIEW_STORAGE,
	VIEW_MEMORY,
	VIEW_STREAM,
	VIEW_STATE,
	VIEW_STATE_MESSAGE,
	VIEW_RETENTION,
	VIEW_PARTITION_WIDTH,
	VIEW_LATENESS,
	VIEW_LATE_POLICY,
	VIEW_EMIT,
	VIEW_ON_LAG,
	VIEW_LATE,
	VIEW_SETTINGS
};
#define VIEW_COLUMNS VIEW_SETTINGS

/* Returns the owner of a relation, InvalidOid if it is gone. */
static Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Returns the array of "name=value" for a list of DefElem name -> String. */
static Datum
settings_to_array(List *settings)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(settings), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, settings)
	{
		DefElem    *setting = lfirst_node(DefElem, lc);

		Assert(strchr(setting->defname, '=') == NULL);
		elems[n++] = CStringGetTextDatum(psprintf("%s=%s", setting->defname,
												  strVal(setting->arg)));
	}
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Returns the list for an array of "name=value"; elements without '=' are left out. */
static List *
settings_from_array(Datum array)
{
	List	   *settings = NIL;
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name = nulls[i] ? NULL : TextDatumGetCString(elems[i]);
		char	   *equals = name ? strchr(name, '=') : NULL;

		if (equals == NULL)
			continue;
		*equals = '\0';
		settings = lappend(settings,
						   makeDefElem(name, (Node *) makeString(equals + 1), -1));
	}
	return settings;
}

/* Returns a text column as a C string, NULL for NULL. */
static char *
text_or_null(const Datum *values, const bool *isnull, int column)
{
	return isnull[column - 1] ? NULL : TextDatumGetCString(values[column - 1]);
}

/* Returns the struct for a row. */
static ViewCatalog *
view_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	ViewCatalog *view = palloc0(sizeof(ViewCatalog));
	Datum		values[VIEW_COLUMNS];
	bool		isnull[VIEW_COLUMNS];
	char	   *state;

	Assert(desc->natts == VIEW_COLUMNS);
	heap_deform_tuple(tuple, desc, values, isnull);
	Assert(!isnull[VIEW_VIEW - 1] && !isnull[VIEW_STATE - 1]);

	view->viewid = DatumGetObjectId(values[VIEW_VIEW - 1]);
	view->ownerid = relation_owner(view->viewid);
	view->definition = DatumGetObjectId(values[VIEW_DEFINITION - 1]);
	view->storage = DatumGetObjectId(values[VIEW_STORAGE - 1]);
	view->memory = DatumGetObjectId(values[VIEW_MEMORY - 1]);
	view->streamid = DatumGetObjectId(values[VIEW_STREAM - 1]);
	state = TextDatumGetCString(values[VIEW_STATE - 1]);
	if (!control_parse_view_state(state, &view->state))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("continuous view %u has an unknown state \"%s\"",
						view->viewid, state)));
	view->state_message = text_or_null(values, isnull, VIEW_STATE_MESSAGE);
	view->options.retention = text_or_null(values, isnull, VIEW_RETENTION);
	view->options.partition_width = text_or_null(values, isnull, VIEW_PARTITION_WIDTH);
	view->options.lateness = text_or_null(values, isnull, VIEW_LATENESS);
	view->options.late = text_or_null(values, isnull, VIEW_LATE_POLICY);
	view->options.emit = text_or_null(values, isnull, VIEW_EMIT);
	view->options.on_lag = text_or_null(values, isnull, VIEW_ON_LAG);
	view->late = isnull[VIEW_LATE - 1] ? InvalidOid : DatumGetObjectId(values[VIEW_LATE - 1]);
	view->settings = settings_from_array(values[VIEW_SETTINGS - 1]);
	return view;
}

/* Returns all views of this database whose relation still exists. */
List *
catalog_list_views(void)
{
	List	   *views = NIL;
	CatalogScan scan;
	HeapTuple	tuple;

	if (!catalog_scan_begin(&scan, CATALOG_CONTINUOUS_VIEW, AccessShareLock,
							InvalidOid, NULL))
		return NIL;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		ViewCatalog *view = view_from_tuple(tuple, RelationGetDescr(scan.rel));

		if (OidIsValid(view->ownerid))
			views = lappend(views, view);
	}
	catalog_scan_end(&scan, AccessShareLock);
	return views;
}

/* Returns one view, NULL if viewid is no continuous view. */
ViewCatalog *
catalog_get_view(Oid viewid)
{
	ViewCatalog *view = NULL;
	CatalogScan scan;
	HeapTuple	tuple;

	if (!OidIsValid(viewid) ||
		!catalog_scan_begin(&scan, CATALOG_CONTINUOUS_VIEW, AccessShareLock,
							viewid, NULL))
		return NULL;
	if ((tuple = catalog_scan_next(&scan)) != NULL)
		view = view_from_tuple(tuple, RelationGetDescr(scan.rel));
	catalog_scan_end(&scan, AccessShareLock);
	return view;
}

/* Returns a copy of a view's row in CurrentMemoryContext. */
ViewCatalog *
catalog_copy_view(const ViewCatalog *from)
{
	ViewCatalog *copy = palloc(sizeof(ViewCatalog));

	*copy = *from;
	copy->settings = copyObject(from->settings);
	if (from->state_message)
		copy->state_message = pstrdup(from->state_message);
	if (from->options.retention)
		copy->options.retention = pstrdup(from->options.retention);
	if (from->options.partition_width)
		copy->options.partition_width = pstrdup(from->options.partition_width);
	if (from->options.lateness)
		copy->options.lateness = pstrdup(from->options.lateness);
	if (from->options.late)
		copy->options.late = pstrdup(from->options.late);
	if (from->options.emit)
		copy->options.emit = pstrdup(from->options.emit);
	if (from->options.on_lag)
		copy->options.on_lag = pstrdup(from->options.on_lag);
	return copy;
}

/* Returns whether relid is what users read of a continuous view. */
bool
catalog_is_view(Oid relid)
{
	CatalogScan scan;
	bool		found;

	if (!catalog_extension_exists() || get_rel_relkind(relid) != RELKIND_VIEW)
		return false;
	if (!catalog_scan_begin(&scan, CATALOG_CONTINUOUS_VIEW, AccessShareLock,
							relid, NULL))
		return false;
	found = catalog_scan_next(&scan) != NULL;
	catalog_scan_end(&scan, AccessShareLock);
	return found;
}

/* Returns the oids of all views that have relid in one of the columns first .. last. */
static List *
views_by_column(Oid relid, int first, int last)
{
	List	   *views = NIL;
	CatalogScan scan;
	HeapTuple	tuple;

	Assert(first <= last && last <= VIEW_COLUMNS);
	if (!OidIsValid(relid) ||
		!catalog_scan_begin(&scan, CATALOG_CONTINUOUS_VIEW, AccessShareLock,
							InvalidOid, NULL))
		return NIL;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		TupleDesc	desc = RelationGetDescr(scan.rel);
		bool		isnull;
		Oid			viewid = DatumGetObjectId(heap_getattr(tuple, VIEW_VIEW, desc, &isnull));

		for (int column = first; column <= last; column++)
		{
			if (DatumGetObjectId(heap_getattr(tuple, column, desc, &isnull)) == relid)
				views = list_append_unique_oid(views, viewid);
		}
	}
	catalog_scan_end(&scan, AccessShareLock);
	return views;
}

/* Returns the view that relid, or a table it is a partition of, is a part of. */
Oid
catalog_view_of_part(Oid relid)
{
	List	   *views;

	if (!catalog_extension_exists() ||
		get_rel_namespace(relid) != catalog_schema_oid())
		return InvalidOid;
	if (get_rel_relispartition(relid))
		relid = llast_oid(get_partition_ancestors(relid));
	views = views_by_column(relid, VIEW_DEFINITION, VIEW_MEMORY);
	return views == NIL ? InvalidOid : linitial_oid(views);
}

/*
 * Returns whether this transaction has made the memory table.  Not by the xmin
 * of its pg_class row: an ALTER in this transaction makes that ours as well.
 */
bool
catalog_view_is_uncommitted(Oid memory)
{
	Relation	rel = RelationIdGetRelation(memory);
	bool		result;

	if (rel == NULL)
		return false;			/* dropped meanwhile */
	result = rel->rd_createSubid != InvalidSubTransactionId;
	RelationClose(rel);
	return result;
}

/* Returns the oids of the views over a stream. */
List *
catalog_views_of_stream(Oid streamid)
{
	List	   *views = views_by_column(streamid, VIEW_STREAM, VIEW_STREAM);

	/* errors name the first one: always the same */
	list_sort(views, list_oid_cmp);
	return views;
}

/* Returns the view whose late rows a table holds, or InvalidOid. */
Oid
catalog_view_of_late(Oid relid)
{
	List	   *views = views_by_column(relid, VIEW_LATE, VIEW_LATE);

	return views == NIL ? InvalidOid : linitial_oid(views);
}

/* Makes catalog_generation() move everywhere once this transaction commits. */
void
catalog_touch(void)
{
	CacheInvalidateRelcacheByRelid(catalog_table_oid(CATALOG_CONTINUOUS_VIEW));
}

/* Fills a text column of a row to be. */
static void
set_text(Datum *values, bool *isnull, int column, const char *text)
{
	isnull[column - 1] = (text == NULL);
	values[column - 1] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Fills the columns of a view's options. */
static void
set_options(Datum *values, bool *isnull, const ContinuousOptions *options)
{
	set_text(values, isnull, VIEW_RETENTION, options->retention);
	set_text(values, isnull, VIEW_PARTITION_WIDTH, options->partition_width);
	set_text(values, isnull, VIEW_LATENESS, options->lateness);
	set_text(values, isnull, VIEW_LATE_POLICY, options->late);
	set_text(values, isnull, VIEW_EMIT, options->emit);
	set_text(values, isnull, VIEW_ON_LAG, options->on_lag);
}

/* Makes the catalog row and the position of a new view. */
void
catalog_insert_view(const ViewCatalog *view, XLogRecPtr start_lsn)
{
	Datum		values[VIEW_COLUMNS];
	bool		isnull[VIEW_COLUMNS] = {false};

	Assert(OidIsValid(view->viewid) && OidIsValid(view->streamid));
	Assert(!XLogRecPtrIsInvalid(start_lsn));

	values[VIEW_VIEW - 1] = ObjectIdGetDatum(view->viewid);
	values[VIEW_DEFINITION - 1] = ObjectIdGetDatum(view->definition);
	values[VIEW_STORAGE - 1] = ObjectIdGetDatum(view->storage);
	values[VIEW_MEMORY - 1] = ObjectIdGetDatum(view->memory);
	values[VIEW_STREAM - 1] = ObjectIdGetDatum(view->streamid);
	set_text(values, isnull, VIEW_STATE, control_view_state_name(view->state));
	set_text(values, isnull, VIEW_STATE_MESSAGE, view->state_message);
	set_options(values, isnull, &view->options);
	isnull[VIEW_LATE - 1] = !OidIsValid(view->late);
	values[VIEW_LATE - 1] = ObjectIdGetDatum(view->late);
	values[VIEW_SETTINGS - 1] = settings_to_array(view->settings);

	catalog_insert_row(CATALOG_CONTINUOUS_VIEW, values, isnull);
	catalog_insert_position(view->viewid, start_lsn);
	catalog_touch();
}

/* Removes all rows of a view; harmless when the extension itself is going. */
void
catalog_delete_view(Oid viewid)
{
	Oid			table = catalog_table_oid(CATALOG_CONTINUOUS_VIEW);

	if (!OidIsValid(table))
		return;
	LockDatabaseObject(table, viewid, 0, ExclusiveLock);
	for (int i = 0; i < CATALOG_TABLES; i++)
		catalog_delete_rows((CatalogTable) i, viewid);
	catalog_touch();
}

/* Replaces columns of a view's row; error if it is gone. */
static void
catalog_update_view(Oid viewid, Datum *values, bool *isnull, bool *replace)
{
	CatalogScan scan;
	HeapTuple	tuple;

	LockDatabaseObject(catalog_table_oid(CATALOG_CONTINUOUS_VIEW), viewid, 0,
					   ExclusiveLock);
	if (!catalog_scan_begin(&scan, CATALOG_CONTINUOUS_VIEW, RowExclusiveLock,
							viewid, NULL) ||
		(tuple = catalog_scan_next(&scan)) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("continuous view with OID %u does not exist", viewid)));

	tuple = heap_modify_tuple(tuple, RelationGetDescr(scan.rel), values, isnull, replace);
	CatalogTupleUpdate(scan.rel, &tuple->t_self, tuple);
	catalog_scan_end(&scan, NoLock);
	catalog_touch();
}

/* Writes the durable state of a view. */
void
catalog_set_state(Oid viewid, ViewState state, const char *message)
{
	Datum		values[VIEW_COLUMNS] = {0};
	bool		isnull[VIEW_COLUMNS] = {false};
	bool		replace[VIEW_COLUMNS] = {false};

	set_text(values, isnull, VIEW_STATE, control_view_state_name(state));
	set_text(values, isnull, VIEW_STATE_MESSAGE, message);
	replace[VIEW_STATE - 1] = replace[VIEW_STATE_MESSAGE - 1] = true;
	catalog_update_view(viewid, values, isnull, replace);
}

/* Writes the options of a view. */
void
catalog_set_options(Oid viewid, const ContinuousOptions *options)
{
	Datum		values[VIEW_COLUMNS] = {0};
	bool		isnull[VIEW_COLUMNS] = {false};
	bool		replace[VIEW_COLUMNS] = {false};

	set_options(values, isnull, options);
	for (int column = VIEW_RETENTION; column <= VIEW_ON_LAG; column++)
		replace[column - 1] = true;
	catalog_update_view(viewid, values, isnull, replace);
}
