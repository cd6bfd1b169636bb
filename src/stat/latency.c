/*
 * latency.c - the histogram of times from COMMIT to visible.
 *
 * Sixty-four counters in shared memory per view; quantiles are read off with
 * the width of a bucket as error.
 */
#include "postgres.h"

#include <math.h>

#include "port/pg_bitutils.h"

#include "compat.h"
#include "stat/latency.h"

#define BUCKETS_PER_OCTAVE	2

/* Returns the upper limit of a bucket in us. */
double
latency_bucket_limit_us(int bucket)
{
	Assert(bucket >= 0 && bucket < LATENCY_BUCKETS);
	return exp2((bucket + 1) / (double) BUCKETS_PER_OCTAVE);
}

/* Returns the bucket of a time in us. */
int
latency_bucket(int64 us)
{
	int			bucket;

	if (us <= 1)
		return 0;
	bucket = pg_leftmost_one_pos64((uint64) us) * BUCKETS_PER_OCTAVE;
	if (bucket >= LATENCY_BUCKETS)
		return LATENCY_BUCKETS - 1;
	/* the upper half of octave o begins at 2^o * sqrt(2) */
	if ((double) us >= latency_bucket_limit_us(bucket))
		bucket++;
	return Min(bucket, LATENCY_BUCKETS - 1);
}

/* Returns a quantile in us, -1 if nothing was counted. */
double
latency_quantile_us(const uint64 *counts, double quantile)
{
	uint64		total = 0;
	uint64		seen = 0;

	Assert(quantile >= 0.0 && quantile <= 1.0);
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		total += counts[i];
	if (total == 0)
		return -1;
	for (int i = 0; i < LATENCY_BUCKETS; i++)
	{
		seen += counts[i];
		if (seen > 0 && (double) seen >= quantile * (double) total)
			return latency_bucket_limit_us(i);
	}
	return latency_bucket_limit_us(LATENCY_BUCKETS - 1);
}

/* Counts one time in the histogram of a view. */
void
stat_latency_record(ViewControl *view, int64 us)
{
	pg_atomic_fetch_add_u64(&view->latency[latency_bucket(us)], 1);
}
