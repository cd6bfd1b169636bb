/*
 * tid_cache.c - where in storage the rows of groups were written last.
 *
 * A look-up through the index meets every version of a row that some old
 * transaction, or the transaction that writes, keeps alive: a group that is
 * updated n times meanwhile costs n look-ups of up to n versions.  Who updated
 * it last knows where the only version is that counts.
 *
 * The TIDs are hints.  Nothing has to be undone when a transaction fails, and
 * nothing to be told when a table is vacuumed, rewritten or dropped.
 *
 * A hash of table and group has one entry; a later group takes the entry of an
 * earlier one.  So there is no state "full", old windows go by themselves, and
 * where there are more groups than entries some of them are still found.
 *
 * Memory: 12 bytes an entry, four entries a group, doubling up to the bound.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "flush/tid_cache.h"

#define FIRST_SIZE	256			/* a power of two, as all sizes */
/* As long as it may grow one entry of so many is used. */
#define SPARSENESS	4

typedef struct TidEntry
{
	uint32		hash;			/* of table and group */
	ItemPointerData tid;		/* invalid: the entry is free */
} TidEntry;

StaticAssertDecl(sizeof(TidEntry) == 12, "there are many entries");

struct TidCache
{
	MemoryContext context;
	TidEntry   *entries;		/* size of them; NULL if that is 0 */
	uint32		size;
	uint32		used;
};

/* Makes an empty cache; see tid_cache.h. */
TidCache *
tid_cache_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream tid cache",
												  ALLOCSET_SMALL_SIZES);
	TidCache   *cache = MemoryContextAllocZero(context, sizeof(TidCache));

	cache->context = context;
	return cache;
}

/* Puts a TID into its entry. */
static void
put_entry(TidCache *cache, const TidEntry *entry)
{
	TidEntry   *place = &cache->entries[entry->hash & (cache->size - 1)];

	if (!ItemPointerIsValid(&place->tid))
		cache->used++;
	*place = *entry;
}

/*
 * Gives the cache another size; what it holds stays as far as there is room.
 * Where there is no memory it keeps its size: a flush, which frees memory, must
 * not fail for hints.
 */
static void
resize_cache(TidCache *cache, uint32 size)
{
	TidEntry   *before = cache->entries;
	uint32		before_size = cache->size;
	TidEntry   *entries = MemoryContextAllocExtended(cache->context, size * sizeof(TidEntry),
													 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO |
													 MCXT_ALLOC_NO_OOM);

	if (entries == NULL)
		return;
	cache->entries = entries;
	cache->size = size;
	cache->used = 0;
	for (uint32 i = 0; i < before_size; i++)
	{
		if (ItemPointerIsValid(&before[i].tid))
			put_entry(cache, &before[i]);
	}
	if (before != NULL)
		pfree(before);
}

/* Returns the size that the cache should have. */
static uint32
wanted_size(const TidCache *cache, Size max_bytes)
{
	uint32		size = Max(cache->size, FIRST_SIZE);

	if (cache->used > size / SPARSENESS && size < PG_UINT32_MAX / 2)
		size *= 2;
	/* the bound may be less than it was */
	while (size > FIRST_SIZE && size * sizeof(TidEntry) > max_bytes)
		size /= 2;
	return size;
}

/* Returns the hash of table and group. */
static inline uint32
entry_hash(Oid relid, uint32 hash)
{
	return hash_combine(hash, murmurhash32(relid));
}

/* Notes a TID; see tid_cache.h. */
void
tid_cache_note(TidCache *cache, Oid relid, uint32 hash, const ItemPointerData * tid, Size max_bytes)
{
	TidEntry	entry = {.hash = entry_hash(relid, hash),.tid = *tid};
	uint32		size = wanted_size(cache, max_bytes);

	Assert(ItemPointerIsValid(tid));
	if (size != cache->size)
		resize_cache(cache, size);
	if (cache->size == 0)
		return;
	put_entry(cache, &entry);
}

/* Finds a TID; see tid_cache.h. */
bool
tid_cache_find(const TidCache *cache, Oid relid, uint32 hash, ItemPointerData * tid)
{
	uint32		wanted = entry_hash(relid, hash);
	const TidEntry *entry;

	if (cache->size == 0)
		return false;
	entry = &cache->entries[wanted & (cache->size - 1)];
	if (entry->hash != wanted || !ItemPointerIsValid(&entry->tid))
		return false;
	*tid = entry->tid;
	return true;
}
