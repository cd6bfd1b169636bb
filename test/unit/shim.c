/*
 * shim.c - the few server functions that the pure layers call, outside a server.
 *
 * The unit tests link src/batch, src/window and the like into plain programs.
 * What those call of the server is memory, errors, tuple descriptors and a
 * little datum arithmetic; this file has just enough of each.  The linker
 * drops unused sections, so a function of a pure layer that calls more of the
 * server (an SQL wrapper) costs nothing as long as no test calls it.
 *
 * Memory: chunks come from malloc with a header that chains them to their
 * context; a pointer of the wrong context or freed twice is an assertion, and
 * AddressSanitizer sees every chunk by itself.
 * Failure: ERROR jumps to PG_exception_stack as in the server; with nothing
 * to catch it the program prints the message and aborts.
 */
#include "postgres.h"

#include "compat.h"

#include "access/tupdesc.h"
#include "catalog/pg_type_d.h"
#include "lib/ilist.h"
#include "nodes/memnodes.h"
#include "utils/datum.h"
#include "utils/memutils.h"

/* --- memory --------------------------------------------------------------- */

typedef struct ShimContext
{
	MemoryContextData base;		/* first: what MemoryContext points at */
	dlist_head	chunks;
} ShimContext;

typedef struct ShimChunk
{
	dlist_node	node;
	ShimContext *context;
	Size		size;
} ShimChunk;

StaticAssertDecl(sizeof(ShimChunk) % MAXIMUM_ALIGNOF == 0,
				 "chunks must be aligned");

MemoryContext TopMemoryContext = NULL;
MemoryContext CurrentMemoryContext = NULL;
MemoryContext ErrorContext = NULL;

/* Returns the header in front of a chunk. */
static ShimChunk *
shim_chunk(void *pointer)
{
	ShimChunk  *chunk = (ShimChunk *) ((char *) pointer - sizeof(ShimChunk));

	Assert(pointer != NULL);
	Assert(chunk->context != NULL);
	return chunk;
}

/* Makes a context; sizes are of no interest here. */
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size minContextSize, Size initBlockSize,
							  Size maxBlockSize)
{
	ShimContext *context = calloc(1, sizeof(ShimContext));

	dlist_init(&context->chunks);
	context->base.type = T_AllocSetContext;
	context->base.name = name;
	context->base.parent = parent;
	if (parent != NULL)
	{
		context->base.nextchild = parent->firstchild;
		if (parent->firstchild != NULL)
			parent->firstchild->prevchild = &context->base;
		parent->firstchild = &context->base;
	}
	return &context->base;
}

/* As an allocation set: the difference is speed, which tests do not need. */
MemoryContext
GenerationContextCreate(MemoryContext parent, const char *name,
						Size minContextSize, Size initBlockSize,
						Size maxBlockSize)
{
	return AllocSetContextCreateInternal(parent, name, minContextSize,
										 initBlockSize, maxBlockSize);
}

/* Frees the chunks of a context, not those of its children. */
void
MemoryContextResetOnly(MemoryContext context)
{
	ShimContext *shim = (ShimContext *) context;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &shim->chunks)
	{
		ShimChunk  *chunk = dlist_container(ShimChunk, node, iter.cur);

		chunk->context = NULL;
		free(chunk);
	}
	dlist_init(&shim->chunks);
	context->mem_allocated = 0;
}

/* Deletes every child of a context. */
void
MemoryContextDeleteChildren(MemoryContext context)
{
	while (context->firstchild != NULL)
		MemoryContextDelete(context->firstchild);
}

/* Frees the chunks and deletes the children. */
void
MemoryContextReset(MemoryContext context)
{
	MemoryContextDeleteChildren(context);
	MemoryContextResetOnly(context);
}

/* Deletes a context with all that is below it. */
void
MemoryContextDelete(MemoryContext context)
{
	Assert(context != CurrentMemoryContext);
	MemoryContextReset(context);
	if (context->prevchild != NULL)
		context->prevchild->nextchild = context->nextchild;
	else if (context->parent != NULL)
		context->parent->firstchild = context->nextchild;
	if (context->nextchild != NULL)
		context->nextchild->prevchild = context->prevchild;
	free(context);
}

/* Returns the bytes allocated in a context, with its children if recurse. */
Size
MemoryContextMemAllocated(MemoryContext context, bool recurse)
{
	Size		total = context->mem_allocated;

	if (recurse)
		for (MemoryContext child = context->firstchild; child; child = child->nextchild)
			total += MemoryContextMemAllocated(child, true);
	return total;
}

