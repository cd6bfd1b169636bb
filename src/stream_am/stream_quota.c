/*
 * stream_quota.c - how many streams a role may have.
 *
 * Places for counters are few, and a stream without one shares them with
 * others; so that one role does not take all, each may have so many streams
 * in a database.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/syscache.h"

#include "compat.h"
#include "guc.h"
#include "stream_am/stream_am.h"
#include "stream_am/stream_quota.h"

/* Returns how many streams of this database a role owns. */
static int
count_streams(Oid ownerid)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	int			count = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		count += (form->relowner == ownerid && form->relam == stream_am_oid() &&
				  form->relkind == RELKIND_RELATION);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return count;
}

/* Checks the limit of a role; see stream_quota.h. */
void
stream_quota_check(Oid ownerid, int more)
{
	if (guc_max_streams_per_role < 0 || superuser_arg(ownerid) ||
		superuser_arg(GetSessionUserId()) ||
		count_streams(ownerid) + more <= guc_max_streams_per_role)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("role \"%s\" cannot own more than %d streams in a database",
					GetUserNameFromId(ownerid, false), guc_max_streams_per_role),
			 errhint("Drop a stream, or let a superuser raise \"%s\" for the role.",
					 "stream_ext.max_streams_per_role")));
}

/* Returns the owner of a relation. */
Oid
stream_quota_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
