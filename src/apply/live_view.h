/*
 * live_view.h - one continuous view, as those who apply runs to it know it.
 *
 * Query and plan, the groups in memory, and what waits beside them for the
 * next flush.  When it is flushed, what it reads next and when it is tried
 * again is the business of worker/.
 */
#ifndef STREAM_EXT_LIVE_VIEW_H
#define STREAM_EXT_LIVE_VIEW_H

#include "apply/dead_letters.h"
#include "apply/late.h"
#include "catalog/event_time.h"
#include "catalog/view_catalog.h"
#include "flush/tid_cache.h"
#include "query/stream_query.h"
#include "session/session_book.h"
#include "shared/control.h"
#include "state/generation.h"
#include "state/scratch.h"

struct InnerPlan;

typedef struct LiveView
{
	Oid			viewid;
	char		name[NAMEDATALEN];	/* as last analysed, or empty */
	MemoryContext context;		/* owns everything below */
	ViewCatalog *catalog;
	ViewControl *control;

	/* rebuilt when the view or something it uses changes */
	bool		stale;
	MemoryContext query_context;
	StreamQuery *query;
	GroupDesc  *desc;
	struct InnerPlan *plan;
	LateRule   *late_rule;		/* NULL: no row is late */
	SessionBook *sessions;		/* that are open; NULL until they are needed */
	bool		permitted;		/* its owner has the rights for it */
	bool		rereads;		/* the same rows may give something else when
								 * they are read again */

	GenerationWriter *memory;	/* NULL until the view is attached */
	Scratch    *scratch;
	TidCache   *tids;			/* the worker's */
	uint64		chunk_rows;		/* go through the query at once: see
								 * chunk_size.h */

	EventTimeHistory *event_time;	/* of its stream, or NULL */
	uint64		event_time_generation;	/* of the catalog, when it was loaded */
	WatermarkState watermark;	/* goes with what the view has applied */

	DeadLetters *letters;		/* until the next flush */
	List	   *late_rows;		/* LateRows, until the next flush */
} LiveView;

/*
 * Makes description and memory of a view ready, so that it takes part in
 * reading from stored_lsn on.  Needs no rights of its owner.
 * Requires: a transaction.
 */
extern void live_view_attach(LiveView *view, XLogRecPtr stored_lsn);

/* Takes in what stream_set_event_time() has said.  Requires: a transaction. */
extern void live_view_load_event_time(LiveView *view);

/*
 * Makes query, plan and description ready for use in this transaction, and
 * locks what the query reads.
 * Requires: a transaction, an attached view; throws what its owner may not or cannot do.
 */
extern void live_view_prepare(LiveView *view);

/*
 * Returns whether something that its plans read cannot be locked at once.
 * Requires: no transaction is open.
 */
extern bool live_view_is_locked(LiveView *view);

/* Notes an error for pg_stat_stream_view. */
extern void live_view_note_error(LiveView *view, int sqlstate, const char *message);

#endif							/* STREAM_EXT_LIVE_VIEW_H */
