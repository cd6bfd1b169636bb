/*
 * group_table.c - the groups of one generation: chunks of records and buckets.
 *
 * Linear probing in an array of eight-byte buckets that hold the whole hash:
 * a look-up touches one or two cache lines before it reaches the record, and
 * growing never looks at records.
 *
 * Locking: see group_table.h.  Nothing here takes a lock of ours.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "compat.h"
#include "state/group_area.h"
#include "state/group_table.h"

#define MIN_BUCKETS		64

/* Returns the record at a place. */
GroupRecord *
group_table_record(uint32 place)
{
	Assert(place != 0);
	return (GroupRecord *) dsa_get_address(group_area(), (dsa_pointer) place * 8);
}

/* Returns the chunk behind a pointer, NULL for the invalid one. */
GroupChunk *
group_table_chunk(dsa_pointer chunk)
{
	if (!DsaPointerIsValid(chunk))
		return NULL;
	return (GroupChunk *) dsa_get_address(group_area(), chunk);
}

/* Starts a walk over the buckets with this hash. */
void
group_table_seek(const GenerationControl *generation, uint32 hash, GroupCursor *cursor)
{
	cursor->buckets = NULL;
	if (generation->nbuckets == 0)
		return;

	Assert(DsaPointerIsValid(generation->buckets));
	cursor->buckets = dsa_get_address(group_area(), generation->buckets);
	cursor->mask = generation->nbuckets - 1;
	cursor->next = hash & cursor->mask;
	cursor->hash = hash;
}

/* Returns the place of the next record with the hash, or 0. */
uint32
group_table_next(GroupCursor *cursor)
{
	if (cursor->buckets == NULL)
		return 0;

	for (;;)
	{
		const GroupBucket *bucket = &cursor->buckets[cursor->next];

		if (bucket->place == 0)
			return 0;
		cursor->next = (cursor->next + 1) & cursor->mask;
		if (bucket->hash == cursor->hash)
			return bucket->place;
	}
}

/* Starts a walk over all published records. */
void
group_table_walk(const GenerationControl *generation, GroupWalk *walk)
{
	walk->chunk = group_table_chunk(generation->first_chunk);
	walk->offset = MAXALIGN(sizeof(GroupChunk));
}

/* Returns the next live record, or NULL. */
GroupRecord *
group_table_step(GroupWalk *walk)
{
	while (walk->chunk != NULL)
	{
		while (walk->offset < walk->chunk->used)
		{
			GroupRecord *record = (GroupRecord *) ((char *) walk->chunk + walk->offset);

			Assert(GROUP_RECORD_SIZE(record) > GROUP_RECORD_HEADER);
			walk->offset += GROUP_RECORD_SIZE(record);
			Assert(walk->offset <= walk->chunk->used);
			if (!GROUP_RECORD_IS_DEAD(record))
				return record;
		}
		walk->chunk = group_table_chunk(walk->chunk->next);
		walk->offset = MAXALIGN(sizeof(GroupChunk));
	}
	return NULL;
}

/* Adds or redirects a bucket; see group_table.h. */
void
group_table_link(GroupBucket *buckets, uint32 nbuckets, uint32 hash,
				 uint32 old_place, uint32 new_place)
{
	uint32		mask = nbuckets - 1;
	uint32		i = hash & mask;

	Assert(new_place != 0);
	/* an empty bucket ends the chain: with an old place we must not meet one */
	while (buckets[i].place != old_place)
	{
		Assert(buckets[i].place != 0);
		i = (i + 1) & mask;
	}
	buckets[i].hash = hash;
	buckets[i].place = new_place;
}

/* Returns how many buckets ngroups need. */
uint32
group_table_buckets_for(uint32 ngroups)
{
	uint64		wanted = (uint64) ngroups * 4 / 3 + 1;

	Assert(wanted <= UINT64CONST(1) << 31);
	return Max(MIN_BUCKETS, pg_nextpower2_32((uint32) wanted));
}

/* Returns a larger copy of the buckets; see group_table.h. */
dsa_pointer
group_table_copy_buckets(const GenerationControl *generation, uint32 nbuckets)
{
	dsa_pointer copy = group_area_allocate(sizeof(GroupBucket) * (Size) nbuckets);
	GroupBucket *from;
	GroupBucket *to;

	if (!DsaPointerIsValid(copy))
		return InvalidDsaPointer;

	Assert(nbuckets > generation->nbuckets);
	to = dsa_get_address(group_area(), copy);
	memset(to, 0, sizeof(GroupBucket) * (Size) nbuckets);
	if (generation->nbuckets == 0)
		return copy;

	/*
	 * In the order of the old array this is the hash order in which linear
	 * probing into a larger table stays linear: each chain of the old one is
	 * spread over at least twice its room.
	 */
	from = dsa_get_address(group_area(), generation->buckets);
	for (uint32 i = 0; i < generation->nbuckets; i++)
	{
		if (from[i].place != 0)
			group_table_link(to, nbuckets, from[i].hash, 0, from[i].place);
	}
	return copy;
}

/* Frees chunks and buckets; see group_table.h. */
void
group_table_free(dsa_pointer first_chunk, dsa_pointer buckets)
{
	dsa_pointer chunk = first_chunk;

	while (DsaPointerIsValid(chunk))
	{
		dsa_pointer next = group_table_chunk(chunk)->next;

		dsa_free(group_area(), chunk);
		chunk = next;
	}
	if (DsaPointerIsValid(buckets))
		dsa_free(group_area(), buckets);
}
