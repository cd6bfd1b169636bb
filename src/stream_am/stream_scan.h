/*
 * stream_scan.h - scans of a stream; private to stream_am/.
 */
#ifndef STREAM_EXT_STREAM_SCAN_H
#define STREAM_EXT_STREAM_SCAN_H

#include "access/tableam.h"

/* Puts the scan callbacks into the routine. */
extern void stream_scan_override(TableAmRoutine *routine);

#endif							/* STREAM_EXT_STREAM_SCAN_H */
