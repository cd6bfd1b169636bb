/*
 * view_claim.c - statements that need a view for themselves say so to its worker.
 *
 * DROP and ALTER of a view wait for the locks of whoever works on it, and
 * code of the view may take as long as stream_ext.apply_timeout.  So they
 * count themselves in with the view while they run, and the worker's tick
 * sees that (time_limit.h).
 *
 * Only who owns the view, or the stream that goes with it, is counted: others
 * must not be able to cancel what is done for it.
 *
 * Failure: who is counted is counted out also when the session is terminated.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/view_claim.h"
#include "ddl/view_statement.h"
#include "shared/control.h"
#include "stream_am/stream_am.h"

/* Returns whether the current user may drop a relation. */
static bool
may_drop(Oid relid)
{
	return object_ownercheck(RelationRelationId, relid, GetUserId()) ||
		object_ownercheck(NamespaceRelationId, get_rel_namespace(relid), GetUserId());
}

/* Adds the views that go or change with a relation. */
static List *
add_views(List *views, Oid relid)
{
	if (!OidIsValid(relid))
		return views;
	if (catalog_is_view(relid))
		return may_drop(relid) ? lappend_oid(views, relid) : views;
	if (stream_am_is_stream_oid(relid) && may_drop(relid))
		return list_concat_unique_oid(views, catalog_views_of_stream(relid));
	return views;
}

/* Returns the views (oids) that a statement drops or alters by name. */
static List *
find_views(Node *parsetree)
{
	List	   *views = NIL;
	DropStmt   *drop;
	ListCell   *lc;

	if (!IsA(parsetree, DropStmt))
		return add_views(NIL, view_statement_target(parsetree));
	drop = (DropStmt *) parsetree;
	if (drop->removeType != OBJECT_MATVIEW && drop->removeType != OBJECT_VIEW &&
		drop->removeType != OBJECT_TABLE)
		return NIL;
	foreach(lc, drop->objects)
		views = add_views(views, RangeVarGetRelid(makeRangeVarFromNameList((List *) lfirst(lc)),
												  NoLock, true));
	return views;
}

/* Counts the statement in or out with the views. */
static void
count_claims(List *views, int32 change)
{
	ListCell   *lc;

	foreach(lc, views)
	{
		ViewControl *view = lfirst(lc);

		pg_atomic_fetch_add_u32(&view->worker.claims, change);
	}
}

/* After an error, or at exit: counts the statement out. */
static void
count_out_cb(int code, Datum arg)
{
	count_claims((List *) DatumGetPointer(arg), -1);
}

/* Runs a statement about views; see view_claim.h. */
void
view_claim_run(Node *parsetree, view_claim_action action, void *arg)
{
	List	   *claimed = NIL;
	ListCell   *lc;

	foreach(lc, find_views(parsetree))
	{
		ViewControl *view = control_view(MyDatabaseId, lfirst_oid(lc), false);

		if (view != NULL)
			claimed = lappend(claimed, view);
	}
	if (claimed == NIL)
	{
		action(arg);
		return;
	}
	PG_ENSURE_ERROR_CLEANUP(count_out_cb, PointerGetDatum(claimed));
	{
		count_claims(claimed, 1);
		action(arg);
	}
	PG_END_ENSURE_ERROR_CLEANUP(count_out_cb, PointerGetDatum(claimed));
	count_claims(claimed, -1);
}
