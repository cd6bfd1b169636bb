/*
 * window_args.h - the arguments of SQL's window functions as int64.
 *
 * Two kinds of axis come from SQL: timestamps (with or without zone), whose
 * lengths are intervals, and bigint.  SQL maps other types onto these.
 */
#ifndef STREAM_EXT_WINDOW_ARGS_H
#define STREAM_EXT_WINDOW_ARGS_H

#include "compat.h"

#include "window/window.h"

typedef struct WindowAxis
{
	WindowRange range;
	int64		default_origin;
	bool		is_time;		/* lengths are intervals; infinities exist */
} WindowAxis;

extern const WindowAxis window_axis_time;
extern const WindowAxis window_axis_integer;

/* A length, an interval or a bigint, called name; refuses what is not positive and fixed. */
extern int64 window_length(Datum length, const WindowAxis *axis, const char *name);

/* The length in argument argno, called name; refuses what is not positive and fixed. */
extern int64 window_arg_length(FunctionCallInfo fcinfo, int argno, const WindowAxis *axis,
							   const char *name);

/* The origin in argument argno; NULL is the default. */
extern int64 window_arg_origin(FunctionCallInfo fcinfo, int argno, const WindowAxis *axis);

/* Whether value is an infinity, which is a window of its own. */
extern bool window_is_infinite(int64 value, const WindowAxis *axis);

/* Says that a window is not within the axis. */
pg_noreturn extern void window_out_of_range(const WindowAxis *axis);

#endif							/* STREAM_EXT_WINDOW_ARGS_H */
