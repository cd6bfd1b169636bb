/*
 * commit_ring.c - what the reader of WAL tells everybody: which transactions
 * with stream rows have committed, and where their batches lie.
 *
 * Entry and positions become known together: who sees read_lsn sees every
 * entry up to it.  An entry is dropped in the same order, start_lsn and the
 * first place first: who saw both and then finds the place overwritten knows
 * that it was too slow.
 *
 * After a restart of the ring nothing that was known of it holds: the era tells.
 *
 * The ring outlives its reader.  A new one reads again from restart_lsn and is silent
 * up to read_lsn, so that nobody notices.
 *
 * Locking: the spinlock is held for a few assignments.  SetLatch() is called
 * without it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/commit_ring.h"

/* An entry is at most this part of the ring, so that others have room beside it. */
#define ENTRY_SHARE		4

/* Databases with open transactions that are told of singly. */
#define OPEN_MAX		64

typedef struct CommitRing
{
	slock_t		mutex;			/* protects all up to the atomics */
	CommitRingReader reader;
	Latch	   *latch;			/* of the reader; its memory outlives it */
	CommitRingState state;		/* alive and oldest_open_lsn: not used */
	int			nopen;
	CommitRingOpen open[OPEN_MAX];
	XLogRecPtr	others_open_lsn;	/* of databases beyond OPEN_MAX */

	pg_atomic_uint32 sleeping;	/* 1: a commit must set the latch */
	CommitRingCounters counters;
} CommitRing;

static CommitRing *ring = NULL;
static ByteRing *entries = NULL;

/* Returns the size of the ring's bytes. */
static uint64
commit_ring_bytes(void)
{
	return (uint64) guc_commit_ring_kb * 1024;
}

/* Returns the size of all of it. */
Size
commit_ring_shmem_size(void)
{
	return add_size(MAXALIGN(sizeof(CommitRing)),
					MAXALIGN(BYTE_RING_OVERHEAD + commit_ring_bytes()));
}

/* Makes the ring, or finds it. */
void
commit_ring_shmem_init(void)
{
	bool		found;

	ring = ShmemInitStruct("stream_ext commit ring", commit_ring_shmem_size(), &found);
	entries = (ByteRing *) ((char *) ring + MAXALIGN(sizeof(CommitRing)));
	if (!found)
	{
		memset(ring, 0, sizeof(CommitRing));
		SpinLockInit(&ring->mutex);
		byte_ring_init(entries, commit_ring_bytes());
	}
}

/* Returns whether the library was preloaded. */
bool
commit_ring_available(void)
{
	return ring != NULL;
}

/* This process appends from now on. */
bool
commit_ring_attach(void)
{
	TimestampTz now = clock_real();
	bool		mine;

	SpinLockAcquire(&ring->mutex);
	mine = ring->reader.pid == 0;
	if (mine)
	{
		ring->reader.pid = MyProcPid;
		ring->reader.start_time = now;
		ring->reader.starts++;
		ring->latch = MyLatch;
	}
	SpinLockRelease(&ring->mutex);
	return mine;
}

/* This process does not append any more. */
void
commit_ring_detach(void)
{
	SpinLockAcquire(&ring->mutex);
	if (ring->reader.pid == MyProcPid)
	{
		ring->reader.pid = 0;
		ring->latch = NULL;
	}
	SpinLockRelease(&ring->mutex);
}

/* Empties the ring; see commit_ring.h. */
void
commit_ring_restart(XLogRecPtr lsn)
{
	uint64		end = byte_ring_end(entries);
	CommitRingState fresh = {
		.origin_lsn = lsn,
		.start_lsn = lsn,
		.newest_lsn = lsn,
		.read_lsn = lsn,
		.restart_lsn = lsn,
		.first_place = end,
		.end_place = end
	};

	SpinLockAcquire(&ring->mutex);
	fresh.era = ring->state.era + 1;
	ring->state = fresh;
	ring->nopen = 0;
	ring->others_open_lsn = InvalidXLogRecPtr;
	SpinLockRelease(&ring->mutex);
	byte_ring_drop(entries, end);
}

/* Returns the length of an entry with so many batches. */
static uint64
commit_entry_length(uint32 nbatches)
{
	return offsetof(CommitEntry, batches) + (uint64) nbatches * sizeof(CommitBatch);
}

/* Returns the most batches that an entry can hold. */
uint32
commit_ring_max_batches(void)
{
	uint64		room = commit_ring_bytes() / ENTRY_SHARE - byte_ring_cost(0) -
	offsetof(CommitEntry, batches);

	return (uint32) (room / sizeof(CommitBatch));
}

