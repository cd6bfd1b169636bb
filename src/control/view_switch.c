/*
 * view_switch.c - stream_pause(), stream_resume(), stream_accept_gap().
 *
 * They change the view's durable state in the current transaction; the worker
 * follows when that commits.
 *
 * A view in a gap can be resumed where the WAL is to be had after all.
 *
 * Locking: SHARE UPDATE EXCLUSIVE on the view, so that two commands do not
 * meet; stream_accept_gap() also SHARE ROW EXCLUSIVE on the stream, as CREATE
 * does, so that no transaction straddles the new start.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"

#include "compat.h"
#include "control/command.h"
#include "shared/slot.h"
#include "shared/wal_end.h"
#include "wal/restore_segment.h"

STREAM_FUNCTION(stream_ext_pause);
STREAM_FUNCTION(stream_ext_resume);
STREAM_FUNCTION(stream_ext_accept_gap);

/* Locks a view of the current user and returns it as it is then. */
static ViewCatalog *
lock_own_view(Oid viewid, const char *command)
{
	command_check_server(command);
	(void) command_own_view(viewid);
	LockRelationOid(viewid, ShareUpdateExclusiveLock);
	return command_own_view(viewid);
}

/* Raises: the view's state does not allow this. */
static void
raise_wrong_state(const ViewCatalog *view, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("continuous view \"%s\" is in state \"%s\"",
					get_rel_name(view->viewid), control_view_state_name(view->state)),
			 view->state_message ? errdetail_internal("%s", view->state_message) : 0,
			 errhint("%s", hint)));
}

/* Sets the state, for the rest of this statement too. */
static void
switch_state(Oid viewid, ViewState state)
{
	catalog_set_state(viewid, state, NULL);
	CommandCounterIncrement();
}

/* stream_pause(view): it reads no further, and keeps its WAL. */
Datum
stream_ext_pause(PG_FUNCTION_ARGS)
{
	ViewCatalog *view = lock_own_view(PG_GETARG_OID(0), "stream_pause()");

	if (view->state == VIEW_PAUSED)
		PG_RETURN_VOID();
	if (view->state != VIEW_RUNNING)
		raise_wrong_state(view, "Only a running view can be paused.");
	switch_state(view->viewid, VIEW_PAUSED);
	PG_RETURN_VOID();
}

/* Returns the position of a view. */
static ViewPosition
view_position(const ViewCatalog *view)
{
	ViewPosition position = catalog_get_position(view->viewid, NULL);

	if (!position.found)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("continuous view \"%s\" has no position", get_rel_name(view->viewid))));
	return position;
}

/*
 * Makes sure that a view in a gap can read on from its position, or raises.
 * The slot goes back there, so that nobody takes away what is restored; when
 * the state has changed the worker moves it as the view moves.
 */
static void
restore_gap(const ViewCatalog *view)
{
	ViewPosition position = view_position(view);
	XLogRecPtr	missing;

	if (!position.native)
		raise_wrong_state(view, "Use stream_accept_gap() to let it go on without what is lost.");
	slot_ensure(MyDatabaseId);
	slot_reach_back(MyDatabaseId, position.restart_lsn);
	if (!restore_segments_from(position.restart_lsn, &missing))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("WAL at %X/%X that continuous view \"%s\" needs is not there",
						LSN_FORMAT_ARGS(missing), get_rel_name(view->viewid)),
				 errhint("Set restore_command to fetch it from an archive, or use stream_accept_gap() to let the view go on without what is lost.")));
}

/* stream_resume(view): it reads on from its position. */
Datum
stream_ext_resume(PG_FUNCTION_ARGS)
{
	ViewCatalog *view = lock_own_view(PG_GETARG_OID(0), "stream_resume()");

	if (view->state == VIEW_RUNNING)
		PG_RETURN_VOID();
	if (view->state == VIEW_GAP)
		restore_gap(view);
	switch_state(view->viewid, VIEW_RUNNING);
	PG_RETURN_VOID();
}

/* Builds the row (lost_from, lost_to). */
static Datum
gap_row(FunctionCallInfo fcinfo, XLogRecPtr from, XLogRecPtr to)
{
	TupleDesc	desc;
	Datum		values[2] = {LSNGetDatum(from), LSNGetDatum(to)};
	bool		isnull[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull));
}

/* stream_accept_gap(view): its position moves to now; returns what it lost. */
Datum
stream_ext_accept_gap(PG_FUNCTION_ARGS)
{
	ViewCatalog *view = lock_own_view(PG_GETARG_OID(0), "stream_accept_gap()");
	ViewPosition position;
	XLogRecPtr	lost_from;

	if (view->state != VIEW_GAP)
		raise_wrong_state(view, "There is no gap to accept.");
	LockRelationOid(view->streamid, ShareRowExclusiveLock);
	slot_ensure(MyDatabaseId);	/* it must not move past the new position */

	position = view_position(view);
	lost_from = position.lsn;
	position.lsn = position.restart_lsn = wal_insert_end();
	catalog_set_position(view->viewid, &position);
	switch_state(view->viewid, VIEW_RUNNING);
	ereport(NOTICE,
			(errmsg("continuous view \"%s\" goes on behind a gap", get_rel_name(view->viewid)),
			 errdetail("Rows committed from %X/%X to %X/%X are not in it.",
					   LSN_FORMAT_ARGS(lost_from), LSN_FORMAT_ARGS(position.lsn))));
	return gap_row(fcinfo, lost_from, position.lsn);
}
