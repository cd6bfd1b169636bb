/*
 * schedule.c - which stream workers are wanted, and whose turn it is.
 *
 * A process is worth having while there is something for it to do: commits
 * that a view has not applied, a flush that somebody asked for, a position
 * that holds back WAL.  A worker that finds nothing of that for a while
 * leaves by itself; here is the other side, what brings it back.
 *
 * Processes can be fewer than workers that are wanted: stream_ext.workers is
 * the limit of a database, max_worker_processes that of the server.  Then
 * they take turns, so that every view comes to its own, later.
 *
 * Locking: ControlLock, for copies of identities only; positions are atomics.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/control.h"
#include "shared/wal_end.h"
#include "worker/schedule.h"

/* A worker keeps its process this long, when others wait for it. */
#define TURN_MS				2000
/* Who was asked to leave has this long before another one is asked. */
#define LEAVE_MS			1000
/* A view whose position is so far behind moves it, though no row came; or half of max_lag. */
#define POSITION_BYTES		(64 * 1024 * 1024)
/* A worker that is away looks after expired partitions and the like now and then. */
#define ABSENCE_MS			600000

/* Returns whether the state lets the view go on by itself. */
static bool
view_goes_on(const ViewControl *view)
{
	ViewState	state = pg_atomic_read_u32((pg_atomic_uint32 *) &view->state);

	return state == VIEW_RUNNING || state == VIEW_LAGGING;
}

/* Returns the newest commit that the view must apply, as far as anybody has said. */
static XLogRecPtr
view_wanted_lsn(ViewControl *view, DatabaseControl *db)
{
	StreamControl *stream = control_stream(view->dbid, pg_atomic_read_u32(&view->streamid), false);
	XLogRecPtr	wanted = pg_atomic_read_u64(&db->last_prepared_lsn);

	return Max(wanted, stream ? pg_atomic_read_u64(&stream->last_commit_lsn) :
			   pg_atomic_read_u64(&db->last_commit_lsn));
}

/* Returns whether a position is so far behind that a worker shall move it. */
static bool
position_is_old(XLogRecPtr restart_lsn)
{
	uint64		bytes = POSITION_BYTES;

	if (guc_max_lag_mb >= 0)
		bytes = Min(bytes, (uint64) guc_max_lag_mb * 1024 * 1024 / 2);
	return wal_insert_end() > restart_lsn + bytes;
}

/* Returns whether there is something for a worker of this view to do. */
static bool
view_wants_worker(ViewControl *view, DatabaseControl *db)
{
	XLogRecPtr	restart = pg_atomic_read_u64(&view->restart_lsn);

	if (pg_atomic_read_u32(&view->worker.wanted) != 0 ||
		pg_atomic_read_u32(&view->memory_wanted) != 0)
		return true;
	if (pg_atomic_read_u32(&view->state) == VIEW_GAP)
		return false;
	if (pg_atomic_read_u64(&view->flush_request) > pg_atomic_read_u64(&view->flushed_lsn))
		return true;
	if (view_goes_on(view) && !view->attached)
		return true;
	if (view_goes_on(view) &&
		view_wanted_lsn(view, db) > pg_atomic_read_u64(&view->applied_lsn_hint))
		return true;
	return position_is_old(restart);
}

/*
 * Returns whether the key's worker is missed: it has been away for so long that
 * it should look around, or it did not leave by itself.
 */
static bool
key_is_missed(WorkerKey key)
{
	WorkerControl *place;
	bool		missed = false;

	control_lock(false);
	for (int i = 0; (place = worker_control_at(i)) != NULL; i++)
	{
		if (worker_key_equal(place->key, key) && place->pid == 0)
			missed = !place->retired ||
				TimestampDifferenceExceeds(place->exit_time, clock_real(), ABSENCE_MS);
	}
	control_unlock();
	return missed;
}

/* Returns whether the database itself has something to do for its shared worker. */
static bool
database_wants_worker(DatabaseControl *db)
{
	XLogRecPtr	restart = pg_atomic_read_u64(&db->restart_lsn);

	return pg_atomic_read_u32(&db->wanted) != 0 ||
		XLogRecPtrIsInvalid(restart) || XLogRecPtrIsInvalid(pg_atomic_read_u64(&db->ready_lsn)) ||
		position_is_old(restart);
}

/* Adds a key to the list unless it is there or its worker runs. */
static List *
add_missing(List *keys, WorkerKey key)
{
	ListCell   *lc;
	WorkerKey  *copy;

	foreach(lc, keys)
	{
		if (worker_key_equal(*(WorkerKey *) lfirst(lc), key))
			return keys;
	}
	if (worker_control_pid(key, NULL) != 0)
		return keys;
	copy = palloc(sizeof(WorkerKey));
	*copy = key;
	return lappend(keys, copy);
}

