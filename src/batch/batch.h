/*
 * batch.h - the columnar batch: encode, check, decode.
 *
 * A batch is a self-describing block of rows of one stream, written by one
 * (sub)transaction.  The layout is drawn in doc/internals/batch_format.md.
 * This layer knows no catalogs, no shared memory and no clock.
 */
#ifndef STREAM_EXT_BATCH_H
#define STREAM_EXT_BATCH_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#define BATCH_MAX_BYTES ((Size) 900 * 1024 * 1024)	/* one WAL record */
#define BATCH_MAX_ROWS	(1U << 20)	/* bounds what a reader allocates */
#define BATCH_INPUT_LENGTH	64	/* of an input's name, with its final zero */

/* What the fixed header says. */
typedef struct BatchInfo
{
	Oid			dbid;
	Oid			relid;
	TransactionId xid;			/* the (sub)transaction that owns the rows */
	uint32		seq;			/* counts the batches of one top transaction */
	uint32		nrows;
	int			ncolumns;
	Size		length;			/* whole batch, header included */
} BatchInfo;

/* --- encoding ---------------------------------------------------------- */
typedef struct BatchBuilder BatchBuilder;

/* Returns a builder for rows of desc; dropped and generated-virtual columns are left out. */
extern BatchBuilder *batch_builder_create(TupleDesc desc, MemoryContext parent);

/*
 * Adds a row.  Varlena values must be detoasted (plain or short header).
 * Raises 54000 beyond BATCH_MAX_BYTES or BATCH_MAX_ROWS; after any error the
 * builder may only be reset or freed.
 */
extern void batch_builder_add(BatchBuilder *builder, const Datum *values, const bool *isnull);
extern uint32 batch_builder_rows(const BatchBuilder *builder);

/* About what the batch would be long now; null bitmaps not counted. */
extern Size batch_builder_bytes(const BatchBuilder *builder);

/*
 * Names the input that the rows come by ("" = none); it stays over resets.
 * The name is shorter than BATCH_INPUT_LENGTH.
 */
extern void batch_builder_set_input(BatchBuilder *builder, const char *input);
extern const char *batch_builder_input(const BatchBuilder *builder);

/* Returns the finished batch (valid until reset) and its length. Requires a row. */
extern char *batch_builder_finish(BatchBuilder *builder, Oid dbid, Oid relid,
								  TransactionId xid, uint32 seq, Size *length);
extern void batch_builder_reset(BatchBuilder *builder);
extern void batch_builder_free(BatchBuilder *builder);

/* --- decoding ---------------------------------------------------------- */
/* Returns false if the bytes are not a batch of ours (wrong magic, length, version). */
extern bool batch_peek(const char *data, Size length, BatchInfo *info);

typedef struct BatchReader BatchReader;

/*
 * Opens a batch to be read as rows of desc (today's descriptor of the stream).
 * Columns are matched by attribute number; columns of the batch that desc has
 * dropped are skipped; columns of desc that the batch lacks take missing_values
 * (NULL array = NULL).  Data must stay valid and MAXALIGNed while the reader is in use.
 * Every offset is checked.  Returns NULL and sets *error (static text) when the
 * bytes are malformed or a column's type differs from desc.
 */
extern BatchReader *batch_reader_open(const char *data, Size length, TupleDesc desc,
									  const Datum *missing_values, const bool *missing_isnull,
									  MemoryContext parent, const char **error);
extern uint32 batch_reader_rows(const BatchReader *reader);

/* The input that the rows came by, "" = none; lives as long as the reader. */
extern const char *batch_reader_input(const BatchReader *reader);

/* Moves to row (0-based) and fills natts of desc. By-reference values point into the batch. */
extern bool batch_reader_next(BatchReader *reader, Datum *values, bool *isnull);
extern void batch_reader_seek(BatchReader *reader, uint32 row);
extern void batch_reader_close(BatchReader *reader);

/*
 * A whole column, for kernels: an array with one value for each row, also
 * where it is NULL.  *nullmap is NULL if there are no NULLs; else a set bit
 * means not NULL (att_isnull()).  Returns NULL if this is not a by-value
 * column present in the batch with at least one value.
 */
extern const void *batch_reader_column(const BatchReader *reader, AttrNumber attnum,
									   int16 *width, const bits8 **nullmap);

#endif							/* STREAM_EXT_BATCH_H */
