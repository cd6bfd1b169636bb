/*
 * window_zone.h - calendar windows of SQL's tumble(): months, and days in a time zone.
 */
#ifndef STREAM_EXT_WINDOW_ZONE_H
#define STREAM_EXT_WINDOW_ZONE_H

#include "fmgr.h"

/*
 * tumble_start() and tumble_end() have the arguments (ts, size, origin) or
 * (ts, size, origin, time_zone).  Requires: ts and size are not NULL.
 */

/* Whether the arguments ask for a calendar window. */
extern bool window_zone_is_asked(FunctionCallInfo fcinfo);

/* Sets [*start, *end) to the calendar window of the arguments. */
extern void window_zone_tumble(FunctionCallInfo fcinfo, int64 *start, int64 *end);

#endif							/* STREAM_EXT_WINDOW_ZONE_H */
