/*
 * clock.h - the only place that reads the time of day.
 *
 * A superuser can shift or fix the clock for tests with
 * stream_ext.clock_offset (a developer setting).
 */
#ifndef STREAM_EXT_CLOCK_H
#define STREAM_EXT_CLOCK_H

#include "datatype/timestamp.h"

/* Returns the current time, shifted by the test setting. */
extern TimestampTz clock_now(void);

/* Returns the current time as it is: for timeouts, retries and statistics. */
extern TimestampTz clock_real(void);

/* Returns the start of the current statement, shifted by the test setting. */
extern TimestampTz clock_statement(void);

#endif							/* STREAM_EXT_CLOCK_H */
