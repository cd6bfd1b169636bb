/*
 * stream_scan.c - scans of a stream: the worker's rows, nothing, or an error.
 *
 * A stream keeps no rows.  In the worker a scan returns the rows of the
 * current run; for statements that scan a table for their own purposes (COPY
 * TO, ALTER TABLE, ANALYZE) it is empty; a query gets an error when it asks
 * for the first row, so that the column names can still be had with LIMIT 0.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "optimizer/plancat.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "stream_am/stream_am.h"
#include "stream_am/stream_scan.h"

typedef struct StreamScan
{
	TableScanDescData base;
	StreamRowSource *source;	/* NULL: no rows */
} StreamScan;

bool		stream_am_scan_empty = false;

static StreamRowSource *row_source = NULL;

/* Sets where scans get their rows from; see stream_am.h. */
void
stream_am_set_row_source(StreamRowSource *source)
{
	row_source = source;
}

/* Returns the row source of a relation, or NULL. */
static StreamRowSource *
scan_find_source(Oid relid)
{
	return row_source != NULL && row_source->relid == relid ? row_source : NULL;
}

/* Returns whether rows of the stream come from a row source in this process now. */
bool
stream_am_has_row_source(Oid relid)
{
	return scan_find_source(relid) != NULL;
}

/* Begins a scan, or refuses it. */
static TableScanDesc
stream_scan_begin(Relation rel, Snapshot snapshot, int nkeys, struct ScanKeyData *key,
				  ParallelTableScanDesc parallel_scan, uint32 flags)
{
	StreamRowSource *source = scan_find_source(RelationGetRelid(rel));
	StreamScan *scan;

	if (parallel_scan != NULL || (flags & (SO_TYPE_SEQSCAN | SO_TYPE_ANALYZE)) == 0)
		source = NULL;
	if (source == NULL && !stream_am_scan_empty && (flags & SO_TYPE_ANALYZE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot read stream \"%s\" directly", RelationGetRelationName(rel)),
				 errdetail("A stream keeps no rows; it hands them to the continuous views over it."),
				 errhint("Create a materialized view over the stream and read that.")));

	scan = palloc0(sizeof(StreamScan));
	scan->base.rs_rd = rel;
	scan->base.rs_snapshot = snapshot;
	scan->base.rs_nkeys = nkeys;
	scan->base.rs_flags = flags;
	scan->base.rs_parallel = parallel_scan;
	scan->source = (flags & SO_TYPE_ANALYZE) ? NULL : source;
	RelationIncrementReferenceCount(rel);
	if (scan->source != NULL)
		scan->source->rewind(scan->source);
	return &scan->base;
}

/* Ends a scan. */
static void
stream_scan_end(TableScanDesc base)
{
	RelationDecrementReferenceCount(base->rs_rd);
	if (base->rs_flags & SO_TEMP_SNAPSHOT)
		UnregisterSnapshot(base->rs_snapshot);
	pfree(base);
}

/* Starts a scan again. */
static void
stream_scan_rescan(TableScanDesc base, struct ScanKeyData *key, bool set_params,
				   bool allow_strat, bool allow_sync, bool allow_pagemode)
{
	StreamScan *scan = (StreamScan *) base;

	if (scan->source != NULL)
		scan->source->rewind(scan->source);
}

/* Fetches the next row. */
static bool
stream_scan_getnextslot(TableScanDesc base, ScanDirection direction, TupleTableSlot *slot)
{
	StreamScan *scan = (StreamScan *) base;

	Assert(ScanDirectionIsForward(direction) || scan->source == NULL);
	if (scan->source == NULL || !scan->source->next(scan->source, slot))
	{
		ExecClearTuple(slot);
		return false;
	}
	slot->tts_tableOid = RelationGetRelid(base->rs_rd);
	return true;
}

/* ANALYZE: there is no block to sample. */
static bool
stream_scan_analyze_next_block(COMPAT_ANALYZE_BLOCK_ARGS)
{
	return false;
}

/* ANALYZE: there is no row to sample. */
static bool
stream_scan_analyze_next_tuple(TableScanDesc base, TransactionId oldest_xmin,
							   double *live_rows, double *dead_rows, TupleTableSlot *slot)
{
	return false;
}

/* Tells the planner how many rows a scan returns. */
static void
stream_estimate_size(Relation rel, int32 *attr_widths, BlockNumber *pages,
					 double *tuples, double *all_visible)
{
	StreamRowSource *source = scan_find_source(RelationGetRelid(rel));
	double		nrows = source == NULL ? 0 : (double) source->nrows;
	double		bytes = nrows * get_rel_data_width(rel, attr_widths);

	*pages = (BlockNumber) Min(bytes / BLCKSZ, (double) MaxBlockNumber);
	*tuples = nrows;
	*all_visible = 0;
}

/* Puts the scan callbacks into the routine. */
void
stream_scan_override(TableAmRoutine *routine)
{
	routine->scan_begin = stream_scan_begin;
	routine->scan_end = stream_scan_end;
	routine->scan_rescan = stream_scan_rescan;
	routine->scan_getnextslot = stream_scan_getnextslot;
	routine->scan_analyze_next_block = stream_scan_analyze_next_block;
	routine->scan_analyze_next_tuple = stream_scan_analyze_next_tuple;
	routine->relation_estimate_size = stream_estimate_size;
}
