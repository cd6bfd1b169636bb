/*
 * run.c - the rows of some adjacent committed transactions, as a row source.
 *
 * At ten thousand small transactions a second, starting the executor for
 * each would eat a core; so transactions are coalesced up to run_max_bytes().
 *
 * The watermark is computed here, because here all committed rows of the
 * stream pass in their order, before any condition.  Going back to a mark goes
 * back to the watermark there, so that rows read again give the same again.
 * A row's number since the mark travels as its ctid, to find the watermark
 * before it behind joins that change the order.
 *
 * Memory: the run's context holds the transactions; batch_context holds one
 * batch at a time where the batches are no longer in memory.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc_details.h"
#include "utils/memutils.h"

#include "apply/run.h"
#include "batch/batch.h"
#include "compat.h"
#include "guc.h"

StaticAssertDecl(BATCH_INPUT_LENGTH == WATERMARK_INPUT_LENGTH,
				 "a batch names an input as a watermark does");

/* Coalescing stops here; a single transaction may be larger. */
#define RUN_MAX_BYTES	((Size) 4 * 1024 * 1024)
/* ... or at this share of the work memory: groups take more than packed rows. */
#define RUN_MEMORY_SHARE 16
#define RUN_MAX_TRANSACTIONS 4096

static bool run_next_cb(StreamRowSource *source, TupleTableSlot *slot);
static void run_rewind_cb(StreamRowSource *source);

/* Makes an empty run. */
static Run *
run_create(Feed *feed, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream run",
												  ALLOCSET_DEFAULT_SIZES);
	Run		   *run = MemoryContextAllocZero(context, sizeof(Run));

	run->source.next = run_next_cb;
	run->source.rewind = run_rewind_cb;
	watermark_init(&run->watermark, 0, 0);
	run->feed = feed;
	run->context = context;
	run->batch_context = AllocSetContextCreate(context, "stream run batch",
											   ALLOCSET_DEFAULT_SIZES);
	return run;
}

/* Adds a transaction to the run. */
static void
run_append(Run *run, FeedTransaction *txn)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);

	Assert(txn->end_lsn > run->end_lsn);
	run->transactions = lappend(run->transactions, txn);
	run->nrows += txn->nrows;
	run->bytes += txn->bytes;
	run->end_lsn = txn->end_lsn;
	run->commit_time = txn->commit_time;
	MemoryContextSwitchTo(old);
}

/*
 * Returns how many bytes of transactions make a run.  Small transactions that
 * together need more than the work memory would go to storage in pieces, each
 * of which writes the same groups again: hundreds of times the cost.
 */
static Size
run_max_bytes(void)
{
	return Min(RUN_MAX_BYTES, (Size) guc_work_memory_kb * 1024 / RUN_MEMORY_SHARE);
}

/* Collects committed transactions; see run.h. */
Run *
run_collect(Feed *feed, Size max_wal, uint64 max_rows, MemoryContext parent)
{
	Size		max_bytes = run_max_bytes();
	Run		   *run = NULL;

	for (;;)
	{
		FeedTransaction *txn = feed_next(feed, max_wal);

		if (txn == NULL)
			break;
		if (run == NULL)
			run = run_create(feed, parent);
		run_append(run, txn);
		if (run->bytes >= max_bytes || run->nrows >= max_rows || !txn->in_memory ||
			list_length(run->transactions) >= RUN_MAX_TRANSACTIONS)
			break;
	}
	return run;
}

/* Frees the run and its transactions. */
void
run_free(Run *run)
{
	ListCell   *lc;

	foreach(lc, run->transactions)
		feed_free_transaction(run->feed, lfirst(lc));
	feed_end_loading(run->feed);
	MemoryContextDelete(run->context);
}

/*
 * Returns where to read on behind the run.  The feed may have read further in
 * vain; a restart position beyond the applied one would let WAL go that the
 * position still names.
 */
XLogRecPtr
run_restart_lsn(const Run *run)
{
	return Min(feed_restart_lsn(run->feed), run->end_lsn);
}

/* Returns the number of rows of a stream in transactions that ended after lsn. */
uint64
run_count_rows(const Run *run, Oid streamid, XLogRecPtr after_lsn)
{
	uint64		nrows = 0;
	ListCell   *lc;

	foreach(lc, run->transactions)
	{
		FeedTransaction *txn = lfirst(lc);

		if (txn->end_lsn <= after_lsn)
			continue;
		for (int i = 0; i < txn->nbatches; i++)
		{
			if (txn->batches[i].relid == streamid)
				nrows += txn->batches[i].nrows;
		}
	}
	return nrows;
}

/* Returns whether there is any such row. */
bool
run_has_rows(const Run *run, Oid streamid, XLogRecPtr after_lsn)
{
	return run_count_rows(run, streamid, after_lsn) > 0;
}

