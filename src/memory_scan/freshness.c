/*
 * freshness.c - how new what a read shows must be.
 *
 * Two positions in the WAL.  This session is owed its own commits and whatever
 * a view has shown it before.  Of other sessions it shall see every commit that
 * was acknowledged before its statement began: behind a pool of connections
 * nobody knows which session his own commit was in.
 *
 * A commit moves the position of its streams before its client hears of it
 * (stream_am/batch_writer.c), so that whoever has heard of it finds it there.
 * The positions are kept by stream: a view does not wait for rows that are
 * not its own.  What COMMIT PREPARED carries is not known, so it counts for
 * every stream.
 *
 * A transaction with one snapshot keeps the position of its first read: what
 * came later could only be refused, once its snapshot is too old for it.
 *
 * Memory: one entry per view read, for the life of the session.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "guc.h"
#include "memory_scan/freshness.h"
#include "shared/control.h"
#include "shared/wal_end.h"
#include "stream_am/stream_am.h"

/* A view that this session has read. */
typedef struct FreshnessEntry
{
	Oid			viewid;
	Oid			streamid;
	uint64		generation;		/* of the catalog that told the stream */
	XLogRecPtr	shown_lsn;		/* newest commit that was shown */
} FreshnessEntry;

static HTAB *views = NULL;

/* What stream_sync() has promised to this session, of every view. */
static XLogRecPtr required_lsn = InvalidXLogRecPtr;

/* Where WAL ended at the first read of this transaction, if it has one snapshot. */
static XLogRecPtr horizon = InvalidXLogRecPtr;

/* Returns the entry of a view, made if there is none. */
static FreshnessEntry *
freshness_entry(Oid viewid)
{
	FreshnessEntry *entry;
	bool		found;

	if (views == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(FreshnessEntry)};

		views = hash_create("stream_ext views read", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(views, &viewid, HASH_ENTER, &found);
	if (!found)
	{
		entry->streamid = InvalidOid;
		entry->generation = 0;
		entry->shown_lsn = InvalidXLogRecPtr;
	}
	return entry;
}

/* Returns what this session is owed of a view. */
XLogRecPtr
freshness_owed(Oid viewid)
{
	return Max(stream_am_last_commit_lsn(), freshness_entry(viewid)->shown_lsn);
}

/* The view has shown every commit up to lsn; see freshness.h. */
void
freshness_note_shown(Oid viewid, XLogRecPtr lsn)
{
	FreshnessEntry *entry = freshness_entry(viewid);

	entry->shown_lsn = Max(entry->shown_lsn, lsn);
}

/* From now on this session must see every commit up to lsn; see freshness.h. */
void
freshness_require(XLogRecPtr lsn)
{
	required_lsn = Max(required_lsn, lsn);
}

/* Returns what every view that goes on must show this session. */
XLogRecPtr
freshness_required(void)
{
	return required_lsn;
}

/* Returns the stream of a view; see freshness.h. */
Oid
freshness_stream(Oid viewid)
{
	FreshnessEntry *entry = freshness_entry(viewid);

	if (!OidIsValid(entry->streamid) || entry->generation != catalog_generation())
	{
		uint64		generation = catalog_generation();
		ViewCatalog *view = catalog_get_view(viewid);

		/* reading the catalog may have grown the table */
		entry = freshness_entry(viewid);
		entry->streamid = view == NULL ? InvalidOid : view->streamid;
		entry->generation = generation;
	}
	return entry->streamid;
}

/* Returns the end of the newest commit that may have carried rows of a stream. */
static XLogRecPtr
freshness_last_commit(Oid streamid)
{
	StreamControl *stream = control_stream(MyDatabaseId, streamid, false);
	DatabaseControl *db = control_database(MyDatabaseId, false);
	XLogRecPtr	lsn;

	if (stream == NULL)
		stream = control_other_streams();
	lsn = pg_atomic_read_u64(&stream->last_commit_lsn);
	return db == NULL ? lsn : Max(lsn, pg_atomic_read_u64(&db->last_prepared_lsn));
}

/* Returns what a read shall show of other sessions' commits; see freshness.h. */
XLogRecPtr
freshness_of_others(Oid viewid)
{
	Oid			streamid;
	XLogRecPtr	lsn;

	if (guc_read_freshness != READ_FRESHNESS_DATABASE || RecoveryInProgress() ||
		!control_available())
		return InvalidXLogRecPtr;
	streamid = freshness_stream(viewid);
	if (!OidIsValid(streamid))
		return InvalidXLogRecPtr;
	lsn = freshness_last_commit(streamid);

	/* an asynchronous commit is acknowledged before it is on disk */
	if (!XLogRecPtrIsInvalid(lsn))
		XLogFlush(lsn);
	if (!IsolationUsesXactSnapshot())
		return lsn;
	if (XLogRecPtrIsInvalid(horizon))
		horizon = wal_insert_end();
	return Min(lsn, horizon);
}

/* Transaction callback: the next transaction has a first read of its own. */
static void
freshness_xact_cb(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_ABORT)
		horizon = InvalidXLogRecPtr;
}

/* Registers the callback; see freshness.h. */
void
freshness_init(void)
{
	RegisterXactCallback(freshness_xact_cb, NULL);
}
