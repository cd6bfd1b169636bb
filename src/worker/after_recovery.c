/*
 * after_recovery.c - databases that may have streams after a restore.
 *
 * Slots do not come with a base backup, so after a restore or a promotion
 * nothing tells which databases have streams.  As long as the slot of that
 * recovery exists (shared/recovery_slot.c), the launcher looks at one database after
 * the other: a worker that finds streams makes the slot of its
 * database, which takes over from the recovery's.  Then that one is dropped.
 *
 * Failure: a launcher that starts again begins with the first database.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "shared/recovery_slot.h"
#include "worker/worker.h"

static bool listed = false;
static List *not_looked_at = NIL;

/* Lists the databases of the cluster. */
static void
after_recovery_list(void)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		not_looked_at = lappend_oid(not_looked_at,
									((Form_pg_database) GETSTRUCT(tuple))->oid);
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	listed = true;
}

/* Returns the database to be looked at next; invalid if there is no need to. */
Oid
after_recovery_database(void)
{
	if (!recovery_slot_exists(NULL))
		return InvalidOid;
	if (!listed)
		after_recovery_list();
	if (not_looked_at == NIL)
	{
		recovery_slot_drop();
		return InvalidOid;
	}
	return linitial_oid(not_looked_at);
}

/* Takes note that a database has its own slot, or no streams. */
void
after_recovery_looked_at(Oid dbid)
{
	not_looked_at = list_delete_oid(not_looked_at, dbid);
}
