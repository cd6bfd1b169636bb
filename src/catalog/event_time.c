/*
 * event_time.c - a stream's event time: which column, which delay, since when.
 *
 * Values of type timestamp and date are taken as UTC where they meet a clock,
 * as stored windows are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "catalog/catalog_table.h"
#include "catalog/event_time.h"
#include "catalog/view_catalog.h"
#include "compat.h"

/* Columns of _stream_ext.event_time. */
enum
{
	EVENT_TIME_STREAM = 1,
	EVENT_TIME_SINCE,
	EVENT_TIME_SINCE_TIME,
	EVENT_TIME_COLUMN,
	EVENT_TIME_IS_TIME,
	EVENT_TIME_DELAY,
	EVENT_TIME_IDLE_TIMEOUT
};
#define EVENT_TIME_COLUMNS EVENT_TIME_IDLE_TIMEOUT

/* Returns the setting for a commit; see event_time.h. */
const EventTime *
event_time_at(const EventTimeHistory *history, XLogRecPtr lsn)
{
	if (history == NULL)
		return NULL;
	for (int i = history->nsettings - 1; i >= 0; i--)
	{
		const EventTime *setting = &history->settings[i];

		if (setting->rule.since < lsn)
			return setting->rule.active ? setting : NULL;
	}
	return NULL;
}

/* Returns a date as microseconds, WATERMARK_NONE beyond the range of timestamps. */
static int64
date_value(DateADT date)
{
	int64		value;

	if (DATE_NOT_FINITE(date) ||
		pg_mul_s64_overflow((int64) date, USECS_PER_DAY, &value) ||
		!IS_VALID_TIMESTAMP(value))
		return WATERMARK_NONE;
	return value;
}

/* Returns a value on its axis; see event_time.h. */
int64
event_time_value(const EventTime *setting, Datum value)
{
	switch (setting->type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			return TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)) ?
				WATERMARK_NONE : DatumGetTimestamp(value);
		case DATEOID:
			return date_value(DatumGetDateADT(value));
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT2OID:
			return DatumGetInt16(value);
		default:
			return WATERMARK_NONE;
	}
}

/* Returns whether a type can be an event time's; see event_time.h. */
bool
event_time_type(Oid type, bool *is_time)
{
	*is_time = (type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID);
	return *is_time || type == INT8OID || type == INT4OID || type == INT2OID;
}

/* Returns the setting for a row of the table; without its column if the stream has none of that name. */
static EventTime
setting_from_tuple(Oid streamid, HeapTuple tuple, TupleDesc desc)
{
	EventTime	setting = {.column = InvalidAttrNumber};
	Datum		values[EVENT_TIME_COLUMNS];
	bool		isnull[EVENT_TIME_COLUMNS];
	bool		is_time;

	Assert(desc->natts == EVENT_TIME_COLUMNS);
	heap_deform_tuple(tuple, desc, values, isnull);
	setting.rule.since = DatumGetLSN(values[EVENT_TIME_SINCE - 1]);
	setting.rule.since_time = DatumGetTimestampTz(values[EVENT_TIME_SINCE_TIME - 1]);
	setting.rule.is_time = DatumGetBool(values[EVENT_TIME_IS_TIME - 1]);
	setting.rule.delay = DatumGetInt64(values[EVENT_TIME_DELAY - 1]);
	setting.rule.idle_timeout = DatumGetInt64(values[EVENT_TIME_IDLE_TIMEOUT - 1]);
	if (!isnull[EVENT_TIME_COLUMN - 1])
		setting.column = get_attnum(streamid, NameStr(*DatumGetName(values[EVENT_TIME_COLUMN - 1])));
	if (setting.column <= 0)
		return setting;
	setting.column_type = get_atttype(streamid, setting.column);
	setting.type = getBaseType(setting.column_type);
	setting.rule.active = event_time_type(setting.type, &is_time) &&
		is_time == setting.rule.is_time;
	return setting;
}

/* Orders settings by the place from which on they hold. */
static int
setting_compare_cb(const void *a, const void *b)
{
	uint64		since_a = ((const EventTime *) a)->rule.since;
	uint64		since_b = ((const EventTime *) b)->rule.since;

	return since_a < since_b ? -1 : since_a > since_b;
}

/* Returns the settings of a stream; see event_time.h. */
EventTimeHistory *
event_time_load(Oid streamid)
{
	EventTimeHistory *history = NULL;
	CatalogScan scan;
	HeapTuple	tuple;

	if (!catalog_scan_begin(&scan, CATALOG_EVENT_TIME, AccessShareLock, streamid, NULL))
		return NULL;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		int			n = history == NULL ? 0 : history->nsettings;
		Size		size = offsetof(EventTimeHistory, settings) + (n + 1) * sizeof(EventTime);

		history = history == NULL ? palloc(size) : repalloc(history, size);
		history->settings[n] = setting_from_tuple(streamid, tuple, RelationGetDescr(scan.rel));
		history->nsettings = n + 1;
	}
	catalog_scan_end(&scan, AccessShareLock);
	if (history != NULL)
		qsort(history->settings, history->nsettings, sizeof(EventTime), setting_compare_cb);
	return history;
}

