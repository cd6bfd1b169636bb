/*
 * late.c - rows that come too late for a window of a view.
 *
 * While the inner query runs, a row that goes sideways is only a number: what
 * comes out of the query is no longer the row of the stream.  After the chunk
 * its rows are gone through once more and those whose number was noted are
 * copied.  So views pay for the rows that are late and for no others.
 *
 * Memory: everything found lies in one context, reset with late_reset().
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "apply/late.h"
#include "apply/subtransaction.h"
#include "catalog/owner.h"
#include "compat.h"
#include "session/session_rows.h"
#include "state/pane_group.h"
#include "time_limit.h"
#include "try_lock.h"

/* So many pairs written are progress: a large flush takes its time. */
#define PROGRESS_PAIRS	1024

/* One late row and one of its windows. */
typedef struct LatePair
{
	uint32		row;			/* number in the chunk */
	bool		start_isnull;
	int64		start;
	int64		end;
	int64		watermark;		/* before the row */

	/* set by late_fetch() */
	HeapTupleHeader tuple;		/* of the stream; shared by the row's pairs */
	XLogRecPtr	commit_lsn;
	TimestampTz commit_time;
} LatePair;

struct LateRows
{
	LateRule	rule;
	GroupDesc  *desc;
	MemoryContext context;
	uint64		counted;
	uint64		dropped;
	uint64		sideways;
	LatePair   *pairs;
	uint32		npairs;
	uint32		nfetched;		/* of them */
	uint32		capacity;
	XLogRecPtr	end_lsn;		/* of the run, once it is finished */
};

/* Columns of the table of late rows. */
enum
{
	LATE_ROW,
	LATE_WINDOW_START,
	LATE_WINDOW_END,
	LATE_WATERMARK,
	LATE_COMMIT_LSN,
	LATE_COMMIT_TIME,
	LATE_COLUMNS
};

/* Returns whether the stream has, or had, an event time on the axis of the windows. */
static bool
has_event_time(const EventTimeHistory *history, Oid window_type)
{
	TimeAxis	axis = closing_axis(window_type);

	for (int i = 0; history != NULL && axis != AXIS_NONE && i < history->nsettings; i++)
	{
		if (history->settings[i].rule.active &&
			closing_axis(history->settings[i].type) == axis)
			return true;
	}
	return false;
}

/* Returns how the view judges; see late.h. */
LateRule *
late_rule_create(StreamQuery *query, const ContinuousOptions *options,
				 const EventTimeHistory *history)
{
	LatePolicy	policy = closing_late_policy(options);
	LateRule   *rule;

	/* what merges whenever a row comes is never closed */
	if (query->session != NULL && policy == LATE_UPDATE)
		return NULL;
	if (!has_event_time(history, query->window_type) ||
		!query_track_windows(query, policy == LATE_SIDE))
		return NULL;

	rule = palloc(sizeof(LateRule));
	rule->policy = policy;
	rule->lateness = closing_lateness(options, closing_axis(query->window_type));
	rule->type = query->window_type;
	rule->row_column = query->row_column;
	rule->end_column = query->end_column;
	rule->end_offset = query->end_offset;
	rule->start_column = query->start_column;
	rule->query = query->session != NULL ? query : NULL;
	rule->sessions = NULL;
	return rule;
}

/* Makes an empty collection. */
LateRows *
late_create(const LateRule *rule, GroupDesc *desc, MemoryContext parent)
{
	LateRows   *late = MemoryContextAllocZero(parent, sizeof(LateRows));

	late->rule = *rule;
	late->desc = desc;
	late->context = AllocSetContextCreate(parent, "stream late rows", ALLOCSET_DEFAULT_SIZES);
	return late;
}

/* Forgets everything. */
void
late_reset(LateRows *late)
{
	MemoryContextReset(late->context);
	late->counted = late->dropped = late->sideways = 0;
	late->pairs = NULL;
	late->npairs = late->nfetched = late->capacity = 0;
}

/* Frees the collection. */
void
late_free(LateRows *late)
{
	MemoryContextDelete(late->context);
	pfree(late);
}

