/*
 * dead_letter.c - rows and groups that failed, kept with the reason.
 *
 * Both are written by the worker inside its flush transaction, so a row is in
 * a view, or a dead letter, or still to come: never two of these.
 *
 * The number of either kept for a view is bounded by
 * stream_ext.dead_letter_limit, and their size by stream_ext.dead_letter_size.
 * Both are counted once for a view and transaction, by an index scan that
 * stops at the limit, and then kept up: users may have deleted some in
 * between.  A group that fails again and again has one row.
 *
 * Failure: texts are cut at a fixed length, so that no row can be too large
 * to be kept.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/fmgrprotos.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "catalog/catalog_table.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "guc.h"

/* Of a text this much is kept, the mark that says so included. */
#define KEPT_TEXT_BYTES	(16 * 1024)
#define MARK_BYTES		64
/* Roughly what else is in a row. */
#define KEPT_ROW_BYTES	256

/* The column of dead_letter that says when the row was committed. */
#define LETTER_COMMIT_TIME 7

/* The columns of quarantine. */
enum
{
	QUARANTINE_VIEW,
	QUARANTINE_KEYS,
	QUARANTINE_SQLSTATE,
	QUARANTINE_MESSAGE,
	QUARANTINE_LSN,
	QUARANTINE_TIME,
	QUARANTINE_FAILURES,
	QUARANTINE_HASH,
	QUARANTINE_COLUMNS
};

/* How many rows a table has of the view last counted, in which transaction. */
typedef struct RowCount
{
	CatalogTable table;
	Oid			view;
	LocalTransactionId lxid;
	int			rows;
	int64		bytes;
} RowCount;

static RowCount letter_count = {CATALOG_DEAD_LETTER, InvalidOid, InvalidLocalTransactionId, 0, 0};
static RowCount group_count = {CATALOG_QUARANTINE, InvalidOid, InvalidLocalTransactionId, 0, 0};

/*
 * Returns a copy of the text, cut with a mark; see view_catalog.h.  The mark
 * tells texts that begin alike from each other.
 */
char *
catalog_cut_text(const char *text)
{
	int			length = strlen(text);
	int			kept;

	if (length <= KEPT_TEXT_BYTES)
		return pstrdup(text);
	kept = pg_mbcliplen(text, length, KEPT_TEXT_BYTES - MARK_BYTES);
	return psprintf("%.*s... (cut; %d bytes, hash %08x)", kept, text, length,
					hash_bytes((const unsigned char *) text, length));
}

/* Returns text as a Datum, cut. */
static Datum
cut_text(const char *text)
{
	return CStringGetTextDatum(catalog_cut_text(text));
}

/* Returns the bytes of the texts in a row, as they were before compression. */
static int64
row_bytes(HeapTuple tuple, TupleDesc desc)
{
	int64		bytes = tuple->t_len;

	for (int i = 0; i < desc->natts; i++)
	{
		bool		isnull;
		Datum		value;

		if (TupleDescAttr(desc, i)->attlen != -1)
			continue;
		value = heap_getattr(tuple, i + 1, desc, &isnull);
		if (!isnull)
			bytes += toast_raw_datum_size(value);
	}
	return bytes;
}

/* Returns whether a view may keep no more rows. */
static bool
count_is_full(const RowCount *count)
{
	return count->rows >= guc_dead_letter_limit ||
		count->bytes >= (int64) guc_dead_letter_size_kb * 1024;
}

/* Counts the rows of a view, up to the limits. */
static void
count_rows(RowCount *count, Oid viewid)
{
	CatalogScan scan;
	HeapTuple	tuple;

	count->view = viewid;
	count->lxid = compat_my_lxid();
	count->rows = 0;
	count->bytes = 0;
	if (!catalog_scan_begin(&scan, count->table, RowExclusiveLock, viewid, NULL))
		return;
	while (!count_is_full(count) && (tuple = catalog_scan_next(&scan)) != NULL)
	{
		count->rows++;
		count->bytes += row_bytes(tuple, RelationGetDescr(scan.rel));
	}
	catalog_scan_end(&scan, NoLock);
}

/* Counts one more row of the view; returns false, and does not, over the limits. */
static bool
count_one_more(RowCount *count, Oid viewid, Size bytes)
{
	if (count->view != viewid || count->lxid != compat_my_lxid())
		count_rows(count, viewid);
	if (count_is_full(count))
		return false;
	count->rows++;
	count->bytes += bytes;
	return true;
}

