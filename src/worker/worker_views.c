/*
 * worker_views.c - the views of the database, as the worker knows them.
 *
 * The catalog says which views there are; this list follows it whenever
 * catalog_generation() moves.  A view's query is analysed again when anything
 * it uses changes; its keys and aggregates cannot change, so groups in memory
 * and storage stay valid.
 *
 * Memory: one context per view; the analysed query and its plans in a
 * context below it that is replaced as a whole.
 *
 * Failure: a view that cannot be loaded gets state error; others go on.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "apply/inner_plan.h"
#include "catalog/adopt.h"
#include "clock.h"
#include "compat.h"
#include "shared/slot.h"
#include "shared/wal_end.h"
#include "worker/worker.h"

/* For the invalidation callbacks, which get no useful argument. */
static List **known_views = NULL;

/* A relation changed: views that use it are planned anew. */
static void
worker_views_relation_changed_cb(Datum arg, Oid relid)
{
	ListCell   *lc;

	if (known_views == NULL)
		return;
	foreach(lc, *known_views)
	{
		WorkerView *view = lfirst(lc);

		if (!OidIsValid(relid) ||
			relid == view->catalog->definition || relid == view->catalog->streamid ||
			(view->plan != NULL && inner_plan_uses_relation(view->plan, relid)))
			view->stale = true;
	}
}

/*
 * A type changed: views whose plans depend on it are planned anew.  Not all
 * of them, because every table that is made has a type, temporary ones too.
 */
static void
worker_views_type_changed_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	ListCell   *lc;

	if (known_views == NULL)
		return;
	foreach(lc, *known_views)
	{
		WorkerView *view = lfirst(lc);

		if (hashvalue == 0 || view->plan == NULL || inner_plan_uses_type(view->plan, hashvalue))
			view->stale = true;
	}
}

/* A function, role, schema ... changed: all views are planned anew. */
static void
worker_views_object_changed_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	worker_views_relation_changed_cb(arg, InvalidOid);
}

/* Registers the callbacks, once. */
void
worker_views_init(void)
{
	static const int caches[] = {PROCOID, OPEROID, AMOPOPID, NAMESPACEOID, AUTHOID,
	AUTHMEMMEMROLE, FOREIGNSERVEROID};

	CacheRegisterRelcacheCallback(worker_views_relation_changed_cb, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, worker_views_type_changed_cb, (Datum) 0);
	for (int i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], worker_views_object_changed_cb, (Datum) 0);
}

/* Returns whether the view takes part in reading. */
bool
worker_view_reads(const WorkerView *view)
{
	return view->writer != NULL &&
		(view->catalog->state == VIEW_RUNNING || view->catalog->state == VIEW_LAGGING);
}

/* Notes an error for pg_stat_stream_view. */
void
worker_view_note_error(WorkerView *view, int sqlstate, const char *message)
{
	LWLockAcquire(&view->control->lock, LW_EXCLUSIVE);
	strlcpy(view->control->last_error, message, ERROR_MESSAGE_LENGTH);
	view->control->last_sqlstate = sqlstate;
	LWLockRelease(&view->control->lock);
	pg_atomic_write_u64(&view->control->last_error_time, (uint64) clock_real());
}

