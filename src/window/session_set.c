/*
 * session_set.c - the open sessions of one key: arithmetic only.
 *
 * Why the fence is enough: a session that is closed has an earlier last time
 * than any that is open.  So a session whose first time is a gap or more
 * after the last time of all closed ones without a label is near none of
 * them, and may go without a label as well.  One that is not may be near one,
 * and gets a label; that it might not have needed it costs nothing but that.
 *
 * Why a set can be forgotten, and loaded without its closed sessions: they
 * ended at watermark - gap - lateness or before, so that is a fence for them;
 * and an open session without a label began a gap or more after all of them.
 *
 * Distances are never formed: the difference of two far apart values may
 * exceed an int64.
 */
#include "postgres.h"

#include "common/int.h"

#include "window/session_set.h"
#include "window/watermark.h"

/* Returns value + length, or the greatest value. */
static int64
add_length(int64 value, int64 length)
{
	int64		result;

	return pg_add_s64_overflow(value, length, &result) ? PG_INT64_MAX : result;
}

/* Returns whether the session that ends with a row at last is closed. */
static bool
is_closed(const SessionRule *rule, int64 last, int64 watermark)
{
	return watermark_closes(watermark, add_length(last, rule->gap), rule->lateness);
}

/* Moves the fence to a closed session without a label. */
static void
move_fence(SessionSet *set, const Session *session)
{
	if (session->label != SESSION_LABEL_NONE)
		return;
	if (!set->has_fence || session->last > set->fence)
		set->fence = session->last;
	set->has_fence = true;
}

/* Makes an empty set; see session_set.h. */
void
session_set_start(SessionSet *set, const SessionRule *rule, int64 watermark)
{
	int64		fence = watermark_closed_until(watermark, rule->lateness);

	memset(set, 0, sizeof(SessionSet));
	set->has_fence = fence != WATERMARK_NONE &&
		!pg_sub_s64_overflow(fence, rule->gap, &set->fence);
}

/* Removes count sessions from index on. */
static void
remove_sessions(SessionSet *set, int index, int count)
{
	Assert(index >= 0 && index + count <= set->nsessions);
	memmove(&set->sessions[index], &set->sessions[index + count],
			sizeof(Session) * (set->nsessions - index - count));
	set->nsessions -= count;
}

/* Inserts a session at index. */
static void
insert_session(SessionSet *set, int index, const Session *session)
{
	if (set->nsessions == set->capacity)
	{
		set->capacity = Max(1, set->capacity * 2);
		set->sessions = set->sessions == NULL ?
			palloc(sizeof(Session) * set->capacity) :
			repalloc(set->sessions, sizeof(Session) * set->capacity);
	}
	memmove(&set->sessions[index + 1], &set->sessions[index],
			sizeof(Session) * (set->nsessions - index));
	set->sessions[index] = *session;
	set->nsessions++;
}

/* Closes what the watermark closes: sessions are in the order of their ends. */
static void
close_sessions(SessionSet *set, const SessionRule *rule, int64 watermark)
{
	int			count = 0;

	while (count < set->nsessions && is_closed(rule, set->sessions[count].last, watermark))
		move_fence(set, &set->sessions[count++]);
	if (count > 0)
		remove_sessions(set, 0, count);
}

