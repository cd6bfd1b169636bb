/*
 * places.c - places in shared memory of streams that are no more.
 *
 * Whoever drops a stream gives its place back after the commit.  That misses
 * what a prepared transaction drops, and what was read in WAL of a stream that
 * is gone since.  So the places are compared with pg_class now and then, and
 * soon when a stream has found none free.  Places of views are the list of
 * views' business, those of databases the launcher's.
 *
 * A place is taken only after its stream has committed; so a snapshot that is
 * taken after the place was seen sees the stream.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "worker/worker.h"

#define SWEEP_MS		60000
/* ... when streams find no place: not more often than this. */
#define SWEEP_SOON_MS	1000

/* Returns the oids of the streams of a database that have a place. */
static List *
places_taken(Oid dbid)
{
	List	   *relids = NIL;

	control_lock(false);
	for (int i = 0; i < guc_max_streams; i++)
	{
		StreamControl *stream = control_stream_at(i);

		if (stream->dbid == dbid && OidIsValid(stream->relid))
			relids = lappend_oid(relids, stream->relid);
	}
	control_unlock();
	return relids;
}

/* Returns whether the snapshot sees the relation. */
static bool
relation_exists(Relation pg_class, Oid relid, Snapshot snapshot)
{
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_class, ClassOidIndexId, true, snapshot, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/* Frees the places of streams that are no more. */
static void
places_sweep(Oid dbid)
{
	List	   *relids;
	ListCell   *lc;
	Relation	pg_class;
	Snapshot	snapshot;

	StartTransactionCommand();
	relids = places_taken(dbid);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	pg_class = table_open(RelationRelationId, AccessShareLock);
	foreach(lc, relids)
	{
		if (!relation_exists(pg_class, lfirst_oid(lc), snapshot))
			control_forget_stream(dbid, lfirst_oid(lc));
	}
	table_close(pg_class, AccessShareLock);
	UnregisterSnapshot(snapshot);
	CommitTransactionCommand();
}

/* Sweeps if it is time to; see worker.h. */
void
places_look_after(Oid dbid)
{
	static TimestampTz last_sweep = 0;
	static uint32 missed = 0;
	bool		soon = control_places_missed() != missed;
	TimestampTz now = clock_real();
	MemoryContext old = CurrentMemoryContext;

	Assert(!IsTransactionState());
	if (!TimestampDifferenceExceeds(last_sweep, now, soon ? SWEEP_SOON_MS : SWEEP_MS))
		return;
	last_sweep = now;
	missed = control_places_missed();
	places_sweep(dbid);
	MemoryContextSwitchTo(old);
}
