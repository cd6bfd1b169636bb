/*
 * group.c - hash, equality and flat form of groups.
 *
 * Keys compare as PostgreSQL compares them: by the equality of the GROUP BY
 * clause, with its collation.  The common fixed-width types whose equality is
 * that of their bits (integers, dates, timestamps, ...) are *plain* and never
 * go through fmgr; a plain Datum is brought to its canonical form first,
 * because functions and tuples differ in how they fill the unused high bits.
 * NULLs are equal, as in GROUP BY.
 *
 * Memory: hash and equality functions of by-reference types may leave garbage
 * in CurrentMemoryContext; callers run them in a context they reset.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/itup.h"
#include "access/nbtree.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "state/group.h"

#define NULL_HASH	UINT64CONST(0x9d39247e33776d41)
#define GROUP_HASH_SEED	UINT64CONST(0x9e3779b97f4a7c15)

/* What a btree page of the storage index holds; BTMaxItemSize() wants a page. */
#define KEY_MAX_BYTES \
	(MAXALIGN_DOWN((BLCKSZ - \
					MAXALIGN(SizeOfPageHeaderData + 3 * sizeof(ItemIdData)) - \
					MAXALIGN(sizeof(BTPageOpaqueData))) / 3) - \
	 MAXALIGN(sizeof(ItemPointerData)))

/* Shorter keys fit, whatever their headers and padding. */
#define KEY_CHECK_BYTES	(KEY_MAX_BYTES / 2)

StaticAssertDecl(sizeof(Datum) == 8, "plain keys need 64-bit Datums");

/* Returns whether equality by this function is equality of the bits. */
static bool
group_equality_is_plain(Oid eqfn)
{
	switch (eqfn)
	{
		case F_BOOLEQ:
		case F_CHAREQ:
		case F_INT2EQ:
		case F_INT4EQ:
		case F_INT8EQ:
		case F_OIDEQ:
		case F_DATE_EQ:
		case F_TIME_EQ:
		case F_TIMESTAMP_EQ:
		case F_TIMESTAMPTZ_EQ:
		case F_CASH_EQ:
		case F_ENUM_EQ:
		case F_PG_LSN_EQ:
			return true;
		default:
			return false;
	}
}

/* Resolves one key; see group.h. */
void
group_key_init(GroupKey *key, const GroupKeyInput *input, MemoryContext context)
{
	Assert(OidIsValid(input->eqfn));
	Assert(OidIsValid(input->hashfn));

	get_typlenbyvalalign(input->type, &key->typlen, &key->typbyval, &key->typalign);
	key->collation = input->collation;
	key->column = input->column;
	key->plain = key->typbyval && group_equality_is_plain(input->eqfn);
	fmgr_info_cxt(input->hashfn, &key->hash, context);
	fmgr_info_cxt(input->eqfn, &key->equal, context);
}

/* Returns a descriptor of the first nkeys columns. */
static TupleDesc
group_key_desc(TupleDesc storage, int nkeys)
{
	TupleDesc	desc = CreateTemplateTupleDesc(nkeys);

	for (int i = 1; i <= nkeys; i++)
		TupleDescCopyEntry(desc, i, storage, i);
	return desc;
}

/* Resolves one aggregate. */
static void
group_aggregate_init(GroupAggregate *aggregate, const GroupAggregateInput *input,
					 MemoryContext context)
{
	Assert(input->nargs <= AGGREGATE_MAX_ARGS);

	aggregate->aggregate = aggregate_create(input->aggfnoid, input->nargs, input->argtypes,
											input->collation, context);
	aggregate->nargs = input->nargs;
	aggregate->first_column = input->first_column;
	aggregate->filter_column = input->filter_column;
}

/* Resolves functions and aggregates; see group.h. */
GroupDesc *
group_desc_create(const GroupDescInput *input, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext group desc",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext saved = MemoryContextSwitchTo(context);
	GroupDesc  *desc = palloc0(sizeof(GroupDesc));

	Assert(input->columns != NULL ||
		   input->storage->natts == input->nkeys + input->naggregates);
	Assert(input->window_key < input->nkeys);

	desc->context = context;
	desc->storage = CreateTupleDescCopy(input->storage);
	desc->key_desc = group_key_desc(desc->storage, input->nkeys);
	desc->window_key = input->window_key;
	desc->window_size_us = input->window_size_us;
	desc->panes = input->panes;
	desc->first_window = PG_INT64_MIN;

	desc->nkeys = input->nkeys;
	desc->keys = palloc0(sizeof(GroupKey) * Max(input->nkeys, 1));
	for (int i = 0; i < input->nkeys; i++)
		group_key_init(&desc->keys[i], &input->keys[i], context);

	desc->naggregates = input->naggregates;
	desc->aggregates = palloc0(sizeof(GroupAggregate) * Max(input->naggregates, 1));
	for (int i = 0; i < input->naggregates; i++)
		group_aggregate_init(&desc->aggregates[i], &input->aggregates[i], context);

	if (input->columns != NULL)
	{
		Assert(input->window_key >= 0);
		desc->columns = palloc(sizeof(int) * input->storage->natts);
		memcpy(desc->columns, input->columns, sizeof(int) * input->storage->natts);
	}
	MemoryContextSwitchTo(saved);
	return desc;
}

/* Returns a plain value with its unused high bits in canonical form. */
static inline Datum
group_plain_datum(const GroupKey *key, Datum value)
{
	Assert(key->plain);
	switch (key->typlen)
	{
		case 1:
			return CharGetDatum(DatumGetChar(value));
		case 2:
			return Int16GetDatum(DatumGetInt16(value));
		case 4:
			return Int32GetDatum(DatumGetInt32(value));
		default:
			return value;
	}
}

