/*
 * run.h - the rows of some adjacent committed transactions, as a row source.
 *
 * A run is what one execution of a view's inner query sees.  Adjacent small
 * transactions are coalesced into one run; a large one is a run of its own,
 * whose batches are read from WAL again one at a time.
 */
#ifndef STREAM_EXT_RUN_H
#define STREAM_EXT_RUN_H

#include "catalog/event_time.h"
#include "stream_am/stream_am.h"
#include "wal/feed.h"

typedef struct Run
{
	StreamRowSource source;		/* first: the access method knows only this */
	Feed	   *feed;
	MemoryContext context;		/* of the run */
	List	   *transactions;	/* FeedTransaction, in commit order */
	uint64		nrows;			/* of all streams */
	Size		bytes;
	XLogRecPtr	end_lsn;		/* of the last commit record */
	TimestampTz commit_time;	/* of the last */

	/* what the view now at work reads: see run_start() */
	XLogRecPtr	after_lsn;
	TupleDesc	desc;
	Datum	   *missing_values;
	bool	   *missing_isnull;

	/* where the scan is */
	int			transaction;	/* index into transactions */
	int			batch;
	MemoryContext batch_context;	/* reader and data of the open batch */
	struct BatchReader *reader;
	uint32		batch_row;		/* rows of it read so far */
	uint64		row;			/* rows handed out since run_start() */
	uint64		stop;			/* no more rows once row has reached this */
	uint64		reached;		/* the greatest row since run_allow() */

	/* a place to go back to */
	int			mark_transaction;
	int			mark_batch;
	uint32		mark_batch_row;
	uint64		mark_row;

	/* the watermark: see run_track_event_time() */
	const EventTimeHistory *history;
	const EventTime *setting;	/* of the open batch's transaction, or NULL */
	TimestampTz setting_commit_time;	/* of that transaction */
	WatermarkState watermark;	/* after the rows handed out */
	WatermarkState mark_watermark;
	bool		keep_watermarks;
	int64	   *watermarks;		/* before each row since mark_row */
	uint64		watermarks_size;
} Run;

/*
 * Collects committed transactions from feed: at least one if there is one,
 * then more while they are small and have not max_rows.  NULL if there is none.
 * max_wal bounds the WAL that is read in vain.
 */
extern Run *run_collect(Feed *feed, Size max_wal, uint64 max_rows, MemoryContext parent);
extern void run_free(Run *run);

/* Where a view that has applied the run must read on from; at most its end. */
extern XLogRecPtr run_restart_lsn(const Run *run);

/* Returns whether some transaction after lsn has rows of the stream. */
extern bool run_has_rows(const Run *run, Oid streamid, XLogRecPtr after_lsn);
extern uint64 run_count_rows(const Run *run, Oid streamid, XLogRecPtr after_lsn);

/*
 * The next run_start() shall compute the watermark, going on from state.
 * History (NULL: no event time) must live as long as rows are handed out.
 */
extern void run_track_event_time(Run *run, const EventTimeHistory *history,
								 const WatermarkState *state);

/*
 * The watermark after the rows handed out so far, by any scan: rows that were
 * rejected or filtered count.  State stays valid after run_finish().
 */
extern int64 run_watermark(const Run *run);
extern const WatermarkState *run_watermark_state(const Run *run);

/* From the next run_allow() on keeps what run_watermark_before() is asked for. */
extern void run_keep_watermarks(Run *run, bool keep);

/*
 * The watermark before a row, WATERMARK_NONE where no event time was set when
 * it was committed.  Row is its number since run_allow(), from 0: what the
 * stream's ctid has as block number.  The row must have been handed out.
 */
extern int64 run_watermark_before(const Run *run, uint64 row_in_chunk);

/* Starts handing out the rows of rel in transactions that ended after lsn. */
extern void run_start(Run *run, Relation rel, XLogRecPtr after_lsn);
extern void run_finish(Run *run);

/* Allows maxrows more rows; remembers this place for a rewind. */
extern void run_allow(Run *run, uint64 maxrows);

/*
 * Allows no row that was not handed out yet.  A rescan still gives the same
 * rows as the scan before it, so the result is that of fewer rows.
 */
extern void run_hold(Run *run);

/* Goes back to the place of the last run_allow(). */
extern void run_rewind(Run *run);

/* Goes back there and allows only so many rows from there on. */
extern void run_retry(Run *run, uint64 maxrows);

/* How many rows are allowed from there on, and how many of them were handed out at the most. */
extern uint64 run_allowed(const Run *run);
extern uint64 run_reached(const Run *run);

/* Passes over all rows that are still allowed. */
extern void run_pass(Run *run);
extern bool run_at_end(Run *run);

/* The transaction of the row handed out last. */
extern FeedTransaction *run_current_transaction(const Run *run);

#endif							/* STREAM_EXT_RUN_H */