/* Writes a state into the catalog, in a transaction of its own. */
static void
worker_view_store_state(WorkerView *view, ViewState state, const char *message)
{
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		catalog_set_state(view->viewid, state, message);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		/* the state holds in this process at least; it is logged either way */
		MemoryContextSwitchTo(old);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/*
 * Changes a view's state.  Running and lagging come and go and live in
 * memory; the others are for somebody to act upon and live in the catalog.
 *
 * Requires: no transaction is open.
 */
void
worker_view_set_state(StreamWorker *worker, WorkerView *view,
					  ViewState state, const char *message)
{
	ViewState	before = view->catalog->state;

	Assert(!IsTransactionState());
	if (before == state)
		return;
	view->catalog->state = state;
	pg_atomic_write_u32(&view->control->state, state);
	if (state != VIEW_RUNNING)
		ereport(state == VIEW_LAGGING ? LOG : WARNING,
				(errmsg("continuous view %u is %s", view->viewid,
						control_view_state_name(state)),
				 message ? errdetail_internal("%s", message) : 0));
	if (state != VIEW_RUNNING && state != VIEW_LAGGING)
		worker_view_store_state(view, state, message);
	control_progress(worker->control);
}

/* Fills the description of keys and aggregates from the analysed query. */
static GroupDesc *
worker_view_make_desc(WorkerView *view)
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
worker_view_choose_inner(WorkerView *view)
{
	StreamQuery *query = view->query;

	/* groups in memory are of one kind, as long as there are any */
	if (view->desc != NULL && view->desc->panes.slide != query->panes.slide)
		elog(ERROR, "panes of continuous view %u have changed", view->viewid);
	if (query->panes.slide > 0)
		query->inner = query->pane_inner;
}

/* Analyses the definition view's query. */
static void
worker_view_analyze(WorkerView *view)
{
	Relation	rel = table_open(view->catalog->definition, AccessShareLock);
	MemoryContext old;
	char	   *name;

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
	worker_view_choose_inner(view);
	view->late_rule = late_rule_create(view->query, &view->catalog->options, view->event_time);
	name = get_rel_name(view->viewid);
	view->plan = inner_plan_create(view->query, name ? name : "", view->query_context);
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
}

/* Analyses a view if it is stale, and checks the rights that it needs if wanted, as its owner. */
static void
worker_view_refresh(WorkerView *view, bool check_rights)
{
	OwnerScope	scope;
	bool		analyze = view->stale;

	/* an invalidation that comes while we work must not be lost */
	view->stale = false;
	owner_enter(&scope, view->catalog);
	PG_TRY();
	{
		if (analyze)
			worker_view_analyze(view);
		if (view->desc == NULL)
			view->desc = worker_view_make_desc(view);
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
static void
worker_view_attach(WorkerView *view)
{
	if (view->stale || view->desc == NULL)
		worker_view_refresh(view, false);
	if (view->scratch == NULL)
		view->scratch = scratch_create(view->desc, view->context);
	if (view->writer == NULL)
		view->writer = generation_attach(view->control, view->desc,
										 view->flushed_lsn, view->watermark.watermark,
										 view->context);
}

/*
 * Takes in what stream_set_event_time() has said; see worker.h.
 *
 * Who sets it holds a lock on the stream until everybody has been told.  The
 * rows of that very transaction may be here before: then whoever holds the
 * lock may be just that, and we look for ourselves.
 */
void
worker_view_load_event_time(WorkerView *view)
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
worker_view_prepare(WorkerView *view)
{
	do
	{
		if (view->stale || !view->permitted)
			worker_view_refresh(view, true);
		/* waiting for a lock may tell us of what its holder changed */
		inner_plan_lock(view->plan);
	} while (view->stale);
	worker_view_attach(view);
}

/*
 * Adopts a view that has no position of this system and database: it came
 * with a copied database, or with a dump whose restore disabled the trigger
 * that does this (ddl/adopt_view.c).  The slot was made before any row was
 * written here, so that is where the view goes on.
 */
static ViewPosition
worker_view_adopt(const ViewCatalog *catalog)
{
	XLogRecPtr	lsn = InvalidXLogRecPtr;
	bool		invalidated = false;

	if (!slot_exists(MyDatabaseId, &invalidated, &lsn) || invalidated ||
		XLogRecPtrIsInvalid(lsn))
		lsn = wal_insert_end();
	ereport(LOG,
			(errmsg("continuous view %u is adopted and goes on at %X/%X",
					catalog->viewid, LSN_FORMAT_ARGS(lsn))));
	return catalog_adopt_view(catalog, lsn);
}

/* Makes a WorkerView for a view of the catalog; NULL if there is no slot for it. */
static WorkerView *
worker_view_create(StreamWorker *worker, ViewCatalog *catalog, MemoryContext context)
{
	ViewControl *control = control_view(worker->dbid, catalog->viewid, true);
	ViewPosition position;
	WorkerView *view;

	if (control == NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("continuous view %u is not maintained", catalog->viewid),
				 errhint("Raise stream_ext.max_views and restart the server.")));
		return NULL;
	}
	position = catalog_get_position(catalog->viewid, NULL);
	if (!position.found || !position.native)
		position = worker_view_adopt(catalog);

	view = MemoryContextAllocZero(context, sizeof(WorkerView));
	view->viewid = catalog->viewid;
	view->context = context;
	view->catalog = catalog;
	view->control = control;
	view->stale = true;
	view->flushed_lsn = position.lsn;
	view->flushed_restart_lsn = position.restart_lsn;
	view->restart_lsn = position.restart_lsn;
	watermark_copy(&view->watermark, &position.watermark);
	watermark_copy(&view->sealed_watermark, &position.watermark);
	view->last_flush = clock_real();
	view->tids = worker->tids;
	view->letters = dead_letters_create(context);
	pg_atomic_write_u32(&control->state, catalog->state);
	/* the list is made anew when it is needed */
	pg_atomic_write_u64(&control->session_keys, 0);
	pg_atomic_write_u64(&control->session_bytes, 0);
	pg_atomic_write_u64(&control->flushed_lsn, position.lsn);
	pg_atomic_write_u64(&control->restart_lsn, position.restart_lsn);
	return view;
}

/* Lets go of a view that is no more. */
static void
worker_view_free(StreamWorker *worker, WorkerView *view, bool dropped)
{
	if (view->catchup != NULL)
		feed_close(view->catchup);
	if (view->writer != NULL)
		generation_detach(view->writer, dropped);
	if (dropped)
		control_forget_view(worker->dbid, view->viewid);
	worker->views = list_delete_ptr(worker->views, view);
	MemoryContextDelete(view->context);
}

/* Returns a copy in CurrentMemoryContext. */
static ViewCatalog *
worker_view_copy_catalog(const ViewCatalog *from)
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
	return copy;
}

