/*
 * time_limit.c - the longest time that code of users may take in a worker.
 *
 * The first expiry is a statement timeout: it cancels, and the error is the
 * view's.  But PL/pgSQL may catch query_canceled, and then nothing short of
 * FATAL ends it.  So a tick looks whether the code has ended some time after
 * it was cancelled, and if not has the process end at its next look at
 * interrupts, as SIGTERM does in a backend.  The same holds for code that was
 * running when the worker was told to leave, or that stands in the way of a
 * statement about its view.
 *
 * One tick that compares deadlines, rather than a timeout for each of them:
 * a signal handler may write a deadline but must not arm a timeout.  While no
 * code of users has run since the last rest there is no tick.
 *
 * Failure: code that never looks at interrupts (a loop in C, PL/Perl or
 * PL/Python) cannot be helped, here as in any backend.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "time_limit.h"

#define TICK_MS				500
/* Who was cancelled has this long to end. */
#define GRACE_MS			5000
/* Once the process is to leave a limit is no longer than this ... */
#define LEAVING_LIMIT_MS	3000
/* ... and so long after it was told to, all code of users ends. */
#define LEAVING_MS			12000
/* Others wait this long for the code at work before it is cancelled. */
#define CLAIM_MS			1000
/* ... and so long after that until it ends its process. */
#define CLAIM_GRACE_MS		3000

static TimeoutId tick = MAX_TIMEOUTS;	/* none: this is no worker */
static bool ticking = false;
static time_limit_overrun_cb on_overrun = NULL;

/* Read and written by signal handlers, too. */
static volatile TimestampTz end_at = 0; /* 0: no code of users is running */
static volatile TimestampTz leave_at = 0;	/* 0: the process stays */
static volatile TimestampTz claimed_at = 0; /* 0: nobody waits */
static pg_atomic_uint32 *volatile claims = NULL;
static volatile bool overrun = false;

/* Brings the end of the code at work nearer. */
static void
end_no_later_than(TimestampTz when)
{
	if (end_at > when)
		end_at = when;
}

/* Cancels the code at work if others have waited for it long enough. */
static void
heed_claims(TimestampTz now)
{
	if (claims == NULL || pg_atomic_read_u32(claims) == 0)
		claimed_at = 0;
	else if (claimed_at == 0)
		claimed_at = now;
	else if (claimed_at != DT_NOEND && now >= TimestampTzPlusMilliseconds(claimed_at, CLAIM_MS))
	{
		claimed_at = DT_NOEND;	/* once is enough */
		QueryCancelPending = true;
		InterruptPending = true;
		end_no_later_than(TimestampTzPlusMilliseconds(now, CLAIM_GRACE_MS));
	}
}

/* Looks whether code of users has been at work for too long; in a signal handler. */
static void
tick_cb(void)
{
	TimestampTz now;

	if (end_at == 0)
		return;
	now = GetCurrentTimestamp();
	heed_claims(now);
	if (now < end_at && (leave_at == 0 || now < leave_at))
		return;
	if (!overrun && on_overrun != NULL)
		on_overrun(leave_at != 0);
	overrun = true;
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Makes this process one whose code of users is limited; see time_limit.h. */
void
time_limit_init(time_limit_overrun_cb callback)
{
	Assert(tick == MAX_TIMEOUTS);
	on_overrun = callback;
	tick = RegisterTimeout(USER_TIMEOUT, tick_cb);
}

/* Returns the limit that holds now, 0 for none. */
static int
limit_ms(void)
{
	if (!ShutdownRequestPending)
		return guc_apply_timeout_ms;
	return guc_apply_timeout_ms > 0 ? Min(guc_apply_timeout_ms, LEAVING_LIMIT_MS) : LEAVING_LIMIT_MS;
}

/* Starts the limit, or starts it anew. */
void
time_limit_start(void)
{
	TimestampTz now;
	int			limit = limit_ms();

	if (tick == MAX_TIMEOUTS)
		return;
	now = GetCurrentTimestamp();
	if (!ticking)
		enable_timeout_every(tick, TimestampTzPlusMilliseconds(now, TICK_MS), TICK_MS);
	ticking = true;
	if (limit > 0)
	{
		end_at = TimestampTzPlusMilliseconds(now, (int64) limit + Min(limit, GRACE_MS));
		enable_timeout_after(STATEMENT_TIMEOUT, limit);
	}
	else
		end_at = DT_NOEND;
}

/* Ends the limit.  What it has cancelled too late is nobody else's. */
void
time_limit_end(void)
{
	if (tick == MAX_TIMEOUTS)
		return;
	end_at = 0;
	disable_timeout(STATEMENT_TIMEOUT, true);
	if (get_timeout_indicator(STATEMENT_TIMEOUT, true) && !ShutdownRequestPending)
		QueryCancelPending = false;
}

/* Returns whether code of users is running; safe in a signal handler. */
bool
time_limit_running(void)
{
	return end_at != 0;
}

/* No code of users runs for a while: the tick can rest. */
void
time_limit_rest(void)
{
	Assert(end_at == 0);
	if (ticking)
		disable_timeout(tick, false);
	ticking = false;
}

/* The process is to leave: so are those who keep it from that; in a signal handler. */
void
time_limit_leave(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (leave_at != 0)
		return;
	leave_at = TimestampTzPlusMilliseconds(now, LEAVING_MS);
	end_no_later_than(TimestampTzPlusMilliseconds(now, GRACE_MS));
}

/* Names who counts those that wait for the code at work; see time_limit.h. */
void
time_limit_heed(pg_atomic_uint32 *waiting)
{
	claims = waiting;
	claimed_at = 0;
}
