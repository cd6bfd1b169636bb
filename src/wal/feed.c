/*
 * feed.c - committed transactions of one database, in commit order.
 *
 * A feed has two modes.  *Behind*, it reads WAL with a collector of its own,
 * whatever its position.  *In range* of the commit ring it takes from there which
 * transactions have committed and where their batches lie, and reads of WAL these
 * batches only: so WAL of others is read once in the cluster, by the stream
 * reader.  It begins behind, and goes over whenever that loses nothing:
 *
 *  - the ring has an entry for every commit after the feed's position, and
 *  - every transaction that the feed has seen begin, and not end, began where
 *    the reader was reading already.  Its entry then names all batches.
 *
 * It goes back when its place in the ring is overwritten, when nobody reads
 * any more, and at an entry without batches: it then reads again from its restart position,
 * as a new feed would, and passes over what it has handed on.
 *
 * Memory: a context per feed.  Transactions of a collector lie in its
 * context, so that a feed goes over only when nothing that it handed on is in
 * use.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "batch/batch.h"
#include "fault_point.h"
#include "shared/commit_ring.h"
#include "wal/collector.h"
#include "wal/feed.h"
#include "wal/wal_reader.h"

struct Feed
{
	MemoryContext context;
	Oid			dbid;
	XLogRecPtr	start_lsn;
	XLogRecPtr	applied_lsn;
	Size		memory_limit;
	bool		follows;		/* may use the ring ... */
	XLogRecPtr	follow_lsn;		/* ... once the reader is here */

	Collector  *collector;		/* NULL: in range of the ring */
	uint64		era;			/* of the ring, and ... */
	uint64		place;			/* ... of the next entry in it */
	StringInfoData entry;		/* the last one read */

	XLogRecPtr	read_lsn;		/* of what was handed on */
	XLogRecPtr	oldest_open_lsn;	/* goes with read_lsn */
	bool		caught_up;
	int			handed_on;		/* transactions not freed yet */
	WalReader  *rereader;		/* for single batches; made on demand */
	uint64		bytes_read;
};

/* Starts reading WAL by itself, from lsn; what ended up to read_lsn was handed on. */
static void
feed_read_alone(Feed *feed, XLogRecPtr lsn)
{
	CollectorOptions options = {
		.dbid = feed->dbid,
		.start_lsn = lsn,
		.applied_lsn = Max(feed->applied_lsn, feed->read_lsn),
		.memory_limit = feed->memory_limit
	};

	feed->collector = collector_open(&options, feed->context);
}

Feed *
feed_open(Oid dbid, XLogRecPtr restart_lsn, XLogRecPtr applied_lsn,
		  Size memory_limit, MemoryContext parent)
{
	MemoryContext context;
	MemoryContext old;
	Feed	   *feed;

	Assert(OidIsValid(dbid));
	Assert(!XLogRecPtrIsInvalid(restart_lsn));

	context = AllocSetContextCreate(parent, "stream_ext feed", ALLOCSET_DEFAULT_SIZES);
	feed = MemoryContextAllocZero(context, sizeof(Feed));
	feed->context = context;
	feed->dbid = dbid;
	feed->start_lsn = restart_lsn;
	feed->applied_lsn = applied_lsn;
	feed->memory_limit = memory_limit;
	old = MemoryContextSwitchTo(context);
	initStringInfo(&feed->entry);
	MemoryContextSwitchTo(old);
	feed_read_alone(feed, restart_lsn);
	feed->read_lsn = restart_lsn;
	return feed;
}

void
feed_follow(Feed *feed, XLogRecPtr lsn)
{
	feed->follows = commit_ring_available();
	feed->follow_lsn = lsn;
}

/* --- behind: WAL --------------------------------------------------------- */

/* Reads on in WAL; returns the next transaction or NULL. */
static FeedTransaction *
feed_next_from_wal(Feed *feed, Size max_bytes)
{
	XLogRecPtr	start = collector_read_lsn(feed->collector);
	FeedTransaction *txn = collector_next(feed->collector, max_bytes, &feed->caught_up);
	XLogRecPtr	position = collector_read_lsn(feed->collector);

	feed->bytes_read += position - start;
	/* what it reads again was handed on already */
	if (position >= feed->read_lsn)
	{
		feed->read_lsn = position;
		feed->oldest_open_lsn = assembler_oldest_lsn(collector_assembler(feed->collector),
													 feed->dbid);
	}
	return txn;
}

/* --- in range: the ring -------------------------------------------------- */

