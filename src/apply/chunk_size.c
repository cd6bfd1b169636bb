/*
 * chunk_size.c - how many rows of a run go through the inner query at once.
 *
 * stream_ext.apply_timeout is for a chunk.  A view that takes a millisecond a
 * row is well and must survive a run of a million rows, so its chunks are made
 * as large as fits into a small part of the limit.  A chunk also has costs
 * that do not depend on its rows (a join may build a hash table for each), so
 * slowness alone never makes one smaller than CHUNK_ROWS_FIRST; only a
 * failure does, down to a single row.
 */
#include "postgres.h"

#include "postmaster/interrupt.h"

#include "apply/chunk_size.h"
#include "clock.h"
#include "guc.h"

/* A chunk aims at this part of the limit, and at no more than so long. */
#define TARGET_SHARE	8
#define TARGET_MAX_US	INT64CONST(1000000)
/* Chunks of fast rows grow so many times. */
#define GROWTH			8

/* Returns how long a chunk should take. */
static int64
chunk_target_us(void)
{
	int64		limit_us = (int64) guc_apply_timeout_ms * 1000;

	return limit_us == 0 ? TARGET_MAX_US : Min(limit_us / TARGET_SHARE, TARGET_MAX_US);
}

/* Returns the size of the next chunk; see chunk_size.h. */
uint64
chunk_size_after(uint64 size, uint64 rows, int64 elapsed_us)
{
	int64		target_us = chunk_target_us();
	double		fits = (double) rows * target_us / Max(elapsed_us, 1);

	if (elapsed_us > target_us)
		return Max((uint64) fits, Min(size, CHUNK_ROWS_FIRST));
	/* the end of a run says little about larger chunks */
	if (rows < size)
		return size;
	return (uint64) Max(Min(Min(fits, (double) rows * GROWTH), CHUNK_ROWS_MAX), 1);
}

/* Returns how many rows to try next; see chunk_size.h. */
uint64
chunk_size_smaller(uint64 rows, uint64 reached, bool again)
{
	Assert(rows > 1);
	if (!again && reached <= rows)
		return Max(reached, 2) - 1;
	return rows / 2;
}

/* Returns whether the limit was used up; see chunk_size.h. */
bool
chunk_was_too_slow(TimestampTz start)
{
	int64		limit_us = (int64) guc_apply_timeout_ms * 1000;

	/* cancelled because the process is to end, or by somebody: not the row's fault */
	return limit_us > 0 && !ShutdownRequestPending && clock_real() >= start &&
		clock_real() - start >= limit_us * 9 / 10;
}
