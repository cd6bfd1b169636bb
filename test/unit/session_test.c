/*
 * session_test.c - sessions, cells and labels against a naive model.
 *
 * The model keeps every row and every session, closed or not, and follows the
 * rule as it reads.  What is tested keeps what storage would: rows with labels,
 * joined by gaps and islands within each label.  Both must have the same
 * sessions, whatever is forgotten, loaded again or taken back on the way.
 */
#include "postgres.h"

#include "unit.h"

#include "window/session_cell.h"
#include "window/session_set.h"
#include "window/watermark.h"

#define RANDOM_CASES 100000
#define MAX_ROWS 40

static const WindowRange integers = WINDOW_INTEGER_RANGE;

typedef struct ModelSession
{
	int64		first;
	int64		last;
	int			rows;
	bool		closed;
	bool		gone;			/* merged into another */
} ModelSession;

typedef struct Model
{
	SessionRule rule;
	int			nsessions;
	ModelSession sessions[MAX_ROWS];
} Model;

/* Rows as storage has them. */
typedef struct StoredRow
{
	int64		time;
	int64		label;
} StoredRow;

typedef struct Store
{
	SessionRule rule;
	SessionSet	set;
	int64		next_label;
	int			nrows;
	StoredRow	rows[MAX_ROWS];
	int			relabels;		/* that found rows */
} Store;

/* Lets the model take a row; false if it is late. */
static bool
model_take(Model *model, int64 time, int64 watermark)
{
	int			joined = -1;
	int64		gap = model->rule.gap;

	for (int i = 0; i < model->nsessions; i++)
	{
		ModelSession *session = &model->sessions[i];

		if (watermark != WATERMARK_NONE &&
			watermark >= session->last + gap + model->rule.lateness)
			session->closed = true;
	}
	for (int i = 0; i < model->nsessions; i++)
	{
		ModelSession *session = &model->sessions[i];

		if (session->closed || session->gone ||
			session->first - time >= gap || time - session->last >= gap)
			continue;
		if (joined < 0)
		{
			joined = i;
			session->first = Min(session->first, time);
			session->last = Max(session->last, time);
			session->rows++;
			continue;
		}
		model->sessions[joined].first = Min(model->sessions[joined].first, session->first);
		model->sessions[joined].last = Max(model->sessions[joined].last, session->last);
		model->sessions[joined].rows += session->rows;
		session->gone = true;
	}
	if (joined >= 0)
		return true;
	if (watermark != WATERMARK_NONE && watermark >= time + gap + model->rule.lateness)
		return false;
	model->sessions[model->nsessions++] = (ModelSession)
	{
		.first = time,.last = time,.rows = 1
	};
	return true;
}

/* Returns the cell of a time. */
static int64
cell_of(const Store *store, int64 time)
{
	int64		cell = 0;

	UNIT_CHECK(session_cell(time, store->rule.gap, &integers, &cell));
	return cell;
}

/* Relabels rows, by cells, as storage does. */
static void
store_relabel(Store *store, const SessionRelabel *relabel)
{
	int			found = 0;

	for (int i = 0; i < store->nrows; i++)
	{
		StoredRow  *row = &store->rows[i];

		if (row->label != relabel->from ||
			cell_of(store, row->time) < cell_of(store, relabel->first) ||
			cell_of(store, row->time) > cell_of(store, relabel->last))
			continue;
		row->label = relabel->to;
		found++;
	}
	UNIT_CHECK(found > 0);
	store->relabels++;
}

/* Takes a row; false if it is late. */
static bool
store_take(Store *store, int64 time, int64 watermark, uint64 attempt)
{
	SessionRelabel relabels[SESSION_MAX_RELABELS];
	SessionVerdict verdict = {.relabels = relabels};

	session_set_take(&store->set, &store->rule, time, watermark, attempt, store->next_label,
					 &verdict);
	if (verdict.took_label)
		store->next_label++;
	for (int i = 0; i < verdict.nrelabels; i++)
		store_relabel(store, &relabels[i]);
	if (!verdict.late)
		store->rows[store->nrows++] = (StoredRow)
	{
		time, verdict.label
	};
	return !verdict.late;
}

/* qsort() comparator: by label, then time. */
static int
compare_rows(const void *a, const void *b)
{
	const StoredRow *ra = a;
	const StoredRow *rb = b;

	if (ra->label != rb->label)
		return ra->label < rb->label ? -1 : 1;
	return ra->time < rb->time ? -1 : ra->time > rb->time;
}

/* Finds the sessions of the stored rows; returns how many. */
static int
store_islands(const Store *store, Session *islands, int *counts)
{
	StoredRow	rows[MAX_ROWS];
	int			n = 0;

	memcpy(rows, store->rows, sizeof(rows));
	qsort(rows, store->nrows, sizeof(StoredRow), compare_rows);
	for (int i = 0; i < store->nrows; i++)
	{
		if (n > 0 && islands[n - 1].label == rows[i].label &&
			rows[i].time < islands[n - 1].last + store->rule.gap)
		{
			islands[n - 1].last = rows[i].time;
			counts[n - 1]++;
			continue;
		}
		islands[n] = (Session)
		{
			.first = rows[i].time,.last = rows[i].time,.label = rows[i].label
		};
		counts[n++] = 1;
	}
	return n;
}

/* Checks that the stored rows make the sessions of the model. */
static void
compare(const Model *model, const Store *store)
{
	Session		islands[MAX_ROWS];
	int			counts[MAX_ROWS];
	int			n = store_islands(store, islands, counts);
	int			sessions = 0;

	for (int i = 0; i < model->nsessions; i++)
	{
		const ModelSession *session = &model->sessions[i];
		int			same = 0;

		if (session->gone)
			continue;
		sessions++;
		for (int j = 0; j < n; j++)
			same += islands[j].first == session->first && islands[j].last == session->last &&
				counts[j] == session->rows;
		UNIT_CHECK(same >= 1);
	}
	UNIT_EQUAL(n, sessions);
}

