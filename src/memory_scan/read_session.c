/*
 * read_session.c - reading a view: waiting for what must be seen, and the cut.
 *
 * A reader is owed its own committed rows, whatever it has been shown before,
 * and, after a restart of the worker, what anybody has been shown before it;
 * what others have committed it gets if that comes soon.  All of these are
 * positions in the WAL (freshness.c); the reader waits until the view has
 * applied them (read_wait.c), and reads.
 *
 * What it reads is storage as of its snapshot S plus the generations that
 * follow the position P in S.  The wait may be long and S is taken before
 * it, so that P can leave the chain meanwhile: the generations that follow P
 * stay as long as S is held, but for two cases (too many of them, a
 * transaction larger than memory).  Then S can not show what must
 * be seen.  To make that rare the same wait also happens while planning,
 * when S is not taken yet.
 *
 * A view that somebody or something has stopped is read as it is; only what
 * this very session has written or been shown must be there.
 *
 * On a standby there is no worker and nobody writes: storage is all there is.
 *
 * Locking: none but what generation_read() takes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "guc.h"
#include "memory_scan/freshness.h"
#include "memory_scan/read_report.h"
#include "memory_scan/read_session.h"
#include "memory_scan/read_wait.h"

/* A worker may restart between the wait and the read; so often we wait again. */
#define MAX_ATTEMPTS	3

/* Waits while planning; see read_session.h. */
void
read_session_prepare(Oid viewid, Oid memory)
{
	ReadWait	wait;

	if (guc_read_freshness == READ_FRESHNESS_OFF || RecoveryInProgress() || !control_available())
		return;
	read_wait_init(&wait, viewid, memory, freshness_of_others(viewid));
	(void) read_wait(&wait);
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

/*
 * Returns whether a cut has what the session is owed.  Of a view that no worker
 * has taken up since the server started nobody knows what it lacks.
 */
static bool
has_owed(const ReadWait *wait, ReadWaitResult reason, const GenerationCut *cut)
{
	ViewControl *view = control_view(MyDatabaseId, wait->viewid, false);

	if (!wait->must_attach)
		return true;
	if (reason == READ_WAIT_TIMEOUT && (view == NULL || !view->attached))
		return false;
	return cut->end_lsn >= read_wait_required(wait);
}

/*
 * Returns whether a cut has what others had committed.  A transaction with one
 * snapshot may lack what came behind it: so does all else that it reads.
 */
static bool
has_others(const ReadWait *wait, const GenerationCut *cut)
{
	ViewControl *view;

	if (cut->end_lsn >= wait->others_lsn)
		return true;
	if (!IsolationUsesXactSnapshot())
		return false;
	view = control_view(MyDatabaseId, wait->viewid, false);
	return view != NULL && pg_atomic_read_u64(&view->applied_lsn_hint) >= wait->others_lsn;
}

/* Reads until what must be seen is there; returns whether all that shall be seen is. */
static bool
read_required(const ReadRequest *request, GenerationCut *cut)
{
	ReadWaitResult reason = READ_WAIT_REACHED;
	ReadWait	wait;

	read_wait_init(&wait, request->viewid, request->memory, request->others_lsn);
	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		reason = read_wait(&wait);
		read_once(request, cut);
		if (has_owed(&wait, reason, cut))
		{
			freshness_note_shown(request->viewid, cut->content_lsn);
			return has_others(&wait, cut);
		}
		if (reason != READ_WAIT_REACHED)
			break;
	}
	read_report_unreachable(&wait, reason);
}

/* Waits and reads; see read_session.h. */
void
read_session_read(const ReadRequest *request, GenerationCut *cut)
{
	bool		warned;

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

	warned = read_report_stopped(request->viewid);
	if (guc_read_freshness == READ_FRESHNESS_OFF)
		read_once(request, cut);
	else if (!read_required(request, cut) && !warned)
		read_report_behind(request->viewid);
}

/* Reads once more, up to lsn at least; see read_session.h. */
bool
read_session_advance(const ReadRequest *request, XLogRecPtr lsn, int timeout_ms,
					 GenerationCut *cut)
{
	GenerationCut newer;

	if (!read_wait_applied(request->viewid, lsn, timeout_ms))
		return false;
	read_once(request, &newer);
	if (newer.end_lsn < lsn)
		return false;
	*cut = newer;
	if (guc_read_freshness != READ_FRESHNESS_OFF)
		freshness_note_shown(request->viewid, cut->content_lsn);
	return true;
}
