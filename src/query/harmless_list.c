/*
 * harmless_list.c - types, functions and aggregates of harmless views.
 *
 * What is not listed is not harmless.  An immutable function written in C
 * whose arguments and result have a bounded size cannot do much harm, so those
 * are not listed one by one; the others are.  Left out on purpose: what makes
 * many rows or long values (generate_series, repeat, lpad, replace), patterns
 * that backtrack, numerics raised to a power, documents built or queried by
 * paths, everything that reads or waits, aggregates that collect.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "catalog/dependency.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "query/harmless.h"

/* A function that is harmless where one of its arguments is a constant. */
typedef struct ConstantRule
{
	Oid			funcid;
	int			arg;			/* from 0 */
} ConstantRule;

/* Values of at most a few dozen bytes. */
static const Oid bounded_types[] = {
	BOOLOID, CHAROID, NAMEOID, INT2OID, INT4OID, INT8OID, FLOAT4OID, FLOAT8OID,
	DATEOID, TIMEOID, TIMETZOID, TIMESTAMPOID, TIMESTAMPTZOID, INTERVALOID,
	CASHOID, UUIDOID, MACADDROID, MACADDR8OID, INETOID, CIDROID, PG_LSNOID
};

/* Values as long as their row. */
static const Oid row_sized_types[] = {
	TEXTOID, VARCHAROID, BPCHAROID, BYTEAOID, NUMERICOID, JSONOID, JSONBOID
};

/* Functions over values as long as a row, linear in them, and stable ones that read settings only. */
static const Oid linear_functions[] = {
	/* comparisons */
	F_TEXTEQ, F_TEXTNE, F_TEXT_LT, F_TEXT_LE, F_TEXT_GT, F_TEXT_GE, F_STARTS_WITH,
	F_BPCHAREQ, F_BPCHARNE, F_BPCHARLT, F_BPCHARLE, F_BPCHARGT, F_BPCHARGE,
	F_BYTEAEQ, F_BYTEANE, F_BYTEALT, F_BYTEALE, F_BYTEAGT, F_BYTEAGE,
	F_NUMERIC_EQ, F_NUMERIC_NE, F_NUMERIC_LT, F_NUMERIC_LE, F_NUMERIC_GT, F_NUMERIC_GE,
	F_JSONB_EQ, F_JSONB_NE, F_JSONB_LT, F_JSONB_LE, F_JSONB_GT, F_JSONB_GE,
	F_NAMEEQTEXT, F_NAMENETEXT, F_TEXTEQNAME, F_TEXTNENAME,
	/* strings */
	F_LOWER_TEXT, F_UPPER_TEXT, F_INITCAP, F_LEFT, F_RIGHT, F_MD5_TEXT, F_MD5_BYTEA,
	F_TEXTLEN, F_LENGTH_TEXT, F_LENGTH_BPCHAR, F_LENGTH_BYTEA, F_OCTET_LENGTH_TEXT,
	F_OCTET_LENGTH_BPCHAR, F_OCTET_LENGTH_BYTEA, F_CHAR_LENGTH_TEXT, F_CHAR_LENGTH_BPCHAR,
	F_CHARACTER_LENGTH_TEXT, F_CHARACTER_LENGTH_BPCHAR,
	F_SUBSTR_TEXT_INT4, F_SUBSTR_TEXT_INT4_INT4, F_SUBSTRING_TEXT_INT4,
	F_SUBSTRING_TEXT_INT4_INT4, F_BTRIM_TEXT, F_LTRIM_TEXT, F_RTRIM_TEXT,
	F_TEXT_BPCHAR, F_TEXT_NAME, F_TEXT_CHAR, F_TEXT_BOOL, F_BPCHAR_CHAR, F_HASHTEXT,
	F_VARCHAR_VARCHAR_INT4_BOOL,
	/* numbers */
	F_NUMERIC_ADD, F_NUMERIC_SUB, F_NUMERIC_UMINUS, F_NUMERIC_UPLUS, F_NUMERIC_ABS,
	F_ABS_NUMERIC, F_SIGN_NUMERIC, F_CEIL_NUMERIC, F_CEILING_NUMERIC, F_FLOOR_NUMERIC,
	F_ROUND_NUMERIC, F_ROUND_NUMERIC_INT4, F_TRUNC_NUMERIC, F_TRUNC_NUMERIC_INT4,
	F_NUMERIC_NUMERIC_INT4, F_NUMERIC_INT2, F_NUMERIC_INT4, F_NUMERIC_INT8, F_NUMERIC_FLOAT4,
	F_NUMERIC_FLOAT8, F_INT2_NUMERIC, F_INT4_NUMERIC, F_INT8_NUMERIC, F_FLOAT4_NUMERIC,
	F_FLOAT8_NUMERIC,
	/* documents, one step at a time */
	F_JSONB_OBJECT_FIELD, F_JSONB_OBJECT_FIELD_TEXT, F_JSONB_ARRAY_ELEMENT,
	F_JSONB_ARRAY_ELEMENT_TEXT, F_JSON_OBJECT_FIELD, F_JSON_OBJECT_FIELD_TEXT,
	F_JSON_ARRAY_ELEMENT, F_JSON_ARRAY_ELEMENT_TEXT, F_JSONB_EXISTS, F_JSONB_TYPEOF,
	F_JSON_TYPEOF, F_BOOL_JSONB, F_NUMERIC_JSONB, F_INT2_JSONB, F_INT4_JSONB, F_INT8_JSONB,
	F_FLOAT4_JSONB, F_FLOAT8_JSONB,
	/* times */
	F_DATE_TRUNC_TEXT_TIMESTAMP, F_DATE_TRUNC_TEXT_TIMESTAMPTZ, F_DATE_TRUNC_TEXT_INTERVAL,
	F_DATE_PART_TEXT_TIMESTAMP, F_DATE_PART_TEXT_TIMESTAMPTZ, F_DATE_PART_TEXT_DATE,
	F_DATE_PART_TEXT_TIME, F_DATE_PART_TEXT_TIMETZ, F_DATE_PART_TEXT_INTERVAL,
	F_EXTRACT_TEXT_DATE, F_EXTRACT_TEXT_TIME, F_EXTRACT_TEXT_TIMETZ, F_EXTRACT_TEXT_TIMESTAMP,
	F_EXTRACT_TEXT_TIMESTAMPTZ, F_EXTRACT_TEXT_INTERVAL,
	F_TIMESTAMPTZ_PL_INTERVAL, F_TIMESTAMPTZ_MI_INTERVAL, F_TIMESTAMP_TIMESTAMPTZ,
	F_TIMESTAMPTZ_TIMESTAMP, F_TIMESTAMPTZ_DATE, F_DATE_TIMESTAMPTZ, F_TIME_TIMESTAMPTZ,
	F_TIMETZ_TIMESTAMPTZ, F_TIMESTAMP_LT_TIMESTAMPTZ, F_TIMESTAMP_LE_TIMESTAMPTZ,
	F_TIMESTAMP_EQ_TIMESTAMPTZ, F_TIMESTAMP_NE_TIMESTAMPTZ, F_TIMESTAMP_GT_TIMESTAMPTZ,
	F_TIMESTAMP_GE_TIMESTAMPTZ, F_TIMESTAMPTZ_LT_TIMESTAMP, F_TIMESTAMPTZ_LE_TIMESTAMP,
	F_TIMESTAMPTZ_EQ_TIMESTAMP, F_TIMESTAMPTZ_NE_TIMESTAMP, F_TIMESTAMPTZ_GT_TIMESTAMP,
	F_TIMESTAMPTZ_GE_TIMESTAMP, F_DATE_LT_TIMESTAMPTZ, F_DATE_LE_TIMESTAMPTZ,
	F_DATE_EQ_TIMESTAMPTZ, F_DATE_NE_TIMESTAMPTZ, F_DATE_GT_TIMESTAMPTZ, F_DATE_GE_TIMESTAMPTZ,
	F_TIMESTAMPTZ_LT_DATE, F_TIMESTAMPTZ_LE_DATE, F_TIMESTAMPTZ_EQ_DATE, F_TIMESTAMPTZ_NE_DATE,
	F_TIMESTAMPTZ_GT_DATE, F_TIMESTAMPTZ_GE_DATE
};

