/*
 * placement.c - which worker maintains which view.
 *
 * A view whose code is built in and harmless, and that reads nothing but its
 * stream, is maintained by the database's shared worker, whoever owns it:
 * nobody's code runs there.  All other views are maintained by a worker of
 * their owner's.  query/harmless.c says which are harmless, from the
 * query tree alone; nothing of the view is run to find out.
 *
 * The shared worker decides, because it knows all views of the database: it
 * makes their slots in shared memory, brings in those that came with a copied
 * database, and so knows what WAL is needed before any view is served.
 *
 * What analysis cannot see is measured: a view that takes much longer than
 * any built-in code should, several runs in a row, is moved to its owner's
 * worker, too, and stays there until the server restarts.
 *
 * Failure: a view whose definition is locked, or cannot be looked at, is its
 * owner's worker's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "catalog/adopt.h"
#include "compat.h"
#include "query/harmless.h"
#include "shared/slot.h"
#include "shared/wal_end.h"
#include "worker/placement.h"

/* A run is slow if it takes this long, and this long for each row. */
#define SLOW_RUN_US			100000
#define SLOW_ROW_US			20
/* So many slow runs in a row are too many. */
#define SLOW_RUNS			3

/*
 * Adopts a view that has no position of this system and database: it came
 * with a copied database, or with a dump whose restore disabled the trigger
 * that does this (ddl/adopt_view.c).  The slot was made before any row was
 * written here, so that is where the view goes on.
 */
static ViewPosition
placement_adopt(const ViewCatalog *catalog)
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

/* Makes the slot of a view; NULL if there is no room. */
static ViewControl *
placement_make_slot(StreamWorker *worker, const ViewCatalog *catalog)
{
	ViewControl *control = control_view(worker->key.dbid, catalog->viewid, true);
	ViewPosition position;

	if (control == NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("continuous view %u is not maintained", catalog->viewid),
				 errhint("Increase stream_ext.max_views and restart the server.")));
		return NULL;
	}
	if (control->worker.placed)
		return control;
	position = catalog_get_position(catalog->viewid, NULL);
	if (!position.found || !position.native)
	{
		position = placement_adopt(catalog);
		/* who takes the view reads its position again */
		CommandCounterIncrement();
	}
	pg_atomic_write_u32(&control->state, catalog->state);
	pg_atomic_write_u64(&control->flushed_lsn, position.lsn);
	pg_atomic_write_u64(&control->restart_lsn, position.restart_lsn);
	return control;
}

/* Says who maintains a view; returns whether that is new. */
static bool
placement_place(StreamWorker *worker, const ViewCatalog *catalog)
{
	ViewControl *control = placement_make_slot(worker, catalog);
	Oid			ownerid = catalog->ownerid;

	if (control == NULL)
		return false;
	if (pg_atomic_read_u32(&control->worker.slow) == 0 && view_is_harmless(catalog, NULL))
		ownerid = InvalidOid;
	/* one that has left its gap needs WAL again, before its worker sees it */
	if (pg_atomic_read_u32(&control->state) == VIEW_GAP && catalog->state != VIEW_GAP)
	{
		ViewPosition position = catalog_get_position(catalog->viewid, NULL);

		pg_atomic_write_u64(&control->flushed_lsn, position.lsn);
		pg_atomic_write_u64(&control->restart_lsn, position.restart_lsn);
		pg_atomic_write_u32(&control->state, catalog->state);
		pg_atomic_write_u32(&control->worker.wanted, 1);
	}
	/* of a view that nobody maintains, this is what its worker is to see */
	if (control->worker.pid == 0 && pg_atomic_read_u32(&control->state) != catalog->state)
	{
		pg_atomic_write_u32(&control->state, catalog->state);
		pg_atomic_write_u32(&control->worker.wanted, 1);
	}
	return control_place_view(control, catalog->streamid, ownerid);
}

void
placement_update(StreamWorker *worker, List *catalogs)
{
	bool		changed = false;
	ListCell   *lc;

	Assert(worker_key_is_shared(worker->key));
	foreach(lc, catalogs)
		changed |= placement_place(worker, lfirst(lc));
	if (changed)
	{
		pg_atomic_fetch_add_u64(&worker->control->placement, 1);
		worker_control_wake_database(worker->key.dbid);
	}
	control_wake_launcher();
}

void
placement_note_cost(StreamWorker *worker, WorkerView *view, uint64 nrows, int64 elapsed_us)
{
	if (!worker_key_is_shared(worker->key) || nrows == 0)
		return;
	if (elapsed_us < SLOW_RUN_US || elapsed_us / nrows < SLOW_ROW_US)
	{
		view->slow_runs = 0;
		return;
	}
	if (++view->slow_runs < SLOW_RUNS)
		return;
	ereport(LOG,
			(errmsg("continuous view %u moves to a worker of its owner", view->live.viewid),
			 errdetail("Its last run took %lld ms for %llu rows.",
					   (long long) (elapsed_us / 1000), (unsigned long long) nrows)));
	view->slow_runs = 0;
	pg_atomic_write_u32(&view->live.control->worker.slow, 1);
	/* look at the catalog again */
	worker->catalog_generation = PG_UINT64_MAX;
}