/* Sets up what rows of older batches have in columns they lack. */
static void
run_set_missing_values(Run *run)
{
	TupleDesc	desc = run->desc;
	AttrMissing *missing = desc->constr ? desc->constr->missing : NULL;

	run->missing_values = MemoryContextAllocZero(run->context, desc->natts * sizeof(Datum));
	run->missing_isnull = MemoryContextAlloc(run->context, desc->natts * sizeof(bool));
	for (int i = 0; i < desc->natts; i++)
	{
		run->missing_isnull[i] = true;
		if (missing != NULL && TupleDescAttr(desc, i)->atthasmissing &&
			missing[i].am_present)
		{
			run->missing_values[i] = missing[i].am_value;
			run->missing_isnull[i] = false;
		}
	}
}

/* Starts handing out rows; see run.h. */
void
run_start(Run *run, Relation rel, XLogRecPtr after_lsn)
{
	run_finish(run);
	run->source.relid = RelationGetRelid(rel);
	run->source.nrows = run_count_rows(run, run->source.relid, after_lsn);
	run->after_lsn = after_lsn;
	run->desc = RelationGetDescr(rel);
	run_set_missing_values(run);
	run->transaction = 0;
	run->batch = -1;
	run->batch_row = 0;
	run->row = 0;
	run->setting = NULL;
	run_allow(run, 0);
	stream_am_set_row_source(&run->source);
}

/* Stops handing out rows. */
void
run_finish(Run *run)
{
	stream_am_set_row_source(NULL);
	run->reader = NULL;
	MemoryContextReset(run->batch_context);
}

/* The watermark shall be computed; see run.h. */
void
run_track_event_time(Run *run, const EventTimeHistory *history, const WatermarkState *state)
{
	run->history = history;
	run->keep_watermarks = false;
	watermark_copy(&run->watermark, state);
}

/* Returns the watermark after the rows handed out so far. */
int64
run_watermark(const Run *run)
{
	return run->watermark.watermark;
}

/* Returns all that it goes on from. */
const WatermarkState *
run_watermark_state(const Run *run)
{
	return &run->watermark;
}

/* Keeps the watermark before each row, or does not; see run.h. */
void
run_keep_watermarks(Run *run, bool keep)
{
	run->keep_watermarks = keep;
}

/* Returns the watermark before a row of this chunk; see run.h. */
int64
run_watermark_before(const Run *run, uint64 row_in_chunk)
{
	Assert(run->keep_watermarks);
	Assert(row_in_chunk < run->reached - run->mark_row);
	Assert(row_in_chunk < run->watermarks_size);
	return run->watermarks[row_in_chunk];
}

/* Makes room to keep the watermarks before so many rows. */
static void
run_size_watermarks(Run *run, uint64 maxrows)
{
	maxrows = Min(maxrows, run->source.nrows - run->row);
	if (maxrows <= run->watermarks_size)
		return;
	if (run->watermarks != NULL)
		pfree(run->watermarks);
	run->watermarks = NULL;
	run->watermarks_size = 0;
	run->watermarks = MemoryContextAllocHuge(run->context, maxrows * sizeof(int64));
	run->watermarks_size = maxrows;
}

/* Returns whether the stream still has the column that a setting names. */
static bool
run_has_column(const Run *run, const EventTime *setting)
{
	Form_pg_attribute attribute;

	if (setting->column < 1 || setting->column > run->desc->natts)
		return false;
	attribute = TupleDescAttr(run->desc, setting->column - 1);
	return !attribute->attisdropped && attribute->atttypid == setting->column_type;
}

/* Tells the watermark whose rows come now: those of the open batch. */
static void
run_enter_transaction(Run *run, const FeedTransaction *txn)
{
	run->setting = event_time_at(run->history, txn->end_lsn);
	if (run->setting != NULL && !run_has_column(run, run->setting))
		run->setting = NULL;
	if (run->setting == NULL)
		return;
	run->setting_commit_time = txn->commit_time;
	watermark_enter(&run->watermark, &run->setting->rule, batch_reader_input(run->reader),
					txn->commit_time);
}

/* Takes one row of the stream into the watermark. */
static void
run_move_watermark(Run *run, const Datum *values, const bool *isnull)
{
	const EventTime *setting = run->setting;
	int64		time = WATERMARK_NONE;

	if (run->keep_watermarks)
	{
		Assert(run->row - run->mark_row < run->watermarks_size);
		run->watermarks[run->row - run->mark_row] =
			setting == NULL ? WATERMARK_NONE : run->watermark.watermark;
	}
	if (setting == NULL)
		return;
	if (!isnull[setting->column - 1])
		time = event_time_value(setting, values[setting->column - 1]);
	watermark_add(&run->watermark, &setting->rule, time, run->setting_commit_time);
}