/* Adds a setting; see event_time.h. */
void
event_time_insert(Oid streamid, const char *column, const WatermarkRule *rule)
{
	Datum		values[EVENT_TIME_COLUMNS];
	bool		isnull[EVENT_TIME_COLUMNS] = {false};
	NameData	name;

	Assert(rule->delay >= 0 && rule->idle_timeout >= 0);
	namestrcpy(&name, column ? column : "");
	values[EVENT_TIME_STREAM - 1] = ObjectIdGetDatum(streamid);
	values[EVENT_TIME_SINCE - 1] = LSNGetDatum(rule->since);
	values[EVENT_TIME_SINCE_TIME - 1] = TimestampTzGetDatum(rule->since_time);
	values[EVENT_TIME_COLUMN - 1] = NameGetDatum(&name);
	isnull[EVENT_TIME_COLUMN - 1] = (column == NULL);
	values[EVENT_TIME_IS_TIME - 1] = BoolGetDatum(rule->is_time);
	values[EVENT_TIME_DELAY - 1] = Int64GetDatum(rule->delay);
	values[EVENT_TIME_IDLE_TIMEOUT - 1] = Int64GetDatum(rule->idle_timeout);
	catalog_insert_row(CATALOG_EVENT_TIME, values, isnull);
	catalog_touch();
}

/* Returns what every view over a stream has stored. */
static XLogRecPtr
stored_by_all(Oid streamid)
{
	XLogRecPtr	lsn = PG_UINT64_MAX;
	List	   *views = catalog_views_of_stream(streamid);
	ListCell   *lc;

	foreach(lc, views)
	{
		ViewPosition position = catalog_get_position(lfirst_oid(lc), NULL);

		if (position.found && position.native)
			lsn = Min(lsn, position.lsn);
	}
	list_free(views);
	return lsn;
}

/* Removes the settings that no view can need; see event_time.h. */
void
event_time_prune(Oid streamid)
{
	EventTimeHistory *history = event_time_load(streamid);
	XLogRecPtr	stored = stored_by_all(streamid);
	XLogRecPtr	keep = 0;
	CatalogScan scan;
	HeapTuple	tuple;

	for (int i = 0; history != NULL && i < history->nsettings; i++)
	{
		if (history->settings[i].rule.since <= stored)
			keep = history->settings[i].rule.since;
	}
	if (!catalog_scan_begin(&scan, CATALOG_EVENT_TIME, RowExclusiveLock, streamid, NULL))
		return;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		if (setting_from_tuple(streamid, tuple, RelationGetDescr(scan.rel)).rule.since < keep)
			CatalogTupleDelete(scan.rel, &tuple->t_self);
	}
	catalog_scan_end(&scan, NoLock);
}

/* Removes all settings of a stream. */
void
event_time_delete(Oid streamid)
{
	catalog_delete_rows(CATALOG_EVENT_TIME, streamid);
}

/* Follows a column to its new name; see event_time.h. */
void
event_time_rename_column(Oid streamid, const char *from, const char *to)
{
	CatalogScan scan;
	HeapTuple	tuple;
	NameData	name;
	bool		any = false;

	namestrcpy(&name, to);
	if (!catalog_scan_begin(&scan, CATALOG_EVENT_TIME, RowExclusiveLock, streamid, NULL))
		return;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		TupleDesc	desc = RelationGetDescr(scan.rel);
		Datum		values[EVENT_TIME_COLUMNS] = {0};
		bool		isnull[EVENT_TIME_COLUMNS] = {false};
		bool		replace[EVENT_TIME_COLUMNS] = {false};
		bool		no_name;
		Datum		column = heap_getattr(tuple, EVENT_TIME_COLUMN, desc, &no_name);

		if (no_name || strcmp(NameStr(*DatumGetName(column)), from) != 0)
			continue;
		values[EVENT_TIME_COLUMN - 1] = NameGetDatum(&name);
		replace[EVENT_TIME_COLUMN - 1] = true;
		tuple = heap_modify_tuple(tuple, desc, values, isnull, replace);
		CatalogTupleUpdate(scan.rel, &tuple->t_self, tuple);
		any = true;
	}
	catalog_scan_end(&scan, NoLock);
	if (any)
		catalog_touch();
}

/* Returns whether the stream's event time is in this column now. */
bool
event_time_uses_column(Oid streamid, const char *column)
{
	const EventTime *setting = event_time_at(event_time_load(streamid), PG_UINT64_MAX);

	return setting != NULL && setting->column == get_attnum(streamid, column);
}
