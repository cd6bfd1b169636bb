/*
 * pair.c - a value and its key: types, order, copies.
 *
 * The order of pairs is total up to what nobody can see, so that the smallest
 * and the largest of a set of pairs do not depend on the order in which rows
 * arrive or states are combined.  Hence ties of the key are decided by the
 * value, under collation C because the call's collation is that of the key;
 * and values that are equal but not the same (1.0 and 1.00), or have no order
 * at all (json), by their text.
 *
 * Memory: FmgrInfos in the context of the call site; texts and detoasted
 * copies in CurrentMemoryContext.
 * Failure: changed settings go back at the end of the (sub)transaction when
 * an output or input function raises.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "aggregate/pair.h"
#include "pinned_settings.h"

/*
 * Is this a built-in type whose values can be stored as they are?  Types by
 * value only, as any bytes of them are harmless; none whose values name
 * objects of one database, but for the reg types: their text depends on the
 * search path of whoever reads it.
 */
static bool
type_is_stored_raw(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case OIDOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case CASHOID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGCOLLATIONOID:
			return true;
		default:
			return false;
	}
}

/* Is the text of this type the same under all settings? */
static bool
type_text_is_plain(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case NUMERICOID:
		case UUIDOID:
		case BYTEAOID:
		case JSONOID:
		case JSONBOID:
		case INETOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

/*
 * Fills in what is known of a type.  type->type is set last, so that a call
 * site in which this raised asks again.
 */
static void
type_lookup(PairType *type, Oid oid, bool is_key, MemoryContext context)
{
	TypeCacheEntry *entry = lookup_type_cache(oid, TYPECACHE_CMP_PROC);
	Oid			function;
	bool		is_varlena;

	if (get_typtype(oid) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot keep a value of pseudo-type %s", format_type_be(oid)),
				 errhint("Make a composite type with CREATE TYPE and cast the row to it.")));
	if (is_key && !OidIsValid(entry->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s",
						format_type_be(oid)),
				 errhint("The second argument needs a type with a btree order.")));
	type->type = InvalidOid;
	type->len = entry->typlen;
	type->byval = entry->typbyval;
	type->stored_raw = type_is_stored_raw(oid);
	type->pins_settings = !type->stored_raw && !type_text_is_plain(oid);
	type->tie_collation = type_is_collatable(oid) ? C_COLLATION_OID : InvalidOid;
	type->has_order = OidIsValid(entry->cmp_proc);
	if (type->has_order)
		fmgr_info_cxt(entry->cmp_proc, &type->compare, context);
	getTypeOutputInfo(oid, &function, &is_varlena);
	fmgr_info_cxt(function, &type->output, context);
	getTypeInputInfo(oid, &function, &type->input_param);
	fmgr_info_cxt(function, &type->input, context);
	Assert(!type->stored_raw || type->byval);
	type->type = oid;
}

PairTypes *
pair_types_lookup(FmgrInfo *flinfo, Oid value_type, Oid key_type)
{
	PairTypes  *types = flinfo->fn_extra;

	if (types == NULL)
	{
		types = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(PairTypes));
		flinfo->fn_extra = types;
	}
	if (types->value.type != value_type)
		type_lookup(&types->value, value_type, false, flinfo->fn_mcxt);
	if (types->key.type != key_type)
		type_lookup(&types->key, key_type, true, flinfo->fn_mcxt);
	return types;
}

/* Copies a value, detoasted and flat, into CurrentMemoryContext. */
static Datum
value_copy(const PairType *type, Datum value)
{
	if (type->len == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	return datumCopy(value, type->byval, type->len);
}

void
pair_keep(Pair *pair, const PairTypes *types, Datum value, Datum key,
		  MemoryContext context)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(context);

	pair->value_type = types->value.type;
	pair->key_type = types->key.type;
	pair->value = value_copy(&types->value, value);
	pair->key = value_copy(&types->key, key);
	MemoryContextSwitchTo(oldcontext);
}

void
pair_release(Pair *pair, const PairTypes *types)
{
	Assert(pair->value_type == types->value.type);
	Assert(pair->key_type == types->key.type);
	if (!types->value.byval)
		pfree(DatumGetPointer(pair->value));
	if (!types->key.byval)
		pfree(DatumGetPointer(pair->key));
}

char *
pair_value_to_text(PairType *type, Datum value)
{
	char	   *string;
	int			level;

	if (!type->pins_settings)
		return OutputFunctionCall(&type->output, value);
	level = settings_pin();
	string = OutputFunctionCall(&type->output, value);
	settings_unpin(level);
	return string;
}

Datum
pair_value_from_text(PairType *type, char *string)
{
	Datum		value;
	int			level;

	if (!type->pins_settings)
		return InputFunctionCall(&type->input, string, type->input_param, -1);
	level = settings_pin();
	value = InputFunctionCall(&type->input, string, type->input_param, -1);
	settings_unpin(level);
	return value;
}

/* Orders two values by their type's btree order. */
static int
value_compare(PairType *type, Oid collation, Datum value1, Datum value2)
{
	Assert(type->has_order);
	return DatumGetInt32(FunctionCall2Coll(&type->compare, collation, value1, value2));
}

/* Orders two values whose keys are equal. */
static int
tie_compare(PairType *type, Datum value1, Datum value2)
{
	int			order;

	if (datum_image_eq(value1, value2, type->byval, type->len))
		return 0;
	if (type->has_order)
	{
		order = value_compare(type, type->tie_collation, value1, value2);
		if (order != 0)
			return order;
	}
	return strcmp(pair_value_to_text(type, value1), pair_value_to_text(type, value2));
}

int
pair_compare(PairTypes *types, Oid collation, Datum value1, Datum key1,
			 Datum value2, Datum key2)
{
	int			order = value_compare(&types->key, collation, key1, key2);

	return order != 0 ? order : tie_compare(&types->value, value1, value2);
}
