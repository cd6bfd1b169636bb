/*
 * session_rows.c - rows of the inner query on their way into sessions.
 *
 * The book says which label a row has.  NULL and infinite times are no part
 * of it: each is a session of its own without a label, by its time alone.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "session/session_rows.h"
#include "window/session_cell.h"
#include "window/watermark.h"

static const WindowRange times = WINDOW_TIMESTAMP_RANGE;
static const WindowRange integers = WINDOW_INTEGER_RANGE;

/* Returns the cell of a time. */
static int64
cell_of(const QuerySession *session, int64 time)
{
	int64		cell = time;

	(void) session_cell(time, session->gap, session->axis_type == INT8OID ? &integers : &times,
						&cell);
	return cell;
}

/* Moves one group, if there is one. */
static void
move_group(Scratch *scratch, const StreamQuery *query, Datum *keys, const bool *isnull,
		   const SessionRelabel *relabel)
{
	int			label = query->session->label_key;

	keys[label] = Int64GetDatum(relabel->from);
	(void) scratch_change_key(scratch, keys, isnull, label, Int64GetDatum(relabel->to));
}

/* Relabels the groups of one move, cell by cell. */
static void
move_cells(const SessionMove *move, const SessionRelabel *relabel, const StreamQuery *query,
		   Scratch *scratch)
{
	const QuerySession *session = query->session;
	Datum		keys[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS] = {false};
	int64		time = relabel->first;

	memcpy(keys, move->keys, sizeof(Datum) * session->cell_key);
	memcpy(isnull, move->isnull, sizeof(bool) * session->cell_key);
	for (;;)
	{
		int64		cell = cell_of(session, time);

		keys[session->cell_key] = Int64GetDatum(cell);
		move_group(scratch, query, keys, isnull, relabel);
		if (pg_add_s64_overflow(cell, session->gap, &time) ||
			cell_of(session, time) > cell_of(session, relabel->last))
			return;
	}
}

/* Relabels the groups of one move, looking at all: a long session has many cells. */
static void
move_all(const SessionMove *move, const SessionRelabel *relabel, const StreamQuery *query,
		 Scratch *scratch)
{
	const QuerySession *session = query->session;
	int64		first = cell_of(session, relabel->first);
	int64		last = cell_of(session, relabel->last);
	Datum		keys[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS] = {false};

	memcpy(keys, move->keys, sizeof(Datum) * session->cell_key);
	memcpy(isnull, move->isnull, sizeof(bool) * session->cell_key);
	for (uint32 i = 0; i < scratch_groups(scratch); i++)
	{
		ScratchGroup *group = scratch_group_at(scratch, i);
		int64		cell = DatumGetInt64(group->keys[session->cell_key]);

		if (group->keys_isnull[session->cell_key] || cell < first || cell > last ||
			DatumGetInt64(group->keys[session->label_key]) != relabel->from)
			continue;
		/* whether it is of this session, its keys will say */
		keys[session->cell_key] = Int64GetDatum(cell);
		move_group(scratch, query, keys, isnull, relabel);
	}
}

/* Relabels groups of scratch; see session_rows.h. */
void
session_moves_apply(const SessionMove *moves, int nmoves, const StreamQuery *query,
					Scratch *scratch, bool undo)
{
	for (int i = 0; i < nmoves; i++)
	{
		const SessionMove *move = &moves[undo ? nmoves - 1 - i : i];
		SessionRelabel relabel = move->relabel;
		int64		length;

		if (undo)
		{
			relabel.from = move->relabel.to;
			relabel.to = move->relabel.from;
		}
		if (!pg_sub_s64_overflow(relabel.last, relabel.first, &length) &&
			length / query->session->gap < scratch_groups(scratch))
			move_cells(move, &relabel, query, scratch);
		else
			move_all(move, &relabel, query, scratch);
	}
}

/* Decides about the next row; see session_rows.h. */
bool
session_row_judge(SessionBook *book, const StreamQuery *query, Scratch *scratch,
				  Datum *values, bool *isnull, int64 watermark, int64 *start, int64 *end)
{
	const QuerySession *session = query->session;
	int			column = query->aggregates[session->first_aggregate].first_column;
	SessionMark before = session_book_here(book);
	const SessionMove *moves;
	int			nmoves;
	int64		label;

	if (isnull[column] || group_is_expired(scratch_desc(scratch), values, isnull))
		return true;
	*start = *end = DatumGetInt64(values[column]);
	if (session->axis_type != INT8OID && TIMESTAMP_NOT_FINITE(*start))
		return !watermark_closes(watermark, *end, session_book_lateness(book));

	*end += session->gap;
	if (!session_book_take(book, values, isnull, *start, watermark, &label))
		return false;
	moves = session_book_moves(book, before, &nmoves);
	session_moves_apply(moves, nmoves, query, scratch, false);
	values[session->label_key] = Int64GetDatum(label);
	return true;
}
