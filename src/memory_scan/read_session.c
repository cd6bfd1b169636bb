/*
 * read_session.c - what this session must see of a view, and reading it.
 *
 * A reader is owed three things: its own committed rows, whatever it has been
 * shown before, and, after a restart of the worker, what anybody has been
 * shown before it.  All three are positions in the WAL; the reader waits until
 * the view has applied the largest of them, and reads.
 *
 * What it reads is storage as of its snapshot S plus the generations that
 * follow the position P in S.  The wait may be long and S is taken before
 * it, so that P can leave the chain meanwhile: the generations that follow P
 * stay as long as S is held, but for three cases (too many of them, a new
 * worker, a transaction larger than memory).  Then S can not show what must
 * be seen.  To make that rare the same wait also happens while planning,
 * when S is not taken yet.
 *
 * A view that somebody or something has stopped is read as it is; only what
 * this very session has written or been shown must be there.
 *
 * On a standby there is no worker and nobody writes: storage is all there is.
 *
 * Locking: none but what generation_read() takes.
 *
 * Memory: what has been shown is kept per view for the life of the session.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/view_catalog.h"
#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "memory_scan/read_session.h"
#include "stat/wait_event.h"
#include "stream_am/stream_am.h"

/* A worker may restart between the wait and the read; so often we wait again. */
#define MAX_ATTEMPTS	3

/* A wait that ends in vain this much before its time was ended by a deadlock. */
#define EARLY_MS		50

/* The newest commit that a view has shown to this session. */
typedef struct ShownEntry
{
	Oid			viewid;
	XLogRecPtr	lsn;
} ShownEntry;

/* What a wait is about. */
typedef struct ReadWait
{
	Oid			viewid;
	DatabaseControl *db;
	XLogRecPtr	session_lsn;	/* owed to this session */
	bool		must_attach;	/* a worker must maintain the view */
} ReadWait;

typedef enum ReadWaitResult
{
	READ_WAIT_REACHED,
	READ_WAIT_STOPPED,			/* the view does not go on by itself */
	READ_WAIT_TIMEOUT,
	READ_WAIT_DEADLOCK			/* the worker waits for us */
} ReadWaitResult;

static HTAB *shown_views = NULL;

/* What stream_sync() has promised to this session, of every view. */
static XLogRecPtr promised_lsn = InvalidXLogRecPtr;

/* A wait that failed while planning this statement need not be repeated. */
static TimestampTz timed_out_statement = 0;

/* Returns the entry of a view, made if there is none. */
static ShownEntry *
shown_entry(Oid viewid)
{
	ShownEntry *entry;
	bool		found;

	if (shown_views == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(ShownEntry)};

		shown_views = hash_create("stream_ext shown views", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(shown_views, &viewid, HASH_ENTER, &found);
	if (!found)
		entry->lsn = InvalidXLogRecPtr;
	return entry;
}

/* From now on this session must see every commit up to lsn; see read_session.h. */
void
read_session_require(XLogRecPtr lsn)
{
	promised_lsn = Max(promised_lsn, lsn);
}

/* Returns whether a view in this state needs somebody to go on. */
static bool
state_is_stopped(ViewState state)
{
	return state != VIEW_RUNNING && state != VIEW_LAGGING;
}

/*
 * Returns whether a view needs somebody to go on.  The catalog has the last
 * word: the worker has not noticed yet what was resumed just now.
 */
static bool
view_has_stopped(ViewControl *view)
{
	ViewCatalog *catalog;

	if (view == NULL || !state_is_stopped(pg_atomic_read_u32(&view->state)))
		return false;
	catalog = catalog_get_view(view->viewid);
	return catalog == NULL || state_is_stopped(catalog->state);
}

/* Returns what a view must have applied before it is read. */
static XLogRecPtr
required_lsn(const ReadWait *wait, ViewControl *view)
{
	if (view_has_stopped(view))
		return wait->session_lsn;
	return Max(Max(wait->session_lsn, promised_lsn),
			   pg_atomic_read_u64(&wait->db->ready_lsn));
}

/* Returns whether the wait is over, for one reason or another. */
static bool
read_wait_over_cb(void *arg)
{
	ReadWait   *wait = arg;
	ViewControl *view = control_view(MyDatabaseId, wait->viewid, false);

	if (view == NULL)
		return !wait->must_attach;
	if (view_has_stopped(view))
		return true;
	if (!view->attached)
		return !wait->must_attach;
	return pg_atomic_read_u64(&view->applied_lsn_hint) >= required_lsn(wait, view);
}

/* Finds out what this session must see. */
static void
read_wait_init(ReadWait *wait, Oid viewid, Oid memory)
{
	XLogRecPtr	own_lsn = stream_am_last_commit_lsn();

	wait->viewid = viewid;
	wait->session_lsn = Max(own_lsn, shown_entry(viewid)->lsn);
	wait->must_attach = !catalog_view_is_uncommitted(memory);
	wait->db = control_database(MyDatabaseId, true);
	if (wait->db == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases use streams"),
				 errhint("Raise stream_ext.max_databases and restart the server.")));

	/*
	 * the worker reads flushed WAL only, and an asynchronous commit flushes
	 * late
	 */
	if (!XLogRecPtrIsInvalid(own_lsn))
		XLogFlush(own_lsn);
}

/* Waits until the view holds what must be seen, or cannot. */
static ReadWaitResult
read_wait(ReadWait *wait, int timeout_ms)
{
	TimestampTz start = clock_real();

	if (wait->db->worker_pid == 0)
		control_wake_launcher();
	if (control_wait(wait->db, read_wait_over_cb, wait, timeout_ms, stat_wait_event(STAT_WAIT_READ)))
	{
		if (view_has_stopped(control_view(MyDatabaseId, wait->viewid, false)))
			return READ_WAIT_STOPPED;
		return READ_WAIT_REACHED;
	}
	if (TimestampDifferenceExceeds(start, clock_real(), timeout_ms - EARLY_MS))
		return READ_WAIT_TIMEOUT;
	return READ_WAIT_DEADLOCK;
}

