/*
 * crash_guard.h - which view a worker crashed in, or had to end in.
 */
#ifndef STREAM_EXT_CRASH_GUARD_H
#define STREAM_EXT_CRASH_GUARD_H

#include "apply/crash_page.h"
#include "nodes/pg_list.h"

/* A view in which workers ended too often. */
typedef struct CrashCulprit
{
	Oid			viewid;
	const char *reason;			/* a sentence without its period */
} CrashCulprit;

/* Installs the handlers of a worker of this database.  Requires: a database. */
extern void crash_guard_init(Oid dbid);

/* From now on a crash is this view's. */
extern void crash_guard_enter(Oid viewid, ViewWork work);

/* From now on the view at work is not to be cancelled any more. */
extern void crash_guard_finish(void);

/* From now on a crash is nobody's; done: the work went well. */
extern void crash_guard_leave(bool done);

/*
 * Whether a view is at work that SIGTERM may cancel; safe in a signal
 * handler.  A flush may be while code of the view's owner runs, other work at
 * any time.
 */
extern bool crash_guard_cancelable(void);

/* The process is to end for the view at work, whose code does not; for a signal handler. */
extern void crash_guard_overrun(bool leaving);

/* Returns the CrashCulprits, and forgets what is known of them. */
extern List *crash_guard_take_culprits(void);

#endif							/* STREAM_EXT_CRASH_GUARD_H */
