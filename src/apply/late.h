/*
 * late.h - rows that come too late for a window of a view.
 *
 * Judged for every (row, window) that the inner query gives, by the watermark
 * before the row.  What is found belongs to an attempt: it counts, and is
 * kept, only when the attempt has finished.
 */
#ifndef STREAM_EXT_LATE_H
#define STREAM_EXT_LATE_H

#include "apply/run.h"
#include "catalog/closing.h"
#include "query/stream_query.h"
#include "session/session_book.h"
#include "state/scratch.h"

/* How a view judges. */
typedef struct LateRule
{
	LatePolicy	policy;
	int64		lateness;
	Oid			type;			/* of the windows' bounds */
	int			row_column;		/* as in StreamQuery */
	int			end_column;		/* this and what follows: not for panes */
	int64		end_offset;
	int			start_column;	/* for LATE_SIDE */
	const StreamQuery *query;	/* of sessions; else NULL */
	SessionBook *sessions;		/* set by the view once it is loaded */
} LateRule;

/* Late (row, window) pairs of an attempt, or of a part of it. */
typedef struct LateRows LateRows;

/*
 * Returns how the view judges; NULL if it need not, because its stream has no
 * event time that fits its windows.  Adds to the query what it takes.
 */
extern LateRule *late_rule_create(StreamQuery *query, const ContinuousOptions *options,
								  const EventTimeHistory *history);

extern LateRows *late_create(const LateRule *rule, GroupDesc *desc, MemoryContext parent);
extern void late_reset(LateRows *late);
extern void late_free(LateRows *late);

/*
 * Judges one row of the inner query; returns whether scratch shall take it
 * in, and closes windows of its pane to it where only some are open.  A row of
 * a session gets its label, and others of scratch another one.
 * Requires: run_keep_watermarks(); for sessions rows in the order of their numbers.
 */
extern bool late_judge(LateRows *late, const Run *run, Scratch *scratch,
					   Datum *values, bool *isnull);

/* Whether rows must come in the order of their numbers. */
extern bool late_needs_order(const LateRows *late);

/* Adds what part has found in the same chunk of the run. */
extern void late_merge(LateRows *late, const LateRows *part);

/*
 * Copies the rows of the stream that go sideways, going through the chunk of
 * the run again.  Must be called before the next run_allow().
 */
extern void late_fetch(LateRows *late, Run *run);

/* The numbers of late pairs since the last reset: all, and what became of them. */
extern uint64 late_counted(const LateRows *late);
extern uint64 late_dropped(const LateRows *late);
extern uint64 late_sideways(const LateRows *late);
extern Size late_bytes(const LateRows *late);

/*
 * Writes the rows that go sideways into the view's table; those that cannot be
 * written (the owner may have made an index) become dead letters.  Within a
 * transaction.
 */
extern void late_write(const LateRows *late, const ViewCatalog *view);
extern void late_forget_rows(LateRows *late);	/* not the counts */

/*
 * A list of LateRows of finished runs, written by the flush that writes their
 * groups.  late_keep() takes late over.
 */
extern void late_keep(List **kept, LateRows *late, XLogRecPtr end_lsn);
extern void late_write_kept(List *kept, const ViewCatalog *view, XLogRecPtr lsn);
extern void late_forget_kept(List **kept, XLogRecPtr lsn);
extern Size late_kept_bytes(const List *kept);

#endif							/* STREAM_EXT_LATE_H */