/* Drops the oldest entries until one of this length fits. */
static void
commit_ring_make_room(uint64 length)
{
	uint64		place = byte_ring_oldest(entries);
	XLogRecPtr	dropped = InvalidXLogRecPtr;
	uint64		needed = byte_ring_end(entries) + byte_ring_cost(length);

	if (byte_ring_has_room(entries, length))
		return;
	while (needed - place > commit_ring_bytes())
	{
		CommitEntry oldest;
		uint64		ignored;

		(void) byte_ring_copy(entries, place, &oldest, offsetof(CommitEntry, batches));
		(void) byte_ring_look(entries, place, &ignored, &place);
		dropped = oldest.end_lsn;
	}
	SpinLockAcquire(&ring->mutex);
	ring->state.start_lsn = dropped;
	ring->state.first_place = place;
	SpinLockRelease(&ring->mutex);
	byte_ring_drop(entries, place);
}

/* Notes which databases have open transactions.  Caller holds the spinlock. */
static void
commit_ring_note_open(const CommitRingPositions *positions)
{
	ring->nopen = Min(positions->nopen, OPEN_MAX);
	memcpy(ring->open, positions->open, ring->nopen * sizeof(CommitRingOpen));
	ring->others_open_lsn = InvalidXLogRecPtr;
	for (int i = OPEN_MAX; i < positions->nopen; i++)
	{
		XLogRecPtr	lsn = positions->open[i].oldest_lsn;

		if (XLogRecPtrIsInvalid(ring->others_open_lsn) || lsn < ring->others_open_lsn)
			ring->others_open_lsn = lsn;
	}
}

/* Appends an entry and publishes positions; see commit_ring.h. */
void
commit_ring_publish(const CommitEntry *entry, const CommitRingPositions *positions)
{
	Assert(ring->reader.pid == MyProcPid);
	Assert(positions->read_lsn >= ring->state.read_lsn);
	Assert(entry == NULL || entry->end_lsn > ring->state.newest_lsn);
	Assert(entry == NULL || entry->end_lsn <= positions->read_lsn);

	if (entry != NULL)
	{
		uint64		length = commit_entry_length(entry->nbatches);

		commit_ring_make_room(length);
		byte_ring_append(entries, entry, length);
		pg_atomic_fetch_add_u64(&ring->counters.transactions, 1);
		if (entry->too_large)
			pg_atomic_fetch_add_u64(&ring->counters.too_large, 1);
	}
	SpinLockAcquire(&ring->mutex);
	ring->state.read_lsn = positions->read_lsn;
	ring->state.restart_lsn = positions->restart_lsn;
	ring->state.at_end = positions->at_end;
	if (entry != NULL)
	{
		ring->state.newest_lsn = entry->end_lsn;
		ring->state.end_place = byte_ring_end(entries);
	}
	commit_ring_note_open(positions);
	SpinLockRelease(&ring->mutex);
}

/* Returns the oldest open position of a database.  Caller holds the spinlock. */
static XLogRecPtr
commit_ring_find_open(Oid dbid)
{
	for (int i = 0; i < ring->nopen; i++)
	{
		if (ring->open[i].dbid == dbid)
			return ring->open[i].oldest_lsn;
	}
	return ring->others_open_lsn;
}

/* Says how far the reader has got. */
void
commit_ring_get(Oid dbid, CommitRingState *state)
{
	SpinLockAcquire(&ring->mutex);
	*state = ring->state;
	state->alive = ring->reader.pid != 0;
	state->oldest_open_lsn = commit_ring_find_open(dbid);
	SpinLockRelease(&ring->mutex);
}

/* Reads one entry; see commit_ring.h. */
ByteRingResult
commit_ring_read(uint64 place, StringInfo buffer, uint64 *next)
{
	uint64		length;
	ByteRingResult result = byte_ring_look(entries, place, &length, next);

	if (result != BYTE_RING_FOUND)
		return result;
	resetStringInfo(buffer);
	enlargeStringInfo(buffer, (int) length);
	buffer->len = (int) length;
	return byte_ring_copy(entries, place, buffer->data, length);
}

/* Sets whether the next commit must wake the reader. */
void
commit_ring_set_sleeping(bool sleeping)
{
	/* a full barrier: what the sleeper looks at next is read after it */
	(void) pg_atomic_exchange_u32(&ring->sleeping, sleeping ? 1 : 0);
}

/* Wakes the reader, if there is one. */
void
commit_ring_wake_reader(void)
{
	Latch	   *latch;

	if (ring == NULL)
		return;
	SpinLockAcquire(&ring->mutex);
	latch = ring->latch;
	SpinLockRelease(&ring->mutex);
	if (latch != NULL)
		SetLatch(latch);
}

/*
 * Wakes the reader if it sleeps, once.  Requires: a full barrier between what
 * the reader shall find and this call.
 */
void
commit_ring_wake_if_sleeping(void)
{
	if (pg_atomic_read_u32(&ring->sleeping) != 0 &&
		pg_atomic_exchange_u32(&ring->sleeping, 0) != 0)
		commit_ring_wake_reader();
}

/* Returns the counters. */
CommitRingCounters *
commit_ring_counters(void)
{
	return &ring->counters;
}

/* Says who reads. */
void
commit_ring_get_reader(CommitRingReader *reader)
{
	SpinLockAcquire(&ring->mutex);
	*reader = ring->reader;
	SpinLockRelease(&ring->mutex);
}
