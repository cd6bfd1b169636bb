/*
 * statement_cut.c - one consistent cut per view and statement.
 *
 * A single scan that is not repeated with other parameters reads only what
 * passes its filter.  Otherwise the first scan copies everything, and scans
 * with a hash of all keys find their groups through chains built over the
 * copy, so that a lateral join does not search all of it for every row.
 *
 * The first scan that reads makes all views of the statement be read: the
 * less time passes between the snapshot and a read, the less likely it is that
 * memory lets go of what the snapshot needs.
 *
 * Views over one stream shall be of one time.  A worker publishes a run view
 * by view, so that a statement may meet some before and some behind it: then
 * those that are behind are read again.  That holds nobody up, and so is not
 * certain: a view that does not follow soon is left as it is.
 *
 * Memory: a cut lives in the statement's es_query_cxt; a callback takes it
 * off the list when that goes, after an error as well.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "memory_scan/freshness.h"
#include "memory_scan/statement_cut.h"

/* So long views over one stream are read again until they are of one time. */
#define COMMON_TIME_MS	50

struct StatementCut
{
	dlist_node	node;			/* of open_cuts */
	EState	   *estate;
	const ReadRequest *request;
	CutFilterCallback compute_filter_cb;
	void	   *scan;
	bool		whole;			/* read without filter */
	bool		loaded;
	ReadRequest reading;		/* the request, with the filter in use */
	GenerationCut groups;

	/* chains by hash, built when first needed */
	uint32	   *heads;			/* NULL until then */
	uint32	   *followers;
	uint32		mask;
	MemoryContextCallback callback;
};

static dlist_head open_cuts = DLIST_STATIC_INIT(open_cuts);

static const GenerationFilter no_filter = {0};

/* Takes a cut off the list: its statement is over. */
static void
statement_cut_forget_cb(void *arg)
{
	dlist_delete(&((StatementCut *) arg)->node);
}

/* Returns the cut of a view in a statement, or NULL. */
static StatementCut *
statement_cut_find(const EState *estate, Oid viewid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &open_cuts)
	{
		StatementCut *cut = dlist_container(StatementCut, node, iter.cur);

		if (cut->estate == estate && cut->request->viewid == viewid)
			return cut;
	}
	return NULL;
}

/* Announces a scan; see statement_cut.h. */
StatementCut *
statement_cut_register(EState *estate, const ReadRequest *request,
					   CutFilterCallback compute_filter_cb, void *scan, bool rescanned)
{
	StatementCut *cut = statement_cut_find(estate, request->viewid);

	if (cut != NULL)
	{
		if (cut->loaded && !cut->whole)
			elog(ERROR, "scan of view %u begins after another one has read",
				 request->viewid);
		cut->whole = true;
		return cut;
	}

	cut = MemoryContextAllocZero(estate->es_query_cxt, sizeof(StatementCut));
	cut->estate = estate;
	cut->request = request;
	cut->compute_filter_cb = compute_filter_cb;
	cut->scan = scan;
	cut->whole = rescanned;
	dlist_push_head(&open_cuts, &cut->node);
	cut->callback.func = statement_cut_forget_cb;
	cut->callback.arg = cut;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &cut->callback);
	return cut;
}

/* Reads the groups of a view, all of them or those that pass the filter. */
static void
statement_cut_load(StatementCut *cut)
{
	MemoryContext saved = MemoryContextSwitchTo(cut->estate->es_query_cxt);

	cut->reading = *cut->request;
	if (cut->whole)
		cut->reading.filter = &no_filter;
	else
		cut->compute_filter_cb(cut->scan);
	/* a condition may have asked for the watermark, and so read it */
	if (!cut->loaded)
		read_session_read(&cut->reading, &cut->groups);
	cut->loaded = true;
	MemoryContextSwitchTo(saved);
}

/* Returns the end of the newest cut in the statement over the same stream. */
static XLogRecPtr
statement_cut_common_end(const StatementCut *cut)
{
	Oid			streamid = freshness_stream(cut->request->viewid);
	XLogRecPtr	end_lsn = cut->groups.end_lsn;
	dlist_iter	iter;

	dlist_foreach(iter, &open_cuts)
	{
		StatementCut *other = dlist_container(StatementCut, node, iter.cur);

		if (other->estate == cut->estate && other->loaded &&
			freshness_stream(other->request->viewid) == streamid)
			end_lsn = Max(end_lsn, other->groups.end_lsn);
	}
	return end_lsn;
}

/* Reads a cut again, up to lsn; returns false where that cannot be had in time. */
static bool
statement_cut_advance(StatementCut *cut, XLogRecPtr lsn, TimestampTz start)
{
	int			left_ms = COMMON_TIME_MS - (int) TimestampDifferenceMilliseconds(start, clock_real());
	MemoryContext saved;
	bool		advanced;

	if (left_ms <= 0)
		return false;
	saved = MemoryContextSwitchTo(cut->estate->es_query_cxt);
	advanced = read_session_advance(&cut->reading, lsn, left_ms, &cut->groups);
	MemoryContextSwitchTo(saved);
	return advanced;
}

