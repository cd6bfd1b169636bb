/*
 * batch_reader.c - columnar batch in, rows out.
 *
 * Opening checks every offset and every value's length once; reading rows
 * then needs no checks.  Values are not copied: what is passed by reference
 * points into the batch.
 *
 * Memory: all of it in one context below the caller's, bounded by the length
 * of the batch and BATCH_MAX_ROWS.
 * Failure: bytes that are no batch give a reason, never an error; nothing
 * outside of the given bytes is read, whatever is in them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "utils/memutils.h"

#include "compat.h"
#include "batch/batch.h"
#include "batch/batch_format.h"

/* How the values of one attribute are found. */
typedef enum ColumnKind
{
	COLUMN_CONSTANT,			/* missing in the batch, or all NULL */
	COLUMN_BYVAL,
	COLUMN_BYREF,				/* of fixed length */
	COLUMN_VARLENA
} ColumnKind;

typedef struct ColumnReader
{
	ColumnKind	kind;
	int16		attlen;
	bool		constant_isnull;
	Datum		constant;
	const char *data;
	const bits8 *nulls;			/* NULL = no NULLs */
	uint32		stride;
	uint32	   *offsets;		/* of variable-length values, one for each row */
} ColumnReader;

struct BatchReader
{
	MemoryContext context;
	const char *batch;
	const BatchHeader *header;
	int			natts;
	uint32		row;			/* the next one */
	char		input[BATCH_INPUT_LENGTH];
	ColumnReader columns[FLEXIBLE_ARRAY_MEMBER];
};

/* Returns where the sections of the columns begin. */
static Size
header_sections_start(const BatchHeader *header)
{
	return sizeof(BatchHeader) + header->ncolumns * sizeof(BatchColumn) +
		MAXALIGN(header->input_length);
}

/* Returns whether the bytes begin with a whole header and column table of ours. */
bool
batch_peek(const char *data, Size length, BatchInfo *info)
{
	BatchHeader header;

	if (length < sizeof(BatchHeader))
		return false;
	memcpy(&header, data, sizeof(header));	/* data need not be aligned here */
	if (header.magic != BATCH_MAGIC || header.version != BATCH_VERSION)
		return false;
	if (header.length != length || header.nrows == 0 || header.nrows > BATCH_MAX_ROWS)
		return false;
	if (header.ncolumns > MaxHeapAttributeNumber || header.input_length >= BATCH_INPUT_LENGTH ||
		header_sections_start(&header) > length)
		return false;

	info->dbid = header.dbid;
	info->relid = header.relid;
	info->xid = header.xid;
	info->seq = header.seq;
	info->nrows = header.nrows;
	info->ncolumns = header.ncolumns;
	info->length = header.length;
	return true;
}

/* Returns whether a section lies within the batch, aligned, behind the column table and the input. */
static bool
reader_section_fits(const BatchReader *reader, uint32 offset, Size length)
{
	const BatchHeader *header = reader->header;

	return offset == MAXALIGN(offset) &&
		offset >= header_sections_start(header) &&
		offset <= header->length &&
		length <= header->length - offset;
}

/* Returns the length of the varlena at p if all of it lies before end and it is plain, else 0. */
static Size
varlena_checked_size(const char *p, const char *end, const char *base, char attalign)
{
	Size		size;

	if (VARATT_IS_1B_E(p))
		return 0;				/* a toast pointer would lead out of the batch */
	if (VARATT_IS_1B(p))
		size = VARSIZE_1B(p);
	else
	{
		Size		position = p - base;

		if (position != att_align_nominal(position, attalign) || end - p < VARHDRSZ)
			return 0;
		if (!VARATT_IS_4B_U(p))
			return 0;
		size = VARSIZE_4B(p);
		if (size < VARHDRSZ)
			return 0;
	}
	return size <= end - p ? size : 0;
}

/* Checks every value of a variable-length column and notes where it is. */
static bool
reader_index_varlena(BatchReader *reader, ColumnReader *column,
					 const BatchColumn *entry)
{
	const char *p = column->data;
	const char *end = p + entry->data_length;
	uint32		nrows = reader->header->nrows;

	column->offsets = MemoryContextAlloc(reader->context, nrows * sizeof(uint32));
	for (uint32 row = 0; row < nrows; row++)
	{
		Size		size;

		column->offsets[row] = 0;
		if (column->nulls != NULL && att_isnull(row, column->nulls))
			continue;
		if (p >= end)
			return false;
		if (!VARATT_NOT_PAD_BYTE(p))
			p = column->data + att_align_nominal(p - column->data, entry->attalign);
		if (p >= end)
			return false;
		size = varlena_checked_size(p, end, column->data, entry->attalign);
		if (size == 0)
			return false;
		column->offsets[row] = p - column->data;
		p += size;
	}
	return true;
}

/* Finds and checks the sections of a column; false if they are malformed. */
static bool
reader_open_sections(BatchReader *reader, ColumnReader *column, const BatchColumn *entry)
{
	uint32		nrows = reader->header->nrows;

	if (entry->flags & BATCH_COLUMN_ALL_NULL)
		return true;			/* stays a constant NULL */

	if (entry->nulls != 0)
	{
		if (!reader_section_fits(reader, entry->nulls, BITMAPLEN(nrows)))
			return false;
		column->nulls = (const bits8 *) reader->batch + entry->nulls;
	}
	if (!reader_section_fits(reader, entry->data, entry->data_length))
		return false;
	column->data = reader->batch + entry->data;
	column->attlen = entry->attlen;

	if (entry->attlen == -1)
	{
		column->kind = COLUMN_VARLENA;
		return reader_index_varlena(reader, column, entry);
	}
	column->kind = entry->flags & BATCH_COLUMN_BYVAL ? COLUMN_BYVAL : COLUMN_BYREF;
	column->stride = batch_stride(entry->attlen, entry->attalign);
	return entry->data_length == (Size) nrows * column->stride;
}

