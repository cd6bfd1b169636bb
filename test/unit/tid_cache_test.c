/*
 * tid_cache_test.c - what was noted last for a hash is found, within a bound.
 */
#include "postgres.h"

#include "unit.h"

#include "flush/tid_cache.h"
#include "utils/memutils.h"

#define GROUPS 5000

/* Returns the place that a group has after some updates. */
static ItemPointerData
tid_of(uint32 group, uint32 update)
{
	ItemPointerData tid;

	ItemPointerSet(&tid, group * 3 + update, 1 + group % 200);
	return tid;
}

/* Groups do not hash to their numbers. */
static uint32
hash_of(uint32 group)
{
	return group * UINT32_C(2654435761);
}

/* Notes the places of all groups after an update. */
static void
note_all(TidCache *cache, Oid relid, uint32 update, Size max_bytes)
{
	for (uint32 group = 0; group < GROUPS; group++)
	{
		ItemPointerData tid = tid_of(group, update);

		tid_cache_note(cache, relid, hash_of(group), &tid, max_bytes);
	}
}

/* Returns how many groups are found, each at the place of its update. */
static int
count_found(const TidCache *cache, Oid relid, uint32 update)
{
	int			found = 0;

	for (uint32 group = 0; group < GROUPS; group++)
	{
		ItemPointerData expected = tid_of(group, update);
		ItemPointerData tid;

		if (!tid_cache_find(cache, relid, hash_of(group), &tid))
			continue;
		found++;
		UNIT_EQUAL(ItemPointerGetBlockNumber(&tid), ItemPointerGetBlockNumber(&expected));
		UNIT_EQUAL(ItemPointerGetOffsetNumber(&tid), ItemPointerGetOffsetNumber(&expected));
	}
	return found;
}

static void
nothing_is_found_before_it_is_noted(void)
{
	TidCache   *cache = tid_cache_create(CurrentMemoryContext);

	UNIT_EQUAL(count_found(cache, 1, 0), 0);
}

static void
the_latest_place_is_found(void)
{
	TidCache   *cache = tid_cache_create(CurrentMemoryContext);

	note_all(cache, 1, 0, 1024 * 1024);
	note_all(cache, 1, 1, 1024 * 1024);
	/* a few have taken the entries of others */
	UNIT_CHECK(count_found(cache, 1, 1) > GROUPS * 8 / 10);
}

static void
a_hash_is_of_one_table(void)
{
	TidCache   *cache = tid_cache_create(CurrentMemoryContext);

	note_all(cache, 1, 0, 1024 * 1024);
	UNIT_EQUAL(count_found(cache, 2, 0), 0);
	note_all(cache, 2, 1, 1024 * 1024);
	UNIT_CHECK(count_found(cache, 1, 0) > GROUPS * 7 / 10);
	UNIT_CHECK(count_found(cache, 2, 1) > GROUPS * 8 / 10);
}

static void
memory_is_bounded(void)
{
	Size		before = MemoryContextMemAllocated(CurrentMemoryContext, true);
	TidCache   *cache = tid_cache_create(CurrentMemoryContext);

	note_all(cache, 1, 0, 16 * 1024);
	UNIT_CHECK(MemoryContextMemAllocated(CurrentMemoryContext, true) - before <= 20 * 1024);
	/* more groups than entries: all of these are in use */
	UNIT_CHECK(count_found(cache, 1, 0) > 1000);
}

static void
a_lower_bound_is_kept(void)
{
	Size		before = MemoryContextMemAllocated(CurrentMemoryContext, true);
	TidCache   *cache = tid_cache_create(CurrentMemoryContext);

	note_all(cache, 1, 0, 1024 * 1024);
	UNIT_CHECK(MemoryContextMemAllocated(CurrentMemoryContext, true) - before > 100 * 1024);
	note_all(cache, 1, 1, 16 * 1024);
	UNIT_CHECK(MemoryContextMemAllocated(CurrentMemoryContext, true) - before <= 20 * 1024);
	UNIT_CHECK(count_found(cache, 1, 1) > 1000);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(nothing_is_found_before_it_is_noted);
	UNIT_RUN(the_latest_place_is_found);
	UNIT_RUN(a_hash_is_of_one_table);
	UNIT_RUN(memory_is_bounded);
	UNIT_RUN(a_lower_bound_is_kept);
	return unit_end();
}
