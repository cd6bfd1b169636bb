/*
 * pair.h - a value and its key, the state of first, last, arg_min and arg_max.
 *
 * Locking: none.
 * Memory: a pair and what it refers to live in the context it was kept in;
 * PairTypes live as long as the call site that asked for them.
 */
#ifndef STREAM_EXT_PAIR_H
#define STREAM_EXT_PAIR_H

#include "fmgr.h"

typedef struct Pair
{
	Oid			value_type;
	Oid			key_type;
	Datum		value;			/* neither of the two is ever NULL */
	Datum		key;
} Pair;

/* What must be known of a type to compare, copy and store its values. */
typedef struct PairType
{
	Oid			type;
	int16		len;
	bool		byval;
	bool		has_order;		/* a btree order; then compare is valid */
	bool		stored_raw;		/* as eight bytes, not as text */
	bool		pins_settings;	/* its text depends on settings */
	Oid			tie_collation;	/* C if the type has collations */
	FmgrInfo	compare;
	FmgrInfo	output;
	FmgrInfo	input;
	Oid			input_param;
} PairType;

typedef struct PairTypes
{
	PairType	value;
	PairType	key;
} PairTypes;

/*
 * Returns what is known of these two types, kept with the call site flinfo.
 * Raises 0A000 for pseudo-types and 42883 for a key without btree order.
 */
extern PairTypes *pair_types_lookup(FmgrInfo *flinfo, Oid value_type, Oid key_type);

/* Copies value and key into context; *pair held nothing before. */
extern void pair_keep(Pair *pair, const PairTypes *types, Datum value, Datum key,
					  MemoryContext context);

/* Frees what a pair refers to. */
extern void pair_release(Pair *pair, const PairTypes *types);

/*
 * Orders two pairs: by key in the given collation, then by value in its btree
 * order with collation C, then by the value's text.  Zero only if a choice
 * between the two cannot be seen.
 */
extern int	pair_compare(PairTypes *types, Oid collation, Datum value1, Datum key1,
						 Datum value2, Datum key2);

/* Returns a value as the text that is stored, whatever the session's settings. */
extern char *pair_value_to_text(PairType *type, Datum value);
extern Datum pair_value_from_text(PairType *type, char *string);

#endif							/* STREAM_EXT_PAIR_H */