/* Returns the WorkerView of a view, or NULL. */
static WorkerView *
worker_views_find(StreamWorker *worker, Oid viewid)
{
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->viewid == viewid)
			return view;
	}
	return NULL;
}

/* Takes over a watermark that a restore has put into the view's position. */
static void
worker_view_take_watermark(WorkerView *view)
{
	ViewPosition position = catalog_get_position(view->viewid, NULL);

	if (!position.found || position.watermark.watermark <= view->watermark.watermark)
		return;
	view->watermark.watermark = position.watermark.watermark;
	if (view->writer != NULL)
		generation_set_watermark(view->writer, view->watermark.watermark);
}

/* Takes over what the catalog says now of a view that is known. */
static void
worker_view_update(StreamWorker *worker, WorkerView *view, const ViewCatalog *now)
{
	ViewState	before = view->catalog->state;
	MemoryContext context = AllocSetContextCreate(view->context, "stream view catalog",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	view->catalog = worker_view_copy_catalog(now);
	MemoryContextSwitchTo(old);
	if (view->catalog_context != NULL)
		MemoryContextDelete(view->catalog_context);
	view->catalog_context = context;
	view->stale = true;
	worker_view_take_watermark(view);
	if (now->state == VIEW_RUNNING && before == VIEW_LAGGING)
		view->catalog->state = VIEW_LAGGING;	/* not the catalog's business */
	if (view->catalog->state != before)
	{
		view->failures = view->timeouts = 0;
		view->retry_at = 0;
		view->flush_failures = 0;
		view->flush_timeouts = 0;
		view->flush_retry_at = 0;
		view->flush_soon = (now->state == VIEW_PAUSED);
		if (view->catchup != NULL)
			feed_close(view->catchup);
		view->catchup = NULL;
		pg_atomic_write_u32(&view->control->state, view->catalog->state);
	}
}

/* Adds a view, or takes over its changes. */
static void
worker_views_take(StreamWorker *worker, const ViewCatalog *now)
{
	WorkerView *view = worker_views_find(worker, now->viewid);
	MemoryContext context;
	MemoryContext old;
	ViewCatalog *catalog;

	/* its position was moved under us: start anew from there */
	if (view != NULL && view->catalog->state == VIEW_GAP && now->state == VIEW_RUNNING)
	{
		worker_view_free(worker, view, false);
		view = NULL;
	}
	if (view != NULL)
	{
		worker_view_update(worker, view, now);
		return;
	}

	context = AllocSetContextCreate(worker->context, "stream view", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	catalog = worker_view_copy_catalog(now);
	view = worker_view_create(worker, catalog, context);
	MemoryContextSwitchTo(worker->context);
	if (view != NULL)
		worker->views = lappend(worker->views, view);
	else
		MemoryContextDelete(context);
	MemoryContextSwitchTo(old);
}

/* Lets go of views of a former worker that were dropped when there was none. */
static void
worker_views_forget_former(StreamWorker *worker, List *catalogs)
{
	ViewControl *view;

	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		bool		found = false;
		ListCell   *lc;

		if (view->dbid != worker->dbid || !OidIsValid(view->viewid))
			continue;
		foreach(lc, catalogs)
			found |= (((ViewCatalog *) lfirst(lc))->viewid == view->viewid);
		if (found)
			continue;
		generation_discard(view);
		control_forget_view(worker->dbid, view->viewid);
	}
}

/* Removes the views that the catalog does not list any more. */
static void
worker_views_remove(StreamWorker *worker, List *catalogs)
{
	List	   *views = list_copy(worker->views);
	ListCell   *lc;

	foreach(lc, views)
	{
		WorkerView *view = lfirst(lc);
		bool		found = false;
		ListCell   *lc2;

		foreach(lc2, catalogs)
			found |= (((ViewCatalog *) lfirst(lc2))->viewid == view->viewid);
		if (!found)
			worker_view_free(worker, view, true);
	}
	list_free(views);
}

/* Attaches one view, in a transaction of its own. */
static void
worker_views_attach_one(StreamWorker *worker, WorkerView *view)
{
	MemoryContext old = CurrentMemoryContext;

	crash_guard_enter(view->viewid, true);
	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		worker_view_attach(view);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(worker->run_context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		if (view->catalog->state == VIEW_RUNNING || view->catalog->state == VIEW_LAGGING)
			apply_handle_error(worker, view, edata);
	}
	PG_END_TRY();
	crash_guard_leave();
	MemoryContextSwitchTo(old);
}

/*
 * Attaches the views that are not attached: all of them if the catalog has
 * changed, else those that are due for another try.
 */
static void
worker_views_attach_all(StreamWorker *worker, bool changed)
{
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->writer != NULL || view->catalog->state == VIEW_GAP)
			continue;
		if (changed || (view->catalog->state == VIEW_LAGGING &&
						clock_real() >= view->retry_at))
			worker_views_attach_one(worker, view);
	}
}

/*
 * Makes the list of views follow the catalog, if that has changed.
 *
 * Requires: no transaction is open.
 */
void
worker_views_reload(StreamWorker *worker)
{
	MemoryContext old = CurrentMemoryContext;
	uint64		generation;
	List	   *catalogs;
	ListCell   *lc;

	Assert(!IsTransactionState());
	known_views = &worker->views;

	/* the start of a transaction takes in what others have changed */
	StartTransactionCommand();
	generation = catalog_generation();
	if (generation == worker->catalog_generation)
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(old);
		worker_views_attach_all(worker, false);
		return;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	catalogs = catalog_list_views();
	worker_views_remove(worker, catalogs);
	if (worker->catalog_generation == PG_UINT64_MAX)
		worker_views_forget_former(worker, catalogs);
	foreach(lc, catalogs)
		worker_views_take(worker, lfirst(lc));
	foreach(lc, worker->views)
		worker_view_load_event_time(lfirst(lc));
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);

	worker->catalog_generation = generation;
	worker_views_attach_all(worker, true);
}
