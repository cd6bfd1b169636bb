/*
 * adopt_view.c - the trigger on the catalog through which a restore brings views.
 *
 * Nobody but pg_restore inserts into _stream_ext.continuous_view by SQL, so a
 * row that fires a trigger is one of a dump.  By then the view and its parts
 * exist.  The view starts at the commit of the restoring transaction, as a
 * view that is created does: the stream is locked against writers.
 *
 * Of a restored position nothing counts but the watermark: what was closed
 * stays closed.
 *
 * A restore that disables triggers, and a copied database, come without this;
 * then the worker adopts the view when it sees it (worker_views.c).
 *
 * Locking: ShareRowExclusiveLock on the stream until the transaction ends.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/adopt.h"
#include "compat.h"
#include "ddl/commit_actions.h"
#include "ddl/create_view.h"
#include "ddl/quota.h"
#include "shared/control.h"
#include "stream_am/stream_am.h"

STREAM_FUNCTION(stream_ext_adopt_view);
STREAM_FUNCTION(stream_ext_restore_position);

/* Returns the view's oid, the first column of the inserted row. */
static Oid
inserted_view(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Datum		viewid;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the AFTER INSERT trigger of the catalog of continuous views")));
	viewid = heap_getattr(trigger->tg_trigtuple, 1,
						  RelationGetDescr(trigger->tg_relation), &isnull);
	return isnull ? InvalidOid : DatumGetObjectId(viewid);
}

/* Refuses to adopt where there is nobody who would maintain the view. */
static void
check_server(void)
{
	if (!control_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stream_ext is not loaded"),
				 errhint("Add stream_ext to shared_preload_libraries and restart the server.")));
	if (stream_am_wrote_rows())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot restore a continuous view in a transaction that has written to a stream"),
				 errhint("Commit first; the view counts what is committed after it was restored.")));
}

/* Refuses a row that names anything but a view, its parts and its stream. */
static void
check_parts(const ViewCatalog *view)
{
	char		storage_kind = get_rel_relkind(view->storage);

	if (get_rel_relkind(view->viewid) != RELKIND_VIEW ||
		get_rel_relkind(view->definition) != RELKIND_VIEW ||
		get_rel_relkind(view->memory) != RELKIND_FOREIGN_TABLE ||
		(storage_kind != RELKIND_RELATION && storage_kind != RELKIND_PARTITIONED_TABLE) ||
		!stream_am_is_stream_oid(view->streamid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("restored continuous view with OID %u is not complete", view->viewid),
				 errhint("Restore views, their parts in schema _stream_ext and their streams together.")));
}

/* A row was inserted into the catalog of views by SQL: adopts its view. */
Datum
stream_ext_adopt_view(PG_FUNCTION_ARGS)
{
	Oid			viewid = inserted_view(fcinfo);
	ViewCatalog *view;

	check_server();
	CommandCounterIncrement();	/* to see the row */
	view = catalog_get_view(viewid);
	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("there is no catalog row of continuous view with OID %u", viewid)));
	check_parts(view);
	(void) catalog_adopt_view(view, create_view_lock_start(view->streamid));
	quota_warn_places();
	catalog_touch();
	commit_wake_worker();
	return PointerGetDatum(NULL);
}

/* Columns of _stream_ext.view_position that the trigger looks at. */
enum
{
	RESTORED_VIEW = 1,
	RESTORED_SYSTEM_IDENTIFIER = 6,
	RESTORED_WATERMARK = 9
};

/* A position comes with a dump: only its watermark means something here. */
Datum
stream_ext_restore_position(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	int			column = RESTORED_SYSTEM_IDENTIFIER;
	Datum		no_system = Int64GetDatum(0);
	bool		isnull = false;
	bool		no_view;
	bool		no_watermark;
	TupleDesc	desc;
	Datum		viewid;
	Datum		watermark;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the BEFORE INSERT trigger of the positions of continuous views")));
	desc = RelationGetDescr(trigger->tg_relation);
	viewid = heap_getattr(trigger->tg_trigtuple, RESTORED_VIEW, desc, &no_view);
	watermark = heap_getattr(trigger->tg_trigtuple, RESTORED_WATERMARK, desc, &no_watermark);
	if (no_view || no_watermark)
		return PointerGetDatum(trigger->tg_trigtuple);	/* will be refused */
	if (!catalog_restore_watermark(DatumGetObjectId(viewid), DatumGetInt64(watermark)))
		return PointerGetDatum(NULL);
	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_trigtuple, desc, 1, &column,
													 &no_system, &isnull));
}
