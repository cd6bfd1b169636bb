/*
 * event_time_guard.h - a stream's event time follows its column, and keeps it.
 */
#ifndef STREAM_EXT_EVENT_TIME_GUARD_H
#define STREAM_EXT_EVENT_TIME_GUARD_H

#include "access/attnum.h"

/* A column is being dropped, by whatever command: refused if it is the event time. */
extern void event_time_guard_drop(Oid relid, AttrNumber column);

/* The type of a column is to change: refused if it is the event time. */
extern void event_time_guard_type(Oid relid, const char *column);

/* Something about a column has changed, perhaps its name. */
extern void event_time_guard_altered(Oid relid, AttrNumber column);

#endif							/* STREAM_EXT_EVENT_TIME_GUARD_H */