/* Returns the index of the first session that ends less than a gap before time, or later. */
static int
find_session(const SessionSet *set, const SessionRule *rule, int64 time)
{
	int			low = 0;
	int			high = set->nsessions;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (add_length(set->sessions[middle].last, rule->gap) <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Returns whether a session that begins at first may be near a closed one without a label. */
static bool
needs_label(const SessionSet *set, const SessionRule *rule, int64 first)
{
	return set->has_fence && first < add_length(set->fence, rule->gap);
}

/* Returns the label of what these sessions and a row become; born is the attempt of its owner. */
static int64
choose_label(const SessionSet *set, const SessionRule *rule, const Session *joined, int count,
			 int64 first)
{
	const Session *chosen = NULL;

	for (int i = 0; i < count; i++)
	{
		if (joined[i].label != SESSION_LABEL_NONE &&
			(chosen == NULL || joined[i].born < chosen->born))
			chosen = &joined[i];
	}
	if (chosen != NULL)
		return chosen->label;
	return needs_label(set, rule, first) ? -1 : SESSION_LABEL_NONE;
}

/* Joins count sessions from index on with a row. */
static void
join_sessions(SessionSet *set, const SessionRule *rule, int index, int count, int64 time,
			  int64 new_label, SessionVerdict *verdict)
{
	Session    *joined = &set->sessions[index];
	Session		whole = {.first = Min(joined[0].first, time),
		.last = Max(joined[count - 1].last, time),
	.born = joined[0].born};

	whole.label = choose_label(set, rule, joined, count, whole.first);
	if (whole.label < 0)
	{
		whole.label = new_label;
		verdict->took_label = true;
	}
	for (int i = 0; i < count; i++)
	{
		whole.born = Min(whole.born, joined[i].born);
		if (joined[i].label != whole.label)
			verdict->relabels[verdict->nrelabels++] = (SessionRelabel)
		{
			.first = joined[i].first,.last = joined[i].last,
				.from = joined[i].label,.to = whole.label,.born = joined[i].born
		};
	}
	verdict->label = whole.label;
	joined[0] = whole;
	remove_sessions(set, index + 1, count - 1);
}

/* Takes in a row; see session_set.h. */
void
session_set_take(SessionSet *set, const SessionRule *rule, int64 time, int64 watermark,
				 uint64 attempt, int64 new_label, SessionVerdict *verdict)
{
	int64		end = add_length(time, rule->gap);
	int			index;
	int			count = 0;
	Session		session = {.first = time,.last = time,.born = attempt};

	Assert(new_label > SESSION_LABEL_NONE);
	verdict->late = verdict->took_label = false;
	verdict->nrelabels = 0;

	close_sessions(set, rule, watermark);
	index = find_session(set, rule, time);
	while (index + count < set->nsessions && set->sessions[index + count].first < end)
		count++;
	Assert(count <= SESSION_MAX_RELABELS);
	if (count > 0)
	{
		join_sessions(set, rule, index, count, time, new_label, verdict);
		return;
	}

	verdict->late = is_closed(rule, time, watermark);
	if (verdict->late)
		return;
	if (needs_label(set, rule, time))
	{
		session.label = new_label;
		verdict->took_label = true;
	}
	verdict->label = session.label;
	insert_session(set, index, &session);
}

/* Adds a session that storage holds; see session_set.h. */
void
session_set_load(SessionSet *set, const SessionRule *rule, const Session *session,
				 int64 watermark)
{
	if (is_closed(rule, session->last, watermark))
		return;
	/* a longer lateness does not open again what was closed */
	if (set->nsessions > 0 &&
		add_length(set->sessions[set->nsessions - 1].last, rule->gap) > session->first)
	{
		for (int i = 0; i < set->nsessions; i++)
			move_fence(set, &set->sessions[i]);
		set->nsessions = 0;
	}
	if (session->label == SESSION_LABEL_NONE && needs_label(set, rule, session->first))
		set->has_fence = !pg_sub_s64_overflow(session->first, rule->gap, &set->fence);
	insert_session(set, set->nsessions, session);
}

/* Closes what the watermark closes; see session_set.h. */
bool
session_set_expire(SessionSet *set, const SessionRule *rule, int64 watermark)
{
	close_sessions(set, rule, watermark);
	return set->nsessions == 0;
}

/* Copies a set; see session_set.h. */
void
session_set_copy(SessionSet *to, const SessionSet *from)
{
	*to = *from;
	to->capacity = from->nsessions;
	to->sessions = NULL;
	if (from->nsessions == 0)
		return;
	to->sessions = palloc(sizeof(Session) * from->nsessions);
	memcpy(to->sessions, from->sessions, sizeof(Session) * from->nsessions);
}

/* Frees what a set owns. */
void
session_set_free(SessionSet *set)
{
	if (set->sessions != NULL)
		pfree(set->sessions);
	memset(set, 0, sizeof(SessionSet));
}
