/*
 * drop_view.c - DROP of continuous views, and clean-up however they go.
 *
 * A continuous view may go by DROP [MATERIALIZED] VIEW, DROP TABLE stream
 * CASCADE, DROP SCHEMA, DROP OWNED, DROP EXTENSION.  Its parts go by
 * dependency; its catalog rows when the object access hook sees it go.
 *
 * Locking: AccessExclusiveLock on what is dropped, as core does.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "catalog/event_time.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/commit_actions.h"
#include "ddl/drop_view.h"
#include "shared/control.h"
#include "stream_am/stream_am.h"

/* Returns whether DROP MATERIALIZED VIEW names a continuous view. */
bool
drop_names_continuous_view(const DropStmt *stmt)
{
	ListCell   *lc;

	Assert(stmt->removeType == OBJECT_MATVIEW);
	foreach(lc, stmt->objects)
	{
		RangeVar   *name = makeRangeVarFromNameList((List *) lfirst(lc));

		if (catalog_is_view(RangeVarGetRelid(name, NoLock, true)))
			return true;
	}
	return false;
}

/* Checks kind and ownership before the lock is waited for. */
static void
drop_callback(const RangeVar *name, Oid relid, Oid old_relid, void *arg)
{
	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) != RELKIND_MATVIEW && !catalog_is_view(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a materialized view", name->relname)));
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()) &&
		!object_ownercheck(NamespaceRelationId, get_rel_namespace(relid), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_MATVIEW, name->relname);
}

/* Says that a materialized view is missing. */
static void
report_missing(const RangeVar *name, bool missing_ok)
{
	if (!missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("materialized view \"%s\" does not exist", name->relname)));
	ereport(NOTICE,
			(errmsg("materialized view \"%s\" does not exist, skipping", name->relname)));
}

/* DROP MATERIALIZED VIEW of continuous and ordinary ones together, as RemoveRelations() does. */
void
drop_materialized_views(const DropStmt *stmt)
{
	ObjectAddresses *objects = new_object_addresses();
	ListCell   *lc;

	foreach(lc, stmt->objects)
	{
		RangeVar   *name = makeRangeVarFromNameList((List *) lfirst(lc));
		ObjectAddress address;
		Oid			relid;

		AcceptInvalidationMessages();
		relid = RangeVarGetRelidExtended(name, AccessExclusiveLock, RVR_MISSING_OK,
										 drop_callback, NULL);
		if (!OidIsValid(relid))
		{
			report_missing(name, stmt->missing_ok);
			continue;
		}
		ObjectAddressSet(address, RelationRelationId, relid);
		add_exact_object_address(&address, objects);
	}
	performMultipleDeletions(objects, stmt->behavior, 0);
	free_object_addresses(objects);
}

/* A relation is being dropped, by whatever command: removes what we know of it. */
void
drop_forget_relation(Oid relid)
{
	if (catalog_is_view(relid))
	{
		catalog_delete_view(relid);
		commit_wake_worker();
	}
	else if (stream_am_is_stream_oid(relid))
		event_time_delete(relid);
}

/* A relation is being dropped: if it has a stream's place, that becomes free. */
void
drop_forget_place(Oid relid)
{
	if (control_stream(MyDatabaseId, relid, false) != NULL)
		commit_forget_stream(relid);
}
