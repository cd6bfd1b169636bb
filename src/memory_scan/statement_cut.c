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
 * memory lets go of what the snapshot needs, and joined views are of one time.
 *
 * Memory: a cut lives in the statement's es_query_cxt; a callback takes it
 * off the list when that goes, after an error as well.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "memory_scan/statement_cut.h"

#define NO_TUPLE	UINT32_MAX

struct StatementCut
{
	dlist_node	node;			/* of open_cuts */
	EState	   *estate;
	const ReadRequest *request;
	CutFilterCallback compute_filter_cb;
	void	   *scan;
	bool		whole;			/* read without filter */
	bool		loaded;
	GenerationCut groups;

	/* chains by hash, built when first needed */
	uint32	   *heads;			/* NULL until then */
	uint32	   *followers;
	uint32		mask;
	MemoryContextCallback callback;
};

static dlist_head open_cuts = DLIST_STATIC_INIT(open_cuts);

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
	static const GenerationFilter no_filter = {0};
	ReadRequest request = *cut->request;
	MemoryContext saved = MemoryContextSwitchTo(cut->estate->es_query_cxt);

	if (cut->whole)
		request.filter = &no_filter;
	else
		cut->compute_filter_cb(cut->scan);
	/* a condition may have asked for the watermark, and so read it */
	if (!cut->loaded)
		read_session_read(&request, &cut->groups);
	cut->loaded = true;
	MemoryContextSwitchTo(saved);
}

/* Reads all views of a statement that were not read yet. */
static void
statement_cut_load_all(const EState *estate)
{
	dlist_iter	iter;

	dlist_foreach(iter, &open_cuts)
	{
		StatementCut *cut = dlist_container(StatementCut, node, iter.cur);

		if (cut->estate == estate && !cut->loaded)
			statement_cut_load(cut);
	}
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
