/*
 * dead_letter.c - rows and groups that failed, kept with the reason.
 *
 * Both are written by the worker inside its flush transaction, so a row is in
 * a view, or a dead letter, or still to come: never two of these.
 *
 * The number kept for a view is bounded by stream_ext.dead_letter_limit.  It
 * is counted once for a view and transaction, by an index scan that stops at
 * the limit, and then kept up: users may have deleted letters in between.
 *
 * Failure: texts are cut at a fixed length, so that no row can be too large
 * to be kept.
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "catalog/catalog_table.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "guc.h"

#define KEPT_TEXT_BYTES	(1024 * 1024)

/* The view last counted, in which transaction. */
static Oid	counted_view = InvalidOid;
static LocalTransactionId counted_lxid = InvalidLocalTransactionId;
static int	counted_letters = 0;

/* Returns how much of a text is kept, to a character boundary. */
int
catalog_kept_length(const char *text)
{
	int			length = strlen(text);

	return length <= KEPT_TEXT_BYTES ? length : pg_mbcliplen(text, length, KEPT_TEXT_BYTES);
}

/* Returns text as a Datum, cut. */
static Datum
cut_text(const char *text)
{
	return PointerGetDatum(cstring_to_text_with_len(text, catalog_kept_length(text)));
}

/* Returns how many letters of a view there are, at most limit. */
static int
count_letters(Oid viewid, int limit)
{
	CatalogScan scan;
	int			n = 0;

	if (!catalog_scan_begin(&scan, CATALOG_DEAD_LETTER, RowExclusiveLock, viewid, NULL))
		return limit;
	while (n < limit && catalog_scan_next(&scan) != NULL)
		n++;
	catalog_scan_end(&scan, NoLock);
	return n;
}

/* Keeps a row that a view could not process; see view_catalog.h. */
bool
catalog_insert_dead_letter(Oid viewid, Oid streamid, const char *row,
						   const CatalogFailure *failure)
{
	Datum		values[7];
	bool		isnull[7] = {false};

	Assert(OidIsValid(viewid) && failure->sqlstate != 0);

	if (counted_view != viewid || counted_lxid != compat_my_lxid())
	{
		counted_letters = count_letters(viewid, guc_dead_letter_limit);
		counted_view = viewid;
		counted_lxid = compat_my_lxid();
	}
	if (counted_letters >= guc_dead_letter_limit)
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
	counted_letters++;
	return true;
}

/* Keeps the keys of a group that could not be written. */
void
catalog_insert_quarantine(Oid viewid, const char *keys, const CatalogFailure *failure)
{
	Datum		values[6];
	bool		isnull[6] = {false};

	Assert(OidIsValid(viewid) && failure->sqlstate != 0);
	values[0] = ObjectIdGetDatum(viewid);
	values[1] = cut_text(keys);
	values[2] = CStringGetTextDatum(unpack_sql_state(failure->sqlstate));
	values[3] = cut_text(failure->message ? failure->message : "");
	values[4] = LSNGetDatum(failure->lsn);
	values[5] = TimestampTzGetDatum(failure->time);
	catalog_insert_row(CATALOG_QUARANTINE, values, isnull);
}
