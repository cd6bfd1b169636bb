/*
 * stream_rewrite.c - VACUUM FULL of a stream keeps what older rows need.
 *
 * ADD COLUMN ... DEFAULT stores the value for older rows in pg_attribute.
 * Core clears it when it has rewritten a table, as every row then has the
 * column.  The rows of a stream are in WAL, where no rewrite reaches them:
 * they are read later, or again after a crash, and still need the value.
 *
 * Core clears after the last hook of the rewrite, so that the values are put
 * back when the transaction is about to commit; nobody else ever sees the
 * state between.  A VACUUM has a transaction for each table, and CLUSTER needs
 * an index, which streams lack: there is one rewrite in a transaction, and no
 * subtransaction.  ALTER TABLE rewrites in another way, and only streams whose
 * rows are all in storage.
 *
 * Memory: the kept values live in TopTransactionContext.
 * Failure: an error while putting back aborts the rewrite.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "stream_am/stream_rewrite.h"

/* The value of a column in rows that are older than the column. */
typedef struct KeptMissing
{
	Oid			relid;
	AttrNumber	attnum;
	Datum		value;			/* attmissingval: an array of one */
} KeptMissing;

static List *kept_missing = NIL;

/* Keeps a column's missing value, if it has one. */
static void
keep_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool		isnull;
	Datum		value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u", attnum, relid);
	value = SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attmissingval, &isnull);
	if (((Form_pg_attribute) GETSTRUCT(tuple))->atthasmissing && !isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
		KeptMissing *kept = palloc(sizeof(KeptMissing));

		kept->relid = relid;
		kept->attnum = attnum;
		kept->value = datumCopy(value, false, -1);
		kept_missing = lappend(kept_missing, kept);
		MemoryContextSwitchTo(old);
	}
	ReleaseSysCache(tuple);
}

/* Remembers the values of columns that older rows lack; see stream_rewrite.h. */
void
stream_rewrite_keep_missing(Relation rel)
{
	for (int i = 1; i <= RelationGetNumberOfAttributes(rel); i++)
		keep_column(RelationGetRelid(rel), (AttrNumber) i);
}

/* Puts a column's missing value back. */
static void
put_back_column(Relation attributes, const KeptMissing *kept)
{
	HeapTuple	tuple = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(kept->relid),
											Int16GetDatum(kept->attnum));
	Datum		values[Natts_pg_attribute] = {0};
	bool		isnull[Natts_pg_attribute] = {0};
	bool		replace[Natts_pg_attribute] = {0};

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for attribute %d of relation %u",
			 kept->attnum, kept->relid);
	values[Anum_pg_attribute_atthasmissing - 1] = BoolGetDatum(true);
	replace[Anum_pg_attribute_atthasmissing - 1] = true;
	values[Anum_pg_attribute_attmissingval - 1] = kept->value;
	replace[Anum_pg_attribute_attmissingval - 1] = true;

	tuple = heap_modify_tuple(tuple, RelationGetDescr(attributes), values, isnull, replace);
	CatalogTupleUpdate(attributes, &tuple->t_self, tuple);
	heap_freetuple(tuple);
}

/* Puts back what was kept. */
static void
put_back(void)
{
	Relation	attributes;
	ListCell   *lc;

	/* what core has cleared must be visible */
	CommandCounterIncrement();
	attributes = table_open(AttributeRelationId, RowExclusiveLock);
	foreach(lc, kept_missing)
		put_back_column(attributes, (KeptMissing *) lfirst(lc));
	table_close(attributes, RowExclusiveLock);
	CommandCounterIncrement();
	kept_missing = NIL;
}

/* End of the transaction. */
static void
stream_rewrite_xact_cb(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (kept_missing != NIL)
				put_back();
			break;
		case XACT_EVENT_ABORT:
			kept_missing = NIL;
			break;
		default:
			break;
	}
}

/* Registers the transaction callback. Called by stream_am_init() only. */
void
stream_rewrite_init(void)
{
	RegisterXactCallback(stream_rewrite_xact_cb, NULL);
}
