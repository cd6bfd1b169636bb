/*
 * flush.c - one transaction that moves groups from memory to storage.
 *
 * Each flush_groups() works in this order: the partitions that the groups
 * need are made (as superuser, no user code), the groups are sorted and
 * written (as the view's owner: comparison and combine functions may be
 * anybody's code) inside a subtransaction.
 *
 * If that fails for a reason that lies in the data, the groups are halved and
 * each half is tried again, down to the single group that cannot be written:
 * it goes to _stream_ext.quarantine and the flush goes on.  One bad group
 * among n costs about 2 log2(n) subtransactions.  Any other error (lock
 * timeout, out of memory, disk full, lost rights) ends the flush; memory
 * keeps the groups and the worker tries again.
 *
 * Memory: about 24 bytes a group beside what the caller holds; the call
 * context is reset by each call.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/owner.h"
#include "clock.h"
#include "error_class.h"
#include "flush/flush_private.h"
#include "time_limit.h"
#include "try_lock.h"

/* Windows further ahead of the clock than this are looked up, always. */
#define FAR_FUTURE_US	USECS_PER_DAY

static void write_entries(FlushWriter *writer, FlushEntry *entries, uint32 nentries);

/*
 * Opens storage for writing.
 */
FlushWriter *
flush_begin(const ViewCatalog *view, GroupDesc *desc, TidCache *tids,
			const ViewPosition *position)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "flush writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	FlushWriter *writer = palloc0(sizeof(FlushWriter));

	Assert(IsTransactionState());

	try_lock_relation(view->storage, RowExclusiveLock);
	writer->view = view;
	writer->desc = desc;
	writer->tids = tids;
	writer->position = *position;
	writer->far_future = clock_now() + FAR_FUTURE_US;
	writer->nkeys = desc->nkeys;
	writer->index_keys = palloc(sizeof(int) * Max(desc->nkeys, 1));
	for (int i = 0; i < desc->nkeys; i++)
		writer->index_keys[i] = storage_index_key(desc->nkeys, desc->window_key, i);
	if (desc->window_key >= 0)
		writer->partitions = partition_map_open(view, desc);

	writer->context = context;
	writer->call_context = AllocSetContextCreate(context, "flush call", ALLOCSET_DEFAULT_SIZES);
	writer->row_context = AllocSetContextCreate(context, "flush row", ALLOCSET_DEFAULT_SIZES);
	flush_sort_init(writer);
	MemoryContextSwitchTo(old);
	return writer;
}

/*
 * Decides where a group goes and whether storage can already have it.
 */
static void
place_entry(FlushWriter *writer, FlushEntry *entry, MinimalTuple tuple)
{
	int64		window;
	bool		isnull;

	entry->tuple = tuple;
	entry->slot = 0;
	entry->is_new = !writer->known_any || group_desc_appends(writer->desc);
	if (writer->partitions == NULL)
		return;

	/* the window is the last key of the index */
	window = DatumGetInt64(flush_entry_key(writer, tuple, writer->nkeys - 1, &isnull));
	entry->slot = partition_map_slot(writer->partitions, window, isnull);
	if (partition_map_is_empty(writer->partitions, entry->slot))
		entry->is_new = true;
	if (isnull || window >= writer->far_future)
		return;

	if (window > writer->known_max_window)
		entry->is_new = true;
	if (window > writer->position.max_window)
		writer->position.max_window = window;
}

/*
 * Sorts the groups and writes them, table by table.
 */
static void
write_action(FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *result)
{
	uint32		start = 0;

	for (uint32 i = 0; i < nentries; i++)
		flush_sort_prepare(writer, &entries[i], i);
	flush_sort(writer, entries, nentries);

	while (start < nentries)
	{
		uint32		end = start + 1;
		int			slot = entries[start].slot;
		Oid			relid = writer->partitions == NULL ? writer->view->storage :
		partition_map_relid(writer->partitions, slot);

		while (end < nentries && entries[end].slot == slot)
			end++;
		flush_write(writer, relid, &entries[start], end - start);
		start = end;
	}
}

/*
 * Writes the keys of one group as text into the StringInfo result.
 */
static void
describe_action(FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *result)
{
	StringInfo	keys = result;

	Assert(nentries == 1);
	for (int i = 0; i < writer->nkeys; i++)
	{
		int			key = writer->index_keys[i];
		Oid			output;
		bool		is_varlena;
		bool		isnull;
		Datum		value = flush_entry_key(writer, entries[0].tuple, i, &isnull);

		getTypeOutputInfo(TupleDescAttr(writer->desc->storage, key)->atttypid,
						  &output, &is_varlena);
		appendStringInfo(keys, "%s%s=%s", i > 0 ? ", " : "",
						 NameStr(TupleDescAttr(writer->desc->storage, key)->attname),
						 isnull ? "NULL" : OidOutputFunctionCall(output, value));
	}
}

/*
 * Runs an action as the view's owner, with a snapshot that sees what this
 * transaction wrote before, and for a limited time.
 */