/* Returns room for one more pair. */
static LatePair *
late_new_pair(LateRows *late)
{
	if (late->npairs == late->capacity)
	{
		uint32		capacity = Max(late->capacity * 2, 64);
		Size		size = (Size) capacity * sizeof(LatePair);

		late->pairs = late->pairs == NULL ?
			MemoryContextAllocHuge(late->context, size) :
			repalloc_huge(late->pairs, size);
		late->capacity = capacity;
	}
	return &late->pairs[late->npairs++];
}

/* Notes a late pair; returns whether the view takes it in all the same. */
static bool
late_note(LateRows *late, const LatePair *pair)
{
	late->counted++;
	switch (late->rule.policy)
	{
		case LATE_UPDATE:
			return true;
		case LATE_DROP:
			late->dropped++;
			return false;
		case LATE_SIDE:
			late->sideways++;
			*late_new_pair(late) = *pair;
			return false;
	}
	return true;
}

/* Notes the row and the watermark before it. */
static void
late_find_row(const LateRows *late, const Run *run, const Datum *values, LatePair *pair)
{
	Datum		number = values[late->rule.row_column];

	pair->row = ItemPointerGetBlockNumberNoCheck((ItemPointer) DatumGetPointer(number));
	pair->watermark = run_watermark_before(run, pair->row);
}

/* Judges a row of one window. */
static bool
late_judge_window(LateRows *late, const Run *run, const Datum *values, const bool *isnull)
{
	const LateRule *rule = &late->rule;
	LatePair	pair = {0};

	/* what has no end is never closed */
	if (isnull[rule->end_column])
		return true;
	pair.end = closing_bound(values[rule->end_column], rule->type);
	/* an infinity is its own end */
	if (pair.end == PG_INT64_MAX ||
		(pair.end != PG_INT64_MIN &&
		 pg_add_s64_overflow(pair.end, rule->end_offset, &pair.end)))
		return true;
	late_find_row(late, run, values, &pair);
	if (!watermark_closes(pair.watermark, pair.end, rule->lateness))
		return true;

	if (rule->start_column >= 0)
	{
		pair.start_isnull = isnull[rule->start_column];
		if (!pair.start_isnull)
			pair.start = closing_bound(values[rule->start_column], rule->type);
	}
	return late_note(late, &pair);
}

/* Judges a row of the pane that starts at start: for each of its windows. */
static bool
late_judge_pane(LateRows *late, const Run *run, Scratch *scratch, int64 start,
				const Datum *values)
{
	const LateRule *rule = &late->rule;
	PaneShape	shape = pane_group_shape(&late->desc->panes);
	WindowSet	set;
	LatePair	pair = {0};
	bool		take = true;
	int64		i;

	late_find_row(late, run, values, &pair);
	pane_windows(&shape, start, &set);
	for (i = 0; i < set.count; i++)
	{
		pair.start = closing_scale(set.start + i * set.start_step, rule->type);
		pair.end = closing_scale(set.end + i * set.end_step, rule->type);
		if (!watermark_closes(pair.watermark, pair.end, rule->lateness))
			break;
		take = late_note(late, &pair);
	}
	/* later windows end later: the first i are closed */
	scratch_set_closed(scratch, take ? PG_INT64_MIN : set.end + (i - 1) * set.end_step);
	return take || i < set.count;
}

/* Judges a row of no pane: its window is NULL or an infinity. */
static bool
late_judge_infinite(LateRows *late, const Run *run, const Datum *values, const bool *isnull)
{
	int			column = Max(late->desc->panes.start_attnum, late->desc->panes.end_attnum) - 1;
	LatePair	pair = {0};

	if (isnull[column])
		return true;
	late_find_row(late, run, values, &pair);
	pair.start = pair.end = closing_bound(values[column], late->rule.type);
	return !watermark_closes(pair.watermark, pair.end, late->rule.lateness) ||
		late_note(late, &pair);
}

/* Judges a row of a session. */
static bool
late_judge_session(LateRows *late, const Run *run, Scratch *scratch,
				   Datum *values, bool *isnull)
{
	LatePair	pair = {0};

	late_find_row(late, run, values, &pair);
	return session_row_judge(late->rule.sessions, late->rule.query, scratch, values, isnull,
							 pair.watermark, &pair.start, &pair.end) || late_note(late, &pair);
}