/* Patterns, which a row may not choose; zones, whose names are files. */
static const ConstantRule constant_rules[] = {
	{F_TEXTLIKE, 1}, {F_TEXTNLIKE, 1}, {F_TEXTICLIKE, 1}, {F_TEXTICNLIKE, 1},
	{F_BPCHARLIKE, 1}, {F_BPCHARNLIKE, 1}, {F_STRPOS, 1}, {F_POSITION_TEXT_TEXT, 1},
	{F_BTRIM_TEXT_TEXT, 1}, {F_LTRIM_TEXT_TEXT, 1}, {F_RTRIM_TEXT_TEXT, 1}, {F_SPLIT_PART, 1},
	{F_JSONB_CONTAINS, 1},
	{F_TO_CHAR_TIMESTAMP_TEXT, 1}, {F_TO_CHAR_TIMESTAMPTZ_TEXT, 1},
	{F_TIMEZONE_TEXT_TIMESTAMP, 0}, {F_TIMEZONE_TEXT_TIMESTAMPTZ, 0},
	{F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT, 2}
};

/* Aggregates of values as long as a row that keep one value. */
static const Oid row_sized_aggregates[] = {
	F_COUNT_, F_COUNT_ANY, F_MIN_TEXT, F_MAX_TEXT, F_MIN_BPCHAR, F_MAX_BPCHAR,
	F_MIN_NUMERIC, F_MAX_NUMERIC, F_SUM_NUMERIC, F_AVG_NUMERIC
};

static const char *const own_aggregates[] = {"first", "last", "arg_min", "arg_max"};

/* Returns whether an oid is in an array. */
static bool
contains(const Oid *array, int n, Oid oid)
{
	for (int i = 0; i < n; i++)
	{
		if (array[i] == oid)
			return true;
	}
	return false;
}

