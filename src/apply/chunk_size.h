/*
 * chunk_size.h - how many rows of a run go through the inner query at once.
 */
#ifndef STREAM_EXT_CHUNK_SIZE_H
#define STREAM_EXT_CHUNK_SIZE_H

#include "datatype/timestamp.h"

/* No chunk has more rows. */
#define CHUNK_ROWS_MAX	65536

/* A view whose rows were not measured yet begins with this. */
#define CHUNK_ROWS_FIRST	1024

/* Returns the size of the chunk after one of rows out of size rows that took so long. */
extern uint64 chunk_size_after(uint64 size, uint64 rows, int64 elapsed_us);

/*
 * Returns how many rows to try of a chunk of rows that failed after reached of
 * them had been handed out: those before the last one, or half of them if
 * that was tried before.
 */
extern uint64 chunk_size_smaller(uint64 rows, uint64 reached, bool again);

/* Whether code that was cancelled has had all the time that apply_timeout gives. */
extern bool chunk_was_too_slow(TimestampTz start);

#endif							/* STREAM_EXT_CHUNK_SIZE_H */