/* Says whether the order of rows matters. */
bool
late_needs_order(const LateRows *late)
{
	return late->rule.query != NULL;
}

/* Judges one row of the inner query; see late.h. */
bool
late_judge(LateRows *late, const Run *run, Scratch *scratch, Datum *values, bool *isnull)
{
	const ViewPanes *panes = &late->desc->panes;
	int64		start;

	Assert(!isnull[late->rule.row_column]);
	if (late->rule.query != NULL)
		return late_judge_session(late, run, scratch, values, isnull);
	if (panes->slide == 0)
		return late_judge_window(late, run, values, isnull);
	if (pane_group_start(panes, late->desc->storage, values, isnull, &start))
		return late_judge_pane(late, run, scratch, start, values);
	return late_judge_infinite(late, run, values, isnull);
}

/* Adds what part has found; see late.h. */
void
late_merge(LateRows *late, const LateRows *part)
{
	Assert(part->nfetched == 0);
	late->counted += part->counted;
	late->dropped += part->dropped;
	late->sideways += part->sideways;
	for (uint32 i = 0; i < part->npairs; i++)
		*late_new_pair(late) = part->pairs[i];
}

/* qsort() comparator: by row, then by window. */
static int
compare_pairs(const void *a, const void *b)
{
	const LatePair *pa = a;
	const LatePair *pb = b;

	if (pa->row != pb->row)
		return pa->row < pb->row ? -1 : 1;
	if (pa->end != pb->end)
		return pa->end < pb->end ? -1 : 1;
	return 0;
}

/* Gives the pairs from i on that have the row in slot its copy; returns the next pair. */
static uint32
late_take_row(LateRows *late, uint32 i, TupleTableSlot *slot, const Run *run)
{
	const FeedTransaction *txn = run_current_transaction(run);
	uint32		row = late->pairs[i].row;
	MemoryContext old = MemoryContextSwitchTo(late->context);
	HeapTuple	tuple = ExecCopySlotHeapTuple(slot);
	Datum		datum = heap_copy_tuple_as_datum(tuple, slot->tts_tupleDescriptor);

	heap_freetuple(tuple);
	MemoryContextSwitchTo(old);
	for (; i < late->npairs && late->pairs[i].row == row; i++)
	{
		late->pairs[i].tuple = DatumGetHeapTupleHeader(datum);
		late->pairs[i].commit_lsn = txn->end_lsn;
		late->pairs[i].commit_time = txn->commit_time;
	}
	return i;
}

/* Copies the rows that go sideways; see late.h. */
void
late_fetch(LateRows *late, Run *run)
{
	uint32		next = late->nfetched;
	TupleTableSlot *slot;

	if (next == late->npairs)
		return;
	qsort(late->pairs + next, late->npairs - next, sizeof(LatePair), compare_pairs);
	slot = MakeSingleTupleTableSlot(run->desc, &TTSOpsVirtual);
	run_rewind(run);
	while (next < late->npairs && run->source.next(&run->source, slot))
	{
		if (ItemPointerGetBlockNumberNoCheck(&slot->tts_tid) == late->pairs[next].row)
			next = late_take_row(late, next, slot, run);
	}
	ExecDropSingleTupleTableSlot(slot);
	if (next < late->npairs)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("late row %u of stream %u is not in its run",
						late->pairs[next].row, run->source.relid)));
	late->nfetched = next;
}

/* Returns the number of late pairs. */
uint64
late_counted(const LateRows *late)
{
	return late->counted;
}

/* Returns how many of them were dropped. */
uint64
late_dropped(const LateRows *late)
{
	return late->dropped;
}

/* Returns how many of them go sideways. */
uint64
late_sideways(const LateRows *late)
{
	return late->sideways;
}

/* Returns the memory in use. */
Size
late_bytes(const LateRows *late)
{
	return late->npairs == 0 ? 0 : MemoryContextMemAllocated(late->context, false);
}

