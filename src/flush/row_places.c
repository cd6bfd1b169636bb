/*
 * row_places.c - where in storage the rows of groups were seen last.
 *
 * A look-up through the index meets every version of a row that some old
 * transaction, or the transaction that writes, keeps alive: a group that is
 * updated n times meanwhile costs n look-ups of n versions.  Who updated it
 * last knows the place of the only version that counts.
 *
 * The places are hints: a table with one entry for a hash, the later group
 * taking the place of the earlier.  Nothing has to be undone when a transaction
 * fails, and nothing to be told when a table is vacuumed or rewritten.
 *
 * Memory: 12 bytes a group in a context of its own, doubling up to the bound.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "flush/row_places.h"

#define FIRST_SIZE	64

typedef struct RowPlace
{
	uint32		hash;			/* of table and group */
	ItemPointerData tid;		/* invalid: free */
} RowPlace;

StaticAssertDecl(sizeof(RowPlace) == 12, "a place is kept for each of many groups");

struct RowPlaces
{
	MemoryContext context;
	RowPlace   *places;			/* size of them, a power of two; or NULL */
	uint32		size;
	uint32		used;
};

/* Makes an empty memory; see row_places.h. */
RowPlaces *
row_places_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream row places",
												  ALLOCSET_SMALL_SIZES);
	RowPlaces  *places = MemoryContextAllocZero(context, sizeof(RowPlaces));

	places->context = context;
	return places;
}

/* Puts a place into the table. */
static void
put_place(RowPlaces *places, const RowPlace *place)
{
	RowPlace   *entry = &places->places[place->hash & (places->size - 1)];

	if (!ItemPointerIsValid(&entry->tid))
		places->used++;
	*entry = *place;
}

/* Makes the table larger; what it holds stays. */
static void
grow_places(RowPlaces *places, uint32 size)
{
	RowPlace   *before = places->places;
	uint32		before_size = places->size;

	places->places = MemoryContextAllocExtended(places->context, size * sizeof(RowPlace),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	places->size = size;
	places->used = 0;
	for (uint32 i = 0; i < before_size; i++)
	{
		if (ItemPointerIsValid(&before[i].tid))
			put_place(places, &before[i]);
	}
	if (before != NULL)
		pfree(before);
}

/* Returns the hash of table and group. */
static inline uint32
place_hash(Oid relid, uint32 hash)
{
	return hash_combine(hash, murmurhash32(relid));
}

/* Notes a place; see row_places.h. */
void
row_places_note(RowPlaces *places, Oid relid, uint32 hash,
				const ItemPointerData * tid, Size max_bytes)
{
	RowPlace	place = {.hash = place_hash(relid, hash),.tid = *tid};

	Assert(ItemPointerIsValid(tid));
	if (places->size == 0)
		grow_places(places, FIRST_SIZE);
	else if (places->used > places->size / 2 &&
			 (Size) places->size * 2 * sizeof(RowPlace) <= max_bytes)
		grow_places(places, places->size * 2);
	put_place(places, &place);
}

/* Finds a place; see row_places.h. */
bool
row_places_find(const RowPlaces *places, Oid relid, uint32 hash, ItemPointerData * tid)
{
	uint32		wanted = place_hash(relid, hash);
	const RowPlace *entry;

	if (places->size == 0)
		return false;
	entry = &places->places[wanted & (places->size - 1)];
	if (entry->hash != wanted || !ItemPointerIsValid(&entry->tid))
		return false;
	*tid = entry->tid;
	return true;
}
