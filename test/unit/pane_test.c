/*
 * pane_test.c - panes of hopping windows against the naive list of windows.
 *
 * The model knows no panes: it lists the windows of a value by trying every
 * start, in 128 bits.
 */
#include "postgres.h"

#include "unit.h"

#include "window/pane.h"

#define RANDOM_CASES 100000

/* The windows of a value: the first start and how many. */
typedef struct ModelWindows
{
	int128		first;
	int64		count;
} ModelWindows;

/* Lists the windows that hold value, by walking down from the last start. */
static ModelWindows
model_windows(const PaneShape *shape, int64 value)
{
	ModelWindows model = {0};
	int128		rest = ((int128) value - shape->origin) % shape->slide;
	int128		start = (int128) value - (rest < 0 ? rest + shape->slide : rest);

	for (; start + shape->size > value; start -= shape->slide)
	{
		model.first = start;
		model.count++;
	}
	return model;
}

/* Returns whether two values are in the same windows. */
static bool
same_windows(const PaneShape *shape, int64 a, int64 b)
{
	ModelWindows one = model_windows(shape, a);
	ModelWindows other = model_windows(shape, b);

	return one.first == other.first && one.count == other.count;
}

/* Returns a random shape: tiny, or of any magnitude up to a limit. */
static PaneShape
random_shape(void)
{
	bool		tiny = unit_random_below(2) == 0;
	int64		slide = 1 + (int64) unit_random_below(tiny ? 12 : UINT64CONST(1) << (1 + unit_random_below(50)));
	int64		slides = 1 + (int64) unit_random_below(70);
	PaneShape	shape = {.slide = slide};

	/* half of the sizes are multiples of the slide */
	shape.size = slides * slide;
	if (unit_random_below(2) == 0 || slides == 1)
		shape.size += 1 + (int64) unit_random_below(slide);
	shape.origin = (int64) unit_random_below(UINT64CONST(1) << 60) - (INT64CONST(1) << 59);
	if (tiny)
		shape.origin %= 100;
	return shape;
}

/* Returns a random value, half of the time near the origin. */
static int64
random_value(const PaneShape *shape)
{
	int64		wide = (int64) (unit_random() >> 4) - (INT64CONST(1) << 59);

	if (unit_random_below(2) == 0)
		return wide;
	return shape->origin + wide % (3 * shape->size);
}

/* A pane holds its value, its values share their windows, and it is as wide as can be. */
static void
panes_are_the_stretches_with_the_same_windows(void)
{
	int			wrong = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		PaneShape	shape = random_shape();
		int64		value = random_value(&shape);
		int64		start = pane_start(&shape, value);
		int64		next = pane_next(&shape, start);

		wrong += !(start <= value && value < next);
		wrong += !same_windows(&shape, start, value) || !same_windows(&shape, next - 1, value);
		wrong += same_windows(&shape, start - 1, value) || same_windows(&shape, next, value);
		wrong += pane_start(&shape, start) != start || pane_start(&shape, next - 1) != start;
	}
	UNIT_EQUAL(wrong, 0);
}

/* The windows of a pane are those that the model lists for any of its values. */
static void
windows_of_a_pane_equal_the_model(void)
{
	int			wrong = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		PaneShape	shape = random_shape();
		int64		value = random_value(&shape);
		ModelWindows model = model_windows(&shape, value);
		WindowSet	set;

		pane_windows(&shape, pane_start(&shape, value), &set);
		wrong += set.start != model.first || set.count != model.count ||
			set.end != model.first + shape.size || set.start_step != shape.slide;
	}
	UNIT_EQUAL(wrong, 0);
}

/* Going from pane to pane, a window ends exactly after its number of panes. */
static void
panes_of_a_window_fill_it(void)
{
	int			wrong = 0;

	for (int i = 0; i < RANDOM_CASES / 10; i++)
	{
		PaneShape	shape = random_shape();
		ModelWindows model = model_windows(&shape, random_value(&shape));
		int64		start = (int64) model.first;
		int64		end = start + shape.size;
		int64		at = start;
		int64		panes = pane_count(&shape);

		wrong += !pane_is_window_start(&shape, start);
		for (int64 n = 0; n < panes; n++)
		{
			wrong += at >= end;
			at = pane_next(&shape, at);
		}
		wrong += at != end;
	}
	UNIT_EQUAL(wrong, 0);
}

/* Windows start at the origin and every slide from there, in both directions. */
static void
windows_start_every_slide(void)
{
	PaneShape	shape = {.slide = 4,.size = 6,.origin = 1};

	for (int64 value = -40; value <= 40; value++)
		UNIT_CHECK(pane_is_window_start(&shape, value) == ((value + 43) % 4 == 0));
	UNIT_CHECK(!pane_is_window_start(&shape, PG_INT64_MAX));
	UNIT_EQUAL(pane_start(&shape, 0), -1);
	UNIT_EQUAL(pane_start(&shape, -2), -3);
	UNIT_EQUAL(pane_next(&shape, -3), -1);
	UNIT_EQUAL(pane_count(&shape), 3);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(windows_start_every_slide);
	UNIT_RUN(panes_are_the_stretches_with_the_same_windows);
	UNIT_RUN(windows_of_a_pane_equal_the_model);
	UNIT_RUN(panes_of_a_window_fill_it);
	return unit_end();
}
