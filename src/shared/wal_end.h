/*
 * wal_end.h - where WAL ends now, as a reader of WAL will reach it.
 */
#ifndef STREAM_EXT_WAL_END_H
#define STREAM_EXT_WAL_END_H

#include "access/xlog.h"
#include "access/xlog_internal.h"

/*
 * Returns the end of the last record inserted.
 *
 * GetXLogInsertRecPtr() is where the next record will start: where a page is
 * just full that is behind the next page's header, a place that nobody who
 * reads gets to until something more is written.
 */
static inline XLogRecPtr
wal_insert_end(void)
{
	XLogRecPtr	lsn = GetXLogInsertRecPtr();

	if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
		return lsn - SizeOfXLogLongPHD;
	if (lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		return lsn - SizeOfXLogShortPHD;
	return lsn;
}

#endif							/* STREAM_EXT_WAL_END_H */
