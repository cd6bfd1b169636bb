/*
 * back_pressure.h - writers wait for a worker that is too far behind.
 */
#ifndef STREAM_EXT_BACK_PRESSURE_H
#define STREAM_EXT_BACK_PRESSURE_H

#include "shared/control.h"

/*
 * Waits until no running view over the stream for which its writers wait is
 * more than stream_ext.max_lag behind the end of WAL; raises 53400 after
 * stream_ext.max_lag_timeout.  Called before a batch is written.
 */
extern void back_pressure_wait(DatabaseControl *db, Oid streamid, StreamControl *stream);

#endif							/* STREAM_EXT_BACK_PRESSURE_H */
