/*
 * unit.h - a small test frame for the pure layers, printing TAP.
 *
 * A program is one file *_test.c: it runs its cases with UNIT_RUN() and ends
 * with unit_end().  Random cases draw from unit_random(); the seed is printed
 * and taken from UNIT_SEED, so that a failure can be replayed.
 *
 * Memory: every case runs in a memory context of its own, freed behind it.
 * Failure: an ereport(ERROR) that a case does not expect fails that case only.
 */
#ifndef STREAM_EXT_UNIT_H
#define STREAM_EXT_UNIT_H

#include "postgres.h"

#include "access/tupdesc.h"

/* Prints the head of the report and sets up memory. Call first. */
extern void unit_begin(void);

/* Prints the plan; returns the exit code of the program. */
extern int	unit_end(void);

typedef void (*unit_case) (void);

/* Runs one case and prints its line. */
extern void unit_run(const char *name, unit_case run);
#define UNIT_RUN(function)	unit_run(#function, function)

/* Notes a failed check and goes on; the case has failed. */
extern void unit_check(bool holds, const char *what, const char *file, int line);
#define UNIT_CHECK(condition) \
	unit_check((condition), #condition, __FILE__, __LINE__)

/* As UNIT_CHECK(actual == expected), showing both numbers. */
extern void unit_equal(int64 actual, int64 expected, const char *what,
					   const char *file, int line);
#define UNIT_EQUAL(actual, expected) \
	unit_equal((int64) (actual), (int64) (expected), #actual, __FILE__, __LINE__)

/* Returns the SQLSTATE of the error that run(arg) raises, 0 if it raises none. */
extern int	unit_error(void (*run) (void *arg), void *arg);

/* Random numbers; unit_random_below(n) is in [0, n). */
extern uint64 unit_random(void);
extern uint64 unit_random_below(uint64 limit);

/*
 * Returns a descriptor of natts nullable columns named c1.. of these built-in
 * types (BOOLOID, INT2OID, INT4OID, INT8OID, OIDOID, FLOAT4OID, FLOAT8OID,
 * DATEOID, TIMESTAMPOID, TIMESTAMPTZOID, INTERVALOID, UUIDOID, NAMEOID,
 * TEXTOID, BYTEAOID, NUMERICOID, JSONBOID).
 */
extern TupleDesc unit_tupledesc(int natts, const Oid *types);

#endif							/* STREAM_EXT_UNIT_H */
