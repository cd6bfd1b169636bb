/*
 * watermark.c - how far event time has got, and what that closes: arithmetic only.
 *
 * Nothing here allocates, raises errors or knows what time it is, so that it
 * links into unit tests.  Sums that leave int64 count as "not reached yet".
 */
#include "postgres.h"

#include "common/int.h"

#include "window/watermark.h"

/* Starts without a watermark. */
void
watermark_init(WatermarkState *state, int64 max_future, int64 start_time)
{
	Assert(max_future >= 0);
	memset(state, 0, offsetof(WatermarkState, inputs));
	state->watermark = WATERMARK_NONE;
	state->max_future = max_future;
	state->last_commit = start_time;
	state->current = -1;
}

/* Copies a state; of the inputs only those that are there. */
void
watermark_copy(WatermarkState *to, const WatermarkState *from)
{
	Assert(from->ninputs >= 0 && from->ninputs <= WATERMARK_MAX_INPUTS);
	Assert(to != from);
	memcpy(to, from, offsetof(WatermarkState, inputs) +
		   from->ninputs * sizeof(WatermarkInput));
}

/* Returns whether an input had no row for too long before the newest commit. */
static bool
input_is_idle(const WatermarkState *state, const WatermarkRule *rule, const WatermarkInput *input)
{
	return rule->idle_timeout > 0 &&
		state->last_commit - input->last_commit >= rule->idle_timeout;
}

/* Returns the number of an input, or -1. */
static int
input_find(const WatermarkState *state, const char *name)
{
	for (int i = 0; i < state->ninputs; i++)
	{
		if (strcmp(state->inputs[i].name, name) == 0)
			return i;
	}
	return -1;
}

/* Returns a place for one more input: the one that is idle the longest if all are taken, or -1. */
static int
input_make_room(WatermarkState *state, const WatermarkRule *rule)
{
	int			oldest = 0;

	if (state->ninputs < WATERMARK_MAX_INPUTS)
		return state->ninputs++;
	for (int i = 1; i < state->ninputs; i++)
	{
		if (state->inputs[i].last_commit < state->inputs[oldest].last_commit)
			oldest = i;
	}
	return input_is_idle(state, rule, &state->inputs[oldest]) ? oldest : -1;
}

/* Rows of an input come now; see watermark.h. */
void
watermark_enter(WatermarkState *state, const WatermarkRule *rule,
				const char *input, int64 commit_time)
{
	Assert(rule->active);
	Assert(strlen(input) < WATERMARK_INPUT_LENGTH);

	if (state->since != rule->since)
	{
		state->since = rule->since;
		state->ninputs = 0;
	}
	state->last_commit = Max(state->last_commit, commit_time);
	state->pending = true;
	state->current = input_find(state, input);
	if (state->current < 0)
	{
		state->current = input_make_room(state, rule);
		if (state->current < 0)
			return;
		strlcpy(state->inputs[state->current].name, input, WATERMARK_INPUT_LENGTH);
		state->inputs[state->current].newest = WATERMARK_NONE;
	}
	state->inputs[state->current].last_commit = state->last_commit;
}

/* Moves the watermark to the least of the inputs that count, if that is ahead. */
static void
watermark_move(WatermarkState *state, const WatermarkRule *rule)
{
	int64		least = PG_INT64_MAX;
	bool		any = false;

	for (int i = 0; i < state->ninputs; i++)
	{
		const WatermarkInput *input = &state->inputs[i];

		if (input->newest == WATERMARK_NONE || input_is_idle(state, rule, input))
			continue;
		any = true;
		least = Min(least, input->newest);
	}
	if (any && !pg_sub_s64_overflow(least, rule->delay, &least))
		state->watermark = Max(state->watermark, least);
}

/* Returns whether an event time is too far ahead of its commit to be believed. */
static bool
time_is_ahead(const WatermarkState *state, const WatermarkRule *rule,
			  int64 time, int64 commit_time)
{
	int64		limit;

	return rule->is_time &&
		!pg_add_s64_overflow(commit_time, state->max_future, &limit) && time > limit;
}

/* One row; see watermark.h. */
void
watermark_add(WatermarkState *state, const WatermarkRule *rule, int64 time, int64 commit_time)
{
	WatermarkInput *input;

	Assert(state->since == rule->since);
	Assert(state->current < state->ninputs);
	if (state->current < 0)
		state->untracked++;
	else if (time != WATERMARK_NONE && !time_is_ahead(state, rule, time, commit_time))
	{
		input = &state->inputs[state->current];
		state->pending |= time > input->newest;
		input->newest = Max(input->newest, time);
	}
	if (!state->pending)
		return;
	state->pending = false;
	watermark_move(state, rule);
}

/* Follows the clock if the stream is idle; see watermark.h. */
bool
watermark_follow_clock(WatermarkState *state, const WatermarkRule *rule, int64 now)
{
	int64		idle_since = Max(state->last_commit, rule->since_time);
	int64		watermark;

	if (!rule->active || !rule->is_time || rule->idle_timeout <= 0 ||
		pg_sub_s64_overflow(now, idle_since, &idle_since) ||
		idle_since < rule->idle_timeout ||
		pg_sub_s64_overflow(now, rule->delay, &watermark) ||
		watermark <= state->watermark)
		return false;
	state->watermark = watermark;
	return true;
}

/* Returns whether a window is closed; see watermark.h. */
bool
watermark_closes(int64 watermark, int64 end, int64 lateness)
{
	int64		limit;

	Assert(lateness >= 0);
	if (watermark == WATERMARK_NONE || end == PG_INT64_MAX ||
		pg_add_s64_overflow(end, lateness, &limit))
		return false;
	return watermark >= limit;
}

/* Returns the greatest end that is closed, or WATERMARK_NONE. */
int64
watermark_closed_until(int64 watermark, int64 lateness)
{
	int64		end;

	Assert(lateness >= 0);
	if (watermark == WATERMARK_NONE || pg_sub_s64_overflow(watermark, lateness, &end))
		return WATERMARK_NONE;
	return end;
}
