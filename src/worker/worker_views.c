/*
 * worker_views.c - the views of this worker.
 *
 * The catalog says which views there are; this list follows it whenever
 * catalog_generation() moves.
 *
 * Memory: one context per view.
 *
 * Failure: a view that cannot be loaded gets state error; others go on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "apply/inner_plan.h"
#include "clock.h"
#include "compat.h"
#include "time_limit.h"
#include "worker/placement.h"
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
			relid == view->live.catalog->definition || relid == view->live.catalog->streamid ||
			(view->live.plan != NULL && inner_plan_uses_relation(view->live.plan, relid)))
			view->live.stale = true;
	}
}

/*
 * A type or function changed: views that depend on it are planned anew.  Not
 * all of them, because every table that is made has a type, temporary ones
 * too, and any user may replace a function of his as often as he likes.
 */
static void
worker_views_code_changed_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	ListCell   *lc;

	if (known_views == NULL)
		return;
	foreach(lc, *known_views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.plan == NULL ||
			inner_plan_uses_object(view->live.plan, cacheid, hashvalue))
			view->live.stale = true;
	}
}

/* An operator, role, schema ... changed: all views are planned anew. */
static void
worker_views_object_changed_cb(Datum arg, int cacheid, uint32 hashvalue)
{
	worker_views_relation_changed_cb(arg, InvalidOid);
}

/* Registers the callbacks, once. */
void
worker_views_init(void)
{
	static const int caches[] = {OPEROID, AMOPOPID, NAMESPACEOID, AUTHOID, AUTHMEMMEMROLE,
	FOREIGNSERVEROID};

	lag_policy_init();
	CacheRegisterRelcacheCallback(worker_views_relation_changed_cb, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, worker_views_code_changed_cb, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, worker_views_code_changed_cb, (Datum) 0);
	for (int i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], worker_views_object_changed_cb, (Datum) 0);
}

/* Returns whether the view takes part in reading. */
bool
worker_view_reads(const WorkerView *view)
{
	return view->live.memory != NULL &&
		(view->live.catalog->state == VIEW_RUNNING || view->live.catalog->state == VIEW_LAGGING);
}

/* Makes a WorkerView for a view of the catalog that this worker has taken. */
static WorkerView *
worker_view_create(StreamWorker *worker, ViewControl *control, ViewCatalog *catalog,
				   MemoryContext context)
{
	ViewPosition position = catalog_get_position(catalog->viewid, NULL);
	WorkerView *view;

	if (!position.found)
		elog(ERROR, "continuous view with OID %u has no position", catalog->viewid);
	view = MemoryContextAllocZero(context, sizeof(WorkerView));
	view->live.viewid = catalog->viewid;
	view->live.context = context;
	view->live.catalog = catalog;
	view->live.control = control;
	view->live.stale = true;
	view->flush.lsn = position.lsn;
	view->flush.restart_lsn = position.restart_lsn;
	view->reading.restart_lsn = position.restart_lsn;
	watermark_copy(&view->live.watermark, &position.watermark);
	watermark_copy(&view->flush.sealed_watermark, &position.watermark);
	view->flush.last = clock_real();
	view->live.tids = worker->tids;
	view->live.letters = dead_letters_create(context);
	pg_atomic_write_u32(&control->state, catalog->state);
	pg_atomic_write_u32(&control->worker.lock_holder, 0);
	pg_atomic_write_u32(&control->worker.flush_lock_holder, 0);
	/* the list is made anew when it is needed */
	pg_atomic_write_u64(&control->session_keys, 0);
	pg_atomic_write_u64(&control->session_bytes, 0);
	pg_atomic_write_u64(&control->flushed_lsn, position.lsn);
	pg_atomic_write_u64(&control->restart_lsn, position.restart_lsn);
	lag_policy_publish(view);
	return view;
}

