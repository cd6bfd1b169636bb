/*
 * time_limit.h - the longest time that code of users may take in a worker.
 *
 * stream_ext.apply_timeout, for stream workers only.  Code that exceeds it
 * gets ERRCODE_QUERY_CANCELED, as from a statement timeout; who catches any
 * error calls time_limit_end().  Code that goes on nevertheless ends the
 * process: it has five seconds for that, or the limit again if that is less.
 *
 * Limits do not nest: the end of an inner one would be the end of the outer.
 * The scope of a view's owner (catalog/owner.h) is limited as a whole; who has
 * made progress in it starts the limit anew.
 */
#ifndef STREAM_EXT_TIME_LIMIT_H
#define STREAM_EXT_TIME_LIMIT_H

#include "port/atomics.h"

/* Told, in a signal handler, that the process ends for code that does not. */
typedef void (*time_limit_overrun_cb) (bool leaving);

/* Makes this process one whose code of users is limited.  In others nothing below has any effect. */
extern void time_limit_init(time_limit_overrun_cb callback);

/* From now on there is as much time as the setting says, anew if it was running. */
extern void time_limit_start(void);

/* From now on there is no limit. */
extern void time_limit_end(void);

/* Whether there is one, or code of users runs without; safe in a signal handler. */
extern bool time_limit_running(void);

/* Nothing is to be limited for a while. */
extern void time_limit_rest(void);

/*
 * The process was told to leave; for its signal handler.  Code of users that
 * is running has five seconds, and what is started from now on three until it
 * is cancelled, and all of it twelve.
 */
extern void time_limit_leave(void);

/*
 * While *waiting is not zero for a second, the code at work is cancelled, and
 * ends the process if it goes on.  NULL: nobody is waited for.
 */
extern void time_limit_heed(pg_atomic_uint32 *waiting);

#endif							/* STREAM_EXT_TIME_LIMIT_H */
