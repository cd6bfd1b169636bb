/*
 * commit_ring.h - what the reader of WAL tells everybody: which transactions
 * with stream rows have committed, and where their batches lie.
 *
 * One process, the stream reader, reads the WAL of the cluster and appends an
 * entry for each such transaction.  Whoever is in the ring's range takes the
 * entries from here and reads of WAL no more than the batches it wants; whoever is
 * behind reads WAL by itself until it is in range (wal/feed.h).
 *
 * Locking: positions are changed and read under a spinlock; entries are
 * copied without one (byte_ring.h).
 */
#ifndef STREAM_EXT_COMMIT_RING_H
#define STREAM_EXT_COMMIT_RING_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "storage/latch.h"

#include "shared/byte_ring.h"

/* Where one batch of a transaction lies. */
typedef struct CommitBatch
{
	XLogRecPtr	lsn;
	Oid			relid;
	uint32		nrows;
	uint64		length;
} CommitBatch;

/* A committed transaction. */
typedef struct CommitEntry
{
	XLogRecPtr	commit_lsn;
	XLogRecPtr	end_lsn;
	TimestampTz commit_time;
	XLogRecPtr	oldest_open_lsn;	/* first batch of the oldest transaction
									 * of this database that was open at
									 * end_lsn, or invalid */
	Oid			dbid;
	TransactionId xid;			/* top level */
	uint32		nbatches;
	bool		too_large;		/* has no batches: read it yourself */
	CommitBatch batches[FLEXIBLE_ARRAY_MEMBER]; /* in WAL order */
} CommitEntry;

/* A database that has open transactions with rows. */
typedef struct CommitRingOpen
{
	Oid			dbid;
	XLogRecPtr	oldest_lsn;		/* first batch of the oldest */
} CommitRingOpen;

/* How far the reader has got. */
typedef struct CommitRingPositions
{
	XLogRecPtr	read_lsn;		/* every commit that ended here or before has
								 * an entry, if it ended after start_lsn */
	XLogRecPtr	restart_lsn;	/* where a new reader would have to begin */
	bool		at_end;			/* read_lsn is where WAL on disk ended */
	int			nopen;
	const CommitRingOpen *open;
} CommitRingPositions;

/* The ring at one moment, as one database sees it. */
typedef struct CommitRingState
{
	bool		alive;			/* somebody appends */
	uint64		era;			/* counts commit_ring_restart() */
	XLogRecPtr	origin_lsn;		/* batches before this may be missing */
	XLogRecPtr	start_lsn;		/* commits that ended here or before are not
								 * in the ring; invalid: nothing is */
	XLogRecPtr	newest_lsn;		/* end of the newest entry, or start_lsn */
	XLogRecPtr	read_lsn;
	XLogRecPtr	restart_lsn;	/* of the reader */
	XLogRecPtr	oldest_open_lsn;	/* of the database, at read_lsn */
	bool		at_end;
	uint64		first_place;	/* of the oldest entry that ended after
								 * start_lsn */
	uint64		end_place;
} CommitRingState;

/* Counters of the reader, since server start. */
typedef struct CommitRingCounters
{
	pg_atomic_uint64 wal_bytes_read;
	pg_atomic_uint64 transactions;	/* entries */
	pg_atomic_uint64 too_large; /* of these, without their batches */
	pg_atomic_uint64 malformed; /* records that look like batches */
	pg_atomic_uint64 overruns;	/* somebody found its place overwritten */
} CommitRingCounters;

/* Who reads, for statistics. */
typedef struct CommitRingReader
{
	pid_t		pid;			/* 0 = none */
	TimestampTz start_time;
	int64		starts;
} CommitRingReader;

/* Server start. */
extern Size commit_ring_shmem_size(void);
extern void commit_ring_shmem_init(void);	/* called with AddinShmemInitLock
											 * held */
extern bool commit_ring_available(void);	/* false unless preloaded */

/* --- the reader ---------------------------------------------------------- */

/* This process appends from now on; false if another does. */
extern bool commit_ring_attach(void);
extern void commit_ring_detach(void);

/*
 * Empties the ring and begins another era: entries will be of commits after
 * lsn, where reading begins; with an invalid position there will be none until
 * the next call.
 */
extern void commit_ring_restart(XLogRecPtr lsn);

/* The most batches that an entry can hold. */
extern uint32 commit_ring_max_batches(void);

/*
 * Appends entry, if it is not NULL, and publishes the positions, together.
 * Drops the oldest entries to make room.
 */
extern void commit_ring_publish(const CommitEntry *entry, const CommitRingPositions *positions);

/* Sets whether the next commit must wake the reader. */
extern void commit_ring_set_sleeping(bool sleeping);

/* --- everybody ----------------------------------------------------------- */

extern void commit_ring_get(Oid dbid, CommitRingState *state);

/*
 * Reads the entry at place into buffer (replaced), and says where the next one
 * is.  An entry stays valid until the buffer changes.
 */
extern ByteRingResult commit_ring_read(uint64 place, StringInfo buffer, uint64 *next);

/* Wakes the reader; the second only if it sleeps.  Nothing if there is none. */
extern void commit_ring_wake_reader(void);
extern void commit_ring_wake_if_sleeping(void);

extern CommitRingCounters *commit_ring_counters(void);
extern void commit_ring_get_reader(CommitRingReader *reader);

#endif							/* STREAM_EXT_COMMIT_RING_H */