/* Returns 64 bits of one key that are equal for equal values; a plain key's are its Datum. */
uint64
group_hash_bits(GroupKey *key, Datum value, bool isnull)
{
	if (isnull)
		return NULL_HASH;
	if (key->plain)
		return (uint64) group_plain_datum(key, value);
	return DatumGetUInt32(FunctionCall1Coll(&key->hash, key->collation, value));
}

/*
 * Adds the bits of one key to a hash.  The mixing steps are those of
 * splitmix64 (Steele, Lea, Flood 2014).
 */
static inline uint64
group_hash_add(uint64 hash, uint64 bits)
{
	hash ^= bits;
	hash = (hash ^ (hash >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	hash = (hash ^ (hash >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return hash ^ (hash >> 31);
}

/* Returns the hash of keys whose bits are known. */
uint32
group_hash_mix(const uint64 *bits, int nkeys)
{
	uint64		hash = GROUP_HASH_SEED;

	for (int i = 0; i < nkeys; i++)
		hash = group_hash_add(hash, bits[i]);
	return (uint32) hash;
}

/* Returns the hash of a group's keys. */
uint32
group_hash(GroupDesc *desc, const Datum *keys, const bool *isnull)
{
	return group_hash_some_keys(desc, desc->nkeys, keys, isnull);
}

/* Returns the hash of the first nkeys of them. */
uint32
group_hash_some_keys(GroupDesc *desc, int nkeys, const Datum *keys, const bool *isnull)
{
	uint64		hash = GROUP_HASH_SEED;

	for (int i = 0; i < nkeys; i++)
		hash = group_hash_add(hash, group_hash_bits(&desc->keys[i], keys[i], isnull[i]));
	return (uint32) hash;
}

/* Returns whether two values of one key are the same group. */
static inline bool
group_equal_value(GroupKey *key, Datum a, bool anull, Datum b, bool bnull)
{
	if (anull || bnull)
		return anull && bnull;
	if (key->plain)
		return group_plain_datum(key, a) == group_plain_datum(key, b);
	return DatumGetBool(FunctionCall2Coll(&key->equal, key->collation, a, b));
}

/* Returns whether two sets of keys are the same group; the last key differs most often. */
bool
group_equal(GroupDesc *desc, const Datum *a, const bool *anull,
			const Datum *b, const bool *bnull)
{
	return group_equal_some_keys(desc, desc->nkeys, a, anull, b, bnull);
}

/* Returns whether the first nkeys keys are the same. */
bool
group_equal_some_keys(GroupDesc *desc, int nkeys, const Datum *a, const bool *anull,
					  const Datum *b, const bool *bnull)
{
	for (int i = nkeys - 1; i >= 0; i--)
	{
		if (!group_equal_value(&desc->keys[i], a[i], anull[i], b[i], bnull[i]))
			return false;
	}
	return true;
}

/* Raises an error if the storage index could not hold these keys. */
static void
group_check_key_size(GroupDesc *desc, const Datum *keys, const bool *isnull)
{
	IndexTuple	tuple;
	Size		size;

	if (heap_compute_data_size(desc->key_desc, (Datum *) keys, (bool *) isnull) < KEY_CHECK_BYTES)
		return;

	/* the index compresses long values: only its own tuple knows the size */
	tuple = index_form_tuple(desc->key_desc, (Datum *) keys, (bool *) isnull);
	size = IndexTupleSize(tuple);
	pfree(tuple);
	if (size > KEY_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("group key of %zu bytes exceeds the maximum of %zu",
						size, (Size) KEY_MAX_BYTES),
				 errhint("Group by a shorter expression, such as a hash or a prefix of the value.")));
}

/* Returns a copy of a by-reference value that points nowhere else. */
static Datum
group_copy_value(Form_pg_attribute attr, Datum value)
{
	Assert(!attr->attbyval);
	if (attr->attlen == -1 && VARATT_IS_EXTENDED(DatumGetPointer(value)) &&
		!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return PointerGetDatum(detoast_attr((struct varlena *) DatumGetPointer(value)));
	return datumCopy(value, false, attr->attlen);
}

/* Copies the first nkeys keys; see group.h. */
void
group_copy_some_keys(GroupDesc *desc, int nkeys, const Datum *from, const bool *isnull, Datum *to)
{
	for (int i = 0; i < nkeys; i++)
	{
		GroupKey   *key = &desc->keys[i];

		if (isnull[i])
			to[i] = (Datum) 0;
		else if (key->typbyval)
			to[i] = key->plain ? group_plain_datum(key, from[i]) : from[i];
		else
			to[i] = group_copy_value(TupleDescAttr(desc->storage, i), from[i]);
	}
}

/* Copies a group's keys; see group.h. */
void
group_copy_keys(GroupDesc *desc, const Datum *from, const bool *isnull, Datum *to)
{
	bool		check = false;

	group_copy_some_keys(desc, desc->nkeys, from, isnull, to);
	for (int i = 0; i < desc->nkeys && !check; i++)
		check = !isnull[i] && !desc->keys[i].typbyval;
	if (check)
		group_check_key_size(desc, to, isnull);
}

/* Returns the flat group; see group.h. */
MinimalTuple
group_form_flat(GroupDesc *desc, Datum *values, bool *isnull)
{
	for (int i = 0; i < desc->storage->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc->storage, i);

		/* a minimum may still point into the table it came from */
		if (attr->attlen == -1 && !isnull[i] &&
			VARATT_IS_EXTERNAL(DatumGetPointer(values[i])) &&
			!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(values[i])))
			values[i] = PointerGetDatum(detoast_attr((struct varlena *) DatumGetPointer(values[i])));
	}
	return compat_form_minimal_tuple(desc->storage, values, isnull);
}
