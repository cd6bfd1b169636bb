/*
 * quota.c - how many continuous views a role may have, and a cluster.
 *
 * A cluster has a fixed number of places for views.  So that no role takes all
 * of them there is a limit for each, and the last eighth is kept for
 * superusers and for roles that have no view yet.  Of this database the
 * catalog is counted, which knows also what this transaction has made; of
 * others the places that their workers have taken.
 *
 * Locking: none.  Statements at the same time may go over a limit together, by
 * as many as there are.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/quota.h"
#include "guc.h"
#include "shared/control.h"

/* This share of the places is kept for those who have no view. */
#define RESERVED_SHARE 8

/* Views of everybody, and of one role. */
typedef struct ViewCount
{
	int			all;
	int			own;
} ViewCount;

/* Counts the views of the cluster. */
static ViewCount
count_views(Oid ownerid)
{
	ViewCount	count = {0};
	ListCell   *lc;

	foreach(lc, catalog_list_views())
	{
		count.all++;
		count.own += (((ViewCatalog *) lfirst(lc))->ownerid == ownerid);
	}
	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = control_view_at(i);

		if (view == NULL || !OidIsValid(view->viewid) || view->dbid == MyDatabaseId)
			continue;
		count.all++;
		count.own += (pg_atomic_read_u32(&view->ownerid) == ownerid);
	}
	return count;
}

/* Refuses a view for which the cluster has no place. */
static void
check_places(const ViewCount *count, bool privileged)
{
	if (count->all >= guc_max_views)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("all %d places for continuous views are taken", guc_max_views),
				 errhint("Raise \"%s\" and restart the server.", "stream_ext.max_views")));
	if (!privileged && count->own > 0 &&
		count->all >= guc_max_views - guc_max_views / RESERVED_SHARE)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the last places for continuous views are kept for roles that have none"),
				 errdetail("%d of %d places are taken.", count->all, guc_max_views),
				 errhint("Drop a view, or raise \"%s\" and restart the server.",
						 "stream_ext.max_views")));
}

/* Checks the limits of a role and of the cluster; see quota.h. */
void
quota_check_views(Oid ownerid, int more)
{
	ViewCount	count = count_views(ownerid);
	bool		privileged = superuser_arg(ownerid) || superuser_arg(GetSessionUserId());

	if (!privileged && guc_max_views_per_role >= 0 && count.own + more > guc_max_views_per_role)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" cannot own more than %d continuous views",
						GetUserNameFromId(ownerid, false), guc_max_views_per_role),
				 errhint("Drop a view, or let a superuser raise \"%s\" for the role.",
						 "stream_ext.max_views_per_role")));
	if (more > 0)
		check_places(&count, privileged);
}

/* Warns who restores more views than there are places; see quota.h. */
void
quota_warn_places(void)
{
	ViewCount	count = count_views(InvalidOid);

	if (count.all <= guc_max_views)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("%d continuous views are more than the %d places that there are", count.all, guc_max_views),
			 errdetail("Those without a place are not maintained."),
			 errhint("Raise \"%s\" and restart the server.", "stream_ext.max_views")));
}
