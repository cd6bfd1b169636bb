/*
 * latency.h - the histogram of times from COMMIT to visible.
 *
 * Two buckets an octave (each 41 % wide), from 1 us to an hour and more.
 */
#ifndef STREAM_EXT_LATENCY_H
#define STREAM_EXT_LATENCY_H

#include "shared/control.h"

/* Returns the bucket of a time in us, 0 .. LATENCY_BUCKETS - 1. Pure. */
extern int	latency_bucket(int64 us);

/* Returns the upper limit of a bucket in us. Pure. */
extern double latency_bucket_limit_us(int bucket);

/* Returns the given quantile (0 .. 1) in us, or -1 if counts are all zero. Pure. */
extern double latency_quantile_us(const uint64 *counts, double quantile);

/* Counts one time in the histogram of a view. */
extern void stat_latency_record(ViewControl *view, int64 us);

#endif							/* STREAM_EXT_LATENCY_H */
