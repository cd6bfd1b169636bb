/*
 * time_limit.h - the longest time that code of users may take in a worker.
 *
 * stream_ext.apply_timeout, as a statement timeout: for stream workers only,
 * whose transactions have no other.  Code that exceeds it gets
 * ERRCODE_QUERY_CANCELED; who catches any error calls time_limit_end().
 */
#ifndef STREAM_EXT_TIME_LIMIT_H
#define STREAM_EXT_TIME_LIMIT_H

/* From now on there is as much time as the setting says, anew if it was running. */
extern void time_limit_start(void);

/* From now on there is no limit. */
extern void time_limit_end(void);

#endif							/* STREAM_EXT_TIME_LIMIT_H */
