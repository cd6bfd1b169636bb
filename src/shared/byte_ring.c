/*
 * byte_ring.c - a bounded ring of messages in shared memory: one writer, any
 * number of readers who wait for nobody.
 *
 * A message is its length in eight bytes, then its bytes, filled up to eight;
 * so a length never lies across the ring's end, and a message may.
 *
 * Locking: none.  The writer moves oldest before it overwrites what was there,
 * and end after it has written; a reader copies first and then looks whether
 * oldest has passed the place.  Two pairs of barriers make that true on
 * processors that change the order of what they read and write.
 * Failure: a length that was overwritten while it was read may be anything; it is
 * given to nobody before oldest was looked at again.
 */
#include "postgres.h"

#include "shared/byte_ring.h"

#define LENGTH_BYTES	sizeof(uint64)

/* Makes an empty ring. */
void
byte_ring_init(ByteRing *ring, uint64 size)
{
	Assert(size > 0 && size % LENGTH_BYTES == 0);

	pg_atomic_init_u64(&ring->oldest, 0);
	pg_atomic_init_u64(&ring->end, 0);
	ring->size = size;
}

/* Returns what a message takes of the ring. */
uint64
byte_ring_cost(uint64 length)
{
	return LENGTH_BYTES + TYPEALIGN64(LENGTH_BYTES, length);
}

/* Returns whether a message fits without dropping another. */
bool
byte_ring_has_room(const ByteRing *ring, uint64 length)
{
	return byte_ring_end(ring) + byte_ring_cost(length) - byte_ring_oldest(ring) <= ring->size;
}

/* Returns the place of the oldest message. */
uint64
byte_ring_oldest(const ByteRing *ring)
{
	return pg_atomic_read_u64((pg_atomic_uint64 *) &ring->oldest);
}

/* Returns the place behind the newest message. */
uint64
byte_ring_end(const ByteRing *ring)
{
	return pg_atomic_read_u64((pg_atomic_uint64 *) &ring->end);
}

/* Copies bytes into the ring, around its end. */
static void
byte_ring_put(ByteRing *ring, uint64 place, const char *bytes, uint64 length)
{
	uint64		at = place % ring->size;
	uint64		first = Min(length, ring->size - at);

	memcpy(ring->data + at, bytes, first);
	memcpy(ring->data, bytes + first, length - first);
}

/* Copies bytes out of the ring, around its end. */
static void
byte_ring_get(const ByteRing *ring, uint64 place, char *bytes, uint64 length)
{
	uint64		at = place % ring->size;
	uint64		first = Min(length, ring->size - at);

	memcpy(bytes, ring->data + at, first);
	memcpy(bytes + first, ring->data, length - first);
}

/* Drops the oldest messages. */
void
byte_ring_drop(ByteRing *ring, uint64 place)
{
	Assert(place >= byte_ring_oldest(ring) && place <= byte_ring_end(ring));

	pg_atomic_write_u64(&ring->oldest, place);
	/* before anything is written there: pairs with byte_ring_still_there() */
	pg_memory_barrier();
}

/* Appends a message. */
void
byte_ring_append(ByteRing *ring, const void *message, uint64 length)
{
	uint64		end = byte_ring_end(ring);

	Assert(byte_ring_has_room(ring, length));

	byte_ring_put(ring, end, (const char *) &length, LENGTH_BYTES);
	byte_ring_put(ring, end + LENGTH_BYTES, message, length);
	/* the message before the news of it: pairs with byte_ring_look_end() */
	pg_write_barrier();
	pg_atomic_write_u64(&ring->end, end + byte_ring_cost(length));
}

/* Returns whether what was read at place before was the message there. */
static bool
byte_ring_still_there(const ByteRing *ring, uint64 place)
{
	/* what was read before oldest is: pairs with byte_ring_drop() */
	pg_read_barrier();
	return byte_ring_oldest(ring) <= place;
}

/* Says whether there is a message at place. */
static ByteRingResult
byte_ring_look_end(const ByteRing *ring, uint64 place)
{
	uint64		end = byte_ring_end(ring);

	Assert(place <= end);
	if (place >= end)
		return BYTE_RING_NONE;
	/* the end before the message: pairs with byte_ring_append() */
	pg_read_barrier();
	return BYTE_RING_FOUND;
}

/* Says how long a message is. */
ByteRingResult
byte_ring_look(const ByteRing *ring, uint64 place, uint64 *length, uint64 *next)
{
	if (byte_ring_look_end(ring, place) == BYTE_RING_NONE)
		return BYTE_RING_NONE;
	byte_ring_get(ring, place, (char *) length, LENGTH_BYTES);
	if (!byte_ring_still_there(ring, place))
		return BYTE_RING_OVERRUN;
	*next = place + byte_ring_cost(*length);
	return BYTE_RING_FOUND;
}

/* Copies the beginning of a message, or all of it. */
ByteRingResult
byte_ring_copy(const ByteRing *ring, uint64 place, void *message, uint64 length)
{
	Assert(byte_ring_cost(length) <= ring->size);

	if (byte_ring_look_end(ring, place) == BYTE_RING_NONE)
		return BYTE_RING_NONE;
	byte_ring_get(ring, place + LENGTH_BYTES, message, length);
	return byte_ring_still_there(ring, place) ? BYTE_RING_FOUND : BYTE_RING_OVERRUN;
}