static bool
is_bounded(Oid type)
{
	return contains(bounded_types, lengthof(bounded_types), type);
}

/* Tells whether values of a type, or of an array's elements, are harmless. */
bool
harmless_type(Oid type)
{
	Oid			element = get_element_type(type);

	if (OidIsValid(element) && type < FirstNormalObjectId)
		type = element;
	return is_bounded(type) ||
		contains(row_sized_types, lengthof(row_sized_types), type);
}

/* Returns whether all arguments of a function have a bounded size. */
static bool
has_bounded_arguments(Form_pg_proc proc)
{
	for (int i = 0; i < proc->pronargs; i++)
	{
		if (!is_bounded(proc->proargtypes.values[i]))
			return false;
	}
	return true;
}

/* Returns whether a built-in function is harmless by its signature; see the top. */
static bool
is_harmless_by_signature(Oid funcid, char kind)
{
	HeapTuple	tuple;
	Form_pg_proc proc;
	bool		result;

	if (funcid >= FirstNormalObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	result = proc->prokind == kind && !proc->proretset && !proc->prosecdef &&
		proc->provolatile == PROVOLATILE_IMMUTABLE &&
		proc->prolang == INTERNALlanguageId && has_bounded_arguments(proc) &&
		(is_bounded(proc->prorettype) ||
		 (kind == PROKIND_AGGREGATE && proc->prorettype == NUMERICOID));
	ReleaseSysCache(tuple);
	return result;
}

/* Returns whether a function turns something of a bounded size into a numeric. */
static bool
makes_short_numeric(Oid funcid)
{
	switch (funcid)
	{
		case F_NUMERIC_INT2:
		case F_NUMERIC_INT4:
		case F_NUMERIC_INT8:
		case F_NUMERIC_FLOAT4:
		case F_NUMERIC_FLOAT8:
		case F_NUMERIC_NUMERIC_INT4:
		case F_EXTRACT_TEXT_DATE:
		case F_EXTRACT_TEXT_TIME:
		case F_EXTRACT_TEXT_TIMETZ:
		case F_EXTRACT_TEXT_TIMESTAMP:
		case F_EXTRACT_TEXT_TIMESTAMPTZ:
		case F_EXTRACT_TEXT_INTERVAL:
			return true;
		default:
			return false;
	}
}

/*
 * Returns whether a numeric is known to be short: multiplication and division
 * take time in the square of the digits, of which there may be 147 456.  What
 * is reckoned from groups, an aggregate's result, is the reader's business.
 */
static bool
is_short_numeric(Node *expr)
{
	if (exprTypmod(expr) >= 0 || IsA(expr, Const) || IsA(expr, Aggref))
		return true;
	if (IsA(expr, FuncExpr))
		return makes_short_numeric(((FuncExpr *) expr)->funcid);
	if (IsA(expr, OpExpr))
	{
		ListCell   *lc;

		foreach(lc, ((OpExpr *) expr)->args)
		{
			if (exprType(lfirst(lc)) != NUMERICOID || !is_short_numeric(lfirst(lc)))
				return false;
		}
		return true;
	}
	return false;
}

/* Returns whether a call multiplies or divides short numerics. */
static bool
is_short_product(Oid funcid, List *args)
{
	ListCell   *lc;

	if (funcid != F_NUMERIC_MUL && funcid != F_NUMERIC_DIV && funcid != F_NUMERIC_MOD &&
		funcid != F_MOD_NUMERIC_NUMERIC)
		return false;
	foreach(lc, args)
	{
		if (!is_short_numeric(lfirst(lc)))
			return false;
	}
	return true;
}

/* Tells whether a call is harmless; see harmless.h. */
bool
harmless_function(Oid funcid, List *args)
{
	if (contains(linear_functions, lengthof(linear_functions), funcid) ||
		is_harmless_by_signature(funcid, PROKIND_FUNCTION) || is_short_product(funcid, args))
		return true;
	for (int i = 0; i < lengthof(constant_rules); i++)
	{
		if (constant_rules[i].funcid == funcid)
			return list_length(args) > constant_rules[i].arg &&
				IsA(list_nth(args, constant_rules[i].arg), Const);
	}
	return false;
}

/* Returns whether an aggregate is one of ours that keeps one value. */
static bool
is_own_aggregate(Oid aggfnoid)
{
	Oid			extension = getExtensionOfObject(ProcedureRelationId, aggfnoid);
	const char *name = get_func_name(aggfnoid);

	if (!OidIsValid(extension) || extension != get_extension_oid("stream_ext", true) ||
		name == NULL)
		return false;
	for (int i = 0; i < lengthof(own_aggregates); i++)
	{
		if (strcmp(name, own_aggregates[i]) == 0)
			return true;
	}
	return false;
}

/* Tells whether an aggregate is harmless; see harmless.h. */
bool
harmless_aggregate(Oid aggfnoid)
{
	return contains(row_sized_aggregates, lengthof(row_sized_aggregates), aggfnoid) ||
		is_harmless_by_signature(aggfnoid, PROKIND_AGGREGATE) || is_own_aggregate(aggfnoid);
}
