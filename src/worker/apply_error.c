/*
 * apply_error.c - what an error means for the view in which it happened.
 *
 * Data errors are the row's fault and never reach this file (apply_careful.c
 * makes dead letters of the rows).  Here: the view lost something it needs
 * (state error), its query does not end (disabled after some tries), or the
 * world was busy (lagging: try again, later each time, others go on).
 */
#include "postgres.h"

#include "postmaster/interrupt.h"
#include "utils/errcodes.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"
#include "worker/worker.h"

#define RETRY_FIRST_MS		200
#define RETRY_LONGEST_MS	60000
/* apply_timeout exceeded this often in a row: the view never ends. */
#define TIMEOUTS_MAX		3
/* Internal errors and the like, this often in a row: not the world's fault. */
#define FAILURES_MAX		30

/* Says what an error means. */
ErrorClass
apply_classify_error(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION):	/* 22 */
		case ERRCODE_TO_CATEGORY(ERRCODE_CARDINALITY_VIOLATION):	/* 21 */
		case ERRCODE_TO_CATEGORY(ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION):	/* 23 */
		case ERRCODE_TO_CATEGORY(ERRCODE_PLPGSQL_ERROR):	/* P0 */
		case ERRCODE_TO_CATEGORY(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION):	/* 38 */
		case ERRCODE_TO_CATEGORY(ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION):	/* 39 */
		case ERRCODE_TO_CATEGORY(ERRCODE_PROGRAM_LIMIT_EXCEEDED):	/* 54 */
			return ERROR_OF_DATA;
		case ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION):	/* 42 */
		case ERRCODE_TO_CATEGORY(ERRCODE_FEATURE_NOT_SUPPORTED):	/* 0A */
		case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_SCHEMA_NAME):	/* 3F */
			return ERROR_OF_VIEW;
		default:
			return sqlstate == ERRCODE_QUERY_CANCELED ? ERROR_OF_TIME : ERROR_TO_RETRY;
	}
}

/* Returns how long to wait before the view is tried again. */
int64
apply_retry_delay_us(int failures)
{
	int64		delay_ms = RETRY_FIRST_MS;

	for (int i = 1; i < failures && delay_ms < RETRY_LONGEST_MS; i++)
		delay_ms *= 2;
	return Min(delay_ms, RETRY_LONGEST_MS) * 1000;
}

/*
 * Puts the view into the state that the error asks for.
 *
 * Requires: no transaction is open.
 */
void
apply_handle_error(StreamWorker *worker, WorkerView *view, ErrorData *edata)
{
	ErrorClass	class;

	/* cancelled because the process is to end: nobody's fault */
	if (ShutdownRequestPending)
		return;

	class = apply_classify_error(edata->sqlerrcode);

	worker_view_note_error(view, edata->sqlerrcode, edata->message);
	view->failures++;
	view->timeouts = (class == ERROR_OF_TIME) ? view->timeouts + 1 : 0;
	view->retry_at = clock_real() + apply_retry_delay_us(view->failures);
	pg_atomic_fetch_add_u64(&view->control->retries, 1);

	if (class == ERROR_OF_VIEW)
		worker_view_set_state(worker, view, VIEW_ERROR, edata->message);
	else if (view->timeouts >= TIMEOUTS_MAX)
		worker_view_set_state(worker, view, VIEW_DISABLED,
							  "the query exceeded stream_ext.apply_timeout again and again");
	else if (view->failures >= FAILURES_MAX && class != ERROR_TO_RETRY)
		worker_view_set_state(worker, view, VIEW_ERROR, edata->message);
	else
		worker_view_set_state(worker, view, VIEW_LAGGING, edata->message);
}

/* Lets the view lag until its storage can be written again; others go on. */
void
apply_wait_for_flush(StreamWorker *worker, WorkerView *view)
{
	view->retry_at = Max(view->flush_retry_at,
						 clock_real() + apply_retry_delay_us(1));
	pg_atomic_fetch_add_u64(&view->control->retries, 1);
	worker_view_set_state(worker, view, VIEW_LAGGING,
						  "memory is full and the view cannot be flushed");
}
