/*
 * kept_segments.h - second names of the WAL segments that are still needed.
 */
#ifndef STREAM_EXT_KEPT_SEGMENTS_H
#define STREAM_EXT_KEPT_SEGMENTS_H

#include "access/xlog_internal.h"

/* Below the data directory; backups copy what they do not know. */
#define KEPT_SEGMENTS_ROOT	"pg_stream"
#define KEPT_SEGMENTS_DIR	KEPT_SEGMENTS_ROOT "/wal"

/* Returns whether the directory is there: a cluster without streams has none. */
extern bool kept_segments_exist(void);

/* Makes the directory; returns false, and logs, if that fails. */
extern bool kept_segments_make_directory(void);

/* Writes the second name of a segment, of MAXPGPATH bytes. */
extern void kept_segments_path(char *path, TimeLineID timeline, XLogSegNo segno);

/*
 * Gives second names to the segments from that of "from" to that of "current",
 * and to the next if it is there.  What cannot be named is logged.
 */
extern void kept_segments_add(XLogRecPtr from, XLogRecPtr current);

/* Takes the second names of segments that end before "from" away. */
extern void kept_segments_release(XLogRecPtr from);

/* Returns where the oldest segment with a second name begins, or invalid. */
extern XLogRecPtr kept_segments_oldest(void);

#endif							/* STREAM_EXT_KEPT_SEGMENTS_H */
