/*
 * group_table.h - the groups of one generation: chunks of records and buckets.
 *
 *  GenerationControl
 *    first_chunk -> GroupChunk | record | record | ...  -> next chunk -> ...
 *    buckets     -> (hash, place) (hash, place) ...      open addressing
 *
 * Records are appended to chunks; the buckets name the live record of each
 * key.  A record whose group outgrew it stays behind marked dead.  The places
 * of records are offsets in the area divided by eight, in 32 bits.
 *
 * Locking: what readers follow (first_chunk, next, used, buckets, the dead
 * mark, the bytes of published records) changes only under ViewControl.lock
 * exclusive.  The writer alone looks at "reserved" and may fill the space
 * between used and reserved at leisure.
 */
#ifndef STREAM_EXT_GROUP_TABLE_H
#define STREAM_EXT_GROUP_TABLE_H

#include "access/htup_details.h"
#include "shared/control.h"

/* Offsets beyond this do not fit a bucket: the area is never larger. */
#define GROUP_PLACE_LIMIT	((Size) 32 * 1024 * 1024 * 1024)

typedef struct GroupChunk
{
	dsa_pointer next;
	uint32		size;			/* whole chunk, this header included */
	uint32		used;			/* records that end here are published */
	uint32		reserved;		/* writer only: end of its unpublished records */
	uint32		unused;
} GroupChunk;

typedef struct GroupRecord
{
	uint32		hash;			/* of the keys */
	uint32		size;			/* of the record, a multiple of 8; |
								 * GROUP_DEAD */
	MinimalTupleData tuple;		/* t_len bytes at most size - header */
} GroupRecord;

#define GROUP_DEAD				1
#define GROUP_RECORD_HEADER		offsetof(GroupRecord, tuple)
#define GROUP_RECORD_SIZE(rec)	((rec)->size & ~(uint32) 7)
#define GROUP_RECORD_IS_DEAD(rec) (((rec)->size & GROUP_DEAD) != 0)

typedef struct GroupBucket
{
	uint32		hash;
	uint32		place;			/* of a record; 0 = empty */
} GroupBucket;

/* A walk over the buckets that have one hash. */
typedef struct GroupCursor
{
	const GroupBucket *buckets; /* NULL: nothing there */
	uint32		mask;
	uint32		next;
	uint32		hash;
} GroupCursor;

/* A walk over the published records, oldest first. */
typedef struct GroupWalk
{
	GroupChunk *chunk;
	uint32		offset;
} GroupWalk;

extern GroupRecord *group_table_record(uint32 place);
extern GroupChunk *group_table_chunk(dsa_pointer chunk);

extern void group_table_seek(const GenerationControl *generation, uint32 hash, GroupCursor *cursor);

/* Returns the place of the next record with the hash, or 0. */
extern uint32 group_table_next(GroupCursor *cursor);

extern void group_table_walk(const GenerationControl *generation, GroupWalk *walk);

/* Returns the next live record, or NULL. */
extern GroupRecord *group_table_step(GroupWalk *walk);

/* --- the writer ------------------------------------------------------------ */

/* Adds or redirects a bucket.  Requires: a free bucket.  old_place 0 = a new key. */
extern void group_table_link(GroupBucket *buckets, uint32 nbuckets, uint32 hash,
							 uint32 old_place, uint32 new_place);

/* Returns how many buckets ngroups need: a power of two, at most three quarters full. */
extern uint32 group_table_buckets_for(uint32 ngroups);

/*
 * Returns a copy of the generation's buckets in an array of nbuckets, or
 * InvalidDsaPointer when memory is short.
 */
extern dsa_pointer group_table_copy_buckets(const GenerationControl *generation, uint32 nbuckets);

/* Frees chunks and buckets.  Requires: nobody can reach them any more. */
extern void group_table_free(dsa_pointer first_chunk, dsa_pointer buckets);

#endif							/* STREAM_EXT_GROUP_TABLE_H */
