/*
 * commit_actions.c - what DDL does to shared memory once it has committed.
 *
 * Views are not freed here: the worker does that when it sees the catalog,
 * because it may be writing their generations.
 *
 * Memory: the list of dropped streams lives in TopTransactionContext.
 * Failure: nothing here can fail after the commit; what a prepared
 * transaction drops stays until the worker sweeps (worker/places.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "compat.h"
#include "ddl/commit_actions.h"
#include "shared/control.h"
#include "shared/worker_control.h"

/* A stream dropped by a subtransaction that has not aborted so far. */
typedef struct DroppedStream
{
	Oid			streamid;
	SubTransactionId subid;
} DroppedStream;

static List *dropped_streams = NIL;
static bool wake_at_commit = false;

/* Worker and launcher look at the catalog after this transaction commits. */
void
commit_wake_worker(void)
{
	wake_at_commit = true;
}

/* The stream's counters are freed if this (sub)transaction commits. */
void
commit_forget_stream(Oid streamid)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	DroppedStream *dropped = palloc(sizeof(DroppedStream));

	dropped->streamid = streamid;
	dropped->subid = GetCurrentSubTransactionId();
	dropped_streams = lappend(dropped_streams, dropped);
	MemoryContextSwitchTo(old);
	commit_wake_worker();
}

/* Does what was noted. */
static void
act(void)
{
	DatabaseControl *db = control_database(MyDatabaseId, false);
	ListCell   *lc;

	foreach(lc, dropped_streams)
		control_forget_stream(MyDatabaseId, ((DroppedStream *) lfirst(lc))->streamid);
	if (db != NULL)
	{
		pg_atomic_write_u32(&db->wanted, 1);
		worker_control_wake_database(db->dbid);
	}
	control_wake_launcher();
}

/* End of the transaction. */
static void
commit_actions_xact_cb(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wake_at_commit)
				act();
			/* fall through */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			dropped_streams = NIL;
			wake_at_commit = false;
			break;
		default:
			break;
	}
}

/* End of a subtransaction: its drops become the parent's, or never were. */
static void
commit_actions_subxact_cb(SubXactEvent event, SubTransactionId subid,
						  SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach(lc, dropped_streams)
	{
		DroppedStream *dropped = lfirst(lc);

		if (dropped->subid != subid)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			dropped->subid = parent;
		else
			dropped_streams = foreach_delete_current(dropped_streams, lc);
	}
}

/* Registers the transaction callbacks. Called by ddl_init() only. */
void
commit_actions_init(void)
{
	RegisterXactCallback(commit_actions_xact_cb, NULL);
	RegisterSubXactCallback(commit_actions_subxact_cb, NULL);
}