/* Returns whether the attribute still has the physical type of the batch's column. */
static bool
column_matches(const BatchColumn *entry, Form_pg_attribute attr)
{
	return entry->typid == attr->atttypid &&
		entry->attlen == attr->attlen &&
		entry->attalign == attr->attalign &&
		((entry->flags & BATCH_COLUMN_BYVAL) != 0) == attr->attbyval &&
		attr->attlen >= -1 && attr->attlen != 0;
}

/* Opens every column of the batch that desc still has; returns a reason if it cannot. */
static const char *
reader_open_columns(BatchReader *reader, TupleDesc desc)
{
	const BatchColumn *entries = (const BatchColumn *) (reader->batch + sizeof(BatchHeader));
	AttrNumber	last = 0;

	for (int i = 0; i < reader->header->ncolumns; i++)
	{
		const BatchColumn *entry = &entries[i];
		Form_pg_attribute attr;
		ColumnReader *column;

		if (entry->attnum <= last)
			return "the columns of the batch are not in order";
		if (entry->attnum > desc->natts)
			return "the batch has a column that the stream does not have";
		last = entry->attnum;
		attr = TupleDescAttr(desc, entry->attnum - 1);
		if (attr->attisdropped)
			continue;
		if (!column_matches(entry, attr))
			return "the type of a column is not what it was when the row was written";

		column = &reader->columns[entry->attnum - 1];
		column->constant = (Datum) 0;
		column->constant_isnull = true;
		if (!reader_open_sections(reader, column, entry))
			return "a column of the batch is malformed";
	}
	return NULL;
}

/* Opens a batch to be read as rows of desc; see batch.h. */
BatchReader *
batch_reader_open(const char *data, Size length, TupleDesc desc,
				  const Datum *missing_values, const bool *missing_isnull,
				  MemoryContext parent, const char **error)
{
	MemoryContext context;
	BatchReader *reader;
	BatchInfo	info;

	Assert(data == (const char *) MAXALIGN(data));
	if (!batch_peek(data, length, &info))
	{
		*error = "these bytes are not a batch";
		return NULL;
	}

	context = AllocSetContextCreate(parent, "stream batch reader", ALLOCSET_SMALL_SIZES);
	reader = MemoryContextAllocZero(context, offsetof(BatchReader, columns) +
									desc->natts * sizeof(ColumnReader));
	reader->context = context;
	reader->batch = data;
	reader->header = (const BatchHeader *) data;
	memcpy(reader->input, data + sizeof(BatchHeader) + info.ncolumns * sizeof(BatchColumn),
		   reader->header->input_length);
	reader->natts = desc->natts;
	for (int i = 0; i < desc->natts; i++)
	{
		ColumnReader *column = &reader->columns[i];
		bool		missing = missing_values != NULL && !missing_isnull[i] &&
		!TupleDescAttr(desc, i)->attisdropped;

		column->kind = COLUMN_CONSTANT;
		column->constant_isnull = !missing;
		column->constant = missing ? missing_values[i] : (Datum) 0;
	}

	*error = reader_open_columns(reader, desc);
	if (*error != NULL)
	{
		batch_reader_close(reader);
		return NULL;
	}
	return reader;
}

/* Returns the number of rows. */
uint32
batch_reader_rows(const BatchReader *reader)
{
	return reader->header->nrows;
}

/* Returns the name of the input. */
const char *
batch_reader_input(const BatchReader *reader)
{
	return reader->input;
}

/* Fetches one attribute of a row. */
static inline Datum
column_fetch(const ColumnReader *column, uint32 row, bool *isnull)
{
	*isnull = column->nulls != NULL && att_isnull(row, column->nulls);
	if (*isnull)
		return (Datum) 0;

	switch (column->kind)
	{
		case COLUMN_BYVAL:
			return fetch_att(column->data + (Size) row * column->stride, true, column->attlen);
		case COLUMN_BYREF:
			return PointerGetDatum(column->data + (Size) row * column->stride);
		case COLUMN_VARLENA:
			return PointerGetDatum(column->data + column->offsets[row]);
		case COLUMN_CONSTANT:
			break;
	}
	*isnull = column->constant_isnull;
	return column->constant;
}

/* Fills values with the next row; false behind the last one. */
bool
batch_reader_next(BatchReader *reader, Datum *values, bool *isnull)
{
	if (reader->row >= reader->header->nrows)
		return false;
	for (int i = 0; i < reader->natts; i++)
		values[i] = column_fetch(&reader->columns[i], reader->row, &isnull[i]);
	reader->row++;
	return true;
}

/* Makes row (from 0) the next one. */
void
batch_reader_seek(BatchReader *reader, uint32 row)
{
	Assert(row <= reader->header->nrows);
	reader->row = row;
}

/* Frees the reader; values that point into the batch stay valid. */
void
batch_reader_close(BatchReader *reader)
{
	MemoryContextDelete(reader->context);
}

/* Returns a by-value column as an array; see batch.h. */
const void *
batch_reader_column(const BatchReader *reader, AttrNumber attnum,
					int16 *width, const bits8 **nullmap)
{
	const ColumnReader *column;

	Assert(attnum >= 1 && attnum <= reader->natts);
	column = &reader->columns[attnum - 1];
	if (column->kind != COLUMN_BYVAL)
		return NULL;
	*width = column->attlen;
	*nullmap = column->nulls;
	return column->data;
}
