/*
 * view_position.c - how far the storage of each view has got in the WAL.
 *
 * A position is an LSN of one cluster, one timeline and one database; it says
 * where it was made.  It is *native* here if the cluster and the database are
 * the same, and its LSN was written on a timeline that leads to ours.  A
 * restored dump, a copied database or a diverged standby yields positions
 * that are not, and those must never be used to read WAL.
 *
 * With the position goes the watermark after the commits that it covers.
 *
 * Locking: a view's worker is the only one to update its row; DROP deletes it under
 * the object lock of view_catalog.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "catalog/catalog_table.h"
#include "catalog/view_catalog.h"
#include "clock.h"
#include "compat.h"
#include "guc.h"

/* Columns of _stream_ext.view_position. */
enum
{
	POSITION_VIEW = 1,
	POSITION_LSN,
	POSITION_RESTART_LSN,
	POSITION_MAX_WINDOW,
	POSITION_ANY_GROUP,
	POSITION_SYSTEM_IDENTIFIER,
	POSITION_TIMELINE,
	POSITION_DATABASE,
	POSITION_WATERMARK,
	POSITION_EVENT_TIME_SINCE,
	POSITION_MAX_FUTURE,
	POSITION_LAST_COMMIT,
	POSITION_INPUTS,
	POSITION_INPUT_TIMES,
	POSITION_INPUT_COMMITS
};
#define POSITION_COLUMNS POSITION_INPUT_COMMITS

/* Returns the timeline that WAL is written on, or replayed from; *lsn is its end. */
static TimeLineID
current_timeline(XLogRecPtr *lsn)
{
	TimeLineID	timeline;

	if (RecoveryInProgress())
	{
		*lsn = GetXLogReplayRecPtr(&timeline);
		return timeline;
	}
	*lsn = GetXLogInsertRecPtr();
	return GetWALInsertionTimeLine();
}

/* Returns whether an LSN of a timeline lies in our own past. */
static bool
in_our_past(XLogRecPtr lsn, TimeLineID timeline)
{
	XLogRecPtr	end;
	TimeLineID	current = current_timeline(&end);
	List	   *history;
	bool		past = false;
	ListCell   *lc;

	if (lsn > end)
		return false;
	if (timeline == current)
		return true;

	/* the entry's end is where the next timeline branched off */
	history = readTimeLineHistory(current);
	foreach(lc, history)
	{
		TimeLineHistoryEntry *entry = lfirst(lc);

		if (entry->tli == timeline)
			past = lsn <= entry->end;
	}
	list_free_deep(history);
	return past;
}

/* Returns the array of one thing of each input. */
static Datum
inputs_to_array(Oid type, Datum *elements, int n)
{
	int16		length;
	bool		byval;
	char		align;

	get_typlenbyvalalign(type, &length, &byval, &align);
	return PointerGetDatum(construct_array(elements, n, type, length, byval, align));
}

/* Fills the columns of the watermark. */
static void
watermark_to_values(const WatermarkState *state, Datum *values)
{
	Datum		names[WATERMARK_MAX_INPUTS];
	Datum		times[WATERMARK_MAX_INPUTS];
	Datum		commits[WATERMARK_MAX_INPUTS];
	int			n = state->ninputs;

	for (int i = 0; i < n; i++)
	{
		names[i] = CStringGetTextDatum(state->inputs[i].name);
		times[i] = Int64GetDatum(state->inputs[i].newest);
		commits[i] = TimestampTzGetDatum(state->inputs[i].last_commit);
	}
	values[POSITION_WATERMARK - 1] = Int64GetDatum(state->watermark);
	values[POSITION_EVENT_TIME_SINCE - 1] = LSNGetDatum(state->since);
	values[POSITION_MAX_FUTURE - 1] = Int64GetDatum(state->max_future);
	values[POSITION_LAST_COMMIT - 1] = TimestampTzGetDatum(state->last_commit);
	values[POSITION_INPUTS - 1] = inputs_to_array(TEXTOID, names, n);
	values[POSITION_INPUT_TIMES - 1] = inputs_to_array(INT8OID, times, n);
	values[POSITION_INPUT_COMMITS - 1] = inputs_to_array(TIMESTAMPTZOID, commits, n);
}

/* Takes an array of one thing of each input apart; n elements are expected. */
static Datum *
inputs_from_array(Oid type, Datum value, int n)
{
	int16		length;
	bool		byval;
	char		align;
	Datum	   *elements;
	int			nelements;

	get_typlenbyvalalign(type, &length, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(value), type, length, byval, align,
					  &elements, NULL, &nelements);
	if (nelements != n)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("position of a continuous view has %d of %d inputs", nelements, n)));
	return elements;
}

