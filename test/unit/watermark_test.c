/*
 * watermark_test.c - the watermark against a naive model.
 *
 * The model keeps all rows and, after each, computes from the definition: for
 * every input the newest event time that counts, whether it is idle, and the
 * least of those, in 128 bits.  It never looks at what it computed before, but
 * for "never goes back".
 */
#include "postgres.h"

#include "unit.h"

#include "window/watermark.h"

#define RANDOM_STREAMS	2000
#define STREAM_ROWS		120
#define CLOSE_CASES		400000
#define MAX_INPUTS		5

typedef struct ModelRow
{
	int			input;
	int64		time;			/* WATERMARK_NONE: NULL or infinite */
	int64		commit_time;
	int			rule;
} ModelRow;

/* Returns the watermark that the rows under the last one's rule give now; false if none. */
static bool
model_candidate(const ModelRow *rows, int nrows, const WatermarkRule *rules, int64 max_future,
				int64 start_time, int128 * candidate)
{
	const WatermarkRule *rule = &rules[rows[nrows - 1].rule];
	int128		least = 0;
	bool		any = false;

	for (int input = 0; input < MAX_INPUTS; input++)
	{
		int64		clock = start_time;
		int64		last = PG_INT64_MIN;
		int64		newest = 0;
		bool		found = false;

		for (int i = 0; i < nrows; i++)
		{
			clock = Max(clock, rows[i].commit_time);
			if (rows[i].input != input || rows[i].rule != rows[nrows - 1].rule)
				continue;
			last = clock;
			if (rows[i].time == WATERMARK_NONE ||
				(rule->is_time && (int128) rows[i].time > (int128) rows[i].commit_time + max_future))
				continue;
			newest = found ? Max(newest, rows[i].time) : rows[i].time;
			found = true;
		}
		if (!found || (rule->idle_timeout > 0 && clock - last >= rule->idle_timeout))
			continue;
		least = any ? Min(least, newest) : newest;
		any = true;
	}
	*candidate = least - rule->delay;
	return any && *candidate >= PG_INT64_MIN;
}

/* Makes a rule as a user might, small numbers so that things meet. */
static WatermarkRule
random_rule(uint64 since)
{
	WatermarkRule rule = {.since = since,.active = true};

	rule.is_time = unit_random_below(4) != 0;
	rule.delay = unit_random_below(3) == 0 ? 0 : (int64) unit_random_below(50);
	rule.idle_timeout = unit_random_below(2) == 0 ? 0 : 1 + (int64) unit_random_below(200);
	return rule;
}

/* Makes a row near its commit, out of order, without a time, or far ahead. */
static ModelRow
random_row(int64 clock, int ninputs, int rule)
{
	ModelRow	row = {.rule = rule};

	row.input = (int) unit_random_below(ninputs);
	row.commit_time = clock - (int64) unit_random_below(3);
	row.time = row.commit_time - (int64) unit_random_below(60);
	if (unit_random_below(10) == 0)
		row.time = WATERMARK_NONE;
	else if (unit_random_below(10) == 0)
		row.time = row.commit_time + (int64) unit_random_below(400);
	else if (unit_random_below(200) == 0)
		row.time = PG_INT64_MIN + 1 + (int64) unit_random_below(60);
	else if (unit_random_below(200) == 0)
		row.time = PG_INT64_MAX - (int64) unit_random_below(60);
	return row;
}

/* After every row of random streams the watermark is the model's. */
static void
random_streams_equal_the_model(void)
{
	int			wrong = 0;
	int			moved = 0;

	for (int stream = 0; stream < RANDOM_STREAMS; stream++)
	{
		ModelRow	rows[STREAM_ROWS];
		WatermarkRule rules[STREAM_ROWS];
		WatermarkState state;
		WatermarkState copy;
		int128		expected = WATERMARK_NONE;
		int			ninputs = 1 + (int) unit_random_below(MAX_INPUTS);
		int64		clock = 1000;
		int			rule = 0;

		rules[0] = random_rule(1);
		watermark_init(&state, 100, clock);
		for (int i = 0; i < STREAM_ROWS; i++)
		{
			char		name[2] = {0};
			int128		candidate;

			clock += (int64) unit_random_below(unit_random_below(10) == 0 ? 300 : 5);
			if (unit_random_below(60) == 0)
			{
				rules[rule + 1] = random_rule(rule + 2);
				rule++;
			}
			rows[i] = random_row(clock, ninputs, rule);
			name[0] = (char) (rows[i].input == 0 ? 0 : 'a' + rows[i].input);

			watermark_enter(&state, &rules[rule], name, rows[i].commit_time);
			watermark_add(&state, &rules[rule], rows[i].time, rows[i].commit_time);
			if (model_candidate(rows, i + 1, rules, 100, 1000, &candidate) && candidate > expected)
			{
				expected = candidate;
				moved++;
			}
			wrong += state.watermark != expected;
			/* whoever goes on from a copy gets the same */
			memset(&copy, 0x5a, sizeof(copy));
			watermark_copy(&copy, &state);
			state = copy;
		}
	}
	UNIT_EQUAL(wrong, 0);
	UNIT_CHECK(moved > RANDOM_STREAMS * 5);
}

