/*
 * generation.c - the chain of a view's generations, as its writer moves it.
 *
 * The chain is a small array in ViewControl: flushed generations that some
 * snapshot may still need, then sealed ones whose flush is under way or has
 * failed, then the open one.  Generations leave at the front only, so
 * that a reader finds either everything from its position on or a cut.
 *
 * Between two neighbours there may be a hole in one case: storage was moved
 * by a transaction larger than memory (generation_skip_to).  A reader stops
 * at a hole: what lies behind is not in its storage snapshot either.
 *
 * Locking: see generation.h.  The array changes under gate and lock
 * exclusively; memory is freed after they are released, when no reader can
 * reach it any more.
 *
 * Failure: nothing here raises errors between taking and releasing the locks.
 * A worker that dies leaves a chain that readers can still use; the next one
 * keeps what of it storage holds, for the snapshots that do not see that, and
 * throws the rest away.
 */
#include "postgres.h"

#include "access/transam.h"
#include "utils/memutils.h"

#include "compat.h"
#include "guc.h"
#include "state/generation_internal.h"
#include "state/group_area.h"
#include "state/horizon.h"
#include "state/pane_group.h"

/* Flushed generations of one view may hold this share of the area. */
#define FLUSHED_SHARE	4

/* Snapshots get this long before what they need is evicted. */
#define EVICTION_GRACE_MS	10

/* Returns the shared memory that groups need. */
Size
generation_shmem_size(void)
{
	return group_area_shmem_size();
}

/* Makes the area of the groups, or finds it. */
void
generation_shmem_init(void)
{
	group_area_shmem_init();
}

/* Moves the end of the open generation.  Caller holds both locks exclusively. */
void
generation_set_applied(ViewControl *view, XLogRecPtr applied_lsn, int64 watermark)
{
	GenerationControl *open = &view->generations[view->ngenerations - 1];

	Assert(LWLockHeldByMeInMode(&view->lock, LW_EXCLUSIVE));
	Assert(applied_lsn >= view->applied_lsn);
	Assert(watermark >= view->watermark);

	view->applied_lsn = applied_lsn;
	view->watermark = watermark;
	open->end_lsn = applied_lsn;
	open->watermark = watermark;
	pg_atomic_write_u64(&view->applied_lsn_hint, applied_lsn);
}

/* Appends an empty open generation.  Caller holds both locks exclusively. */
static void
chain_append(ViewControl *view, XLogRecPtr start_lsn)
{
	GenerationControl *open;

	Assert(view->ngenerations < MAX_GENERATIONS);
	open = &view->generations[view->ngenerations++];
	memset(open, 0, sizeof(*open));
	open->start_lsn = start_lsn;
	open->end_lsn = start_lsn;
	open->flush_xid = InvalidFullTransactionId;
	open->watermark = view->watermark;
}

/* Takes n generations from first on out of the chain and then frees them. */
static void
chain_drop(ViewControl *view, int first, int n)
{
	GenerationControl dropped[MAX_GENERATIONS];

	Assert(n >= 0 && first + n <= view->ngenerations);
	if (n == 0)
		return;

	generation_lock(view);
	memcpy(dropped, view->generations + first, sizeof(GenerationControl) * n);
	view->ngenerations -= n;
	memmove(view->generations + first, view->generations + first + n,
			sizeof(GenerationControl) * (view->ngenerations - first));
	generation_unlock(view);

	for (int i = 0; i < n; i++)
		group_table_free(dropped[i].first_chunk, dropped[i].buckets);
}

/* Takes the oldest n generations, or all, out of the chain and then frees them. */
static void
chain_drop_oldest(ViewControl *view, int n)
{
	chain_drop(view, 0, Min(n, view->ngenerations));
}

/* Returns whether the flush of a generation has committed. */
static inline bool
generation_is_flushed(const GenerationControl *generation)
{
	return FullTransactionIdIsValid(generation->flush_xid);
}

/* Returns how many generations at the front of the chain are flushed. */
static int
chain_count_flushed(const ViewControl *view)
{
	int			n = 0;

	while (n < view->ngenerations - 1 && generation_is_flushed(&view->generations[n]))
		n++;
	return n;
}

