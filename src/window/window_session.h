/*
 * window_session.h - the arguments of session() in a continuous view.
 */
#ifndef STREAM_EXT_WINDOW_SESSION_H
#define STREAM_EXT_WINDOW_SESSION_H

#include "compat.h"

/*
 * Returns the gap of a session() over values of time_type in units of the
 * axis; refuses what is not positive and fixed, and for dates what is not in
 * whole days.
 */
extern int64 window_session_gap(Datum gap, Oid time_type);

#endif							/* STREAM_EXT_WINDOW_SESSION_H */