/* Raises unless the table has the columns that it was made with: a superuser may alter it. */
static void
check_table(const LateRule *rule, Oid row_type, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	TimeAxis	axis = closing_axis(rule->type);
	const Oid	types[LATE_COLUMNS] = {
		[LATE_ROW] = row_type,
		[LATE_WINDOW_START] = rule->type,
		[LATE_WINDOW_END] = rule->type,
		[LATE_WATERMARK] = axis == AXIS_INTEGER ? INT8OID :
		axis == AXIS_TIMESTAMP ? TIMESTAMPOID : TIMESTAMPTZOID,
		[LATE_COMMIT_LSN] = LSNOID,
		[LATE_COMMIT_TIME] = TIMESTAMPTZOID,
	};
	bool		same = desc->natts == LATE_COLUMNS;

	/* a dropped column has no type */
	for (int i = 0; i < desc->natts && same; i++)
		same = TupleDescAttr(desc, i)->atttypid == types[i];
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("table of late rows \"%s\" has been altered", RelationGetRelationName(rel)),
				 errhint("Give it back its columns, or drop the view and create it again.")));
}

/* Fills the slot with one row of the table. */
static void
fill_slot(TupleTableSlot *slot, const LatePair *pair, Oid type)
{
	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, LATE_COLUMNS * sizeof(bool));
	slot->tts_values[LATE_ROW] = PointerGetDatum(pair->tuple);
	slot->tts_values[LATE_WINDOW_START] = closing_bound_datum(pair->start, type);
	slot->tts_isnull[LATE_WINDOW_START] = pair->start_isnull;
	slot->tts_values[LATE_WINDOW_END] = closing_bound_datum(pair->end, type);
	slot->tts_values[LATE_WATERMARK] = Int64GetDatum(pair->watermark);
	slot->tts_values[LATE_COMMIT_LSN] = LSNGetDatum(pair->commit_lsn);
	slot->tts_values[LATE_COMMIT_TIME] = TimestampTzGetDatum(pair->commit_time);
	ExecStoreVirtualTuple(slot);
}

/* Pairs on their way into the table. */
typedef struct LateWrite
{
	const LateRows *late;
	Relation	rel;
	uint32		first;			/* of the pairs */
	uint32		npairs;
	char	   *text;			/* of a row that is rejected, or NULL */
	List	  **rejects;		/* LateReject */
} LateWrite;

/* A pair that could not be written. */
typedef struct LateReject
{
	const LatePair *pair;
	char	   *text;			/* of its row, or NULL */
	int			sqlstate;
	const char *message;
} LateReject;

/* Writes some pairs, also into indexes that the owner has made. In the owner's scope. */
static void
insert_pairs(void *arg)
{
	const LateWrite *some = arg;
	Relation	rel = some->rel;
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *result = makeNode(ResultRelInfo);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), table_slot_callbacks(rel));
	TupleTableSlot *row = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	CommandId	cid = GetCurrentCommandId(true);

	InitResultRelInfo(result, rel, 1, NULL, 0);
	ExecOpenIndices(result, false);
	for (uint32 i = 0; i < some->npairs; i++)
	{
		/* the owner may have made indexes with functions */
		if (i % PROGRESS_PAIRS == 0)
			time_limit_start();
		fill_slot(row, &some->late->pairs[some->first + i], some->late->rule.type);
		ExecCopySlot(slot, row);
		table_tuple_insert(rel, slot, cid, 0, NULL);
		if (result->ri_NumIndices > 0)
			compat_insert_index_tuples(result, slot, estate, TU_All);
		ResetPerTupleExprContext(estate);
	}
	time_limit_end();
	ExecCloseIndices(result);
	ExecDropSingleTupleTableSlot(row);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
}

/* Leaves the row of the first pair as text in the argument. */
static void
print_pair(void *arg)
{
	LateWrite  *some = arg;

	some->text = OidOutputFunctionCall(F_RECORD_OUT,
									   PointerGetDatum(some->late->pairs[some->first].tuple));
}

