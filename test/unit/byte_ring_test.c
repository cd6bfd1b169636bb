/*
 * byte_ring_test.c - messages come out of the ring as they went in, or not at
 * all.
 */
#include "postgres.h"

#include <pthread.h>

#include "unit.h"

#include "shared/byte_ring.h"

#define LONGEST		200
#define PASSES		200000

/* Returns a new ring. */
static ByteRing *
make_ring(uint64 size)
{
	ByteRing   *ring = malloc(BYTE_RING_OVERHEAD + size);

	byte_ring_init(ring, size);
	return ring;
}

/* Makes the bytes of the n-th message; returns how many. */
static uint64
make_message(uint64 n, unsigned char *message)
{
	uint64		length = (n * UINT64CONST(2654435761)) % LONGEST;

	for (uint64 i = 0; i < length; i++)
		message[i] = (unsigned char) (n * 31 + i);
	return length;
}

/* Returns whether these bytes are the n-th message. */
static bool
is_message(uint64 n, const unsigned char *bytes, uint64 length)
{
	unsigned char message[LONGEST];

	return make_message(n, message) == length && memcmp(bytes, message, length) == 0;
}

/* Drops the oldest messages until one of this length fits. */
static void
make_room(ByteRing *ring, uint64 length)
{
	while (!byte_ring_has_room(ring, length))
	{
		uint64		ignored;
		uint64		next = 0;

		(void) byte_ring_look(ring, byte_ring_oldest(ring), &ignored, &next);
		byte_ring_drop(ring, next);
	}
}

/* Appends the n-th message. */
static void
append(ByteRing *ring, uint64 n)
{
	unsigned char message[LONGEST];
	uint64		length = make_message(n, message);

	make_room(ring, length);
	byte_ring_append(ring, message, length);
}

/* Rings of all sizes: a reader who keeps pace gets everything. */
static void
everything_comes_in_order(void)
{
	for (uint64 size = 216; size < 1000; size += 8)
	{
		ByteRing   *ring = make_ring(size);
		uint64		place = 0;
		uint64		length;
		uint64		next;
		unsigned char bytes[LONGEST];

		for (uint64 n = 0; n < 500; n++)
		{
			append(ring, n);
			UNIT_EQUAL(byte_ring_look(ring, place, &length, &next), BYTE_RING_FOUND);
			UNIT_EQUAL(byte_ring_copy(ring, place, bytes, length), BYTE_RING_FOUND);
			UNIT_CHECK(is_message(n, bytes, length));
			place = next;
			UNIT_EQUAL(byte_ring_look(ring, place, &length, &next), BYTE_RING_NONE);
			UNIT_EQUAL(byte_ring_copy(ring, place, bytes, 1), BYTE_RING_NONE);
			UNIT_CHECK(byte_ring_end(ring) - byte_ring_oldest(ring) <= size);
		}
		free(ring);
	}
}

/* A place that was dropped says so, for ever. */
static void
what_was_dropped_is_gone(void)
{
	ByteRing   *ring = make_ring(1024);
	uint64		length;
	uint64		next;
	char		byte;

	append(ring, 1);
	for (uint64 n = 2; n < 5000; n++)
	{
		bool		gone = byte_ring_oldest(ring) > 0;

		UNIT_EQUAL(byte_ring_look(ring, 0, &length, &next),
				   gone ? BYTE_RING_OVERRUN : BYTE_RING_FOUND);
		UNIT_EQUAL(byte_ring_copy(ring, 0, &byte, 1),
				   gone ? BYTE_RING_OVERRUN : BYTE_RING_FOUND);
		append(ring, n);
	}
	UNIT_CHECK(byte_ring_oldest(ring) > 0);
	free(ring);
}

/* The largest message is as large as the ring. */
static void
a_message_can_fill_the_ring(void)
{
	ByteRing   *ring = make_ring(64);
	char		message[56] = "fifty-six";
	char		copy[56];

	UNIT_EQUAL(byte_ring_cost(56), 64);
	UNIT_EQUAL(byte_ring_cost(57), 72);
	for (int i = 0; i < 10; i++)
	{
		uint64		place = byte_ring_end(ring);

		make_room(ring, 56);
		byte_ring_append(ring, message, 56);
		UNIT_EQUAL(byte_ring_copy(ring, place, copy, 56), BYTE_RING_FOUND);
		UNIT_EQUAL(memcmp(message, copy, 56), 0);
	}
	free(ring);
}

/* The other thread: appends as fast as it can. */
static void *
append_all(void *arg)
{
	for (uint64 n = 0; n < PASSES; n++)
		append(arg, n);
	return NULL;
}

/* Whatever a reader gets while the writer runs over it is a whole message. */
static void
a_slow_reader_never_gets_halves(void)
{
	ByteRing   *ring = make_ring(2048);
	pthread_t	writer;
	uint64		place = 0;
	uint64		found = 0;

	UNIT_EQUAL(pthread_create(&writer, NULL, append_all, ring), 0);
	while (place < UINT64CONST(1) << 40)
	{
		unsigned char bytes[LONGEST];
		uint64		length;
		uint64		next;
		ByteRingResult result = byte_ring_look(ring, place, &length, &next);

		if (result == BYTE_RING_FOUND)
		{
			UNIT_CHECK(length < LONGEST);
			result = byte_ring_copy(ring, place, bytes, length);
		}
		if (result == BYTE_RING_NONE)
		{
			if (pthread_tryjoin_np(writer, NULL) == 0)
				break;
			continue;
		}
		if (result == BYTE_RING_OVERRUN)
		{
			place = byte_ring_oldest(ring);
			continue;
		}
		/* the bytes tell which message it is, all but the number's multiples */
		for (uint64 i = 1; i < length; i++)
			UNIT_CHECK(bytes[i] == (unsigned char) (bytes[0] + i));
		found++;
		place = next;
	}
	UNIT_CHECK(found > 0);
	free(ring);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(everything_comes_in_order);
	UNIT_RUN(what_was_dropped_is_gone);
	UNIT_RUN(a_message_can_fill_the_ring);
	UNIT_RUN(a_slow_reader_never_gets_halves);
	return unit_end();
}