/* Forgets which chunks the open generation has: it is a new one. */
static void
writer_reset_tail(GenerationWriter *writer)
{
	writer->tail = InvalidDsaPointer;
	writer->published_tail = InvalidDsaPointer;
}

/* Returns whether groups of these panes can stand in the view's chain. */
static bool
chain_has_panes(const ViewControl *view, const ViewPanes *panes)
{
	return view->panes.slide == panes->slide && view->panes.size == panes->size &&
		view->panes.origin == panes->origin && view->panes.start_attnum == panes->start_attnum &&
		view->panes.end_attnum == panes->end_attnum;
}

/* Returns how many generations at the front end at position or before, the last one there. */
static int
chain_count_up_to(const ViewControl *view, XLogRecPtr position)
{
	int			n = 0;

	while (n < view->ngenerations && view->generations[n].start_lsn < position &&
		   view->generations[n].end_lsn <= position)
		n++;
	return n > 0 && view->generations[n - 1].end_lsn == position ? n : 0;
}

/*
 * Keeps what a former worker has left and brought into storage, up to
 * position: a snapshot taken before that goes on reading it here.  One whose
 * flush was not noted any more is needed by whoever runs now.
 */
static void
chain_take_over(ViewControl *view, const ViewPanes *panes, XLogRecPtr position)
{
	FullTransactionId next = ReadNextFullTransactionId();
	int			n = 0;

	if (view->attached && chain_has_panes(view, panes))
		n = chain_count_up_to(view, position);
	chain_drop(view, n, view->ngenerations - n);
	chain_drop_oldest(view, n == MAX_GENERATIONS ? 1 : 0);

	generation_lock(view);
	for (int i = 0; i < view->ngenerations; i++)
	{
		if (!generation_is_flushed(&view->generations[i]))
			view->generations[i].flush_xid = next;
	}
	generation_unlock(view);
}

/* Starts a chain at position; see generation.h. */
GenerationWriter *
generation_attach(ViewControl *view, GroupDesc *desc, XLogRecPtr position,
				  int64 watermark, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext generation writer",
												  ALLOCSET_SMALL_SIZES);
	GenerationWriter *writer = MemoryContextAllocZero(context, sizeof(GenerationWriter));
	MemoryContext saved = MemoryContextSwitchTo(context);

	Assert(group_area() != NULL);
	writer->view = view;
	writer->desc = desc;
	writer->context = context;
	writer->publish = AllocSetContextCreate(context, "publish", ALLOCSET_DEFAULT_SIZES);
	writer->group = AllocSetContextCreate(context, "publish group", ALLOCSET_DEFAULT_SIZES);
	writer->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc->storage),
											&TTSOpsMinimalTuple);
	writer_reset_tail(writer);
	MemoryContextSwitchTo(saved);

	/* who waits goes on waiting: what is not stored will be applied again */
	pg_atomic_write_u64(&view->applied_lsn_hint, position);
	chain_take_over(view, &desc->panes, position);

	generation_lock(view);
	view->attached = true;
	view->panes = desc->panes;
	view->watermark = watermark;
	chain_append(view, position);
	view->applied_lsn = position;
	pg_atomic_write_u64(&view->applied_lsn_hint, position);
	generation_unlock(view);
	return writer;
}

/* Gives the memory of a view back; see generation.h. */
void
generation_discard(ViewControl *view)
{
	generation_lock(view);
	view->attached = false;
	generation_unlock(view);
	chain_drop_oldest(view, MAX_GENERATIONS);
}

/* Gives the memory of all views of a database back; see generation.h. */
void
generation_discard_database(Oid dbid)
{
	Assert(OidIsValid(dbid));
	for (int i = 0; i < guc_max_views; i++)
	{
		ViewControl *view = control_view_at(i);

		if (view != NULL && view->dbid == dbid)
			generation_discard(view);
	}
}

/* Lets go of a view; see generation.h. */
void
generation_detach(GenerationWriter *writer, bool discard)
{
	if (discard)
		generation_discard(writer->view);
	ExecDropSingleTupleTableSlot(writer->slot);
	MemoryContextDelete(writer->context);
}

