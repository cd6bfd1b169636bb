/*
 * read_report.h - what a reader is told of a view that does not show what it must.
 */
#ifndef STREAM_EXT_READ_REPORT_H
#define STREAM_EXT_READ_REPORT_H

#include "compat.h"

#include "memory_scan/read_wait.h"

/*
 * Raises the error that says why the view does not show what the session is
 * owed: 57014 out of time, 40P01 the worker waits for us, 55000 the view has
 * stopped, 72000 the snapshot is too old.
 */
pg_noreturn extern void read_report_unreachable(const ReadWait *wait, ReadWaitResult reason);

/* Warns if the view has been stopped, other than by stream_pause(); returns whether it did. */
extern bool read_report_stopped(Oid viewid);

/* Warns that the view ends before what others have committed. */
extern void read_report_behind(Oid viewid);

#endif							/* STREAM_EXT_READ_REPORT_H */
