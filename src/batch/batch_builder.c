/*
 * batch_builder.c - rows in, columnar batch out.
 *
 * The builder is on the path of every inserted row, so a row costs a loop
 * over the columns with one store each.  Fixed-length columns are arrays with
 * a place for every row, NULL or not; variable-length ones are values one
 * behind the other, aligned and shortened as in a heap tuple.
 *
 * Memory: all of it in one context below the caller's; reset keeps the
 * buffers, except large ones.
 * Failure: an error while a row is being added leaves columns of different
 * length; the builder may then only be reset or freed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"

#include "compat.h"
#include "batch/batch.h"
#include "batch/batch_format.h"

#define INITIAL_ROWS	16
#define INITIAL_BYTES	256
#define KEEP_BYTES		((Size) 1024 * 1024)	/* larger buffers are freed by
												 * reset */

typedef struct ColumnBuilder
{
	AttrNumber	attnum;
	int16		attlen;
	bool		attbyval;
	bool		may_shorten;	/* a one-byte varlena header is allowed */
	char		attalign;
	Oid			typid;
	uint32		stride;			/* of fixed-length values, else 0 */
	char	   *data;
	Size		used;			/* bytes of variable-length values */
	Size		capacity;		/* ... and room for them */
	bits8	   *nulls;			/* room for row_capacity bits, or NULL = never
								 * needed */
	uint32		null_count;
} ColumnBuilder;

struct BatchBuilder
{
	MemoryContext context;
	int			ncolumns;
	uint32		nrows;
	uint32		row_capacity;
	Size		base_bytes;		/* header and column table */
	Size		row_bytes;		/* fixed-length part of a row */
	Size		variable_bytes; /* of all rows so far */
	char	   *output;			/* the finished batch */
	Size		output_capacity;
	char		input[BATCH_INPUT_LENGTH];
	ColumnBuilder columns[FLEXIBLE_ARRAY_MEMBER];
};

/* Returns whether values of the attribute are stored in rows at all. */
static bool
builder_wants_attribute(Form_pg_attribute attr)
{
	return !attr->attisdropped && attr->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL;
}

/* Prepares the builder of one column. */
static void
builder_init_column(BatchBuilder *builder, ColumnBuilder *column, Form_pg_attribute attr)
{
	if (attr->attlen < -1)
		elog(ERROR, "column \"%s\" has a type that cannot be in a batch", NameStr(attr->attname));
	Assert(attr->attlen != 0);

	column->attnum = attr->attnum;
	column->attlen = attr->attlen;
	column->attbyval = attr->attbyval;
	column->may_shorten = attr->attlen == -1 && attr->attstorage != TYPSTORAGE_PLAIN;
	column->attalign = attr->attalign;
	column->typid = attr->atttypid;
	if (attr->attlen > 0)
	{
		column->stride = batch_stride(attr->attlen, attr->attalign);
		builder->row_bytes += column->stride;
	}
}

/* Returns a builder for rows of desc; see batch.h. */
BatchBuilder *
batch_builder_create(TupleDesc desc, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream batch builder",
												  ALLOCSET_DEFAULT_SIZES);
	BatchBuilder *builder;

	builder = MemoryContextAllocZero(context, offsetof(BatchBuilder, columns) +
									 desc->natts * sizeof(ColumnBuilder));
	builder->context = context;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (builder_wants_attribute(attr))
			builder_init_column(builder, &builder->columns[builder->ncolumns++], attr);
	}
	builder->base_bytes = sizeof(BatchHeader) + builder->ncolumns * sizeof(BatchColumn);
	return builder;
}

/* Makes room for more rows in fixed-length columns and null bitmaps. */
static void
builder_grow_rows(BatchBuilder *builder)
{
	uint32		capacity = Max(builder->row_capacity * 2, INITIAL_ROWS);

	if (builder->nrows >= BATCH_MAX_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a batch cannot have more than %u rows", BATCH_MAX_ROWS)));

	for (int i = 0; i < builder->ncolumns; i++)
	{
		ColumnBuilder *column = &builder->columns[i];

		if (column->stride != 0)
			column->data = column->data == NULL ?
				MemoryContextAllocHuge(builder->context, (Size) column->stride * capacity) :
				repalloc_huge(column->data, (Size) column->stride * capacity);
		if (column->nulls != NULL)
			column->nulls = repalloc(column->nulls, BITMAPLEN(capacity));
	}
	builder->row_capacity = capacity;
}

/* Makes room for size more bytes of variable-length values. */
static pg_noinline void
builder_grow_data(BatchBuilder *builder, ColumnBuilder *column, Size size)
{
	Size		needed = column->used + size;

	/* size is below 1 GB, so nothing overflows */
	if (batch_builder_bytes(builder) + size > BATCH_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too large for a stream"),
				 errdetail("A row and the header of its batch can have %zu MB.",
						   BATCH_MAX_BYTES / (1024 * 1024))));

	needed = Max(needed, Max(column->capacity * 2, INITIAL_BYTES));
	column->data = column->data == NULL ?
		MemoryContextAllocHuge(builder->context, needed) :
		repalloc_huge(column->data, needed);
	column->capacity = needed;
}

