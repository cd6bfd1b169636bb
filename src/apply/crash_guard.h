/*
 * crash_guard.h - which view the worker crashed in.
 */
#ifndef STREAM_EXT_CRASH_GUARD_H
#define STREAM_EXT_CRASH_GUARD_H

#include "nodes/pg_list.h"

/* Installs the handlers of a worker of this database. */
extern void crash_guard_init(Oid dbid);

/* From now on a crash is this view's; cancelable: by SIGTERM. */
extern void crash_guard_enter(Oid viewid, bool cancelable);

/* From now on the view at work is not to be cancelled any more. */
extern void crash_guard_finish(void);

/* From now on a crash is nobody's. */
extern void crash_guard_leave(void);

/* Whether a view is at work that SIGTERM may cancel; safe in a signal handler. */
extern bool crash_guard_cancelable(void);

/* Returns the views (oids) that crashed too often. */
extern List *crash_guard_take_culprits(void);

#endif							/* STREAM_EXT_CRASH_GUARD_H */
