/*
 * clock.c - the time of day.
 *
 * Everything that depends on the current time asks here, so that a test can
 * move it (stream_ext.clock_offset) without touching the machine's clock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "guc.h"

/* Returns the current time, shifted by the test setting. */
TimestampTz
clock_now(void)
{
	return GetCurrentTimestamp() + (int64) guc_clock_offset_s * USECS_PER_SEC;
}

/* Returns the current time as it is, whatever the test setting says. */
TimestampTz
clock_real(void)
{
	return GetCurrentTimestamp();
}

/* Returns the time at which the current statement started, shifted alike. */
TimestampTz
clock_statement(void)
{
	return GetCurrentStatementStartTimestamp() + (int64) guc_clock_offset_s * USECS_PER_SEC;
}