/* Starts the null bitmap of a column whose rows so far were not NULL. */
static pg_noinline void
builder_start_nulls(BatchBuilder *builder, ColumnBuilder *column)
{
	if (column->nulls == NULL)
		column->nulls = MemoryContextAlloc(builder->context, BITMAPLEN(builder->row_capacity));
	memset(column->nulls, 0xff, BITMAPLEN(builder->nrows + 1));
}

/* Notes for the row being added whether a column with NULLs has a value. */
static inline void
builder_set_null_bit(BatchBuilder *builder, ColumnBuilder *column, bool present)
{
	bits8	   *byte = &column->nulls[builder->nrows >> 3];
	int			bit = builder->nrows & 0x07;

	if (bit == 0)
		*byte = 0;
	*byte = present ? *byte | (1 << bit) : *byte & ~(1 << bit);
}

/* Adds a NULL. */
static void
builder_add_null(BatchBuilder *builder, ColumnBuilder *column)
{
	if (column->null_count == 0)
		builder_start_nulls(builder, column);
	builder_set_null_bit(builder, column, false);
	column->null_count++;
	if (column->stride != 0)
		memset(column->data + (Size) builder->nrows * column->stride, 0, column->stride);
}

/* Adds a varlena value, with a short header where the type allows it. */
static void
builder_add_varlena(BatchBuilder *builder, ColumnBuilder *column, const struct varlena *value)
{
	Size		size = VARSIZE_ANY(value);
	Size		start = column->used;
	bool		shorten = column->may_shorten && VARATT_CAN_MAKE_SHORT(value);
	char	   *place;

	Assert(!VARATT_IS_EXTERNAL(value));
	Assert(!VARATT_IS_COMPRESSED(value));

	if (unlikely(start + size + MAXIMUM_ALIGNOF > column->capacity))
		builder_grow_data(builder, column, size + MAXIMUM_ALIGNOF);
	place = column->data + start;
	if (shorten)
	{
		size = VARATT_CONVERTED_SHORT_SIZE(value);
		SET_VARSIZE_SHORT(place, size);
		memcpy(place + VARHDRSZ_SHORT, VARDATA_4B(value), size - VARHDRSZ_SHORT);
	}
	else
	{
		if (!VARATT_IS_SHORT(value))
		{
			Size		aligned = att_align_nominal(start, column->attalign);

			memset(place, 0, aligned - start);
			place = column->data + aligned;
		}
		memcpy(place, value, size);
	}
	column->used = (place - column->data) + size;
	builder->variable_bytes += column->used - start;
}

/* Adds a value that is not NULL. */
static inline void
builder_add_value(BatchBuilder *builder, ColumnBuilder *column, Datum value)
{
	char	   *place;

	if (column->stride == 0)
	{
		builder_add_varlena(builder, column, (struct varlena *) DatumGetPointer(value));
		return;
	}

	place = column->data + (Size) builder->nrows * column->stride;
	if (column->attbyval)
		store_att_byval(place, value, column->attlen);
	else
	{
		memcpy(place, DatumGetPointer(value), column->attlen);
		memset(place + column->attlen, 0, column->stride - column->attlen);
	}
}

/* Adds a row; see batch.h. */
void
batch_builder_add(BatchBuilder *builder, const Datum *values, const bool *isnull)
{
	if (unlikely(builder->nrows == builder->row_capacity))
		builder_grow_rows(builder);

	for (int i = 0; i < builder->ncolumns; i++)
	{
		ColumnBuilder *column = &builder->columns[i];
		int			index = column->attnum - 1;

		if (isnull[index])
		{
			builder_add_null(builder, column);
			continue;
		}
		builder_add_value(builder, column, values[index]);
		if (column->null_count != 0)
			builder_set_null_bit(builder, column, true);
	}
	builder->nrows++;
}

/* Returns the number of rows added since the last reset. */
uint32
batch_builder_rows(const BatchBuilder *builder)
{
	return builder->nrows;
}

/* Returns about what the batch would be long now; null bitmaps not counted. */
Size
batch_builder_bytes(const BatchBuilder *builder)
{
	return builder->base_bytes + builder->nrows * builder->row_bytes + builder->variable_bytes;
}

/* Returns the bytes of a column's values. */
static Size
column_data_length(const BatchBuilder *builder, const ColumnBuilder *column)
{
	return column->stride != 0 ? (Size) builder->nrows * column->stride : column->used;
}

