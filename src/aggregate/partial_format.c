/*
 * partial_format.c - the bytes of a stream_partial: build, check, take apart.
 *
 * Some deserialisation functions trust their bytes, so a state may only reach
 * the functions that made it: every stream_partial says by name which
 * aggregate over which argument types that was, and is compared byte by byte
 * with what the reader expects.  Names, not oids, so that a dump can be
 * restored; in return an aggregate whose states are stored cannot be renamed.
 *
 * Memory: results are in CurrentMemoryContext.
 * Failure: malformed bytes are ERRCODE_DATA_CORRUPTED.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "aggregate/aggregate_internal.h"
#include "pinned_settings.h"

/* Returns the oid of type _stream_ext.stream_partial. */
Oid
partial_type_oid(void)
{
	Oid			schema = get_namespace_oid("_stream_ext", false);

	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
						   CStringGetDatum("stream_partial"),
						   ObjectIdGetDatum(schema));
}

/* Builds a stream_partial from its names and its serialised state. */
StreamPartial *
partial_build(int nnames, char *const *names, const void *state, Size length)
{
	Size		header_length = offsetof(StreamPartial, names);
	StreamPartial *partial;
	char	   *position;

	Assert(nnames >= 1 && nnames <= STREAM_PARTIAL_MAX_NAMES);
	for (int i = 0; i < nnames; i++)
		header_length += strlen(names[i]) + 1;
	if (length > MaxAllocSize - header_length)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("state of aggregate %s is too large", names[0])));

	partial = palloc(header_length + length);
	SET_VARSIZE(partial, header_length + length);
	partial->magic = STREAM_PARTIAL_MAGIC;
	partial->version = STREAM_PARTIAL_VERSION;
	partial->nnames = nnames;
	partial->header_length = header_length;
	position = partial->names;
	for (int i = 0; i < nnames; i++)
	{
		strcpy(position, names[i]);
		position += strlen(names[i]) + 1;
	}
	Assert(position == (char *) partial + header_length);
	if (length > 0)
		memcpy(position, state, length);
	return partial;
}

/* Raises: these bytes are no stream_partial. */
static void
raise_corrupted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored aggregate state is not valid")));
}

/* Returns the detoasted stream_partial once its header has been checked. */
StreamPartial *
partial_check(struct varlena *datum)
{
	StreamPartial *partial = (StreamPartial *) pg_detoast_datum(datum);
	Size		length = VARSIZE(partial);
	int			nnames = 0;

	if (length < offsetof(StreamPartial, names) ||
		partial->magic != STREAM_PARTIAL_MAGIC)
		raise_corrupted();
	if (partial->version != STREAM_PARTIAL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stored aggregate state has format version %d, expected %d",
						partial->version, STREAM_PARTIAL_VERSION)));
	if (partial->header_length < offsetof(StreamPartial, names) ||
		partial->header_length > length)
		raise_corrupted();
	for (char *c = partial->names; c < (char *) partial + partial->header_length; c++)
		nnames += *c == '\0';
	if (nnames < 1 || nnames > STREAM_PARTIAL_MAX_NAMES || nnames != partial->nnames ||
		((char *) partial)[partial->header_length - 1] != '\0')
		raise_corrupted();
	return partial;
}

/* Returns the aggregate's signature (0) or the name of its i-th argument type. */
const char *
partial_name(const StreamPartial *partial, int i)
{
	const char *name = partial->names;

	Assert(i >= 0 && i < partial->nnames);
	while (i-- > 0)
		name += strlen(name) + 1;
	return name;
}

/* Returns the header that all stream_partials of this aggregate have. */
StreamPartial *
partial_header(const StreamAggregate *agg)
{
	char	   *names[STREAM_PARTIAL_MAX_NAMES];
	int			nestlevel = settings_pin();

	names[0] = format_procedure_qualified(agg->aggfnoid);
	for (int i = 0; i < agg->nargs; i++)
		names[i + 1] = format_type_be_qualified(agg->argtypes[i]);
	settings_unpin(nestlevel);
	return partial_build(agg->nargs + 1, names, NULL, 0);
}

/* Returns header and serialised state as one stream_partial. */
StreamPartial *
partial_append(const StreamPartial *header, const bytea *state)
{
	Size		length = VARSIZE_ANY_EXHDR(state);
	StreamPartial *partial;

	Assert(VARSIZE(header) == header->header_length);
	if (length > MaxAllocSize - header->header_length)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("state of aggregate %s is too large", partial_name(header, 0))));
	partial = palloc(header->header_length + length);
	memcpy(partial, header, header->header_length);
	SET_VARSIZE(partial, header->header_length + length);
	memcpy((char *) partial + header->header_length, VARDATA_ANY(state), length);
	return partial;
}

/* Returns the serialised state alone. */
bytea *
partial_state(const StreamPartial *partial)
{
	return cstring_to_text_with_len((const char *) partial + partial->header_length,
									VARSIZE(partial) - partial->header_length);
}

/* Raises unless the stream_partial was made by this aggregate. */
void
partial_verify(const StreamAggregate *agg, const StreamPartial *partial)
{
	const StreamPartial *header = agg->header;

	Assert(header != NULL);
	if (partial->header_length == header->header_length &&
		memcmp(partial->names, header->names,
			   header->header_length - offsetof(StreamPartial, names)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("stored aggregate state does not belong to %s",
					format_procedure(agg->aggfnoid)),
			 errdetail("It was made by aggregate %s.", partial_name(partial, 0)),
			 errhint("If the aggregate or a type of its arguments was renamed, give it back its name.")));
}