/* Brings the views of a statement over one stream to one position, if that comes soon. */
static void
statement_cut_align(const EState *estate)
{
	TimestampTz start = 0;
	bool		again;

	do
	{
		dlist_iter	iter;

		again = false;
		dlist_foreach(iter, &open_cuts)
		{
			StatementCut *cut = dlist_container(StatementCut, node, iter.cur);
			XLogRecPtr	end_lsn;

			if (cut->estate != estate || XLogRecPtrIsInvalid(cut->groups.end_lsn))
				continue;
			end_lsn = statement_cut_common_end(cut);
			if (end_lsn == cut->groups.end_lsn)
				continue;
			if (start == 0)
				start = clock_real();
			if (!statement_cut_advance(cut, end_lsn, start))
				return;
			again = true;
		}
	} while (again);
}

/* Reads all views of a statement that were not read yet; see statement_cut.h. */
void
statement_cut_load_all(const EState *estate)
{
	int			nread = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &open_cuts)
	{
		StatementCut *cut = dlist_container(StatementCut, node, iter.cur);

		if (cut->estate != estate || cut->loaded)
			continue;
		statement_cut_load(cut);
		nread++;
	}
	if (nread > 1)
		statement_cut_align(estate);
}

/* Builds the chains by hash. */
static void
statement_cut_build_chains(StatementCut *cut)
{
	uint32		ntuples = cut->groups.ntuples;
	uint32		nheads = pg_nextpower2_32(Max(ntuples, 1));
	MemoryContext context = cut->estate->es_query_cxt;

	cut->followers = MemoryContextAllocHuge(context, sizeof(uint32) * (Size) Max(ntuples, 1));
	cut->heads = MemoryContextAllocHuge(context, sizeof(uint32) * (Size) nheads);
	memset(cut->heads, 0xff, sizeof(uint32) * (Size) nheads);
	cut->mask = nheads - 1;
	for (uint32 i = 0; i < ntuples; i++)
	{
		uint32	   *head = &cut->heads[cut->groups.hashes[i] & cut->mask];

		cut->followers[i] = *head;
		*head = i;
	}
}

/* Starts a scan; see statement_cut.h. */
void
statement_cut_start(StatementCut *cut, const GenerationFilter *filter, CutCursor *cursor)
{
	if (!cut->loaded)
		statement_cut_load_all(cut->estate);
	Assert(cut->loaded);

	cursor->by_hash = cut->whole && filter->has_key_hash;
	cursor->next = 0;
	if (cursor->by_hash)
	{
		if (cut->heads == NULL)
			statement_cut_build_chains(cut);
		group_probe_begin(&cursor->probe, filter, &cut->groups.panes, cut->request->desc);
		cursor->next = cut->heads[cursor->probe.hash & cut->mask];
	}
}

/* Returns the next group that the probe looks for, or NULL. */
static MinimalTuple
statement_cut_probe(StatementCut *cut, CutCursor *cursor)
{
	do
	{
		while (cursor->next < cut->groups.ntuples)
		{
			uint32		i = cursor->next;

			cursor->next = cut->followers[i];
			if (cut->groups.hashes[i] == cursor->probe.hash &&
				group_probe_matches(&cursor->probe, cut->groups.tuples[i]))
				return cut->groups.tuples[i];
		}
		if (!group_probe_next(&cursor->probe))
			return NULL;
		cursor->next = cut->heads[cursor->probe.hash & cut->mask];
	} while (true);
}

/* Returns the next group of a scan, or NULL. */
MinimalTuple
statement_cut_next(StatementCut *cut, CutCursor *cursor)
{
	Assert(cut->loaded);
	if (cursor->by_hash)
		return statement_cut_probe(cut, cursor);
	if (cursor->next < cut->groups.ntuples)
		return cut->groups.tuples[cursor->next++];
	return NULL;
}

/* Returns the panes of the groups. */
const ViewPanes *
statement_cut_panes(const StatementCut *cut)
{
	Assert(cut->loaded);
	return &cut->groups.panes;
}

/*
 * Returns the watermark of a view's cut; see statement_cut.h.  Whoever asks
 * may be a condition of the very scan, whose filter is not known yet.
 */
bool
statement_cut_watermark(const EState *estate, Oid viewid, int64 *watermark)
{
	StatementCut *cut = statement_cut_find(estate, viewid);

	if (cut == NULL)
		return false;
	if (!cut->loaded)
	{
		cut->whole = true;
		statement_cut_load_all(estate);
	}
	Assert(cut->loaded);
	*watermark = cut->groups.watermark;
	return true;
}

/* Returns the number of generations read. */
int
statement_cut_generations(const StatementCut *cut)
{
	return cut->groups.ngenerations;
}