/* Reads the entry at a place of the ring; NULL if it is not there any more. */
static const CommitEntry *
feed_read_entry(Feed *feed, uint64 place, uint64 *next)
{
	if (commit_ring_read(place, &feed->entry, next) != BYTE_RING_FOUND)
		return NULL;
	return (const CommitEntry *) feed->entry.data;
}

/*
 * Finds the place of the first entry that ended after the feed's position.
 * Returns false if the ring lost it meanwhile.
 */
static bool
feed_find_place(Feed *feed, const CommitRingState *state)
{
	uint64		place = state->first_place;

	if (feed->read_lsn >= state->newest_lsn)
		place = state->end_place;
	while (place != state->end_place)
	{
		uint64		next;
		const CommitEntry *entry = feed_read_entry(feed, place, &next);

		if (entry == NULL)
			return false;
		if (entry->end_lsn > feed->read_lsn)
			break;
		place = next;
	}
	feed->place = place;
	feed->era = state->era;
	return true;
}

/* Goes over to the ring if that loses nothing. */
static void
feed_try_ring(Feed *feed)
{
	CommitRingState state;
	XLogRecPtr	position = collector_read_lsn(feed->collector);

	if (!feed->follows || feed->handed_on > 0 || position < feed->read_lsn)
		return;
	commit_ring_get(feed->dbid, &state);
	if (!state.alive || XLogRecPtrIsInvalid(state.start_lsn) ||
		position < state.start_lsn || position > state.read_lsn ||
		state.read_lsn < feed->follow_lsn)
		return;
	if (!XLogRecPtrIsInvalid(feed->oldest_open_lsn) &&
		feed->oldest_open_lsn < state.origin_lsn)
		return;
	if (!feed_find_place(feed, &state))
		return;
	FAULT_POINT("feed-joins-ring");
	collector_close(feed->collector);
	feed->collector = NULL;
}

/* Leaves the ring: WAL is read again from where a new feed would begin. */
static void
feed_leave_ring(Feed *feed)
{
	FAULT_POINT("feed-leaves-ring");
	feed_read_alone(feed, feed_restart_lsn(feed));
}

/* Reads the data of all batches. */
static void
feed_load_transaction(Feed *feed, FeedTransaction *txn)
{
	for (int i = 0; i < txn->nbatches; i++)
		txn->batches[i].data = feed_load_batch(feed, &txn->batches[i], feed->context);
	txn->in_memory = true;
}

/* Returns the transaction of an entry, with its data if that fits into memory. */
static FeedTransaction *
feed_make_transaction(Feed *feed, const CommitEntry *entry)
{
	FeedTransaction *txn = MemoryContextAllocZero(feed->context, sizeof(FeedTransaction));

	txn->dbid = entry->dbid;
	txn->xid = entry->xid;
	txn->commit_lsn = entry->commit_lsn;
	txn->end_lsn = entry->end_lsn;
	txn->commit_time = entry->commit_time;
	txn->nbatches = entry->nbatches;
	txn->batches = MemoryContextAllocHuge(feed->context, entry->nbatches * sizeof(FeedBatch));
	for (int i = 0; i < entry->nbatches; i++)
	{
		const CommitBatch *place = &entry->batches[i];

		txn->batches[i] = (FeedBatch)
		{
			.lsn = place->lsn,.relid = place->relid,.nrows = place->nrows,.length = place->length
		};
		txn->nrows += place->nrows;
		txn->bytes += place->length;
	}
	if (txn->bytes <= feed->memory_limit)
		feed_load_transaction(feed, txn);
	return txn;
}

/* Returns whether the feed has had every entry, and somebody will append more. */
static bool
feed_at_end(const Feed *feed, const CommitRingState *state)
{
	return state->alive && state->era == feed->era && state->end_place == feed->place;
}

/* The reader has no entry for the feed: takes over how far it has got. */
static void
feed_take_positions(Feed *feed, const CommitRingState *state)
{
	Assert(state->read_lsn >= feed->read_lsn);
	feed->caught_up = state->at_end;
	feed->read_lsn = state->read_lsn;
	feed->oldest_open_lsn = state->oldest_open_lsn;
}

/*
 * An entry is done with: the feed stands behind it.  What was open then is known of the
 * entry's own database only, so another's moves no position.
 */
static void
feed_pass_entry(Feed *feed, const CommitEntry *entry, uint64 next)
{
	feed->place = next;
	if (entry->dbid != feed->dbid)
		return;
	feed->read_lsn = entry->end_lsn;
	feed->oldest_open_lsn = entry->oldest_open_lsn;
}

/*
 * Takes the next entry of this database.  Returns NULL at the end of the ring, or if
 * the feed had to leave it.
 */