/* Describes a column and gives its sections their places from *offset on. */
static void
builder_place_column(const BatchBuilder *builder, const ColumnBuilder *column,
					 BatchColumn *entry, Size *offset)
{
	memset(entry, 0, sizeof(*entry));
	entry->attnum = column->attnum;
	entry->attlen = column->attlen;
	entry->typid = column->typid;
	entry->attalign = column->attalign;
	entry->flags = column->attbyval ? BATCH_COLUMN_BYVAL : 0;
	if (column->null_count == builder->nrows)
	{
		entry->flags |= BATCH_COLUMN_ALL_NULL;
		return;
	}
	if (column->null_count != 0)
	{
		entry->nulls = (uint32) *offset;
		*offset += MAXALIGN(BITMAPLEN(builder->nrows));
	}
	entry->data = (uint32) *offset;
	entry->data_length = (uint32) column_data_length(builder, column);
	*offset += MAXALIGN(entry->data_length);
}

/* Returns an upper bound of the finished length. */
static Size
builder_length_bound(const BatchBuilder *builder)
{
	Size		bound = batch_builder_bytes(builder);

	bound += MAXALIGN(strlen(builder->input));
	bound += (Size) builder->ncolumns * (BITMAPLEN(builder->nrows) + 2 * MAXIMUM_ALIGNOF);
	return bound;
}

/* Copies a section to its place and clears the gap behind it. */
static void
builder_copy_section(char *batch, uint32 offset, const void *source, Size length)
{
	memcpy(batch + offset, source, length);
	memset(batch + offset + length, 0, MAXALIGN(length) - length);
}

/* Names the input; see batch.h. */
void
batch_builder_set_input(BatchBuilder *builder, const char *input)
{
	Assert(strlen(input) < BATCH_INPUT_LENGTH);
	strlcpy(builder->input, input, BATCH_INPUT_LENGTH);
}

/* Returns the name of the input. */
const char *
batch_builder_input(const BatchBuilder *builder)
{
	return builder->input;
}

/* Returns the finished batch and its length; see batch.h. */
char *
batch_builder_finish(BatchBuilder *builder, Oid dbid, Oid relid,
					 TransactionId xid, uint32 seq, Size *length)
{
	Size		offset = builder->base_bytes;
	Size		bound = builder_length_bound(builder);
	Size		input_length = strlen(builder->input);
	BatchHeader *header;
	BatchColumn *entries;

	Assert(builder->nrows > 0);
	StaticAssertStmt(sizeof(BatchHeader) % MAXIMUM_ALIGNOF == 0 &&
					 sizeof(BatchColumn) % MAXIMUM_ALIGNOF == 0, "sections start aligned");

	if (bound > builder->output_capacity)
	{
		if (builder->output != NULL)
			pfree(builder->output);
		builder->output_capacity = 0;
		builder->output = MemoryContextAllocHuge(builder->context, bound);
		builder->output_capacity = bound;
	}

	builder_copy_section(builder->output, offset, builder->input, input_length);
	offset += MAXALIGN(input_length);
	entries = (BatchColumn *) (builder->output + sizeof(BatchHeader));
	for (int i = 0; i < builder->ncolumns; i++)
	{
		ColumnBuilder *column = &builder->columns[i];

		builder_place_column(builder, column, &entries[i], &offset);
		if (entries[i].nulls != 0)
			builder_copy_section(builder->output, entries[i].nulls, column->nulls,
								 BITMAPLEN(builder->nrows));
		if (entries[i].data_length != 0)
			builder_copy_section(builder->output, entries[i].data, column->data,
								 entries[i].data_length);
	}
	Assert(offset <= bound);

	header = (BatchHeader *) builder->output;
	header->magic = BATCH_MAGIC;
	header->version = BATCH_VERSION;
	header->input_length = (uint8) input_length;
	header->ncolumns = builder->ncolumns;
	header->dbid = dbid;
	header->relid = relid;
	header->xid = xid;
	header->seq = seq;
	header->nrows = builder->nrows;
	header->length = (uint32) offset;
	*length = offset;
	return builder->output;
}

/* Forgets the rows and keeps buffers of a usual size. */
void
batch_builder_reset(BatchBuilder *builder)
{
	for (int i = 0; i < builder->ncolumns; i++)
	{
		ColumnBuilder *column = &builder->columns[i];

		column->used = 0;
		column->null_count = 0;
		if (column->capacity > KEEP_BYTES)
		{
			pfree(column->data);
			column->data = NULL;
			column->capacity = 0;
		}
	}
	if (builder->output_capacity > KEEP_BYTES)
	{
		pfree(builder->output);
		builder->output = NULL;
		builder->output_capacity = 0;
	}
	builder->nrows = 0;
	builder->variable_bytes = 0;
}

/* Frees the builder and all it holds. */
void
batch_builder_free(BatchBuilder *builder)
{
	MemoryContextDelete(builder->context);
}
