/*
 * live_view.c - one continuous view, as those who apply runs to it know it.
 *
 * A view's query is analysed again when anything it uses changes; its keys and
 * aggregates cannot change, so groups in memory and storage stay valid.
 *
 * Memory: the analysed query and its plans in a context below the view's that
 * is replaced as a whole.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "apply/chunk_size.h"
#include "apply/inner_plan.h"
#include "apply/live_view.h"
#include "catalog/catalog_table.h"
#include "catalog/owner.h"
#include "clock.h"
#include "compat.h"
#include "query/harmless.h"
#include "shared/worker_control.h"
#include "try_lock.h"

/* Notes an error for pg_stat_stream_view. */
void
live_view_note_error(LiveView *view, int sqlstate, const char *message)
{
	LWLockAcquire(&view->control->lock, LW_EXCLUSIVE);
	strlcpy(view->control->last_error, message, ERROR_MESSAGE_LENGTH);
	view->control->last_sqlstate = sqlstate;
	LWLockRelease(&view->control->lock);
	pg_atomic_write_u64(&view->control->last_error_time, (uint64) clock_real());
}

/* Fills the description of keys and aggregates from the analysed query. */
static GroupDesc *
live_view_make_desc(LiveView *view)
{
	StreamQuery *query = view->query;
	GroupDescInput input = {
		.storage = query_storage_desc(query),
		.nkeys = query->nkeys,
		.naggregates = query->naggregates,
		.window_key = query->window_key,
		.window_size_us = query->window_size_us,
		.panes = query->panes,
	};
	GroupKeyInput *keys;
	GroupAggregateInput *aggregates;
	int		   *columns;

	keys = palloc0(Max(query->nkeys, 1) * sizeof(GroupKeyInput));
	for (int i = 0; i < query->nkeys; i++)
	{
		keys[i].type = query->keys[i].type;
		keys[i].collation = query->keys[i].collation;
		keys[i].eqfn = query->keys[i].eqfn;
		keys[i].hashfn = query->keys[i].hashfn;
		keys[i].column = query->keys[i].column;
	}
	aggregates = palloc0(Max(query->naggregates, 1) * sizeof(GroupAggregateInput));
	for (int i = 0; i < query->naggregates; i++)
	{
		QueryAggregate *agg = &query->aggregates[i];

		aggregates[i].aggfnoid = agg->aggfnoid;
		aggregates[i].nargs = agg->nargs;
		aggregates[i].argtypes = agg->argtypes;
		aggregates[i].collation = agg->collation;
		aggregates[i].first_column = agg->first_column;
		aggregates[i].filter_column = agg->filter_column;
	}
	columns = palloc0((query->nkeys + query->ncolumns) * sizeof(int) + 1);
	if (query->appends)
	{
		columns[0] = query->keys[0].column;
		for (int i = 0; i < query->ncolumns; i++)
		{
			if (query->columns[i].storage > 0)
				columns[query->columns[i].storage] = query->columns[i].column;
		}
		input.columns = columns;
	}
	input.keys = keys;
	input.aggregates = aggregates;
	return group_desc_create(&input, view->context);
}

/* Takes the inner query with panes, if there is one. */
static void
live_view_choose_inner(LiveView *view)
{
	StreamQuery *query = view->query;

	/* groups in memory are of one kind, as long as there are any */
	if (view->desc != NULL && view->desc->panes.slide != query->panes.slide)
		elog(ERROR, "panes of continuous view %u have changed", view->viewid);
	if (query->panes.slide > 0)
		query->inner = query->pane_inner;
}

/*
 * Raises an error to be tried again if the view runs code that must not run in
 * this process: what it reads has been changed since it was placed here.  The
 * placement is asked for anew.
 */
static void
live_view_check_place(LiveView *view)
{
	DatabaseControl *db = control_database(MyDatabaseId, false);
	const char *why;

	if (!worker_control_is_shared() || view_is_harmless(view->catalog, &why))
		return;
	if (db != NULL)
		pg_atomic_fetch_add_u64(&db->placement, 1);
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("continuous view %u moves to a worker of its owner", view->viewid),
			 errdetail_internal("It has %s.", why)));
}

