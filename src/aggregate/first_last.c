/*
 * first_last.c - the aggregates first, last, arg_min and arg_max.
 *
 * first(value, key) and arg_min(value, key) are the value of the smallest
 * pair (key, value), last and arg_max that of the largest; rows in which
 * either is NULL are ignored.  Being an extreme of whole pairs, the result
 * does not depend on the order of rows (pair.c).
 *
 * The serialised state, in network byte order:
 *
 *	 version │ value type │ key type │ value │ key
 *		1
 *	 type:	array │ schema \0 │ name \0			(array: 1, name of the element)
 *			  1
 *	 value: eight bytes, or length (4) and text	(pair.h, stored_raw)
 *
 * Types are there by name and values as text that no setting changes, so that
 * a state can be dumped and restored elsewhere, as arrays and enums with
 * their oids could not.  Everything is checked on the way in.
 *
 * Memory: a state is a Pair in the aggregate's context.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "aggregate/pair.h"

#define PAIR_VERSION 1

STREAM_FUNCTION(stream_ext_first_transition);
STREAM_FUNCTION(stream_ext_first_combine);
STREAM_FUNCTION(stream_ext_last_transition);
STREAM_FUNCTION(stream_ext_last_combine);
STREAM_FUNCTION(stream_ext_pair_serialize);
STREAM_FUNCTION(stream_ext_pair_deserialize);
STREAM_FUNCTION(stream_ext_pair_final);

/* Returns where the states of this call live; raises outside an aggregate. */
static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate function called in non-aggregate context")));
	return context;
}

/* Raises unless a state has these types: it may come from a table. */
static void
check_types(const Pair *state, Oid value_type, Oid key_type)
{
	if (state->value_type != value_type || state->key_type != key_type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("stored aggregate state has types %s and %s, expected %s and %s",
						format_type_be(state->value_type), format_type_be(state->key_type),
						format_type_be(value_type), format_type_be(key_type))));
}

/* state := the more extreme of state and (value, key); direction is -1 or 1. */
static void
pair_offer(Pair *state, PairTypes *types, Datum value, Datum key,
		   FunctionCallInfo fcinfo, int direction)
{
	int			order = pair_compare(types, PG_GET_COLLATION(), value, key,
									 state->value, state->key);
	Pair		old = *state;

	Assert(direction == -1 || direction == 1);
	if (order == 0 || (order < 0) != (direction < 0))
		return;
	pair_keep(state, types, value, key, aggregate_context(fcinfo));
	pair_release(&old, types);
}

/* Makes the first state of a group. */
static Pair *
pair_start(const PairTypes *types, Datum value, Datum key, FunctionCallInfo fcinfo)
{
	MemoryContext context = aggregate_context(fcinfo);
	Pair	   *state = MemoryContextAllocZero(context, sizeof(Pair));

	pair_keep(state, types, value, key, context);
	return state;
}

/* Takes one row into the state. */
static Datum
pair_transition(FunctionCallInfo fcinfo, int direction)
{
	Pair	   *state = PG_ARGISNULL(0) ? NULL : (Pair *) PG_GETARG_POINTER(0);
	PairTypes  *types = fcinfo->flinfo->fn_extra;

	(void) aggregate_context(fcinfo);
	if (types == NULL || !OidIsValid(types->key.type))
		types = pair_types_lookup(fcinfo->flinfo,
								  get_fn_expr_argtype(fcinfo->flinfo, 1),
								  get_fn_expr_argtype(fcinfo->flinfo, 2));
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		if (state == NULL)
			state = pair_start(types, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), fcinfo);
		else
		{
			check_types(state, types->value.type, types->key.type);
			pair_offer(state, types, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2),
					   fcinfo, direction);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

