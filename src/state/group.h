/*
 * group.h - what a group of a view consists of: keys and aggregates.
 *
 * A *flat group* is a MinimalTuple of the view's storage row (k1.., p1..).
 * That one form is what shared memory holds, readers return and the flush
 * writes.  In a view that appends each row is a group of its own: it is made
 * flat at once (t, c1..) and never looked up or combined.
 */
#ifndef STREAM_EXT_GROUP_H
#define STREAM_EXT_GROUP_H

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "aggregate/partial.h"
#include "shared/control.h"

/* What a key is made of; query/ knows. */
typedef struct GroupKeyInput
{
	Oid			type;
	Oid			collation;
	Oid			eqfn;			/* function of the GROUP BY clause's operator */
	Oid			hashfn;			/* hash function that goes with it */
	int			column;			/* of the inner query, 0-based */
} GroupKeyInput;

typedef struct GroupAggregateInput
{
	Oid			aggfnoid;
	int			nargs;
	const Oid  *argtypes;
	Oid			collation;
	int			first_column;	/* of the inner query, 0-based */
	int			filter_column;	/* or -1 */
} GroupAggregateInput;

typedef struct GroupDescInput
{
	TupleDesc	storage;		/* k1 .. kn, p1 .. pm; or t, c1 .. cm; copied */
	int			nkeys;
	const GroupKeyInput *keys;
	int			naggregates;
	const GroupAggregateInput *aggregates;
	const int  *columns;		/* appends: for each storage column the column
								 * of the inner query, -1 = the commit time;
								 * copied.  Else NULL */
	int			window_key;		/* index of the key, or -1 */
	int64		window_size_us; /* as in StreamQuery; 0 if unknown */
	ViewPanes	panes;			/* the inner query gives panes, if slide > 0 */
} GroupDescInput;

typedef struct GroupKey
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			collation;
	FmgrInfo	hash;			/* hash function of the type */
	FmgrInfo	equal;			/* equality of the GROUP BY clause */
	bool		plain;			/* by value, equal iff the Datums are: no fmgr */
	int			column;			/* of the inner query */
} GroupKey;

typedef struct GroupAggregate
{
	StreamAggregate *aggregate;
	int			nargs;
	int			first_column;	/* of the inner query */
	int			filter_column;	/* or -1 */
} GroupAggregate;

typedef struct GroupDesc
{
	TupleDesc	storage;		/* k1.., p1..; or t, c1.. */
	TupleDesc	key_desc;		/* k1.. only */
	int			nkeys;
	GroupKey   *keys;
	int			naggregates;
	GroupAggregate *aggregates;
	int		   *columns;		/* appends: as in GroupDescInput; else NULL */
	int			window_key;		/* or -1 */
	int64		window_size_us; /* as in StreamQuery; 0 if unknown */
	int64		first_window;	/* rows of older windows are expired: the
								 * owner of the description moves it on */
	ViewPanes	panes;			/* slide 0: rows come window by window */
	MemoryContext context;
} GroupDesc;

/* Resolves functions and aggregates; everything lives in desc->context, a child of parent. */
extern GroupDesc *group_desc_create(const GroupDescInput *input, MemoryContext parent);

/* Resolves one key; also for readers, who hash constants outside any GroupDesc. */
extern void group_key_init(GroupKey *key, const GroupKeyInput *input, MemoryContext context);

/* --- hashing and equality of keys; may run user code ---------------------- */
extern uint64 group_hash_bits(GroupKey *key, Datum value, bool isnull); /* of one key */
extern uint32 group_hash_mix(const uint64 *bits, int nkeys);	/* runs no user code */
extern uint32 group_hash(GroupDesc *desc, const Datum *keys, const bool *isnull);
extern bool group_equal(GroupDesc *desc, const Datum *a, const bool *anull,
						const Datum *b, const bool *bnull);

/* The same for the first nkeys keys; the copies point into CurrentMemoryContext. */
extern uint32 group_hash_some_keys(GroupDesc *desc, int nkeys, const Datum *keys, const bool *isnull);
extern bool group_equal_some_keys(GroupDesc *desc, int nkeys, const Datum *a, const bool *anull,
								  const Datum *b, const bool *bnull);
extern void group_copy_some_keys(GroupDesc *desc, int nkeys, const Datum *from,
								 const bool *isnull, Datum *to);

/*
 * Copies a key's values into CurrentMemoryContext: detoasted, by-value ones
 * in their canonical form.  Raises 54000 if the storage index could not hold them.
 */
extern void group_copy_keys(GroupDesc *desc, const Datum *from, const bool *isnull, Datum *to);

/* Returns the flat group of keys and partials (nkeys + naggregates values), in CurrentMemoryContext. */
extern MinimalTuple group_form_flat(GroupDesc *desc, Datum *values, bool *isnull);

/* Says whether a group belongs to a window that retention has ended. */
static inline bool
group_is_expired(const GroupDesc *desc, const Datum *keys, const bool *isnull)
{
	int			key = desc->window_key;

	if (desc->first_window == PG_INT64_MIN)
		return false;
	Assert(key >= 0);
	return !isnull[key] && DatumGetInt64(keys[key]) < desc->first_window;
}

/* Whether rows are rows: nothing is looked up or combined. */
static inline bool
group_desc_appends(const GroupDesc *desc)
{
	return desc->columns != NULL;
}

#endif							/* STREAM_EXT_GROUP_H */
