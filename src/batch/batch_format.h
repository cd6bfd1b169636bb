/*
 * batch_format.h - the bytes of a batch; drawn in doc/internals/batch_format.md.
 *
 * A batch is a header, a table of its columns, the name of the input that it
 * came by, and the sections of the columns.  Integers
 * are in the byte order of the machine, as in the rest of WAL.  All offsets
 * count from the start of the batch and are multiples of MAXIMUM_ALIGNOF.
 */
#ifndef STREAM_EXT_BATCH_FORMAT_H
#define STREAM_EXT_BATCH_FORMAT_H

#include "access/tupdesc.h"
#include "access/tupmacs.h"

#define BATCH_MAGIC		0x31425853	/* "SXB1" on little-endian machines */
#define BATCH_VERSION	1

typedef struct BatchHeader
{
	uint32		magic;
	uint8		version;
	uint8		input_length;	/* of the name behind the column table */
	uint16		ncolumns;
	Oid			dbid;
	Oid			relid;
	TransactionId xid;
	uint32		seq;
	uint32		nrows;
	uint32		length;			/* of the whole batch */
} BatchHeader;

#define BATCH_COLUMN_BYVAL		0x01	/* values are passed by value */
#define BATCH_COLUMN_ALL_NULL	0x02	/* no sections at all */

typedef struct BatchColumn
{
	AttrNumber	attnum;			/* ascending */
	int16		attlen;
	Oid			typid;
	uint8		flags;
	char		attalign;
	uint16		reserved;		/* 0 */
	uint32		nulls;			/* offset of the bitmap, 0 = no NULLs; bit set
								 * = not NULL, as in heap tuples */
	uint32		data;			/* offset of the values */
	uint32		data_length;
} BatchColumn;

StaticAssertDecl(sizeof(BatchHeader) == 32, "the header is 32 bytes on disk");
StaticAssertDecl(sizeof(BatchColumn) == 24, "a column is 24 bytes on disk");

/* Returns the distance between two values of a fixed-length column. */
static inline uint32
batch_stride(int16 attlen, char attalign)
{
	Assert(attlen > 0);
	return (uint32) att_align_nominal(attlen, attalign);
}

#endif							/* STREAM_EXT_BATCH_FORMAT_H */