/* Takes another state into the state. */
static Datum
pair_combine(FunctionCallInfo fcinfo, int direction)
{
	Pair	   *state = PG_ARGISNULL(0) ? NULL : (Pair *) PG_GETARG_POINTER(0);
	Pair	   *other = PG_ARGISNULL(1) ? NULL : (Pair *) PG_GETARG_POINTER(1);

	(void) aggregate_context(fcinfo);
	if (other != NULL)
	{
		PairTypes  *types = pair_types_lookup(fcinfo->flinfo, other->value_type,
											  other->key_type);

		if (state == NULL)
			state = pair_start(types, other->value, other->key, fcinfo);
		else
		{
			check_types(state, other->value_type, other->key_type);
			pair_offer(state, types, other->value, other->key, fcinfo, direction);
		}
	}
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
stream_ext_first_transition(PG_FUNCTION_ARGS)
{
	return pair_transition(fcinfo, -1);
}

Datum
stream_ext_first_combine(PG_FUNCTION_ARGS)
{
	return pair_combine(fcinfo, -1);
}

Datum
stream_ext_last_transition(PG_FUNCTION_ARGS)
{
	return pair_transition(fcinfo, 1);
}

Datum
stream_ext_last_combine(PG_FUNCTION_ARGS)
{
	return pair_combine(fcinfo, 1);
}

/* The result: the value, once its type is known to be that of the argument. */
Datum
stream_ext_pair_final(PG_FUNCTION_ARGS)
{
	Pair	   *state;

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (Pair *) PG_GETARG_POINTER(0);
	check_types(state, get_fn_expr_argtype(fcinfo->flinfo, 1),
				get_fn_expr_argtype(fcinfo->flinfo, 2));
	PG_RETURN_DATUM(state->value);
}

/* Appends a string and its zero byte, in the encoding of the database. */
static void
append_string(StringInfo buf, const char *string)
{
	pq_sendbytes(buf, string, strlen(string) + 1);
}

/* Appends the name of a type. */
static void
append_type(StringInfo buf, Oid type)
{
	Oid			element = get_element_type(type);
	Oid			named = OidIsValid(element) ? element : type;
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(named));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", named);
	form = (Form_pg_type) GETSTRUCT(tuple);
	pq_sendbyte(buf, OidIsValid(element));
	append_string(buf, get_namespace_name(form->typnamespace));
	append_string(buf, NameStr(form->typname));
	ReleaseSysCache(tuple);
}

/* Appends a value. */
static void
append_value(StringInfo buf, PairType *type, Datum value)
{
	char	   *string;

	if (type->stored_raw)
	{
		pq_sendint64(buf, (uint64) value);
		return;
	}
	string = pair_value_to_text(type, value);
	pq_sendint32(buf, strlen(string));
	pq_sendbytes(buf, string, strlen(string));
}

/* Serialises a state. */
Datum
stream_ext_pair_serialize(PG_FUNCTION_ARGS)
{
	Pair	   *state = (Pair *) PG_GETARG_POINTER(0);
	PairTypes  *types;
	StringInfoData buf;

	(void) aggregate_context(fcinfo);
	types = pair_types_lookup(fcinfo->flinfo, state->value_type, state->key_type);
	pq_begintypsend(&buf);
	pq_sendbyte(&buf, PAIR_VERSION);
	append_type(&buf, state->value_type);
	append_type(&buf, state->key_type);
	append_value(&buf, &types->value, state->value);
	append_value(&buf, &types->key, state->key);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* Reads the name of a type; raises if there is none such. */
static Oid
read_type(StringInfo buf)
{
	bool		is_array = pq_getmsgbyte(buf) != 0;
	const char *schema = pq_getmsgrawstring(buf);
	const char *name = pq_getmsgrawstring(buf);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(name),
									   ObjectIdGetDatum(get_namespace_oid(schema, false)));

	if (OidIsValid(type) && is_array)
		type = get_array_type(type);
	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type \"%s.%s\" of a stored aggregate state does not exist",
						schema, name),
				 errhint("If the type was renamed or moved, give it back its name.")));
	return type;
}

/* Reads a value of a type. */
static Datum
read_value(StringInfo buf, PairType *type)
{
	uint32		length;

	if (type->stored_raw)
		return (Datum) pq_getmsgint64(buf);
	length = pq_getmsgint(buf, 4);
	if (length > (uint32) (buf->len - buf->cursor))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored aggregate state is not valid")));
	return pair_value_from_text(type, pnstrdup(pq_getmsgbytes(buf, length), length));
}

/* Makes a state of its serialised form; it lives only to be combined. */
Datum
stream_ext_pair_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	Pair	   *state = palloc0(sizeof(Pair));
	PairTypes  *types;
	StringInfoData buf;

	(void) aggregate_context(fcinfo);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	if (pq_getmsgbyte(&buf) != PAIR_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stored aggregate state has an unknown format version")));
	state->value_type = read_type(&buf);
	state->key_type = read_type(&buf);
	types = pair_types_lookup(fcinfo->flinfo, state->value_type, state->key_type);
	state->value = read_value(&buf, &types->value);
	state->key = read_value(&buf, &types->key);
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}
