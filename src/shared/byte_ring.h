/*
 * byte_ring.h - a bounded ring of messages in shared memory: one writer, any
 * number of readers who wait for nobody.
 *
 * A place in the ring is the number of bytes written before it since the ring
 * was made, so it never comes again.  The writer makes room by dropping the
 * oldest messages, whoever still wants them: a reader that was too slow is
 * told so and gets nothing.
 *
 * Memory: the caller gives BYTE_RING_OVERHEAD + size bytes, MAXALIGNed.
 */
#ifndef STREAM_EXT_BYTE_RING_H
#define STREAM_EXT_BYTE_RING_H

#include "port/atomics.h"

typedef struct ByteRing
{
	pg_atomic_uint64 oldest;	/* place of the oldest message */
	pg_atomic_uint64 end;		/* place behind the newest */
	uint64		size;			/* a multiple of 8 */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} ByteRing;

#define BYTE_RING_OVERHEAD	offsetof(ByteRing, data)

typedef enum ByteRingResult
{
	BYTE_RING_FOUND,
	BYTE_RING_NONE,				/* not written yet */
	BYTE_RING_OVERRUN			/* dropped by the writer */
} ByteRingResult;

/* Makes an empty ring of size bytes. */
extern void byte_ring_init(ByteRing *ring, uint64 size);

/* --- the writer ---------------------------------------------------------- */

/* What a message of this length takes; it never fits if that is over size. */
extern uint64 byte_ring_cost(uint64 length);
extern bool byte_ring_has_room(const ByteRing *ring, uint64 length);

/* The oldest message's place, and the end: the same if the ring is empty. */
extern uint64 byte_ring_oldest(const ByteRing *ring);
extern uint64 byte_ring_end(const ByteRing *ring);

/* Drops the oldest messages up to a place where one begins, or the end. */
extern void byte_ring_drop(ByteRing *ring, uint64 place);

/* Appends a message.  Requires: there is room. */
extern void byte_ring_append(ByteRing *ring, const void *message, uint64 length);

/* --- readers ------------------------------------------------------------- */

/* Says how long the message at place is, and where the next one will be. */
extern ByteRingResult byte_ring_look(const ByteRing *ring, uint64 place,
									 uint64 *length, uint64 *next);

/* Copies the first length bytes of the message at place. */
extern ByteRingResult byte_ring_copy(const ByteRing *ring, uint64 place,
									 void *message, uint64 length);

#endif							/* STREAM_EXT_BYTE_RING_H */