/* Opens the batch that transaction and batch point to. */
static void
run_open_batch(Run *run)
{
	FeedTransaction *txn = list_nth(run->transactions, run->transaction);
	FeedBatch  *batch = &txn->batches[run->batch];
	const char *error = NULL;
	char	   *data;

	MemoryContextReset(run->batch_context);
	run->reader = NULL;
	run->batch_row = 0;
	data = batch->data;
	if (data == NULL)
		data = feed_load_batch(run->feed, batch, run->batch_context);
	run->reader = batch_reader_open(data, batch->length, run->desc,
									run->missing_values, run->missing_isnull,
									run->batch_context, &error);
	if (run->reader == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("batch at %X/%X does not fit its stream",
						LSN_FORMAT_ARGS(batch->lsn)),
				 errdetail_internal("%s", error)));
	run_enter_transaction(run, txn);
}

/* Moves to the next batch of the stream; false at the end. */
static bool
run_next_batch(Run *run)
{
	while (run->transaction < list_length(run->transactions))
	{
		FeedTransaction *txn = list_nth(run->transactions, run->transaction);

		if (txn->end_lsn > run->after_lsn)
		{
			while (++run->batch < txn->nbatches)
			{
				if (txn->batches[run->batch].relid == run->source.relid)
				{
					run_open_batch(run);
					return true;
				}
			}
		}
		run->transaction++;
		run->batch = -1;
	}
	run->reader = NULL;
	return false;
}

/* Fills slot with the next row; false at the end or where run_allow() said to stop. */
static bool
run_next_cb(StreamRowSource *source, TupleTableSlot *slot)
{
	Run		   *run = (Run *) source;

	ExecClearTuple(slot);
	while (run->row < run->stop)
	{
		if (run->reader == NULL ||
			!batch_reader_next(run->reader, slot->tts_values, slot->tts_isnull))
		{
			if (!run_next_batch(run))
				return false;
			continue;
		}
		run_move_watermark(run, slot->tts_values, slot->tts_isnull);
		run->row++;
		run->batch_row++;
		run->reached = Max(run->reached, run->row);
		ExecStoreVirtualTuple(slot);
		ItemPointerSet(&slot->tts_tid, (BlockNumber) (run->row - run->mark_row - 1), 1);
		return true;
	}
	return false;
}

/* Goes back to the place of the last run_allow(). */
void
run_rewind(Run *run)
{
	run->transaction = run->mark_transaction;
	run->batch = run->mark_batch;
	run->row = run->mark_row;
	run->reader = NULL;
	watermark_copy(&run->watermark, &run->mark_watermark);
	if (run->batch >= 0 && run->transaction < list_length(run->transactions))
	{
		run_open_batch(run);
		batch_reader_seek(run->reader, run->mark_batch_row);
		run->batch_row = run->mark_batch_row;
	}
}

/* Goes back and allows fewer rows; see run.h. */
void
run_retry(Run *run, uint64 maxrows)
{
	Assert(run->mark_row + maxrows <= run->stop);
	run_rewind(run);
	run->stop = run->mark_row + maxrows;
	run->reached = run->mark_row;
}

/* Returns how many rows are allowed since the mark; see run.h. */
uint64
run_allowed(const Run *run)
{
	return Min(run->stop, run->source.nrows) - run->mark_row;
}

/* Returns how many of them were handed out at the most. */
uint64
run_reached(const Run *run)
{
	return run->reached - run->mark_row;
}

/* Passes over all rows that are still allowed. */
void
run_pass(Run *run)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(run->desc, &TTSOpsVirtual);

	while (run_next_cb(&run->source, slot))
		;
	ExecDropSingleTupleTableSlot(slot);
}

/* A rescan by the executor. */
static void
run_rewind_cb(StreamRowSource *source)
{
	run_rewind((Run *) source);
}

/* Allows maxrows more rows; remembers this place for a rewind. */
void
run_allow(Run *run, uint64 maxrows)
{
	run->mark_transaction = run->transaction;
	run->mark_batch = run->batch;
	run->mark_batch_row = run->batch_row;
	run->mark_row = run->row;
	run->reached = run->row;
	run->stop = run->row + maxrows;
	watermark_copy(&run->mark_watermark, &run->watermark);
	if (run->keep_watermarks)
		run_size_watermarks(run, maxrows);
}

/* Allows no row that was not handed out yet. */
void
run_hold(Run *run)
{
	Assert(run->reached >= run->mark_row);
	run->stop = Min(run->stop, run->reached);
}

/* Returns whether all rows were handed out. */
bool
run_at_end(Run *run)
{
	return run->row >= run->source.nrows;
}

/* Returns the transaction of the row handed out last. */
FeedTransaction *
run_current_transaction(const Run *run)
{
	int			i = Min(run->transaction, list_length(run->transactions) - 1);

	return list_nth(run->transactions, i);
}
