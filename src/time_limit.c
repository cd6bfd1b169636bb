/*
 * time_limit.c - the longest time that code of users may take in a worker.
 *
 * Limits do not nest: the end of an inner one would be the end of the outer.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "utils/timeout.h"

#include "guc.h"
#include "time_limit.h"

/* Starts the limit, or starts it anew. */
void
time_limit_start(void)
{
	if (guc_apply_timeout_ms > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, guc_apply_timeout_ms);
}

/* Ends the limit.  What it has cancelled too late is nobody else's. */
void
time_limit_end(void)
{
	disable_timeout(STATEMENT_TIMEOUT, true);
	if (get_timeout_indicator(STATEMENT_TIMEOUT, true) && !ShutdownRequestPending)
		QueryCancelPending = false;
}
