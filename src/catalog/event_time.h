/*
 * event_time.h - a stream's event time: which column, which delay, since when.
 *
 * _stream_ext.event_time has a row for each stream_set_event_time(), with the
 * place in the WAL from which on it holds; older rows stay while some view may
 * still read WAL from before.  So what a row of the stream means does not
 * depend on when it is read.
 */
#ifndef STREAM_EXT_EVENT_TIME_H
#define STREAM_EXT_EVENT_TIME_H

#include "access/attnum.h"
#include "access/xlogdefs.h"
#include "window/watermark.h"

/* One setting. */
typedef struct EventTime
{
	WatermarkRule rule;
	AttrNumber	column;			/* InvalidAttrNumber: cleared */
	Oid			column_type;
	Oid			type;			/* the same without domains */
} EventTime;

/* All settings of a stream that may still count, oldest first. */
typedef struct EventTimeHistory
{
	int			nsettings;
	EventTime	settings[FLEXIBLE_ARRAY_MEMBER];
} EventTimeHistory;

/* Returns the setting for commits that end at lsn; NULL if there is none, or a cleared one. */
extern const EventTime *event_time_at(const EventTimeHistory *history, XLogRecPtr lsn);

/*
 * Returns a value of the event time's column on its axis: microseconds or
 * integer; WATERMARK_NONE for infinity and what is beyond the axis.
 */
extern int64 event_time_value(const EventTime *setting, Datum value);

/* Returns the settings of a stream, in CurrentMemoryContext; NULL if there never was one. */
extern EventTimeHistory *event_time_load(Oid streamid);

/* Adds a setting; column NULL clears. */
extern void event_time_insert(Oid streamid, const char *column, const WatermarkRule *rule);

/* Removes the settings that no view can need: those that a later one followed before its position. */
extern void event_time_prune(Oid streamid);
extern void event_time_delete(Oid streamid);

/* Settings that name the column from now on give it its new name. */
extern void event_time_rename_column(Oid streamid, const char *from, const char *to);

/* Returns whether the stream's event time is in this column now. */
extern bool event_time_uses_column(Oid streamid, const char *column);

/* Returns whether a column of this type can be an event time; *is_time if it can be compared with a clock. */
extern bool event_time_type(Oid type, bool *is_time);

#endif							/* STREAM_EXT_EVENT_TIME_H */