/* Moves applied_lsn without rows. */
void
generation_advance(GenerationWriter *writer, XLogRecPtr applied_lsn)
{
	generation_lock(writer->view);
	generation_set_applied(writer->view, applied_lsn, writer->view->watermark);
	generation_unlock(writer->view);
}

/* Moves the watermark without rows; see generation.h. */
void
generation_set_watermark(GenerationWriter *writer, int64 watermark)
{
	generation_lock(writer->view);
	generation_set_applied(writer->view, writer->view->applied_lsn, watermark);
	generation_unlock(writer->view);
}

/* Returns the end of the open generation. */
XLogRecPtr
generation_applied_lsn(const GenerationWriter *writer)
{
	return writer->view->applied_lsn;
}

/* Returns the number of groups in the open generation. */
uint64
generation_open_groups(const GenerationWriter *writer)
{
	return generation_open(writer)->ngroups;
}

/* Returns the bytes of the open generation. */
uint64
generation_open_bytes(const GenerationWriter *writer)
{
	return generation_open(writer)->bytes;
}

/* Returns the bytes of the first n generations. */
static uint64
chain_bytes(const ViewControl *view, int n)
{
	uint64		bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += view->generations[i].bytes;
	return bytes;
}

/* Returns the bytes of all generations. */
uint64
generation_bytes(const GenerationWriter *writer)
{
	return chain_bytes(writer->view, writer->view->ngenerations);
}

/* Frees the oldest n generations, which snapshots may still need. */
static void
chain_evict(ViewControl *view, int n)
{
	Assert(n <= chain_count_flushed(view));
	pg_atomic_fetch_add_u64(&view->generations_evicted, n);
	chain_drop_oldest(view, n);
}

/* Seals the open generation; see generation.h. */
XLogRecPtr
generation_seal(GenerationWriter *writer)
{
	ViewControl *view = writer->view;
	GenerationControl *open = generation_open(writer);
	XLogRecPtr	end_lsn = open->end_lsn;
	bool		unflushed = chain_count_flushed(view) < view->ngenerations - 1;

	if (open->start_lsn == open->end_lsn)
	{
		Assert(open->ngroups == 0);
		return unflushed ? end_lsn : InvalidXLogRecPtr;
	}

	if (view->ngenerations == MAX_GENERATIONS)
	{
		if (chain_count_flushed(view) == 0)
			return open->start_lsn;
		chain_evict(view, 1);
	}

	generation_lock(view);
	chain_append(view, end_lsn);
	generation_unlock(view);
	writer_reset_tail(writer);
	return end_lsn;
}

/* Appends the flat groups of a generation to an array. */
static uint32
generation_collect(const GenerationControl *generation, MinimalTuple *tuples)
{
	GroupWalk	walk;
	GroupRecord *record;
	uint32		n = 0;

	group_table_walk(generation, &walk);
	while ((record = group_table_step(&walk)) != NULL)
		tuples[n++] = &record->tuple;
	Assert(n == generation->ngroups);
	return n;
}

/* Adds all groups of a generation to a scratch. */
static void
generation_merge(GenerationWriter *writer, const GenerationControl *generation, Scratch *scratch)
{
	GroupWalk	walk;
	GroupRecord *record;

	group_table_walk(generation, &walk);
	while ((record = group_table_step(&walk)) != NULL)
	{
		ExecStoreMinimalTuple(&record->tuple, writer->slot, false);
		scratch_add_flat(scratch, record->hash, pane_group_is_marked(&record->tuple),
						 writer->slot);
	}
	ExecClearTuple(writer->slot);
}

/* Returns the groups of several generations, equal keys combined. */
static MinimalTuple *
generation_collect_combined(GenerationWriter *writer, int first, int last, uint32 *ngroups)
{
	Scratch    *scratch = scratch_create(writer->desc, CurrentMemoryContext);
	MinimalTuple *tuples;

	for (int i = first; i <= last; i++)
		generation_merge(writer, &writer->view->generations[i], scratch);

	*ngroups = scratch_groups(scratch);
	tuples = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(MinimalTuple) * (Size) Max(*ngroups, 1));
	for (uint32 i = 0; i < *ngroups; i++)
		tuples[i] = scratch_flat_at(scratch, i);
	scratch_free(scratch);
	return tuples;
}