/* Lets go of a view that is no more. */
static void
worker_view_free(StreamWorker *worker, WorkerView *view, bool dropped)
{
	if (view->reading.feed != NULL)
		feed_close(view->reading.feed);
	if (view->live.memory != NULL)
		generation_detach(view->live.memory, dropped);
	control_release_view(view->live.control);
	if (dropped)
		control_forget_view(worker->key.dbid, view->live.viewid);
	worker->views = list_delete_ptr(worker->views, view);
	MemoryContextDelete(view->live.context);
}

/* Returns the WorkerView of a view, or NULL. */
static WorkerView *
worker_views_find(StreamWorker *worker, Oid viewid)
{
	ListCell   *lc;

	foreach(lc, worker->views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.viewid == viewid)
			return view;
	}
	return NULL;
}

/* Takes over a watermark that a restore has put into the view's position. */
static void
worker_view_take_watermark(WorkerView *view)
{
	ViewPosition position = catalog_get_position(view->live.viewid, NULL);

	if (!position.found || position.watermark.watermark <= view->live.watermark.watermark)
		return;
	view->live.watermark.watermark = position.watermark.watermark;
	if (view->live.memory != NULL)
		generation_set_watermark(view->live.memory, view->live.watermark.watermark);
}

/* Takes over what the catalog says now of a view that is known. */
static void
worker_view_update(StreamWorker *worker, WorkerView *view, const ViewCatalog *now)
{
	ViewState	before = view->live.catalog->state;
	const char *retention = now->options.retention ? now->options.retention : "";
	const char *former = view->live.catalog->options.retention;
	MemoryContext context = AllocSetContextCreate(view->live.context, "stream view catalog",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	if (strcmp(retention, former ? former : "") != 0)
		view->retention.at = 0;
	view->live.catalog = catalog_copy_view(now);
	MemoryContextSwitchTo(old);
	if (view->catalog_context != NULL)
		MemoryContextDelete(view->catalog_context);
	view->catalog_context = context;
	view->live.stale = true;
	lag_policy_publish(view);
	worker_view_take_watermark(view);
	if (now->state == VIEW_RUNNING && before == VIEW_LAGGING)
		view->live.catalog->state = VIEW_LAGGING;	/* not the catalog's business */
	if (view->live.catalog->state != before)
	{
		view_retry_reset(view);
		view_flush_reset(view, now->state == VIEW_PAUSED);
		if (view->reading.feed != NULL)
			feed_close(view->reading.feed);
		view->reading.feed = NULL;
		pg_atomic_write_u32(&view->live.control->state, view->live.catalog->state);
	}
}

/* Adds a view that this worker has taken. */
static void
worker_views_add(StreamWorker *worker, ViewControl *control, const ViewCatalog *now)
{
	MemoryContext context = AllocSetContextCreate(worker->context, "stream view",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ViewCatalog *catalog = catalog_copy_view(now);
	WorkerView *view = worker_view_create(worker, control, catalog, context);

	MemoryContextSwitchTo(worker->context);
	worker->views = lappend(worker->views, view);
	MemoryContextSwitchTo(old);
}

/* Adds a view, or takes over its changes, if it is placed with this worker. */
static void
worker_views_take(StreamWorker *worker, const ViewCatalog *now)
{
	WorkerView *view = worker_views_find(worker, now->viewid);
	ViewControl *control = control_view(worker->key.dbid, now->viewid, false);
	bool		mine = worker_key_is_shared(worker->key) || now->ownerid == worker->key.ownerid;

	/* a process that has served one owner serves no other */
	if (!mine)
	{
		if (view != NULL)
			view->given_away = true;
		return;
	}
	/* its position was moved under us: start anew from there */
	if (view != NULL && view->live.catalog->state == VIEW_GAP && now->state == VIEW_RUNNING)
	{
		worker_view_free(worker, view, false);
		view = NULL;
	}
	if (view != NULL)
		worker_view_update(worker, view, now);
	else if (control != NULL && control_take_view(control, worker->key.ownerid))
	{
		pg_atomic_write_u32(&control->worker.wanted, 0);
		pg_atomic_write_u32(&control->worker.waits_for_process, 0);
		worker_views_add(worker, control, now);
	}
}

/* Lets go of views that nobody maintains and that were dropped. For the shared worker. */
static void
worker_views_forget_dropped(StreamWorker *worker, List *catalogs)
{
	ViewControl *view;

	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		bool		found = false;
		ListCell   *lc;

		if (view->dbid != worker->key.dbid || !OidIsValid(view->viewid) || view->worker.pid != 0)
			continue;
		foreach(lc, catalogs)
			found |= (((ViewCatalog *) lfirst(lc))->viewid == view->viewid);
		if (found)
			continue;
		generation_discard(view);
		control_forget_view(worker->key.dbid, view->viewid);
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
			found |= (((ViewCatalog *) lfirst(lc2))->viewid == view->live.viewid);
		if (!found)
			worker_view_free(worker, view, true);
	}
	list_free(views);
}

/*
 * Lets go of views that are placed with another worker now: what they have in
 * memory is flushed, so that the other one finds it.
 */
static void
worker_views_hand_over(StreamWorker *worker)
{
	List	   *views = list_copy(worker->views);
	ListCell   *lc;

	foreach(lc, views)
	{
		WorkerView *view = lfirst(lc);

		if (view->live.control->worker.ownerid == worker->key.ownerid && !view->given_away)
			continue;
		if (view->live.memory != NULL && view->live.catalog->state != VIEW_GAP)
			(void) flush_view(worker, view);
		worker_view_free(worker, view, false);
		pg_atomic_fetch_add_u64(&worker->control->placement, 1);
		worker_control_wake_database(worker->key.dbid);
		control_wake_launcher();
	}
	list_free(views);
}

/* Attaches one view, in a transaction of its own. */
static void
worker_views_attach_one(StreamWorker *worker, WorkerView *view)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool attached = false;

	view_work_begin(&view->live, WORK_ATTACH);
	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		live_view_attach(&view->live, view->flush.lsn);
		PopActiveSnapshot();
		CommitTransactionCommand();
		attached = true;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(worker->run_context);
		edata = CopyErrorData();
		FlushErrorState();
		time_limit_end();
		QueryCancelPending = false;
		AbortCurrentTransaction();
		if (view->live.catalog->state == VIEW_RUNNING || view->live.catalog->state == VIEW_LAGGING)
			view_handle_error(worker, view, edata);
	}
	PG_END_TRY();
	view_work_end(attached);
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

		if (view->live.memory != NULL || view->live.catalog->state == VIEW_GAP)
			continue;
		if (changed || (view->live.catalog->state == VIEW_LAGGING &&
						clock_real() >= view->retry.at))
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
	uint64		placement;
	List	   *catalogs;
	ListCell   *lc;

	Assert(!IsTransactionState());
	known_views = &worker->views;

	worker_views_hand_over(worker);

	/* the start of a transaction takes in what others have changed */
	StartTransactionCommand();
	generation = catalog_generation();
	placement = pg_atomic_read_u64(&worker->control->placement);
	if (generation == worker->catalog_generation && placement == worker->placement)
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(old);
		worker_views_attach_all(worker, false);
		return;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	catalogs = catalog_list_views();
	worker_views_remove(worker, catalogs);
	if (worker_key_is_shared(worker->key))
	{
		pg_atomic_write_u32(&worker->control->wanted, 0);
		worker_views_forget_dropped(worker, catalogs);
		placement_update(worker, catalogs);
	}
	foreach(lc, catalogs)
		worker_views_take(worker, lfirst(lc));
	foreach(lc, worker->views)
		live_view_load_event_time(&((WorkerView *) lfirst(lc))->live);
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);

	worker->catalog_generation = generation;
	worker->placement = placement;
	pg_atomic_write_u32(&worker->place->nviews, list_length(worker->views));
	worker_views_attach_all(worker, true);
}