/* Allocates a chunk; flags as in the server. */
void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	ShimContext *shim = (ShimContext *) context;
	ShimChunk  *chunk;

	if (!AllocSizeIsValid(size) && !(flags & MCXT_ALLOC_HUGE))
		elog(ERROR, "invalid memory alloc request size %zu", size);
	chunk = malloc(sizeof(ShimChunk) + size);
	if (chunk == NULL)
		abort();
	/* Dirty what the server would leave dirty, so that tests notice. */
	memset((char *) chunk + sizeof(ShimChunk), flags & MCXT_ALLOC_ZERO ? 0 : 0x7f, size);
	chunk->context = shim;
	chunk->size = size;
	dlist_push_tail(&shim->chunks, &chunk->node);
	context->mem_allocated += size;
	return (char *) chunk + sizeof(ShimChunk);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, 0);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocZeroAligned(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_HUGE);
}

void *
palloc(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, 0);
}

void *
palloc0(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, flags);
}

/* Frees a chunk. */
void
pfree(void *pointer)
{
	ShimChunk  *chunk = shim_chunk(pointer);

	dlist_delete(&chunk->node);
	chunk->context->base.mem_allocated -= chunk->size;
	chunk->context = NULL;
	free(chunk);
}

/* Moves a chunk to one of another size, in its own context. */
void *
repalloc_huge(void *pointer, Size size)
{
	ShimChunk  *chunk = shim_chunk(pointer);
	void	   *moved = MemoryContextAllocExtended(&chunk->context->base, size,
												   MCXT_ALLOC_HUGE);

	memcpy(moved, pointer, Min(size, chunk->size));
	pfree(pointer);
	return moved;
}

void *
repalloc(void *pointer, Size size)
{
	if (!AllocSizeIsValid(size))
		elog(ERROR, "invalid memory alloc request size %zu", size);
	return repalloc_huge(pointer, size);
}

char *
MemoryContextStrdup(MemoryContext context, const char *string)
{
	Size		size = strlen(string) + 1;

	return memcpy(MemoryContextAlloc(context, size), string, size);
}

char *
pstrdup(const char *string)
{
	return MemoryContextStrdup(CurrentMemoryContext, string);
}

/* Formats into a new chunk. */
char *
psprintf(const char *fmt,...)
{
	char text[	8192];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return pstrdup(text);
}

/* --- errors --------------------------------------------------------------- */

sigjmp_buf *PG_exception_stack = NULL;
ErrorContextCallback *error_context_stack = NULL;

static int	error_level = 0;
static int	error_code = 0;
static char error_text[1024];

/* Starts a report: only errors (and worse) do anything here. */
bool
errstart(int elevel, const char *domain)
{
	if (elevel < ERROR)
		return false;
	error_level = elevel;
	error_code = ERRCODE_INTERNAL_ERROR;
	error_text[0] = '\0';
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

/* Ends a report: jumps to whoever catches errors. */
void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (error_level > ERROR || PG_exception_stack == NULL)
	{
		fprintf(stderr, "%s:%d: %s\n", filename, lineno, error_text);
		abort();
	}
	pg_re_throw();
}

void
pg_re_throw(void)
{
	Assert(PG_exception_stack != NULL);
	siglongjmp(*PG_exception_stack, 1);
}

int
errcode(int sqlerrcode)
{
	error_code = sqlerrcode;
	return 0;
}

int
geterrcode(void)
{
	return error_code;
}

int
errmsg(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, args);
	va_end(args);
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, args);
	va_end(args);
	return 0;
}

int
errdetail(const char *fmt,...)
{
	return 0;
}

int
errhint(const char *fmt,...)
{
	return 0;
}

/* Forgets the last error, after printing it for whoever reads the report. */
void
FlushErrorState(void)
{
	if (error_text[0] != '\0')
		printf("# caught: %s\n", error_text);
	error_text[0] = '\0';
	error_code = 0;
}

/* What Assert() calls; absent from the headers of a server without assertions. */
pg_noreturn extern void ExceptionalCondition(COMPAT_ASSERTION_PARAMETERS);

void
ExceptionalCondition(COMPAT_ASSERTION_PARAMETERS)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", fileName, lineNumber, conditionName);
	abort();
}

/* --- tuple descriptors ------------------------------------------------------ */

typedef struct ShimType
{
	Oid			oid;
	int16		len;
	bool		byval;
	char		align;
	char		storage;
} ShimType;