/* Returns the flat groups of several generations as they are. */
static MinimalTuple *
generation_collect_all(const ViewControl *view, int first, int last, uint32 *ngroups)
{
	MinimalTuple *tuples;
	uint32		n = 0;

	*ngroups = 0;
	for (int i = first; i <= last; i++)
		*ngroups += view->generations[i].ngroups;
	tuples = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(MinimalTuple) * (Size) Max(*ngroups, 1));
	for (int i = first; i <= last; i++)
		n += generation_collect(&view->generations[i], tuples + n);
	Assert(n == *ngroups);
	return tuples;
}

/* Returns what a flush has to write; see generation.h. */
MinimalTuple *
generation_unflushed(GenerationWriter *writer, uint32 *ngroups)
{
	ViewControl *view = writer->view;
	int			first = chain_count_flushed(view);
	int			last = view->ngenerations - 2;

	if (first < last && !group_desc_appends(writer->desc))
		return generation_collect_combined(writer, first, last, ngroups);
	return generation_collect_all(view, first, last, ngroups);
}

/* After the commit of a flush; see generation.h. */
void
generation_flushed(GenerationWriter *writer, FullTransactionId flush_xid)
{
	ViewControl *view = writer->view;

	Assert(FullTransactionIdIsValid(flush_xid));
	generation_lock(view);
	for (int i = chain_count_flushed(view); i < view->ngenerations - 1; i++)
		view->generations[i].flush_xid = flush_xid;
	generation_unlock(view);
	generation_trim(writer, false);
}

/* Goes on behind a transaction larger than memory; see generation.h. */
void
generation_skip_to(GenerationWriter *writer, XLogRecPtr position, FullTransactionId xid,
				   int64 watermark)
{
	ViewControl *view = writer->view;
	GenerationControl *open;

	Assert(chain_count_flushed(view) == view->ngenerations - 1);
	Assert(generation_open(writer)->ngroups == 0);
	Assert(position >= view->applied_lsn);

	if (view->ngenerations == MAX_GENERATIONS)
		chain_evict(view, 1);

	generation_lock(view);
	open = generation_open(writer);
	if (open->start_lsn == open->end_lsn)
		view->ngenerations--;
	else
		open->flush_xid = xid;
	chain_append(view, position);
	generation_set_applied(view, position, watermark);
	generation_unlock(view);
	writer_reset_tail(writer);
	generation_trim(writer, false);
}

/* Returns how many generations at the front no snapshot needs. */
static int
chain_count_unneeded(const ViewControl *view)
{
	TransactionId horizon = horizon_of_database();
	int			flushed = chain_count_flushed(view);
	int			n = 0;

	while (n < flushed &&
		   TransactionIdPrecedes(XidFromFullTransactionId(view->generations[n].flush_xid),
								 horizon))
		n++;
	return n;
}

/* Returns how many flushed generations at the front exceed what the view may keep. */
static int
chain_count_excess(const ViewControl *view, bool memory_is_short)
{
	int			flushed = chain_count_flushed(view);
	uint64		bytes = chain_bytes(view, flushed);
	int			n = 0;

	if (memory_is_short)
		return flushed;
	while (n < flushed && bytes > group_area_limit() / FLUSHED_SHARE)
		bytes -= view->generations[n++].bytes;
	return n;
}

/*
 * Waits a moment for the snapshots that need the oldest n generations; returns
 * how many no snapshot needs.  Most reads are short, and evicting what one is
 * about to read makes it fail.
 */
static int
chain_await_unneeded(const ViewControl *view, int n)
{
	int			unneeded = chain_count_unneeded(view);

	for (int i = 0; unneeded < n && i < EVICTION_GRACE_MS; i++)
	{
		pg_usleep(1000L);
		unneeded = chain_count_unneeded(view);
	}
	return unneeded;
}

/* Frees flushed generations; see generation.h. */
void
generation_trim(GenerationWriter *writer, bool memory_is_short)
{
	ViewControl *view = writer->view;
	int			excess = chain_count_excess(view, memory_is_short);
	int			unneeded = chain_await_unneeded(view, excess);

	chain_drop_oldest(view, unneeded);
	if (excess > unneeded)
		chain_evict(view, excess - unneeded);
}