/* Returns the watermark in the columns of a row. */
static void
watermark_from_values(const Datum *values, WatermarkState *state)
{
	ArrayType  *array = DatumGetArrayTypeP(values[POSITION_INPUTS - 1]);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	Datum	   *names;
	Datum	   *times;
	Datum	   *commits;

	watermark_init(state, DatumGetInt64(values[POSITION_MAX_FUTURE - 1]),
				   DatumGetTimestampTz(values[POSITION_LAST_COMMIT - 1]));
	state->watermark = DatumGetInt64(values[POSITION_WATERMARK - 1]);
	state->since = DatumGetLSN(values[POSITION_EVENT_TIME_SINCE - 1]);
	if (n == 0)
		return;
	n = Min(n, WATERMARK_MAX_INPUTS);
	names = inputs_from_array(TEXTOID, values[POSITION_INPUTS - 1], n);
	times = inputs_from_array(INT8OID, values[POSITION_INPUT_TIMES - 1], n);
	commits = inputs_from_array(TIMESTAMPTZOID, values[POSITION_INPUT_COMMITS - 1], n);
	for (int i = 0; i < n; i++)
	{
		WatermarkInput *input = &state->inputs[state->ninputs++];

		strlcpy(input->name, TextDatumGetCString(names[i]), WATERMARK_INPUT_LENGTH);
		input->newest = DatumGetInt64(times[i]);
		input->last_commit = DatumGetTimestampTz(commits[i]);
	}
}

/* Fills the columns of a row to be. */
static void
position_to_values(Oid viewid, const ViewPosition *position, Datum *values)
{
	XLogRecPtr	end;

	values[POSITION_VIEW - 1] = ObjectIdGetDatum(viewid);
	values[POSITION_LSN - 1] = LSNGetDatum(position->lsn);
	values[POSITION_RESTART_LSN - 1] = LSNGetDatum(position->restart_lsn);
	values[POSITION_MAX_WINDOW - 1] = TimestampTzGetDatum(position->max_window);
	values[POSITION_ANY_GROUP - 1] = BoolGetDatum(position->any_group);
	values[POSITION_SYSTEM_IDENTIFIER - 1] = Int64GetDatum((int64) GetSystemIdentifier());
	values[POSITION_TIMELINE - 1] = Int32GetDatum((int32) current_timeline(&end));
	values[POSITION_DATABASE - 1] = ObjectIdGetDatum(MyDatabaseId);
	watermark_to_values(&position->watermark, values);
}

/* Returns the position for a row. */
static ViewPosition
position_from_tuple(HeapTuple tuple, TupleDesc desc)
{
	ViewPosition position = {.found = true};
	Datum		values[POSITION_COLUMNS];
	bool		isnull[POSITION_COLUMNS];

	Assert(desc->natts == POSITION_COLUMNS);
	heap_deform_tuple(tuple, desc, values, isnull);
	position.lsn = DatumGetLSN(values[POSITION_LSN - 1]);
	position.restart_lsn = DatumGetLSN(values[POSITION_RESTART_LSN - 1]);
	position.max_window = DatumGetTimestampTz(values[POSITION_MAX_WINDOW - 1]);
	position.any_group = DatumGetBool(values[POSITION_ANY_GROUP - 1]);
	position.native =
		(uint64) DatumGetInt64(values[POSITION_SYSTEM_IDENTIFIER - 1]) == GetSystemIdentifier() &&
		DatumGetObjectId(values[POSITION_DATABASE - 1]) == MyDatabaseId &&
		in_our_past(position.lsn, (TimeLineID) DatumGetInt32(values[POSITION_TIMELINE - 1]));
	watermark_from_values(values, &position.watermark);
	return position;
}

/* Returns the position of a view as the snapshot sees it; NULL = a new catalog snapshot. */
ViewPosition
catalog_get_position(Oid viewid, Snapshot snapshot)
{
	ViewPosition position = {.found = false};
	CatalogScan scan;
	HeapTuple	tuple;

	if (!OidIsValid(viewid) ||
		!catalog_scan_begin(&scan, CATALOG_VIEW_POSITION, AccessShareLock,
							viewid, snapshot))
		return position;
	if ((tuple = catalog_scan_next(&scan)) != NULL)
		position = position_from_tuple(tuple, RelationGetDescr(scan.rel));
	catalog_scan_end(&scan, AccessShareLock);
	return position;
}

/* Makes the position of a new view: it starts after start_lsn. */
void
catalog_insert_position(Oid viewid, XLogRecPtr start_lsn)
{
	ViewPosition position = {
		.lsn = start_lsn,
		.restart_lsn = start_lsn,
		.max_window = DT_NOBEGIN
	};
	Datum		values[POSITION_COLUMNS];
	bool		isnull[POSITION_COLUMNS] = {false};

	watermark_init(&position.watermark, guc_max_future_s * USECS_PER_SEC, clock_real());
	position_to_values(viewid, &position, values);
	catalog_insert_row(CATALOG_VIEW_POSITION, values, isnull);
}

/* Writes the position of a view; from now on it is native. */
void
catalog_set_position(Oid viewid, const ViewPosition *position)
{
	Datum		values[POSITION_COLUMNS];
	bool		isnull[POSITION_COLUMNS] = {false};
	bool		replace[POSITION_COLUMNS];
	CatalogScan scan;
	HeapTuple	tuple;

	Assert(!XLogRecPtrIsInvalid(position->lsn));
	Assert(position->restart_lsn <= position->lsn);

	if (!catalog_scan_begin(&scan, CATALOG_VIEW_POSITION, RowExclusiveLock,
							viewid, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the catalog of continuous views does not exist")));

	position_to_values(viewid, position, values);
	memset(replace, true, sizeof(replace));
	if ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		tuple = heap_modify_tuple(tuple, RelationGetDescr(scan.rel), values, isnull, replace);
		CatalogTupleUpdate(scan.rel, &tuple->t_self, tuple);
	}
	catalog_scan_end(&scan, NoLock);
	if (tuple == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("continuous view with OID %u has no position", viewid)));
}
