/*
 * latency_test.c - the histogram from commit to visible.
 */
#include "postgres.h"

#include "unit.h"

#include "stat/latency.h"

/* Every time lies below its bucket's limit, and not below the one before. */
static void
times_fall_between_the_limits_of_their_bucket(void)
{
	for (int i = 0; i < 100000; i++)
	{
		int64		us = (int64) unit_random_below(UINT64CONST(1) << (1 + unit_random_below(31)));
		int			bucket = latency_bucket(us);

		UNIT_CHECK(bucket >= 0 && bucket < LATENCY_BUCKETS);
		UNIT_CHECK((double) us < latency_bucket_limit_us(bucket));
		if (bucket > 0)
			UNIT_CHECK((double) us >= latency_bucket_limit_us(bucket - 1) ||
					   us <= 1);
	}
}

static void
extreme_times_have_a_bucket(void)
{
	UNIT_EQUAL(latency_bucket(PG_INT64_MIN), 0);
	UNIT_EQUAL(latency_bucket(0), 0);
	UNIT_EQUAL(latency_bucket(1), 0);
	UNIT_EQUAL(latency_bucket(PG_INT64_MAX), LATENCY_BUCKETS - 1);
}

static void
nothing_counted_has_no_quantile(void)
{
	uint64		counts[LATENCY_BUCKETS] = {0};

	UNIT_CHECK(latency_quantile_us(counts, 0.5) == -1);
}

/* A quantile of random times is right but for the width of a bucket. */
static void
quantiles_are_right_to_a_bucket(void)
{
	uint64		counts[LATENCY_BUCKETS] = {0};

	for (int us = 1; us <= 100000; us++)
		counts[latency_bucket(us)]++;
	for (int percent = 1; percent <= 100; percent++)
	{
		double		quantile = latency_quantile_us(counts, percent / 100.0);
		double		exact = percent * 1000.0;

		UNIT_CHECK(quantile >= exact && quantile <= exact * 1.4143 + 1);
	}
}

/* Shared memory gets what was recorded. */
static void
recorded_times_are_counted_once(void)
{
	ViewControl *view = palloc0(sizeof(ViewControl));
	uint64		total = 0;

	for (int i = 0; i < 1000; i++)
		stat_latency_record(view, (int64) unit_random_below(1000000));
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		total += pg_atomic_read_u64(&view->latency[i]);
	UNIT_EQUAL(total, 1000);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(times_fall_between_the_limits_of_their_bucket);
	UNIT_RUN(extreme_times_have_a_bucket);
	UNIT_RUN(nothing_counted_has_no_quantile);
	UNIT_RUN(quantiles_are_right_to_a_bucket);
	UNIT_RUN(recorded_times_are_counted_once);
	return unit_end();
}
