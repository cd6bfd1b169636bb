/*
 * statement_cut.h - one consistent cut per view and statement.
 *
 * Two references to a view in one statement, and a reference that is scanned
 * again and again, must see the same groups although the worker goes on.
 */
#ifndef STREAM_EXT_STATEMENT_CUT_H
#define STREAM_EXT_STATEMENT_CUT_H

#include "memory_scan/read_session.h"
#include "nodes/execnodes.h"

typedef struct StatementCut StatementCut;

/* Where a scan is in the cut. */
typedef struct CutCursor
{
	uint32		next;			/* index of a tuple, or of none */
	bool		by_hash;
	GroupProbe	probe;			/* by_hash: where it is looking */
} CutCursor;

/* Computes the filter of a request; scan is the argument of the registration. */
typedef void (*CutFilterCallback) (void *scan);

/*
 * Announces a scan, before any scan of the statement reads.  The request and
 * scan live as long as the statement.  Rescanned: the filter may change from
 * scan to scan.
 */
extern StatementCut *statement_cut_register(EState *estate, const ReadRequest *request,
											CutFilterCallback compute_filter_cb, void *scan,
											bool rescanned);

/* Reads all views of a statement now: what comes later it shall not see. */
extern void statement_cut_load_all(const EState *estate);

/*
 * Starts a scan of the groups, of windows and of panes, that may pass the
 * filter, which must stay as it is during the scan.  The first call of a
 * statement reads all its views.  The caller checks its conditions itself.
 */
extern void statement_cut_start(StatementCut *cut, const GenerationFilter *filter,
								CutCursor *cursor);
extern MinimalTuple statement_cut_next(StatementCut *cut, CutCursor *cursor);

/* The panes of the groups, once a scan has started. */
extern const ViewPanes *statement_cut_panes(const StatementCut *cut);

/*
 * The watermark of a view's cut in a statement; reads the statement's views if
 * that has not been done.  Returns false if the statement does not scan the
 * view.
 */
extern bool statement_cut_watermark(const EState *estate, Oid viewid, int64 *watermark);

/* Generations in the cut; 0 before it was read. */
extern int	statement_cut_generations(const StatementCut *cut);

#endif							/* STREAM_EXT_STATEMENT_CUT_H */