/* Returns when the last worker of the key ended; 0 if there was none. */
static TimestampTz
key_exit_time(WorkerKey key)
{
	WorkerControl *place;
	TimestampTz time = 0;

	control_lock(false);
	for (int i = 0; (place = worker_control_at(i)) != NULL; i++)
	{
		if (worker_key_equal(place->key, key))
			time = place->exit_time;
	}
	control_unlock();
	return time;
}

/* list_sort comparator: who has been away longest comes first. */
static int
compare_absence(const ListCell *a, const ListCell *b)
{
	TimestampTz left_a = key_exit_time(*(WorkerKey *) lfirst(a));
	TimestampTz left_b = key_exit_time(*(WorkerKey *) lfirst(b));

	return (left_a > left_b) - (left_a < left_b);
}

List *
schedule_missing_workers(Oid dbid)
{
	DatabaseControl *db = control_database(dbid, false);
	WorkerKey	shared = {.dbid = dbid};
	List	   *keys = NIL;
	ViewControl *view;

	if (db == NULL)
		return NIL;
	if (database_wants_worker(db) || key_is_missed(shared))
		keys = add_missing(keys, shared);
	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		WorkerKey	key = {.dbid = dbid,.ownerid = view->worker.ownerid};

		if (view->dbid != dbid || !OidIsValid(view->viewid) || !view->worker.placed)
			continue;
		if (view_wants_worker(view, db) || key_is_missed(key))
			keys = add_missing(keys, key);
	}
	list_sort(keys, compare_absence);
	return keys;
}

void
schedule_note_absent(Oid dbid)
{
	DatabaseControl *db = control_database(dbid, false);
	WorkerKey	shared = {.dbid = dbid};
	bool		absent;
	ViewControl *view;

	if (db == NULL)
		return;
	/* first this: a worker that leaves while we look says so afterwards */
	pg_atomic_exchange_u32(&db->absent, 0);
	absent = worker_control_pid(shared, NULL) == 0;
	for (int i = 0; (view = control_view_at(i)) != NULL && !absent; i++)
		absent = view->dbid == dbid && OidIsValid(view->viewid) && view->worker.pid == 0;
	if (absent)
		pg_atomic_write_u32(&db->absent, 1);
}

int
schedule_count_workers(Oid dbid)
{
	WorkerControl *place;
	int			n = 0;

	for (int i = 0; (place = worker_control_at(i)) != NULL; i++)
	{
		if (place->pid != 0 && place->key.dbid == dbid)
			n++;
	}
	return n;
}

/* Returns whether a should rather leave than b (which may be NULL). */
static bool
leaves_before(WorkerControl *a, WorkerControl *b)
{
	uint64		a_idle = pg_atomic_read_u64(&a->idle_since);
	uint64		b_idle = b ? pg_atomic_read_u64(&b->idle_since) : 0;

	if (b == NULL)
		return true;
	if ((a_idle != 0) != (b_idle != 0))
		return a_idle != 0;
	if (a_idle != 0)
		return a_idle < b_idle;
	return a->start_time < b->start_time;
}

bool
schedule_make_room(Oid dbid)
{
	WorkerControl *leaver = NULL;
	WorkerControl *place;
	TimestampTz now = clock_real();
	TimestampTz asked;

	control_lock(false);
	for (int i = 0; (place = worker_control_at(i)) != NULL; i++)
	{
		if (place->pid == 0 || (OidIsValid(dbid) && place->key.dbid != dbid))
			continue;
		asked = (TimestampTz) pg_atomic_read_u64(&place->must_leave);
		/* one that does not get round to it is no reason to ask nobody else */
		if (asked != 0 && TimestampDifferenceExceeds(asked, now, LEAVE_MS))
			continue;
		if (asked != 0)
		{
			control_unlock();
			return true;
		}
		if (pg_atomic_read_u64(&place->idle_since) == 0 &&
			!TimestampDifferenceExceeds(place->start_time, now, TURN_MS))
			continue;
		if (leaves_before(place, leaver))
			leaver = place;
	}
	if (leaver != NULL)
	{
		pg_atomic_write_u64(&leaver->must_leave, (uint64) now);
		SetLatch(leaver->latch);
	}
	control_unlock();
	return leaver != NULL;
}

void
schedule_note_waiting(WorkerKey key, bool waiting)
{
	ViewControl *view;

	for (int i = 0; (view = control_view_at(i)) != NULL; i++)
	{
		if (view->dbid == key.dbid && OidIsValid(view->viewid) && view->worker.placed &&
			view->worker.ownerid == key.ownerid)
			pg_atomic_write_u32(&view->worker.waits_for_process, waiting ? 1 : 0);
	}
}
