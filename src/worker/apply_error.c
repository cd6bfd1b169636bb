/*
 * apply_error.c - what an error means for the view in which it happened.
 *
 * Data errors are the row's fault and seldom reach this file (apply_careful.c
 * makes dead letters of the rows).  Here: the view lost something it needs
 * (state error), its query does not end (disabled after some tries), or the
 * world was busy (lagging: try again, later each time, others go on).  What is
 * neither of these and does not go away puts the view into state error, too.
 */
#include "postgres.h"

#include "postmaster/interrupt.h"
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

	class = error_class(edata->sqlerrcode);

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
