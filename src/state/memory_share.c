/*
 * memory_share.c - who holds how much of the shared memory of groups.
 *
 * The memory is one for all views of the cluster, and whoever fills it gives
 * it back only at the next flush.  So an owner whose views hold more than half
 * of it flushes early, unless nobody else has a view; and a worker that finds no memory asks for that of the
 * largest view of the cluster, which may be another worker's.  Nothing is lost
 * by either: groups go to storage sooner.
 *
 * Locking: bytes are read under the view's lock where it is free; a view that
 * is being published or read exclusively just now counts as empty.
 */
#include "postgres.h"

#include "compat.h"
#include "guc.h"
#include "shared/worker_control.h"
#include "state/group_area.h"
#include "state/memory_share.h"

/* The views of one owner may hold this share of the area. */
#define OWNER_SHARE	2

/* Returns the bytes of all generations of a view. */
static uint64
view_bytes(ViewControl *view)
{
	uint64		bytes = 0;

	if (!LWLockConditionalAcquire(&view->lock, LW_SHARED))
		return 0;
	for (int i = 0; i < view->ngenerations; i++)
		bytes += view->generations[i].bytes;
	LWLockRelease(&view->lock);
	return bytes;
}

/* Returns whether the owner of the view holds too much; see memory_share.h. */
bool
memory_share_is_over(const ViewControl *view)
{
	uint32		ownerid = pg_atomic_read_u32((pg_atomic_uint32 *) &view->ownerid);
	uint64		bytes = 0;
	bool		alone = true;

	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *other = control_view_at(i);

		if (!OidIsValid(other->viewid))
			continue;
		if (pg_atomic_read_u32(&other->ownerid) == ownerid)
			bytes += view_bytes(other);
		else
			alone = false;
	}
	return !alone && bytes > group_area_limit() / OWNER_SHARE;
}

/* Asks for the memory of the largest view; see memory_share.h. */
void
memory_share_ask(uint64 bytes)
{
	ViewControl *largest = NULL;

	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = control_view_at(i);
		uint64		held = OidIsValid(view->viewid) ? view_bytes(view) : 0;

		if (held <= bytes)
			continue;
		largest = view;
		bytes = held;
	}
	if (largest == NULL)
		return;
	pg_atomic_write_u32(&largest->memory_wanted, 1);
	worker_control_wake_database(largest->dbid);
	/* its worker may be away */
	control_wake_launcher();
}

/* Takes note that somebody has asked; see memory_share.h. */
bool
memory_share_is_asked(ViewControl *view)
{
	return pg_atomic_read_u32(&view->memory_wanted) != 0 &&
		pg_atomic_exchange_u32(&view->memory_wanted, 0) != 0;
}
