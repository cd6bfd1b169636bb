/*
 * flush.h - writing groups to a view's storage, one transaction.
 *
 * Runs inside a transaction that the worker has started; switches to the
 * view's owner wherever user code may run.  Uses table and index access
 * methods directly: no triggers, rules or policies run.
 */
#ifndef STREAM_EXT_FLUSH_H
#define STREAM_EXT_FLUSH_H

#include "catalog/view_catalog.h"
#include "flush/tid_cache.h"
#include "query/stream_query.h"
#include "state/group.h"
#include "window/session_set.h"

/*
 * Returns the SQL (several statements) that creates the storage called name
 * (unquoted, without schema) in _stream_ext, with its key index; the caller
 * runs it with SPI as a superuser and gives every table of it (see
 * find_all_inheritors) to the view's owner.
 *
 * Without a window it is one table.  With a window it is
 *	 name			PARTITION BY LIST ((k<w> IS NULL))
 *	   name_null	the groups whose window is NULL
 *	   name_range	PARTITION BY RANGE (k<w>), partitions are made by the flush
 * so that one name is the whole storage and no range partition is DEFAULT.
 */
extern char *storage_create_sql(const StreamQuery *sq, const char *name);

/* Refuses a bad stream.retention or stream.partition_width; for CREATE and ALTER. */
extern void storage_check_options(const ContinuousOptions *options, bool has_window);

/* Takes back partitions whose detaching is pending, in the current transaction. */
extern void storage_take_back(Oid storage);

typedef struct FlushWriter FlushWriter;

/*
 * Opens storage for writing.  Position is the view's (for "windows never
 * flushed"), tids are what earlier writers of any view noted.
 */
extern FlushWriter *flush_begin(const ViewCatalog *view, GroupDesc *desc, TidCache *tids,
								const ViewPosition *position);

/*
 * Adds groups to storage, those of panes as groups of their windows: sorted by partition and key; new ones inserted in
 * bulk, known ones combined.  May be called several times in a transaction.
 * Returns the number of groups for storage, and through *quarantined how many
 * of them could not be written (kept in _stream_ext.quarantine with the reason).
 */
extern uint64 flush_groups(FlushWriter *writer, MinimalTuple *groups, uint32 ngroups, uint64 *quarantined);

/* Parts of sessions of one key that change their label. */
typedef struct SessionMove
{
	SessionRelabel relabel;
	Datum	   *keys;			/* those before the cell */
	bool	   *isnull;
	bool		outside;		/* they may be in memory or storage already */
} SessionMove;

/* Relabels what storage holds of them.  Before the groups with the new labels are added. */
extern void flush_move_sessions(FlushWriter *writer, const StreamQuery *query,
								const SessionMove *moves, int nmoves, uint64 *quarantined);

/* Writes the position (end of what storage now holds, and the watermark there) and closes. */
extern void flush_finish(FlushWriter *writer, XLogRecPtr lsn, XLogRecPtr restart_lsn,
						 const WatermarkState *watermark);

/*
 * Groups of windows that start before this are expired: hidden from readers
 * and counted when they arrive.  DT_NOBEGIN without retention.  As stored:
 * UTC, also for windows of type timestamp.
 */
extern int64 retention_horizon(const ContinuousOptions *options);

/*
 * Rows of windows that start before this are not applied.  For sessions the
 * windows are cells: a row is applied as long as a session of its own would
 * not be expired, and a cell longer, as it may belong to one that is not.
 */
extern int64 retention_first_window(const ContinuousOptions *options, const StreamQuery *query);

/*
 * Detaches and drops the partitions that retention has expired.  Called
 * outside any transaction; uses several of its own.  Waits for locks at most
 * lock_timeout_ms each and leaves the rest for the next call.  A partition into
 * which a session reaches from a later one stays.  Returns NULL, or the error
 * that stands in its way, reported already, in CurrentMemoryContext.
 *
 * Requires, for sessions: nothing of the view is in memory.
 */
extern ErrorData *retention_drop_expired(const ViewCatalog *view, const StreamQuery *query,
										 int lock_timeout_ms);

#endif							/* STREAM_EXT_FLUSH_H */
