/*
 * flush_private.h - what the files of flush/ share.
 */
#ifndef STREAM_EXT_FLUSH_PRIVATE_H
#define STREAM_EXT_FLUSH_PRIVATE_H

#include "executor/tuptable.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"
#include "utils/sortsupport.h"

#include "flush/flush.h"
#include "flush/partition.h"

/*
 * Room for later versions of a row on its page, so that updates are HOT: a
 * group of a window is updated a few times, a running total at every flush.
 */
#define STORAGE_WINDOW_FILLFACTOR	90
#define STORAGE_TOTALS_FILLFACTOR	60

/*
 * Rows of a view that appends lie in partitions as if they belonged to
 * windows of this size: those of a week, if there is no retention.
 */
#define STORAGE_ROWS_SPAN_US		(7 * USECS_PER_DAY / 1000)

/* A group on its way to storage; 24 bytes, because sorting moves it. */
typedef struct FlushEntry
{
	MinimalTuple tuple;
	Datum		first_key;		/* of the index, perhaps abbreviated */
	int32		slot;			/* of the PartitionMap; 0 without a window */
	bool		first_isnull;
	bool		is_new;			/* storage does not have it: no look-up */
} FlushEntry;

struct FlushWriter
{
	const ViewCatalog *view;
	GroupDesc  *desc;
	ViewPosition position;		/* as it will be written */
	PartitionMap *partitions;	/* NULL without a window */
	TidCache   *tids;			/* outlives the writer */
	int64		far_future;		/* windows from here on do not move max_window */

	/* what storage held at the last flush_settle() */
	bool		known_any;
	int64		known_max_window;

	int			nkeys;
	int		   *index_keys;		/* key number at each index position */
	SortSupport sort_keys;		/* nkeys; the first may be abbreviated */
	struct SortSupportData *first_key_full; /* the first one, unabbreviated */

	MemoryContext context;		/* lives as long as the writer */
	MemoryContext call_context; /* reset by each flush_groups() */
	MemoryContext row_context;	/* reset by each group combined */
	uint64		ngroups;		/* for storage, of the current flush_groups() */
	uint64		quarantined;
};

/*
 * session_retention.c: whether some session has rows in cells on both sides
 * of bound.  True if that cannot be found out.  In a transaction.
 */
extern bool session_crosses(const ViewCatalog *view, const StreamQuery *query, int64 bound);

/* What is done as the view's owner. */
typedef void (*OwnerAction) (FlushWriter *writer, FlushEntry *entries, uint32 nentries, void *result);

/* flush.c */
extern void flush_run_as_owner(FlushWriter *writer, OwnerAction action,
							   FlushEntry *entries, uint32 nentries, void *result);

/* In a subtransaction: returns the error that ended it, or NULL. */
extern ErrorData *flush_try_as_owner(FlushWriter *writer, OwnerAction action,
									 FlushEntry *entries, uint32 nentries, void *result);
extern bool flush_is_data_error(const ErrorData *error);

/* Writes groups of windows, none of which was written since the last flush_settle(). */
extern void flush_write_groups(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups);
extern void flush_settle(FlushWriter *writer);

/* flush_panes.c: groups some of which may be those of panes; reorders them. */
extern void flush_panes(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups);

/* storage.c */
extern int	storage_index_key(int nkeys, int window_key, int position);

/* flush_sort.c */
extern void flush_sort_init(FlushWriter *writer);
extern Datum flush_entry_key(const FlushWriter *writer, MinimalTuple tuple, int position, bool *isnull);
extern void flush_sort_prepare(FlushWriter *writer, FlushEntry *entry, uint32 number);

/* By slot, then index order. Runs comparison functions of the key types. */
extern void flush_sort(FlushWriter *writer, FlushEntry *entries, uint32 nentries);

/* row_lookup.c: the stored rows of groups, in one table. Runs user code. */
typedef struct RowLookup RowLookup;
extern RowLookup *row_lookup_begin(FlushWriter *writer, Relation rel, Relation index, Snapshot snapshot);
extern TupleTableSlot *row_lookup_find(RowLookup *lookup, MinimalTuple group);
extern void row_lookup_moved(RowLookup *lookup, const ItemPointerData * tid);
extern void row_lookup_end(RowLookup *lookup);

/* flush_write.c: entries of one slot, sorted. Runs user code, may fail on any of them. */
extern void flush_write(FlushWriter *writer, Oid relid, FlushEntry *entries, uint32 nentries);

#endif							/* STREAM_EXT_FLUSH_PRIVATE_H */