/* qsort() comparator: by last time. */
static int
compare_last(const void *a, const void *b)
{
	int64		la = ((const Session *) a)->last;
	int64		lb = ((const Session *) b)->last;

	return la < lb ? -1 : la > lb;
}

/* Makes the set anew from what is stored. */
static void
store_reload(Store *store, int64 watermark)
{
	Session		islands[MAX_ROWS];
	int			counts[MAX_ROWS];
	int			n = store_islands(store, islands, counts);

	session_set_free(&store->set);
	session_set_start(&store->set, &store->rule, watermark);
	qsort(islands, n, sizeof(Session), compare_last);
	for (int i = 0; i < n; i++)
		session_set_load(&store->set, &store->rule, &islands[i], watermark);
}

/* Takes a row in vain: everything as before must be put back. */
static void
store_try(Store *store, int64 time, int64 watermark)
{
	Store		before = *store;

	session_set_copy(&before.set, &store->set);
	store_take(store, time, watermark, 7);
	session_set_free(&store->set);
	*store = before;
}

/* One random stream of one key. */
static int
random_stream(void)
{
	Model		model = {0};
	Store		store = {0};
	int64		watermark = WATERMARK_NONE;
	int64		delay = unit_random_below(30);
	int64		now = 0;
	int64		newest;
	int			nrows = 1 + unit_random_below(MAX_ROWS);

	model.rule.gap = 1 + unit_random_below(12);
	model.rule.lateness = unit_random_below(2) ? 0 : unit_random_below(40);
	store.rule = model.rule;
	store.next_label = 1;
	session_set_start(&store.set, &store.rule, watermark);
	for (int i = 0; i < nrows; i++)
	{
		int64		time = now - unit_random_below(unit_random_below(4) == 0 ? 120 : 25);

		now += unit_random_below(10);
		if (unit_random_below(8) == 0)
			store_try(&store, time + unit_random_below(5), watermark);
		if (unit_random_below(6) == 0)
			store_reload(&store, watermark);
		if (unit_random_below(3) == 0 &&
			session_set_expire(&store.set, &store.rule, watermark))
		{
			session_set_free(&store.set);
			session_set_start(&store.set, &store.rule, watermark);
		}
		UNIT_EQUAL(store_take(&store, time, watermark, i + 1), model_take(&model, time, watermark));
		compare(&model, &store);
		/* other keys move the watermark, too */
		newest = now - (int64) unit_random_below(20);
		newest = Max(newest, time);
		watermark = Max(watermark, newest - delay);
	}
	session_set_free(&store.set);
	return store.relabels;
}

/* Random streams; relabelling must have been needed, or it is not tested. */
static void
random_streams(void)
{
	int			relabels = 0;

	for (int i = 0; i < RANDOM_CASES; i++)
		relabels += random_stream();
	UNIT_CHECK(relabels > 1000);
}

/* Cells: as floor(value / gap) in 128 bits, and less than a gap wide. */
static void
random_cells(void)
{
	for (int i = 0; i < RANDOM_CASES; i++)
	{
		int64		value = (int64) unit_random() >> unit_random_below(64);
		int64		gap = 1 + (int64) (unit_random() >> (1 + unit_random_below(62)));
		int128		floor = (int128) value / gap;
		int64		cell = 0;
		bool		fits = session_cell(value, gap, &integers, &cell);

		UNIT_EQUAL(fits, (int128) value + gap <= PG_INT64_MAX);
		if (!fits)
			continue;
		if (value < 0 && floor * gap != value)
			floor--;
		UNIT_CHECK(cell == (floor * gap < PG_INT64_MIN ? PG_INT64_MIN : (int64) (floor * gap)));
		UNIT_CHECK((int128) value - cell < gap && value >= cell);
	}
}

/* The gap is half open; what is closed stays; NONE closes nothing. */
static void
single_rows(void)
{
	SessionRelabel relabels[SESSION_MAX_RELABELS];
	SessionVerdict verdict = {.relabels = relabels};
	SessionRule rule = {.gap = 10,.lateness = 0};
	SessionSet	set = {0};

	session_set_take(&set, &rule, 100, WATERMARK_NONE, 1, 5, &verdict);
	UNIT_CHECK(!verdict.late && verdict.label == SESSION_LABEL_NONE);
	session_set_take(&set, &rule, 110, 100, 1, 5, &verdict);
	UNIT_EQUAL(set.nsessions, 2);
	session_set_take(&set, &rule, 109, 100, 1, 5, &verdict);
	UNIT_EQUAL(set.nsessions, 1);
	UNIT_EQUAL(verdict.nrelabels, 0);
	/* closed at 120: a row at 112 is not late, and begins another session */
	session_set_take(&set, &rule, 112, 120, 2, 6, &verdict);
	UNIT_CHECK(!verdict.late && verdict.took_label);
	UNIT_EQUAL(verdict.label, 6);
	session_set_take(&set, &rule, 109, 120, 2, 7, &verdict);
	UNIT_CHECK(!verdict.late && !verdict.took_label);
	session_set_take(&set, &rule, 99, 120, 2, 7, &verdict);
	UNIT_CHECK(verdict.late);
	session_set_free(&set);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(single_rows);
	UNIT_RUN(random_cells);
	UNIT_RUN(random_streams);
	return unit_end();
}
