/*
 * session_move.c - parts of sessions that change their label in storage.
 *
 * The rows that hold them are read by their keys, deleted, and written as
 * groups with the other label, in the transaction that also writes the rows
 * which were the reason.  It is rare: a late row must bring a session near one
 * that is closed (window/session_set.h).
 *
 * Failure: a row that somebody else has changed is an error; the writer is
 * alone.
 */
#include "postgres.h"
#include "compat.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "catalog/owner_query.h"
#include "flush/flush_private.h"
#include "time_limit.h"
#include "window/session_cell.h"

/* One row of storage. */
typedef struct StoredFragment
{
	Oid			relid;
	ItemPointerData tid;
	MinimalTuple group;			/* with its new label */
} StoredFragment;

/* Collects rows of storage. */
typedef struct FragmentReceiver
{
	DestReceiver pub;
	FlushWriter *writer;
	const StreamQuery *query;
	int64		label;			/* new one */
	MemoryContext context;
	List	   *fragments;		/* StoredFragment */
} FragmentReceiver;

/* Takes one row: its table and place, then the storage columns. */
static bool
receive_fragment_cb(TupleTableSlot *slot, DestReceiver *self)
{
	FragmentReceiver *receiver = (FragmentReceiver *) self;
	GroupDesc  *desc = receiver->writer->desc;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);
	StoredFragment *fragment = palloc(sizeof(StoredFragment));
	Datum	   *values;

	slot_getallattrs(slot);
	values = slot->tts_values + 2;
	fragment->relid = DatumGetObjectId(slot->tts_values[0]);
	fragment->tid = *(ItemPointer) DatumGetPointer(slot->tts_values[1]);
	values[receiver->query->session->label_key] = Int64GetDatum(receiver->label);
	fragment->group = group_form_flat(desc, values, slot->tts_isnull + 2);
	receiver->fragments = lappend(receiver->fragments, fragment);
	MemoryContextSwitchTo(old);
	return true;
}

static void
fragment_startup_cb(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
fragment_shutdown_cb(DestReceiver *self)
{
}

/* Appends "AND column = $n" with the operator that makes groups, and sets the parameter. */
static void
append_equality(StringInfo sql, const QueryKey *key, int column, int param)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(key->eqop));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", key->eqop);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfo(sql, " AND s.k%d OPERATOR(%s.%s) $%d", column,
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname), param);
	ReleaseSysCache(tuple);
}

/* Returns the query for the rows of one move, and its parameters. */
static char *
fragments_sql(FlushWriter *writer, const StreamQuery *query, const SessionMove *move,
			  ParamListInfo *params)
{
	static const WindowRange times = WINDOW_TIMESTAMP_RANGE;
	static const WindowRange integers = WINDOW_INTEGER_RANGE;
	const QuerySession *session = query->session;
	const WindowRange *range = session->axis_type == INT8OID ? &integers : &times;
	int64		first = 0;
	int64		last = 0;
	StringInfoData sql;

	(void) session_cell(move->relabel.first, session->gap, range, &first);
	(void) session_cell(move->relabel.last, session->gap, range, &last);
	*params = owner_query_params(3 + session->cell_key);
	owner_query_set_param(*params, 1, INT8OID, Int64GetDatum(move->relabel.from));
	owner_query_set_param(*params, 2, session->axis_type, Int64GetDatum(first));
	owner_query_set_param(*params, 3, session->axis_type, Int64GetDatum(last));

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT s.tableoid, s.ctid, s.* FROM _stream_ext.%s s"
					 " WHERE s.k%d OPERATOR(pg_catalog.=) $1"
					 " AND s.k%d OPERATOR(pg_catalog.>=) $2 AND s.k%d OPERATOR(pg_catalog.<=) $3",
					 quote_identifier(get_rel_name(writer->view->storage)),
					 session->label_key + 1, session->cell_key + 1, session->cell_key + 1);
	for (int i = 0; i < session->cell_key; i++)
	{
		owner_query_set_param(*params, 4 + i, query->keys[i].type, move->keys[i]);
		if (move->isnull[i])
			appendStringInfo(&sql, " AND s.k%d IS NULL", i + 1);
		else
			append_equality(&sql, &query->keys[i], i + 1, 4 + i);
	}
	return sql.data;
}

/* Deletes the rows that were found. */
static void
delete_fragments(List *fragments)
{
	ListCell   *lc;

	PushActiveSnapshot(GetLatestSnapshot());
	foreach(lc, fragments)
	{
		StoredFragment *fragment = lfirst(lc);
		Relation	rel = table_open(fragment->relid, RowExclusiveLock);

		simple_table_tuple_delete(rel, &fragment->tid, GetActiveSnapshot());
		table_close(rel, NoLock);
	}
	PopActiveSnapshot();
}

/* Relabels the parts of one move. */
static void
move_session(FlushWriter *writer, const StreamQuery *query, const SessionMove *move,
			 uint64 *quarantined)
{
	FragmentReceiver receiver = {
		.pub = {receive_fragment_cb, fragment_startup_cb, fragment_shutdown_cb,
		fragment_shutdown_cb, DestNone},
		.writer = writer,
		.query = query,
		.label = move->relabel.to,
		.context = CurrentMemoryContext,
	};
	ParamListInfo params;
	char	   *sql = fragments_sql(writer, query, move, &params);
	MinimalTuple *groups;
	int			ngroups = 0;
	ListCell   *lc;

	time_limit_start();
	(void) owner_query_run(writer->view, sql, params, &receiver.pub);
	time_limit_end();
	if (receiver.fragments == NIL)
		return;
	delete_fragments(receiver.fragments);
	groups = palloc(sizeof(MinimalTuple) * list_length(receiver.fragments));
	foreach(lc, receiver.fragments)
		groups[ngroups++] = ((StoredFragment *) lfirst(lc))->group;
	(void) flush_groups(writer, groups, ngroups, quarantined);
}

/* Relabels what storage holds of the moves, one after the other; see flush.h. */
void
flush_move_sessions(FlushWriter *writer, const StreamQuery *query,
					const SessionMove *moves, int nmoves, uint64 *quarantined)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "stream session moves",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int i = 0; i < nmoves; i++)
	{
		if (!moves[i].outside)
			continue;
		move_session(writer, query, &moves[i], quarantined);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
