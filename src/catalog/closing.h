/*
 * closing.h - what a view's options say of closing: lateness, late, emit.
 */
#ifndef STREAM_EXT_CLOSING_H
#define STREAM_EXT_CLOSING_H

#include "catalog/view_catalog.h"

/* What becomes of a row that comes too late for a window. */
typedef enum LatePolicy
{
	LATE_UPDATE,				/* it counts all the same */
	LATE_DROP,
	LATE_SIDE					/* into the table <view>_late */
} LatePolicy;

/* The axis of event times and windows; their values compare as int64. */
typedef enum TimeAxis
{
	AXIS_NONE,					/* no type that windows can have */
	AXIS_TIMESTAMPTZ,
	AXIS_TIMESTAMP,				/* date as well */
	AXIS_INTEGER
} TimeAxis;

extern TimeAxis closing_axis(Oid type);

/* Each raises 22023 or 22007 for an option whose value means nothing. */
extern LatePolicy closing_late_policy(const ContinuousOptions *options);
extern bool closing_emits_on_close(const ContinuousOptions *options);

/* The lateness on the axis: microseconds, or the number itself; 0 by default. */
extern int64 closing_lateness(const ContinuousOptions *options, TimeAxis axis);

/*
 * Refuses to let a stream have an event time of this type, or none
 * (InvalidOid), if some view over it has windows that close by another one.
 */
extern void closing_check_event_time(Oid streamid, Oid type);

/* A bound of a window as a number on its axis, and back; infinity is PG_INT64_MAX. */
extern int64 closing_bound(Datum value, Oid type);
extern Datum closing_bound_datum(int64 bound, Oid type);

/* The same of a bound that is a number in units of its type, such as days. */
extern int64 closing_scale(int64 bound, Oid type);

#endif							/* STREAM_EXT_CLOSING_H */