/* Closing is the definition in 128 bits, ends of int64 included. */
static void
closing_equals_the_definition(void)
{
	static const int64 places[] = {PG_INT64_MIN, PG_INT64_MIN / 2, -1000, 0, 1000, PG_INT64_MAX / 2, PG_INT64_MAX};
	int			wrong = 0;
	int			closed = 0;

	for (int i = 0; i < CLOSE_CASES; i++)
	{
		int128		watermark = (int128) places[unit_random_below(7)] + (int64) unit_random_below(9) - 4;
		int128		end = (int128) places[unit_random_below(7)] + (int64) unit_random_below(9) - 4;
		int64		lateness = unit_random_below(3) == 0 ? (int64) (unit_random() >> 1) : (int64) unit_random_below(6);
		bool		model;
		bool		result;
		int64		until;

		watermark = Max(Min(watermark, PG_INT64_MAX), PG_INT64_MIN);
		end = Max(Min(end, PG_INT64_MAX), PG_INT64_MIN);
		model = watermark != WATERMARK_NONE && end != PG_INT64_MAX && watermark >= end + lateness;
		result = watermark_closes((int64) watermark, (int64) end, lateness);
		wrong += result != model;
		closed += result;

		/*
		 * what a reader compares with says the same of every end it can say
		 * anything of
		 */
		until = watermark_closed_until((int64) watermark, lateness);
		if (end != PG_INT64_MAX && end != PG_INT64_MIN)
			wrong += result != (until != WATERMARK_NONE && end <= until);
	}
	UNIT_EQUAL(wrong, 0);
	UNIT_CHECK(closed > CLOSE_CASES / 10);
}

/* Over the limit of inputs the watermark goes on without the last ones, unless one is idle. */
static void
inputs_over_the_limit_are_counted(void)
{
	WatermarkRule rule = {.since = 1,.active = true,.is_time = true};
	WatermarkState state;

	watermark_init(&state, 100, 0);
	for (int i = 0; i < WATERMARK_MAX_INPUTS + 2; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "input %d", i);
		watermark_enter(&state, &rule, name, 1000 + i);
		watermark_add(&state, &rule, 500 - i, 1000 + i);
	}
	UNIT_EQUAL(state.ninputs, WATERMARK_MAX_INPUTS);
	UNIT_EQUAL(state.untracked, 2);
	UNIT_EQUAL(state.watermark, 500);

	/* "input 0" is idle by now: the next one takes its place */
	rule.idle_timeout = WATERMARK_MAX_INPUTS + 2;
	watermark_enter(&state, &rule, "another", 1000 + WATERMARK_MAX_INPUTS + 2);
	UNIT_EQUAL(state.current, 0);
	UNIT_CHECK(strcmp(state.inputs[0].name, "another") == 0);
}

/* An idle stream follows the clock, a busy one, an integer one or a cleared one does not. */
static void
an_idle_stream_follows_the_clock(void)
{
	WatermarkRule rule = {.since = 1,.since_time = 40,.active = true,.is_time = true,
	.delay = 5,.idle_timeout = 10};
	WatermarkState state;

	watermark_init(&state, 100, 0);
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 49));
	watermark_enter(&state, &rule, "", 60);
	watermark_add(&state, &rule, 30, 60);
	UNIT_EQUAL(state.watermark, 25);
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 69));
	UNIT_CHECK(watermark_follow_clock(&state, &rule, 70));
	UNIT_EQUAL(state.watermark, 65);
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 70));

	/* a row behind it does not move it back */
	watermark_enter(&state, &rule, "", 71);
	watermark_add(&state, &rule, 60, 71);
	UNIT_EQUAL(state.watermark, 65);

	rule.is_time = false;
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 1000));
	rule.is_time = true;
	rule.idle_timeout = 0;
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 1000));
	rule.idle_timeout = 10;
	rule.active = false;
	UNIT_CHECK(!watermark_follow_clock(&state, &rule, 1000));
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(random_streams_equal_the_model);
	UNIT_RUN(closing_equals_the_definition);
	UNIT_RUN(inputs_over_the_limit_are_counted);
	UNIT_RUN(an_idle_stream_follows_the_clock);
	return unit_end();
}
