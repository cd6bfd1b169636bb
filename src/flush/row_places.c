/*
 * row_places.c - where in storage the rows of groups were seen last.
 *
 * A look-up through the index meets every version of a row that some old
 * transaction, or the transaction that writes, keeps alive: a group that is
 * updated n times meanwhile costs n look-ups of n versions.  Who updated it
 * last knows the place of the only version that counts.
 *
 * The places are hints, by a hash of table and group.  Nothing has to be undone
 * when a transaction fails, nothing to be told when a table is vacuumed or
 * rewritten, and when there are too many, all are forgotten.
 *
 * Memory: 12 bytes a group, and the free entries of a hash table, in a context
 * of its own.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "flush/row_places.h"

#define FIRST_SIZE	64

typedef struct RowPlace
{
	uint32		hash;			/* of table and group */
	ItemPointerData tid;
	char		status;
} RowPlace;

StaticAssertDecl(sizeof(RowPlace) == 12, "a place is kept for each of many groups");

#define SH_PREFIX place_table
#define SH_ELEMENT_TYPE RowPlace
#define SH_KEY_TYPE uint32
#define SH_KEY hash
#define SH_HASH_KEY(table, key) (key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct RowPlaces
{
	MemoryContext context;
	place_table_hash *table;	/* NULL: no place is known */
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

/* Returns the hash of table and group. */
static inline uint32
place_hash(Oid relid, uint32 hash)
{
	return hash_combine(hash, murmurhash32(relid));
}

/* Makes sure that there is a table and room for one more place. */
static void
make_room(RowPlaces *places, Size max_bytes)
{
	/* it may double when it takes in one more */
	if (places->table != NULL && places->table->members >= places->table->grow_threshold &&
		places->table->size * 2 * sizeof(RowPlace) > max_bytes)
	{
		place_table_destroy(places->table);
		places->table = NULL;
	}
	if (places->table == NULL)
		places->table = place_table_create(places->context, FIRST_SIZE, NULL);
}

/* Notes a place; see row_places.h. */
void
row_places_note(RowPlaces *places, Oid relid, uint32 hash,
				const ItemPointerData * tid, Size max_bytes)
{
	RowPlace   *place;
	bool		found;

	Assert(ItemPointerIsValid(tid));
	make_room(places, max_bytes);
	place = place_table_insert(places->table, place_hash(relid, hash), &found);
	place->tid = *tid;
}

/* Finds a place; see row_places.h. */
bool
row_places_find(const RowPlaces *places, Oid relid, uint32 hash, ItemPointerData * tid)
{
	const RowPlace *place = places->table == NULL ? NULL :
	place_table_lookup(places->table, place_hash(relid, hash));

	if (place == NULL)
		return false;
	*tid = place->tid;
	return true;
}
