/*
 * try_lock.c - locks that are not waited for.
 *
 * Price: who waits for a lock is served in turn, and who only tries may find
 * it taken each time.  The lock must be busy all the time for that.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "try_lock.h"

/*
 * Who has committed lets go of its locks a moment after others can see what it
 * has done: so a lock is looked at this often, with naps in between.
 */
#define TRIES		5
#define NAP_US		400

static int	last_holder = 0;

/* Returns the process that holds, or waits for, a lock which conflicts; 0: none, or a prepared transaction. */
static int
lock_holder(Oid relid, LOCKMODE mode)
{
	LOCKTAG		tag;
	VirtualTransactionId *holders;
	int			count;

	SET_LOCKTAG_RELATION(tag, IsSharedRelation(relid) ? InvalidOid : MyDatabaseId, relid);
	holders = GetLockConflicts(&tag, mode, &count);
	for (int i = 0; i < count; i++)
	{
		PGPROC	   *proc = compat_vxid_proc(holders[i]);

		if (proc != NULL && proc->pid != 0)
			return proc->pid;
	}
	return 0;
}

/* Locks a relation if that is free; see try_lock.h. */
bool
try_lock_got(Oid relid, LOCKMODE mode)
{
	if (ConditionalLockRelationOid(relid, mode))
		return true;
	last_holder = lock_holder(relid, mode);
	return false;
}

/* Returns whose lock the last one was; see try_lock.h. */
int
try_lock_last_holder(void)
{
	return last_holder;
}

/* Locks a relation or raises; see try_lock.h. */
void
try_lock_relation(Oid relid, LOCKMODE mode)
{
	const char *name;

	for (int i = 0; i < TRIES; i++)
	{
		if (i > 0)
			pg_usleep(NAP_US);
		if (try_lock_got(relid, mode))
			return;
	}
	name = get_rel_name(relid);
	if (last_holder != 0)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("relation \"%s\" is locked by process %d", name ? name : "", last_holder)));
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("relation \"%s\" is locked by another transaction", name ? name : "")));
}