static const ShimType types[] = {
	{BOOLOID, 1, true, TYPALIGN_CHAR, TYPSTORAGE_PLAIN},
	{INT2OID, 2, true, TYPALIGN_SHORT, TYPSTORAGE_PLAIN},
	{INT4OID, 4, true, TYPALIGN_INT, TYPSTORAGE_PLAIN},
	{INT8OID, 8, true, TYPALIGN_DOUBLE, TYPSTORAGE_PLAIN},
	{OIDOID, 4, true, TYPALIGN_INT, TYPSTORAGE_PLAIN},
	{FLOAT4OID, 4, true, TYPALIGN_INT, TYPSTORAGE_PLAIN},
	{FLOAT8OID, 8, true, TYPALIGN_DOUBLE, TYPSTORAGE_PLAIN},
	{DATEOID, 4, true, TYPALIGN_INT, TYPSTORAGE_PLAIN},
	{TIMESTAMPOID, 8, true, TYPALIGN_DOUBLE, TYPSTORAGE_PLAIN},
	{TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE, TYPSTORAGE_PLAIN},
	{INTERVALOID, 16, false, TYPALIGN_DOUBLE, TYPSTORAGE_PLAIN},
	{UUIDOID, 16, false, TYPALIGN_CHAR, TYPSTORAGE_PLAIN},
	{NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, TYPSTORAGE_PLAIN},
	{TEXTOID, -1, false, TYPALIGN_INT, TYPSTORAGE_EXTENDED},
	{BYTEAOID, -1, false, TYPALIGN_INT, TYPSTORAGE_EXTENDED},
	{NUMERICOID, -1, false, TYPALIGN_INT, TYPSTORAGE_MAIN},
	{JSONBOID, -1, false, TYPALIGN_INT, TYPSTORAGE_EXTENDED},
	{CSTRINGOID, -2, false, TYPALIGN_CHAR, TYPSTORAGE_PLAIN},
};

/* Makes a descriptor without a type or name. */
TupleDesc
CreateTemplateTupleDesc(int natts)
{
	struct TupleDescData head = {.natts = natts};
	TupleDesc	desc = palloc0(TupleDescSize(&head));

	desc->natts = natts;
	desc->tdtypeid = RECORDOID;
	desc->tdtypmod = -1;
	desc->tdrefcount = -1;
	return desc;
}

/* Fills one column from the table above. */
void
TupleDescInitEntry(TupleDesc desc, AttrNumber attributeNumber,
				   const char *attributeName, Oid oidtypeid, int32 typmod,
				   int attdim)
{
	Form_pg_attribute att = TupleDescAttr(desc, attributeNumber - 1);

	Assert(attributeNumber >= 1 && attributeNumber <= desc->natts);
	for (int i = 0; i < lengthof(types); i++)
	{
		if (types[i].oid != oidtypeid)
			continue;
		att->attlen = types[i].len;
		att->attbyval = types[i].byval;
		att->attalign = types[i].align;
		att->attstorage = types[i].storage;
	}
	if (att->attlen == 0)
		elog(ERROR, "type %u is not in the table of the shim", oidtypeid);
	att->atttypid = oidtypeid;
	att->attnum = attributeNumber;
	att->atttypmod = typmod;
	strlcpy(NameStr(att->attname), attributeName, NAMEDATALEN);
}

/* Copies the columns; constraints are not known here. */
TupleDesc
CreateTupleDescCopy(TupleDesc desc)
{
	TupleDesc	copy = CreateTemplateTupleDesc(desc->natts);

	for (int i = 0; i < desc->natts; i++)
		*TupleDescAttr(copy, i) = *TupleDescAttr(desc, i);
	return copy;
}

void
FreeTupleDesc(TupleDesc desc)
{
	pfree(desc);
}

/* --- datums ----------------------------------------------------------------- */

/* Returns the bytes of a value, as in the server. */
Size
datumGetSize(Datum value, bool typByVal, int typLen)
{
	if (typByVal || typLen > 0)
		return typLen;
	if (typLen == -1)
		return VARSIZE_ANY(DatumGetPointer(value));
	Assert(typLen == -2);
	return strlen(DatumGetCString(value)) + 1;
}

/* Copies a value into CurrentMemoryContext; no expanded objects here. */
Datum
datumCopy(Datum value, bool typByVal, int typLen)
{
	Size		size;

	if (typByVal)
		return value;
	size = datumGetSize(value, typByVal, typLen);
	return PointerGetDatum(memcpy(palloc(size), DatumGetPointer(value), size));
}

/* Compares the bytes of two values. */
bool
datumIsEqual(Datum value1, Datum value2, bool typByVal, int typLen)
{
	Size		size = datumGetSize(value1, typByVal, typLen);

	if (typByVal)
		return value1 == value2;
	return size == datumGetSize(value2, typByVal, typLen) &&
		memcmp(DatumGetPointer(value1), DatumGetPointer(value2), size) == 0;
}
