/*
 * restore_segment.h - WAL that is gone, fetched from an archive.
 */
#ifndef STREAM_EXT_RESTORE_SEGMENT_H
#define STREAM_EXT_RESTORE_SEGMENT_H

#include "access/xlogdefs.h"

/*
 * Makes sure that all WAL from lsn on can be read, by restore_command where it
 * cannot.  Returns false, and *missing, if some segment is not to be had.
 * Waits, interruptibly; restores into the second names (shared/kept_segments.h),
 * so the caller holds a slot there.
 */
extern bool restore_segments_from(XLogRecPtr lsn, XLogRecPtr *missing);

#endif							/* STREAM_EXT_RESTORE_SEGMENT_H */
