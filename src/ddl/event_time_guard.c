/*
 * event_time_guard.c - a stream's event time follows its column, and keeps it.
 *
 * The settings name the column, because a dump must; so a new name is written
 * into them.  Dropping the column, or changing its type, would stop the
 * watermark without a word: it is refused.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog/event_time.h"
#include "compat.h"
#include "ddl/event_time_guard.h"
#include "stream_am/stream_am.h"

/* Raises the error that a column is needed. */
static void
refuse_change(Oid relid, const char *column)
{
	const char *stream = get_rel_name(relid);

	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("column \"%s\" is the event time of stream \"%s\"", column, stream),
			 errhint("Run stream_set_event_time('%s', NULL) first, or name another column.", stream)));
}

/* Refuses to drop the event time; see event_time_guard.h. */
void
event_time_guard_drop(Oid relid, AttrNumber column)
{
	char	   *name = get_attname(relid, column, true);

	if (name != NULL && event_time_uses_column(relid, name))
		refuse_change(relid, name);
}

/* Refuses to change the event time's type; see event_time_guard.h. */
void
event_time_guard_type(Oid relid, const char *column)
{
	if (event_time_uses_column(relid, column))
		refuse_change(relid, column);
}

/* Returns the name of a column after what the running command did; NULL if there is none. */
static char *
new_column_name(Oid relid, AttrNumber column)
{
	Relation	rel = table_open(AttributeRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *name = NULL;

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(column));
	scan = systable_beginscan(rel, AttributeRelidNumIndexId, true, SnapshotSelf, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		name = pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(tuple))->attname));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return name;
}

/* Follows a column to its new name; see event_time_guard.h. */
void
event_time_guard_altered(Oid relid, AttrNumber column)
{
	char	   *before = get_attname(relid, column, true);
	char	   *after;

	if (before == NULL || !stream_am_is_stream_oid(relid))
		return;
	after = new_column_name(relid, column);
	if (after != NULL && strcmp(before, after) != 0)
		event_time_rename_column(relid, before, after);
}