void
flush_run_as_owner(FlushWriter *writer, OwnerAction action,
				   FlushEntry *entries, uint32 nentries, void *result)
{
	OwnerScope	scope;

	CommandCounterIncrement();
	owner_enter(&scope, writer->view);
	PushActiveSnapshot(GetLatestSnapshot());
	time_limit_start();
	action(writer, entries, nentries, result);
	time_limit_end();
	PopActiveSnapshot();
	owner_leave(&scope);
}

/*
 * Runs an action in a subtransaction; returns NULL, or the error it ended
 * with.
 */
ErrorData *
flush_try_as_owner(FlushWriter *writer, OwnerAction action,
				   FlushEntry *entries, uint32 nentries, void *result)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resource_owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		flush_run_as_owner(writer, action, entries, nentries, result);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		time_limit_end();
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = resource_owner;
	return error;
}

/*
 * Says whether an error lies in the data of a group, so that trying again
 * would not help.
 */
bool
flush_is_data_error(const ErrorData *error)
{
	return error_class(error->sqlerrcode) == ERROR_OF_DATA;
}

/*
 * Keeps a group that cannot be written where an administrator finds it.
 */
static void
quarantine(FlushWriter *writer, FlushEntry *entry, const ErrorData *error)
{
	CatalogFailure failure;
	StringInfoData keys;
	ErrorData  *unprintable;

	initStringInfo(&keys);
	unprintable = flush_try_as_owner(writer, describe_action, entry, 1, &keys);
	if (unprintable != NULL)
	{
		/* out of time, or the worker is to end */
		if (unprintable->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(unprintable);
		resetStringInfo(&keys);
		appendStringInfoString(&keys, "(not printable)");
	}
	failure.sqlstate = error->sqlerrcode;
	failure.message = error->message;
	failure.lsn = writer->position.lsn;
	failure.time = clock_now();
	writer->quarantined++;
	if (!catalog_quarantine_group(writer->view->viewid, keys.data, &failure))
		return;

	/* once: what has failed will fail at every flush */
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("a group of view \"%s\" cannot be written and is in quarantine",
					get_rel_name(writer->view->viewid)),
			 errdetail("%s", error->message),
			 errhint("See _stream_ext.quarantine for its keys.")));
}

/*
 * Writes groups; after an error that lies in the data, each half by itself.
 */
static void
write_entries(FlushWriter *writer, FlushEntry *entries, uint32 nentries)
{
	MemoryContext context = AllocSetContextCreate(writer->call_context, "flush attempt",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorData  *error;

	check_stack_depth();
	error = flush_try_as_owner(writer, write_action, entries, nentries, NULL);
	if (error != NULL)
	{
		if (!flush_is_data_error(error))
			ReThrowError(error);
		if (nentries == 1)
			quarantine(writer, &entries[0], error);
		else
		{
			write_entries(writer, entries, nentries / 2);
			write_entries(writer, entries + nentries / 2, nentries - nentries / 2);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * From now on storage can have what was written before.
 */
void
flush_settle(FlushWriter *writer)
{
	writer->known_any = writer->position.any_group;
	writer->known_max_window = writer->position.max_window;
	if (writer->partitions != NULL)
		partition_map_settle(writer->partitions);
}

/*
 * Writes groups of windows.
 */
void
flush_write_groups(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups)
{
	MemoryContext context;
	MemoryContext old;
	FlushEntry *entries;

	if (ngroups == 0)
		return;
	context = AllocSetContextCreate(writer->call_context, "flush entries", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	entries = MemoryContextAllocHuge(context, (Size) ngroups * sizeof(FlushEntry));
	for (uint32 i = 0; i < ngroups; i++)
		place_entry(writer, &entries[i], groups[i]);
	write_entries(writer, entries, ngroups);
	writer->position.any_group = true;
	writer->ngroups += ngroups;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Adds groups to storage.
 */
uint64
flush_groups(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups, uint64 *quarantined)
{
	MemoryContext old;

	if (ngroups == 0)
		return 0;
	writer->ngroups = 0;
	old = MemoryContextSwitchTo(writer->call_context);
	flush_settle(writer);
	if (writer->desc->panes.slide > 0)
		flush_panes(writer, groups, ngroups);
	else
		flush_write_groups(writer, groups, ngroups);

	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->call_context);
	*quarantined += writer->quarantined;
	writer->quarantined = 0;
	return writer->ngroups;
}

/*
 * Writes the position and closes the writer.
 */
void
flush_finish(FlushWriter *writer, XLogRecPtr lsn, XLogRecPtr restart_lsn,
			 const WatermarkState *watermark)
{
	int64		stored = writer->position.watermark.watermark;

	Assert(lsn >= writer->position.lsn);

	writer->position.found = true;
	writer->position.native = true;
	writer->position.lsn = lsn;
	writer->position.restart_lsn = restart_lsn;
	watermark_copy(&writer->position.watermark, watermark);
	/* a restore may have brought a greater one; see ddl/adopt_view.c */
	writer->position.watermark.watermark = Max(watermark->watermark, stored);
	catalog_set_position(writer->view->viewid, &writer->position);
	CommandCounterIncrement();
	MemoryContextDelete(writer->context);
}
