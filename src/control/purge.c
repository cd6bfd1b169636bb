/*
 * purge.c - stream_purge_dead_letters().
 *
 * Dead letters are rows of the stream, so its owner may throw them away; the
 * owner of the view may, too, who could drop the view with its letters.
 *
 * Locking: as whoever changes the view's catalog row, so that two who purge
 * wait for each other.  The worker only adds letters, and does not wait.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "control/command.h"
#include "stream_am/stream_am.h"

STREAM_FUNCTION(stream_ext_purge_dead_letters);

/* Returns the views whose letters go: the one named, or all over the stream named. */
static List *
views_to_purge(Oid relid)
{
	ViewCatalog *view = catalog_get_view(relid);
	Oid			streamid = view != NULL ? view->streamid : relid;

	if (get_rel_name(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (view == NULL && !stream_am_is_stream_oid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is neither a continuous view nor a stream", get_rel_name(relid))));
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()) &&
		!object_ownercheck(RelationRelationId, streamid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, view != NULL ? OBJECT_MATVIEW : OBJECT_TABLE,
					   get_rel_name(relid));
	return view != NULL ? list_make1_oid(relid) : catalog_views_of_stream(relid);
}

/* stream_purge_dead_letters(relation, before): deletes them; returns how many there were. */
Datum
stream_ext_purge_dead_letters(PG_FUNCTION_ARGS)
{
	TimestampTz before = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	int64		deleted = 0;
	List	   *views;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be null")));
	PreventCommandDuringRecovery("stream_purge_dead_letters()");
	views = views_to_purge(PG_GETARG_OID(0));
	foreach(lc, views)
		deleted += catalog_purge_dead_letters(lfirst_oid(lc), before);
	PG_RETURN_INT64(deleted);
}
