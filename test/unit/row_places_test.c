/*
 * row_places_test.c - what was noted last for a hash is found, within a bound.
 */
#include "postgres.h"

#include "unit.h"

#include "flush/row_places.h"
#include "utils/memutils.h"

#define GROUPS 5000

/* Returns the place that a group has after some updates. */
static ItemPointerData
place_of(uint32 group, uint32 update)
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
note_all(RowPlaces *places, Oid relid, uint32 update, Size max_bytes)
{
	for (uint32 group = 0; group < GROUPS; group++)
	{
		ItemPointerData tid = place_of(group, update);

		row_places_note(places, relid, hash_of(group), &tid, max_bytes);
	}
}

/* Returns how many groups are found, each at the place of its update. */
static int
count_found(const RowPlaces *places, Oid relid, uint32 update)
{
	int			found = 0;

	for (uint32 group = 0; group < GROUPS; group++)
	{
		ItemPointerData expected = place_of(group, update);
		ItemPointerData tid;

		if (!row_places_find(places, relid, hash_of(group), &tid))
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
	RowPlaces  *places = row_places_create(CurrentMemoryContext);

	UNIT_EQUAL(count_found(places, 1, 0), 0);
}

static void
the_latest_place_is_found(void)
{
	RowPlaces  *places = row_places_create(CurrentMemoryContext);

	note_all(places, 1, 0, 1024 * 1024);
	note_all(places, 1, 1, 1024 * 1024);
	UNIT_EQUAL(count_found(places, 1, 1), GROUPS);
}

static void
a_hash_is_of_one_table(void)
{
	RowPlaces  *places = row_places_create(CurrentMemoryContext);

	note_all(places, 1, 0, 1024 * 1024);
	UNIT_EQUAL(count_found(places, 2, 0), 0);
	note_all(places, 2, 1, 1024 * 1024);
	UNIT_EQUAL(count_found(places, 1, 0), GROUPS);
	UNIT_EQUAL(count_found(places, 2, 1), GROUPS);
}

static void
memory_is_bounded(void)
{
	RowPlaces  *places = row_places_create(CurrentMemoryContext);
	Size		before = MemoryContextMemAllocated(CurrentMemoryContext, true);
	int			found;

	note_all(places, 1, 0, 16 * 1024);
	UNIT_CHECK(MemoryContextMemAllocated(CurrentMemoryContext, true) - before <= 32 * 1024);
	found = count_found(places, 1, 0);
	UNIT_CHECK(found > 0 && found < GROUPS / 2);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(nothing_is_found_before_it_is_noted);
	UNIT_RUN(the_latest_place_is_found);
	UNIT_RUN(a_hash_is_of_one_table);
	UNIT_RUN(memory_is_bounded);
	return unit_end();
}
