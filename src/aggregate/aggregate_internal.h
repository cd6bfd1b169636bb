/*
 * aggregate_internal.h - what the files of aggregate/ share; not for others.
 */
#ifndef STREAM_EXT_AGGREGATE_INTERNAL_H
#define STREAM_EXT_AGGREGATE_INTERNAL_H

#include "aggregate/partial.h"
#include "nodes/execnodes.h"

/*
 * What functions are called with: the nodes that AggCheckCallContext,
 * AggGetAggref, AggGetTempMemoryContext and AggStateIsShared look at, filled
 * in as nodeAgg.c would for an aggregate that shares its state with nobody.
 */
typedef struct AggregateFrame
{
	AggState   *node;
	ExprContext *state_context; /* where transition states live in this call */
	MemoryContext temp;			/* reset after every call */
	MemoryContext input;		/* a deserialised state, reset after its use */
} AggregateFrame;

/* One support function, ready to be called. */
typedef struct SupportFunction
{
	FmgrInfo	flinfo;			/* fn_oid is invalid if there is none */
	FunctionCallInfo fcinfo;
} SupportFunction;

struct StreamAggregate
{
	Oid			aggfnoid;
	int			nargs;
	Oid			argtypes[AGGREGATE_MAX_ARGS];
	Oid			collation;

	Oid			transtype;		/* resolved; INTERNALOID is stored as ... */
	Oid			partial_type;	/* ... stream_partial, others as they are */
	int16		translen;
	bool		transbyval;
	Oid			resulttype;
	int16		resultlen;
	bool		resultbyval;

	Datum		initial;
	bool		initial_isnull;

	SupportFunction trans;
	SupportFunction combine;
	SupportFunction serial;
	SupportFunction deserial;
	SupportFunction final;
	int			nfinal_args;	/* the state included */
	const struct AggregateKernel *kernel;	/* in place of trans and combine,
											 * or NULL */

	AggregateFrame frame;
	struct StreamPartial *header;	/* of its stream_partials, or NULL */
	MemoryContext context;
};

/*
 * An opaque stored transition state of type "internal".
 *
 * names: nnames strings, each ended by a zero byte: the aggregate's qualified
 * signature as declared, then its actual argument types; the serialised state starts at
 * header_length.  No oids, so that a dump can be restored elsewhere.
 */
typedef struct StreamPartial
{
	int32		vl_len_;		/* varlena header */
	uint32		magic;
	uint16		version;
	uint16		nnames;
	uint32		header_length;	/* of everything before the state */
	char		names[FLEXIBLE_ARRAY_MEMBER];
} StreamPartial;

#define STREAM_PARTIAL_MAGIC	0x54525053	/* "SPRT" */
#define STREAM_PARTIAL_VERSION	1
#define STREAM_PARTIAL_MAX_NAMES (1 + AGGREGATE_MAX_ARGS)

/* partial_format.c */
extern Oid	partial_type_oid(void);
extern StreamPartial *partial_build(int nnames, char *const *names,
									const void *state, Size length);
extern StreamPartial *partial_check(struct varlena *datum);
extern const char *partial_name(const StreamPartial *partial, int i);
extern StreamPartial *partial_header(const StreamAggregate *agg);
extern StreamPartial *partial_append(const StreamPartial *header, const bytea *state);
extern bytea *partial_state(const StreamPartial *partial);
extern void partial_verify(const StreamAggregate *agg, const StreamPartial *partial);

/* transition.c */
extern void aggregate_frame_init(StreamAggregate *agg, Aggref *aggref);

#endif							/* STREAM_EXT_AGGREGATE_INTERNAL_H */