/* Returns whether there is a worker to wait for, and the user wants it. */
static bool
session_waits(void)
{
	return guc_read_your_writes && !RecoveryInProgress() && control_available();
}

/* Waits while planning; see read_session.h. */
void
read_session_prepare(Oid viewid, Oid memory)
{
	ReadWait	wait;

	if (!session_waits())
		return;
	read_wait_init(&wait, viewid, memory);
	if (read_wait(&wait, guc_read_timeout_ms) == READ_WAIT_TIMEOUT)
		timed_out_statement = GetCurrentStatementStartTimestamp();
}

/* Says why the view does not show what it must. */
static void
report_unreachable(const ReadWait *wait, ReadWaitResult reason)
{
	const char *name = get_rel_name(wait->viewid);
	ViewControl *view = control_view(MyDatabaseId, wait->viewid, false);

	switch (reason)
	{
		case READ_WAIT_STOPPED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("continuous view \"%s\" does not hold what this session has committed", name),
					 errdetail("The view is in state \"%s\".",
							   view ? control_view_state_name(pg_atomic_read_u32(&view->state)) : "unknown"),
					 errhint("Let it go on, or set stream_ext.read_your_writes to off to read it as it is.")));
			break;
		case READ_WAIT_TIMEOUT:
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("timed out waiting for continuous view \"%s\"", name),
					 errdetail("After stream_ext.read_timeout it does not hold everything up to %X/%X yet.",
							   LSN_FORMAT_ARGS(required_lsn(wait, view))),
					 errhint("See pg_stat_stream_view for what it is doing, or set stream_ext.read_your_writes to off to read it as it is.")));
			break;
		case READ_WAIT_DEADLOCK:
			ereport(ERROR,
					(errcode(ERRCODE_T_R_DEADLOCK_DETECTED),
					 errmsg("cannot wait for continuous view \"%s\"", name),
					 errdetail("The stream worker waits for a lock that this transaction holds."),
					 errhint("End the transaction before reading the view.")));
			break;
		case READ_WAIT_REACHED:
			ereport(ERROR,
					(errcode(ERRCODE_SNAPSHOT_TOO_OLD),
					 errmsg("snapshot too old for continuous view \"%s\"", name),
					 errdetail("What has been flushed since the snapshot was taken is no longer in memory."),
					 errhint("Run the transaction again.")));
			break;
	}
}

/* Says once per statement that a view shows the past. */
static void
warn_if_stopped(Oid viewid)
{
	ViewControl *view = control_view(MyDatabaseId, viewid, false);
	ViewState	state;

	if (!view_has_stopped(view))
		return;
	state = pg_atomic_read_u32(&view->state);
	if (state != VIEW_PAUSED)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("continuous view \"%s\" is not up to date", get_rel_name(viewid)),
				 errdetail("The view is in state \"%s\".", control_view_state_name(state)),
				 errhint("See pg_stat_stream_view for the reason.")));
}

/* Copies what follows the snapshot's position in memory; sets the end of the cut. */
static void
read_once(const ReadRequest *request, GenerationCut *cut)
{
	ViewPosition position = catalog_get_position(request->viewid, request->snapshot);
	ViewControl *view = control_view(MyDatabaseId, request->viewid, false);

	memset(cut, 0, sizeof(*cut));
	cut->watermark = position.found ? position.watermark.watermark : WATERMARK_NONE;
	if (!position.found || !position.native)
		return;
	cut->end_lsn = cut->content_lsn = position.lsn;
	if (view != NULL)
		(void) generation_read(view, position.lsn, request->desc, request->filter, cut);
}

/* Reads until what must be seen is there; see read_session.h. */
static void
read_required(const ReadRequest *request, GenerationCut *cut)
{
	ReadWaitResult reason = READ_WAIT_REACHED;
	ReadWait	wait;
	int			timeout_ms = guc_read_timeout_ms;

	read_wait_init(&wait, request->viewid, request->memory);
	if (timed_out_statement == GetCurrentStatementStartTimestamp())
		timeout_ms = 0;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		reason = read_wait(&wait, timeout_ms);
		read_once(request, cut);
		if (!wait.must_attach ||
			cut->end_lsn >= required_lsn(&wait, control_view(MyDatabaseId, wait.viewid, false)))
		{
			ShownEntry *shown = shown_entry(request->viewid);

			shown->lsn = Max(shown->lsn, cut->content_lsn);
			return;
		}
		if (reason != READ_WAIT_REACHED)
			break;
	}
	report_unreachable(&wait, reason);
}

/* Waits and reads; see read_session.h. */
void
read_session_read(const ReadRequest *request, GenerationCut *cut)
{
	Assert(OidIsValid(request->viewid));
	Assert(request->snapshot != NULL);

	if (RecoveryInProgress() || !control_available())
	{
		ViewPosition position = catalog_get_position(request->viewid, request->snapshot);

		memset(cut, 0, sizeof(*cut));
		cut->watermark = position.found ? position.watermark.watermark : WATERMARK_NONE;
		return;
	}
	if (!IsMVCCSnapshot(request->snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous view \"%s\" can only be read with an MVCC snapshot",
						get_rel_name(request->viewid))));

	warn_if_stopped(request->viewid);
	if (guc_read_your_writes)
		read_required(request, cut);
	else
		read_once(request, cut);
}