static FeedTransaction *
feed_next_from_ring(Feed *feed)
{
	for (;;)
	{
		CommitRingState state;
		const CommitEntry *entry;
		uint64		next;
		bool		wanted;

		CHECK_FOR_INTERRUPTS();
		commit_ring_get(feed->dbid, &state);
		if (feed_at_end(feed, &state))
		{
			feed_take_positions(feed, &state);
			return NULL;
		}
		entry = state.era == feed->era && feed->place < state.end_place ?
			feed_read_entry(feed, feed->place, &next) : NULL;
		if (entry == NULL && state.alive)
			pg_atomic_fetch_add_u64(&commit_ring_counters()->overruns, 1);
		wanted = entry != NULL && entry->dbid == feed->dbid &&
			entry->end_lsn > feed->applied_lsn;
		if (entry == NULL || (wanted && entry->too_large))
		{
			feed_leave_ring(feed);
			return NULL;
		}
		if (wanted)
		{
			FeedTransaction *txn = feed_make_transaction(feed, entry);

			feed_pass_entry(feed, entry, next);
			return txn;
		}
		feed_pass_entry(feed, entry, next);
	}
}

/* --- both ---------------------------------------------------------------- */

FeedTransaction *
feed_next(Feed *feed, Size max_bytes)
{
	FeedTransaction *txn = NULL;

	feed->caught_up = false;
	if (feed->collector != NULL)
		feed_try_ring(feed);
	if (feed->collector == NULL)
		txn = feed_next_from_ring(feed);
	if (txn == NULL && feed->collector != NULL)
		txn = feed_next_from_wal(feed, max_bytes);
	if (txn != NULL)
	{
		Assert(txn->dbid == feed->dbid && !txn->truncated);
		feed->handed_on++;
	}
	return txn;
}

bool
feed_caught_up(const Feed *feed)
{
	return feed->caught_up;
}

bool
feed_in_range(const Feed *feed)
{
	return feed->collector == NULL;
}

bool
feed_awaits_reader(const Feed *feed, bool positions)
{
	CommitRingState state;

	if (feed->collector != NULL)
		return false;
	commit_ring_get(feed->dbid, &state);
	return feed_at_end(feed, &state) &&
		(!positions || state.read_lsn == feed->read_lsn);
}

void
feed_free_transaction(Feed *feed, FeedTransaction *txn)
{
	Assert(feed->handed_on > 0);
	feed->handed_on--;
	assembler_free_transaction(txn);
}

XLogRecPtr
feed_read_lsn(const Feed *feed)
{
	return feed->read_lsn;
}

XLogRecPtr
feed_start_lsn(const Feed *feed)
{
	return feed->start_lsn;
}

XLogRecPtr
feed_restart_lsn(const Feed *feed)
{
	XLogRecPtr	oldest = feed->oldest_open_lsn;

	Assert(XLogRecPtrIsInvalid(oldest) || oldest < feed->read_lsn);
	return XLogRecPtrIsInvalid(oldest) ? feed->read_lsn : oldest;
}

XLogRecPtr
feed_oldest_open_lsn(const Feed *feed)
{
	return feed->oldest_open_lsn;
}

Size
feed_open_bytes(const Feed *feed)
{
	return feed->collector == NULL ? 0 : assembler_bytes(collector_assembler(feed->collector));
}

uint64
feed_bytes_read(const Feed *feed)
{
	return feed->bytes_read;
}

char *
feed_load_batch(Feed *feed, const FeedBatch *batch, MemoryContext context)
{
	XLogReaderState *record;
	BatchInfo	info;
	char	   *data;

	if (feed->rereader == NULL)
		feed->rereader = wal_reader_create(feed->context);
	record = wal_reader_read_at(feed->rereader, batch->lsn);
	if (XLogRecGetRmid(record) != RM_XLOG_ID ||
		!batch_peek(XLogRecGetData(record), XLogRecGetDataLen(record), &info) ||
		info.relid != batch->relid || info.length != batch->length)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("batch at %X/%X has changed since it was first read",
						LSN_FORMAT_ARGS(batch->lsn))));

	feed->bytes_read += XLogRecGetTotalLen(record);
	data = MemoryContextAllocHuge(context, batch->length);
	memcpy(data, XLogRecGetData(record), batch->length);
	return data;
}

void
feed_end_loading(Feed *feed)
{
	if (feed->rereader != NULL)
		wal_reader_trim(feed->rereader);
}

void
feed_close(Feed *feed)
{
	MemoryContextDelete(feed->context);
}
