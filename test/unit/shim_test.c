/*
 * shim_test.c - the frame tests itself: contexts, errors, descriptors.
 */
#include "postgres.h"

#include "unit.h"

#include "catalog/pg_type_d.h"
#include "utils/memutils.h"

/* Raises an error with a code of its own. */
static void
raise_division_by_zero(void *arg)
{
	ereport(ERROR,
			(errcode(ERRCODE_DIVISION_BY_ZERO),
			 errmsg("division by zero")));
}

/* Does nothing wrong. */
static void
raise_nothing(void *arg)
{
}

static void
errors_are_caught_with_their_code(void)
{
	UNIT_EQUAL(unit_error(raise_division_by_zero, NULL), ERRCODE_DIVISION_BY_ZERO);
	UNIT_EQUAL(unit_error(raise_nothing, NULL), 0);
}

static void
contexts_count_and_free_what_is_in_them(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "test",
												  ALLOCSET_DEFAULT_SIZES);
	char	   *chunk = MemoryContextAlloc(context, 100);

	strcpy(chunk, "kept");
	chunk = repalloc(chunk, 1000);
	UNIT_CHECK(strcmp(chunk, "kept") == 0);
	UNIT_EQUAL((uintptr_t) chunk % MAXIMUM_ALIGNOF, 0);
	UNIT_EQUAL(MemoryContextMemAllocated(context, true), 1000);
	MemoryContextReset(context);
	UNIT_EQUAL(MemoryContextMemAllocated(context, true), 0);
	MemoryContextDelete(context);
}

static void
descriptors_know_the_built_in_types(void)
{
	Oid			types[] = {INT4OID, TEXTOID};
	TupleDesc	desc = unit_tupledesc(2, types);

	UNIT_EQUAL(TupleDescAttr(desc, 0)->attlen, 4);
	UNIT_EQUAL(TupleDescAttr(desc, 1)->attlen, -1);
	UNIT_EQUAL(TupleDescAttr(desc, 1)->attnum, 2);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(errors_are_caught_with_their_code);
	UNIT_RUN(contexts_count_and_free_what_is_in_them);
	UNIT_RUN(descriptors_know_the_built_in_types);
	return unit_end();
}