/* Keeps a row that a view could not process; see view_catalog.h. */
bool
catalog_insert_dead_letter(Oid viewid, Oid streamid, const char *row,
						   const CatalogFailure *failure)
{
	Datum		values[7];
	bool		isnull[7] = {false};

	Assert(OidIsValid(viewid) && failure->sqlstate != 0);

	if (!count_one_more(&letter_count, viewid,
						Min(row ? strlen(row) : 0, KEPT_TEXT_BYTES) + KEPT_ROW_BYTES))
		return false;

	values[0] = ObjectIdGetDatum(viewid);
	values[1] = ObjectIdGetDatum(streamid);
	isnull[2] = (row == NULL);
	values[2] = row ? cut_text(row) : (Datum) 0;
	values[3] = CStringGetTextDatum(unpack_sql_state(failure->sqlstate));
	values[4] = cut_text(failure->message ? failure->message : "");
	values[5] = LSNGetDatum(failure->lsn);
	values[6] = TimestampTzGetDatum(failure->time);
	catalog_insert_row(CATALOG_DEAD_LETTER, values, isnull);
	return true;
}

/*
 * Writes values over the row of the same group, and counts one more failure;
 * returns false if there is none.
 */
static bool
update_quarantine(Datum *values, const bool *isnull)
{
	CatalogScan scan;
	HeapTuple	tuple;
	bool		found = false;

	if (!catalog_scan_begin_pair(&scan, CATALOG_QUARANTINE,
								 DatumGetObjectId(values[QUARANTINE_VIEW]),
								 QUARANTINE_HASH + 1, DatumGetInt64(values[QUARANTINE_HASH])))
		return false;
	while (!found && (tuple = catalog_scan_next(&scan)) != NULL)
	{
		Datum		old[QUARANTINE_COLUMNS];
		bool		old_isnull[QUARANTINE_COLUMNS];

		heap_deform_tuple(tuple, RelationGetDescr(scan.rel), old, old_isnull);
		found = DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
													 old[QUARANTINE_KEYS],
													 values[QUARANTINE_KEYS]));
		if (found)
		{
			values[QUARANTINE_FAILURES] =
				Int64GetDatum(DatumGetInt64(old[QUARANTINE_FAILURES]) + 1);
			catalog_update_row(&scan, tuple, values, isnull);
		}
	}
	catalog_scan_end(&scan, NoLock);
	return found;
}

/* Keeps the keys of a group that could not be written; see view_catalog.h. */
bool
catalog_quarantine_group(Oid viewid, const char *keys, const CatalogFailure *failure)
{
	Datum		values[QUARANTINE_COLUMNS];
	bool		isnull[QUARANTINE_COLUMNS] = {false};

	Assert(OidIsValid(viewid) && failure->sqlstate != 0);
	values[QUARANTINE_VIEW] = ObjectIdGetDatum(viewid);
	values[QUARANTINE_KEYS] = cut_text(keys);
	values[QUARANTINE_SQLSTATE] = CStringGetTextDatum(unpack_sql_state(failure->sqlstate));
	values[QUARANTINE_MESSAGE] = cut_text(failure->message ? failure->message : "");
	values[QUARANTINE_LSN] = LSNGetDatum(failure->lsn);
	values[QUARANTINE_TIME] = TimestampTzGetDatum(failure->time);
	values[QUARANTINE_FAILURES] = Int64GetDatum(1);
	/* a generated column: as the table says */
	values[QUARANTINE_HASH] = DirectFunctionCall2Coll(hashtextextended, C_COLLATION_OID,
													  values[QUARANTINE_KEYS], Int64GetDatum(0));

	/* the group may have failed before in this transaction */
	CommandCounterIncrement();
	if (update_quarantine(values, isnull) || !count_one_more(&group_count, viewid, Min(strlen(keys), KEPT_TEXT_BYTES) + KEPT_ROW_BYTES))
		return false;
	catalog_insert_row(CATALOG_QUARANTINE, values, isnull);
	return true;
}

/* Deletes dead letters of a view; see view_catalog.h. */
int64
catalog_purge_dead_letters(Oid viewid, TimestampTz before)
{
	CatalogScan scan;
	HeapTuple	tuple;
	int64		deleted = 0;

	LockDatabaseObject(catalog_table_oid(CATALOG_CONTINUOUS_VIEW), viewid, 0, ExclusiveLock);
	if (!catalog_scan_begin(&scan, CATALOG_DEAD_LETTER, RowExclusiveLock, viewid, NULL))
		return 0;
	while ((tuple = catalog_scan_next(&scan)) != NULL)
	{
		bool		isnull;
		Datum		time = heap_getattr(tuple, LETTER_COMMIT_TIME, RelationGetDescr(scan.rel),
										&isnull);

		if (DatumGetTimestampTz(time) >= before)
			continue;
		CatalogTupleDelete(scan.rel, &tuple->t_self);
		deleted++;
	}
	catalog_scan_end(&scan, NoLock);
	return deleted;
}
