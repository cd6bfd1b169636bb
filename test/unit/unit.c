/*
 * unit.c - the frame of the unit tests: cases, checks, random numbers.
 *
 * Output is TAP, so that prove runs and counts the programs like any other
 * test of the project.
 */
#include "postgres.h"

#include <time.h>

#include "unit.h"

#include "common/pg_prng.h"
#include "utils/memutils.h"

static int	ncases = 0;
static int	nfailed = 0;
static bool case_failed = false;
static pg_prng_state prng;

/* Prints the head of the report and sets up memory. */
void
unit_begin(void)
{
	const char *text = getenv("UNIT_SEED");
	uint64		seed = text ? strtou64(text, NULL, 10) : (uint64) time(NULL);

	TopMemoryContext = AllocSetContextCreate(NULL, "top", ALLOCSET_DEFAULT_SIZES);
	CurrentMemoryContext = TopMemoryContext;
	pg_prng_seed(&prng, seed);
	printf("# UNIT_SEED=" UINT64_FORMAT "\n", seed);
}

/* Prints the plan; returns the exit code of the program. */
int
unit_end(void)
{
	printf("1..%d\n", ncases);
	return nfailed > 0 || ncases == 0 ? 1 : 0;
}

/* Runs one case in a memory context of its own and prints its line. */
void
unit_run(const char *name, unit_case run)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "case",
												  ALLOCSET_DEFAULT_SIZES);

	case_failed = false;
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run();
	}
	PG_CATCH();
	{
		printf("# unexpected error in %s\n", name);
		FlushErrorState();
		case_failed = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);

	ncases++;
	if (case_failed)
		nfailed++;
	printf("%s %d - %s\n", case_failed ? "not ok" : "ok", ncases, name);
	fflush(stdout);
}

/* Notes a failed check and goes on; the case has failed. */
void
unit_check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	printf("# %s:%d: does not hold: %s\n", file, line, what);
	case_failed = true;
}

/* Compares two numbers and shows both when they differ. */
void
unit_equal(int64 actual, int64 expected, const char *what,
		   const char *file, int line)
{
	if (actual == expected)
		return;
	printf("# %s:%d: %s is " INT64_FORMAT ", expected " INT64_FORMAT "\n",
		   file, line, what, actual, expected);
	case_failed = true;
}

/* Returns the SQLSTATE of the error that run(arg) raises, 0 if it raises none. */
int
unit_error(void (*run) (void *arg), void *arg)
{
	volatile int sqlstate = 0;
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		run(arg);
	}
	PG_CATCH();
	{
		sqlstate = geterrcode();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return sqlstate;
}

/* Returns 64 random bits. */
uint64
unit_random(void)
{
	return pg_prng_uint64(&prng);
}

/* Returns a random number in [0, limit). */
uint64
unit_random_below(uint64 limit)
{
	Assert(limit > 0);
	return pg_prng_uint64_range(&prng, 0, limit - 1);
}

/* Returns a descriptor of natts nullable columns of built-in types. */
TupleDesc
unit_tupledesc(int natts, const Oid *types)
{
	TupleDesc	desc = CreateTemplateTupleDesc(natts);

	for (int i = 0; i < natts; i++)
	{
		char		name[NAMEDATALEN];

		snprintf(name, sizeof(name), "c%d", i + 1);
		TupleDescInitEntry(desc, i + 1, name, types[i], -1, 0);
	}
	return desc;
}