/* Analyses the definition view's query. */
static void
live_view_analyze(LiveView *view)
{
	Relation	rel;
	MemoryContext old;
	char	   *name;

	try_lock_relation(view->catalog->definition, AccessShareLock);
	rel = table_open(view->catalog->definition, NoLock);
	inner_plan_lock_query(get_view_query(rel));
	/* before anything of it is run */
	live_view_check_place(view);

	if (view->query_context != NULL)
		MemoryContextDelete(view->query_context);
	view->plan = NULL;
	view->query = NULL;
	view->late_rule = NULL;
	view->permitted = false;
	view->query_context = AllocSetContextCreate(view->context, "stream view query",
												ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(view->query_context);
	view->query = query_analyze(copyObject(get_view_query(rel)));
	live_view_choose_inner(view);
	view->late_rule = late_rule_create(view->query, &view->catalog->options, view->event_time);
	name = get_rel_name(view->viewid);
	strlcpy(view->name, name ? name : "", NAMEDATALEN);
	view->plan = inner_plan_create(view->query, view->name, view->query_context);
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
}

/* Analyses a view if it is stale, and checks the rights that it needs if wanted, as its owner. */
static void
live_view_refresh(LiveView *view, bool check_rights)
{
	OwnerScope	scope;
	bool		analyze = view->stale;

	/* an invalidation that comes while we work must not be lost */
	view->stale = false;
	owner_enter(&scope, view->catalog);
	PG_TRY();
	{
		if (analyze)
		{
			live_view_analyze(view);
			view->rereads = !view_is_harmless(view->catalog, NULL);
		}
		if (view->desc == NULL)
			view->desc = live_view_make_desc(view);
		if (check_rights)
		{
			query_check_rights(view->query);
			view->permitted = true;
		}
	}
	PG_CATCH();
	{
		view->stale = true;
		PG_RE_THROW();
	}
	PG_END_TRY();
	owner_leave(&scope);
}

/*
 * Makes description and memory of a view ready, so that it takes part in
 * reading.  Needs no rights of its owner: those come last in the restore of a
 * dump, and are not missed until there is a row.
 *
 * Requires: a transaction.
 */
void
live_view_attach(LiveView *view, XLogRecPtr stored_lsn)
{
	if (view->stale || view->desc == NULL)
		live_view_refresh(view, false);
	if (view->chunk_rows == 0)
		view->chunk_rows = CHUNK_ROWS_FIRST;
	if (view->scratch == NULL)
		view->scratch = scratch_create(view->desc, view->context);
	if (view->memory != NULL)
		return;
	/* a former worker may have shown this much; what it had is read again */
	pg_atomic_write_u64(&view->control->ready_lsn,
						Max(pg_atomic_read_u64(&view->control->applied_lsn_hint),
							pg_atomic_read_u64(&control_database(MyDatabaseId, true)->ready_lsn)));
	view->memory = generation_attach(view->control, view->desc,
									 stored_lsn, view->watermark.watermark,
									 view->context);
}

/*
 * Takes in what stream_set_event_time() has said; see live_view.h.
 *
 * Who sets it holds a lock on the stream until everybody has been told.  The
 * rows of that very transaction may be here before: then whoever holds the
 * lock may be just that, and we look for ourselves.
 */
void
live_view_load_event_time(LiveView *view)
{
	Oid			streamid = view->catalog->streamid;
	MemoryContext old;
	bool		told = ConditionalLockRelationOid(streamid, RowExclusiveLock);

	if (told)
		UnlockRelationOid(streamid, RowExclusiveLock);
	if (told && view->event_time_generation == catalog_generation())
		return;
	old = MemoryContextSwitchTo(view->context);
	if (view->event_time != NULL)
		pfree(view->event_time);
	view->event_time = NULL;
	view->event_time_generation = catalog_generation();
	view->event_time = event_time_load(view->catalog->streamid);
	MemoryContextSwitchTo(old);
	/* what is late, and whether anything can be, may have changed */
	view->stale = true;
}

/*
 * Makes query, plan, description and memory of a view ready for use in this
 * transaction, and locks what the query reads.
 *
 * Requires: a transaction; throws what the view's owner may not or cannot do.
 */
void
live_view_prepare(LiveView *view)
{
	do
	{
		if (view->stale || !view->permitted)
			live_view_refresh(view, true);
		/* waiting for a lock may tell us of what its holder changed */
		inner_plan_lock(view->plan);
	} while (view->stale);
	Assert(view->memory != NULL);
}

/* Returns whether what the view reads is locked by others; see live_view.h. */
bool
live_view_is_locked(LiveView *view)
{
	bool		locked;

	StartTransactionCommand();
	locked = view->plan != NULL && !inner_plan_try_lock(view->plan);
	CommitTransactionCommand();
	return locked;
}