/* Notes a late row that cannot be written, and why. */
static void
reject_pair(LateWrite *some, const ErrorData *error)
{
	LateReject *reject = palloc0(sizeof(LateReject));

	some->text = NULL;
	(void) subtransaction_try(print_pair, some, false);
	reject->pair = &some->late->pairs[some->first];
	reject->text = some->text;
	reject->sqlstate = error->sqlerrcode;
	reject->message = error->message;
	*some->rejects = lappend(*some->rejects, reject);
}

/* Writes some pairs; those that cannot be written, by halving, are rejected. */
static void
insert_or_reject(LateWrite some)
{
	ErrorData  *error = subtransaction_try(insert_pairs, &some, some.npairs == 1);
	LateWrite	half = some;

	if (error == NULL)
		return;
	if (some.npairs == 1)
	{
		reject_pair(&some, error);
		return;
	}
	check_stack_depth();
	half.npairs = some.npairs / 2;
	insert_or_reject(half);
	half.first += half.npairs;
	half.npairs = some.npairs - half.npairs;
	insert_or_reject(half);
}

/* Makes dead letters of late rows that could not be written. As the worker. */
static void
write_rejects(const List *rejects, const ViewCatalog *view)
{
	ListCell   *lc;

	foreach(lc, rejects)
	{
		const LateReject *reject = lfirst(lc);
		CatalogFailure failure = {
			.sqlstate = reject->sqlstate,
			.message = reject->message,
			.lsn = reject->pair->commit_lsn,
			.time = reject->pair->commit_time,
		};

		(void) catalog_insert_dead_letter(view->viewid, view->streamid, reject->text, &failure);
	}
}

/* Writes the rows that go sideways; see late.h. */
void
late_write(const LateRows *late, const ViewCatalog *view)
{
	List	   *rejects = NIL;
	LateWrite	all = {.late = late,.npairs = late->npairs,.rejects = &rejects};
	OwnerScope	scope;

	Assert(late->nfetched == late->npairs);
	if (late->npairs == 0)
		return;
	try_lock_relation(view->late, RowExclusiveLock);
	all.rel = table_open(view->late, NoLock);
	check_table(&late->rule, get_rel_type_id(view->streamid), all.rel);
	owner_enter(&scope, view);
	PushActiveSnapshot(GetLatestSnapshot());
	insert_or_reject(all);
	PopActiveSnapshot();
	owner_leave(&scope);
	table_close(all.rel, NoLock);
	write_rejects(rejects, view);
}

/* Forgets the rows that go sideways, not the counts. */
void
late_forget_rows(LateRows *late)
{
	MemoryContextReset(late->context);
	late->pairs = NULL;
	late->npairs = late->nfetched = late->capacity = 0;
}

/* Keeps the rows of a finished run until a flush; frees what holds none. */
void
late_keep(List **kept, LateRows *late, XLogRecPtr end_lsn)
{
	MemoryContext old;

	if (late->npairs == 0)
	{
		late_free(late);
		return;
	}
	late->end_lsn = end_lsn;
	/* the list lives as long as what is in it */
	old = MemoryContextSwitchTo(GetMemoryChunkContext(late));
	*kept = lappend(*kept, late);
	MemoryContextSwitchTo(old);
}

/* Writes what is kept of runs that ended at or before lsn. */
void
late_write_kept(List *kept, const ViewCatalog *view, XLogRecPtr lsn)
{
	ListCell   *lc;

	foreach(lc, kept)
	{
		const LateRows *late = lfirst(lc);

		if (late->end_lsn <= lsn)
			late_write(late, view);
	}
}

/* Forgets the same, after the commit that wrote it. */
void
late_forget_kept(List **kept, XLogRecPtr lsn)
{
	ListCell   *lc;

	foreach(lc, *kept)
	{
		LateRows   *late = lfirst(lc);

		if (late->end_lsn > lsn)
			continue;
		*kept = foreach_delete_current(*kept, lc);
		late_free(late);
	}
}

/* Returns the memory that is kept. */
Size
late_kept_bytes(const List *kept)
{
	Size		bytes = 0;
	ListCell   *lc;

	foreach(lc, kept)
		bytes += late_bytes(lfirst(lc));
	return bytes;
}
