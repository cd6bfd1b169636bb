/*
 * batch_test.c - batches: what goes in comes out, and damage never leads outside.
 *
 * Run it with UNIT_SANITIZE=-fsanitize=address: damaged batches are read from
 * an allocation of exactly their length.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "batch/batch.h"
#include "batch/batch_format.h"
#include "compat.h"
#include "unit.h"

#define MAX_COLUMNS 12
#define RANDOM_ROWS 120000
#define DAMAGED_BATCHES 20000

static const Oid all_types[] = {
	BOOLOID, INT2OID, INT4OID, INT8OID, OIDOID, FLOAT4OID, FLOAT8OID,
	DATEOID, TIMESTAMPOID, TIMESTAMPTZOID, INTERVALOID, UUIDOID, NAMEOID,
	TEXTOID, BYTEAOID, NUMERICOID, JSONBOID
};

/* Inputs that a batch may name: none, of every alignment, and the longest. */
static const char *const inputs[] = {
	"", "a", "sensor7", "sensor 8", "a longer name of an input",
	"123456789012345678901234567890123456789012345678901234567890123"
};

/* Rows as they were added. */
typedef struct Rows
{
	TupleDesc	desc;
	uint32		nrows;
	Datum	   *values;			/* nrows * natts */
	bool	   *isnull;
} Rows;

/* Returns a random varlena with a plain or short header. */
static Datum
random_varlena(void)
{
	Size		limit = unit_random_below(20) == 0 ? 5000 : 200;
	Size		length = unit_random_below(limit);
	bool		is_short = length <= VARATT_SHORT_MAX - VARHDRSZ_SHORT && unit_random_below(2);
	char	   *value = palloc(VARHDRSZ + length);
	char	   *payload = is_short ? value + VARHDRSZ_SHORT : value + VARHDRSZ;

	if (is_short)
		SET_VARSIZE_SHORT(value, length + VARHDRSZ_SHORT);
	else
		SET_VARSIZE(value, length + VARHDRSZ);
	for (Size i = 0; i < length; i++)
		payload[i] = (char) unit_random();
	return PointerGetDatum(value);
}

/* Returns a random value of an attribute's physical type. */
static Datum
random_value(Form_pg_attribute attr)
{
	char	   *value;

	if (attr->attlen == -1)
		return random_varlena();
	if (attr->attbyval)
	{
		uint64		number = unit_random();

		switch (attr->attlen)
		{
			case 1:
				return CharGetDatum((char) number);
			case 2:
				return Int16GetDatum((int16) number);
			case 4:
				return Int32GetDatum((int32) number);
			default:
				return Int64GetDatum((int64) number);
		}
	}
	value = palloc(attr->attlen);
	for (int i = 0; i < attr->attlen; i++)
		value[i] = (char) unit_random();
	return PointerGetDatum(value);
}

/* Returns a descriptor of random types. */
static TupleDesc
random_desc(void)
{
	Oid			types[MAX_COLUMNS];
	int			natts = 1 + unit_random_below(MAX_COLUMNS);

	for (int i = 0; i < natts; i++)
		types[i] = all_types[unit_random_below(lengthof(all_types))];
	return unit_tupledesc(natts, types);
}

/* Returns random rows; each column has no, few or only NULLs. */
static Rows
random_rows(TupleDesc desc, uint32 nrows)
{
	Rows		rows = {desc, nrows};
	int			null_percent[MAX_COLUMNS];
	static const int percents[] = {0, 0, 10, 90, 100};

	rows.values = palloc0(sizeof(Datum) * nrows * desc->natts);
	rows.isnull = palloc0(sizeof(bool) * nrows * desc->natts);
	for (int i = 0; i < desc->natts; i++)
		null_percent[i] = percents[unit_random_below(lengthof(percents))];
	for (uint32 row = 0; row < nrows; row++)
	{
		for (int i = 0; i < desc->natts; i++)
		{
			int			at = row * desc->natts + i;

			rows.isnull[at] = unit_random_below(100) < null_percent[i];
			if (!rows.isnull[at])
				rows.values[at] = random_value(TupleDescAttr(desc, i));
		}
	}
	return rows;
}

/* Returns the rows as a batch. */
static char *
encode_rows(BatchBuilder *builder, const Rows *rows, Size *length)
{
	for (uint32 row = 0; row < rows->nrows; row++)
		batch_builder_add(builder, rows->values + row * rows->desc->natts,
						  rows->isnull + row * rows->desc->natts);
	batch_builder_set_input(builder, inputs[unit_random_below(lengthof(inputs))]);
	return batch_builder_finish(builder, 5, 16384, 700, 3, length);
}

/* Returns whether two values are the same, whatever their varlena headers. */
static bool
same_value(Datum a, Datum b, Form_pg_attribute attr)
{
	struct varlena *va = (struct varlena *) DatumGetPointer(a);
	struct varlena *vb = (struct varlena *) DatumGetPointer(b);

	if (attr->attlen != -1)
		return datumIsEqual(a, b, attr->attbyval, attr->attlen);
	return VARSIZE_ANY_EXHDR(va) == VARSIZE_ANY_EXHDR(vb) &&
		memcmp(VARDATA_ANY(va), VARDATA_ANY(vb), VARSIZE_ANY_EXHDR(va)) == 0;
}

/* Checks one decoded row against the one that was added; returns the differences. */
static int
count_differences(const Rows *rows, uint32 row, const Datum *values, const bool *isnull)
{
	int			differences = 0;

	for (int i = 0; i < rows->desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(rows->desc, i);
		int			at = row * rows->desc->natts + i;

		if (isnull[i] != rows->isnull[at] ||
			(!isnull[i] && !same_value(values[i], rows->values[at], attr)))
			differences++;
		if (!isnull[i] && attr->attlen == -1 &&
			!VARATT_IS_SHORT(DatumGetPointer(values[i])) &&
			values[i] % (attr->attalign == TYPALIGN_DOUBLE ? 8 : 4) != 0)
			differences++;
	}
	return differences;
}

/* Reads a batch back, forward and then by seeking, and compares. */
static void
check_batch(const Rows *rows, const char *batch, Size length)
{
	Datum		values[MAX_COLUMNS];
	bool		isnull[MAX_COLUMNS];
	const char *error;
	int			differences = 0;
	BatchReader *reader = batch_reader_open(batch, length, rows->desc, NULL, NULL,
											CurrentMemoryContext, &error);

	UNIT_CHECK(reader != NULL);
	if (reader == NULL)
		return;
	UNIT_EQUAL(batch_reader_rows(reader), rows->nrows);
	for (uint32 row = 0; row < rows->nrows; row++)
	{
		if (!batch_reader_next(reader, values, isnull))
			differences++;
		differences += count_differences(rows, row, values, isnull);
	}
	UNIT_CHECK(!batch_reader_next(reader, values, isnull));
	for (int i = 0; i < 10; i++)
	{
		uint32		row = unit_random_below(rows->nrows);

		batch_reader_seek(reader, row);
		batch_reader_next(reader, values, isnull);
		differences += count_differences(rows, row, values, isnull);
	}
	UNIT_EQUAL(differences, 0);
	batch_reader_close(reader);
}

/* Every row of random batches comes back, also from a builder used again. */
static void
random_rows_come_back(void)
{
	uint32		done = 0;

	while (done < RANDOM_ROWS)
	{
		MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "round",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(scratch);
		TupleDesc	desc = random_desc();
		BatchBuilder *builder = batch_builder_create(desc, scratch);

		for (int i = 0; i < 3; i++)
		{
			Rows		rows = random_rows(desc, 1 + unit_random_below(1000));
			Size		length;
			char	   *batch = encode_rows(builder, &rows, &length);

			UNIT_EQUAL(batch_builder_rows(builder), rows.nrows);
			check_batch(&rows, batch, length);
			batch_builder_reset(builder);
			UNIT_EQUAL(batch_builder_rows(builder), 0);
			done += rows.nrows;
		}
		batch_builder_free(builder);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(scratch);
	}
}

/* Returns a batch of one (int4, text, int8) row: 7, 'abc', 9. */
static char *
small_batch(Size *length)
{
	Oid			types[] = {INT4OID, TEXTOID, INT8OID};
	BatchBuilder *builder = batch_builder_create(unit_tupledesc(3, types), CurrentMemoryContext);
	char	   *text = palloc(VARHDRSZ + 3);
	Datum		values[3] = {Int32GetDatum(7), PointerGetDatum(text), Int64GetDatum(9)};
	bool		isnull[3] = {false, false, false};

	SET_VARSIZE(text, VARHDRSZ + 3);
	memcpy(VARDATA(text), "abc", 3);
	batch_builder_add(builder, values, isnull);
	return batch_builder_finish(builder, 5, 16384, 700, 3, length);
}

/* The header says what it was given. */
static void
the_header_comes_back(void)
{
	Size		length;
	char	   *batch = small_batch(&length);
	BatchInfo	info;

	UNIT_CHECK(batch_peek(batch, length, &info));
	UNIT_EQUAL(info.dbid, 5);
	UNIT_EQUAL(info.relid, 16384);
	UNIT_EQUAL(info.xid, 700);
	UNIT_EQUAL(info.seq, 3);
	UNIT_EQUAL(info.nrows, 1);
	UNIT_EQUAL(info.ncolumns, 3);
	UNIT_EQUAL(info.length, length);
	UNIT_CHECK(!batch_peek(batch, length - 1, &info));
	UNIT_CHECK(!batch_peek(batch, 0, &info));
}

/* The input comes back, also from the builder's next batch; one without an end is refused. */
static void
the_input_comes_back(void)
{
	Oid			types[] = {INT4OID, TEXTOID, INT8OID};
	TupleDesc	desc = unit_tupledesc(1, types);
	BatchBuilder *builder = batch_builder_create(desc, CurrentMemoryContext);
	Datum		value = Int32GetDatum(7);
	bool		isnull = false;

	for (int i = 0; i < lengthof(inputs) * 2; i++)
	{
		const char *error;
		const char *input = inputs[i / 2];
		BatchReader *reader;
		BatchInfo	info;
		Size		length;
		char	   *batch;

		if (i % 2 == 0)
			batch_builder_set_input(builder, input);
		batch_builder_add(builder, &value, &isnull);
		batch = batch_builder_finish(builder, 5, 16384, 700, 3, &length);
		reader = batch_reader_open(batch, length, desc, NULL, NULL, CurrentMemoryContext, &error);
		UNIT_CHECK(reader != NULL && strcmp(batch_reader_input(reader), input) == 0);
		UNIT_CHECK(batch_reader_next(reader, &value, &isnull));
		UNIT_EQUAL(DatumGetInt32(value), 7);

		((BatchHeader *) batch)->input_length = BATCH_INPUT_LENGTH;
		UNIT_CHECK(!batch_peek(batch, length, &info));
		batch_builder_reset(builder);
	}
}

/* Old batches are read with today's descriptor: a column dropped, two added. */
static void
columns_dropped_and_added_since(void)
{
	Oid			types[] = {INT4OID, TEXTOID, INT8OID, INT4OID, TEXTOID};
	TupleDesc	today = unit_tupledesc(5, types);
	Datum		missing[5] = {0, 0, 0, Int32GetDatum(42), 0};
	bool		missing_isnull[5] = {true, true, true, false, true};
	Datum		values[5];
	bool		isnull[5];
	const char *error;
	Size		length;
	char	   *batch = small_batch(&length);
	BatchReader *reader;

	TupleDescAttr(today, 1)->attisdropped = true;
	reader = batch_reader_open(batch, length, today, missing, missing_isnull,
							   CurrentMemoryContext, &error);
	UNIT_CHECK(reader != NULL);
	UNIT_CHECK(batch_reader_next(reader, values, isnull));
	UNIT_EQUAL(DatumGetInt32(values[0]), 7);
	UNIT_CHECK(isnull[1]);
	UNIT_EQUAL(DatumGetInt64(values[2]), 9);
	UNIT_CHECK(!isnull[3]);
	UNIT_EQUAL(DatumGetInt32(values[3]), 42);
	UNIT_CHECK(isnull[4]);
	batch_reader_close(reader);
}

/* A dropped column is not written. */
static void
dropped_columns_are_left_out(void)
{
	Oid			types[] = {INT4OID, TEXTOID};
	TupleDesc	desc = unit_tupledesc(2, types);
	Datum		values[2] = {0, 0};
	bool		isnull[2] = {true, true};
	BatchBuilder *builder;
	BatchInfo	info;
	Size		length;
	char	   *batch;

	TupleDescAttr(desc, 0)->attisdropped = true;
	builder = batch_builder_create(desc, CurrentMemoryContext);
	batch_builder_add(builder, values, isnull);
	batch = batch_builder_finish(builder, 5, 16384, 700, 3, &length);
	UNIT_CHECK(batch_peek(batch, length, &info));
	UNIT_EQUAL(info.ncolumns, 1);
	UNIT_EQUAL(((BatchColumn *) (batch + sizeof(BatchHeader)))->attnum, 2);
}

/* A column whose type has changed is refused, and so is one that never was. */
static void
another_type_is_refused(void)
{
	Oid			types[] = {INT4OID, BYTEAOID, INT8OID};
	const char *error = NULL;
	Size		length;
	char	   *batch = small_batch(&length);

	UNIT_CHECK(batch_reader_open(batch, length, unit_tupledesc(3, types), NULL, NULL,
								 CurrentMemoryContext, &error) == NULL);
	UNIT_CHECK(error != NULL);
	types[1] = TEXTOID;
	UNIT_CHECK(batch_reader_open(batch, length, unit_tupledesc(2, types), NULL, NULL,
								 CurrentMemoryContext, &error) == NULL);
}

/* Reads every byte of every value; returns a sum so that nothing is optimised away. */
static uint64
touch_batch(const char *batch, Size length, TupleDesc desc)
{
	Datum		values[MAX_COLUMNS];
	bool		isnull[MAX_COLUMNS];
	const char *error;
	uint64		sum = 0;
	BatchReader *reader = batch_reader_open(batch, length, desc, NULL, NULL,
											CurrentMemoryContext, &error);

	if (reader == NULL)
		return 0;
	while (batch_reader_next(reader, values, isnull))
	{
		for (int i = 0; i < desc->natts; i++)
		{
			Form_pg_attribute attr = TupleDescAttr(desc, i);
			const char *bytes = DatumGetPointer(values[i]);
			Size		size = attr->attlen;

			if (isnull[i] || attr->attbyval)
				continue;
			if (attr->attlen == -1)
				size = VARSIZE_ANY(bytes);
			for (Size k = 0; k < size; k++)
				sum += (uint8) bytes[k];
		}
	}
	batch_reader_close(reader);
	return sum + 1;
}

/* Damages a copy of the batch of exactly its length and reads it. Returns whether it opened. */
static bool
read_damaged(const char *batch, Size length, TupleDesc desc)
{
	Size		head = sizeof(BatchHeader) + desc->natts * sizeof(BatchColumn);
	Size		kept = unit_random_below(10) == 0 ? unit_random_below(length) : length;
	char	   *copy = malloc(Max(kept, 1));
	bool		opened;

	memcpy(copy, batch, kept);
	for (int i = unit_random_below(4); i >= 0 && kept > 0; i--)
	{
		/* half of the damage where it hurts: offsets and lengths */
		Size		limit = unit_random_below(2) ? Min(head, kept) : kept;

		copy[unit_random_below(limit)] = (char) unit_random();
	}
	/* a truncated batch that claims to be whole */
	if (kept < length && kept >= sizeof(BatchHeader) && unit_random_below(2))
		((BatchHeader *) copy)->length = kept;
	opened = touch_batch(copy, kept, desc) > 0;
	free(copy);
	return opened;
}

/* Whatever bytes are damaged, nothing outside of the batch is read. */
static void
damage_never_leads_outside(void)
{
	int			opened = 0;
	int			refused = 0;

	for (int round = 0; round < DAMAGED_BATCHES / 100; round++)
	{
		MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "round",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(scratch);
		TupleDesc	desc = random_desc();
		Rows		rows = random_rows(desc, 1 + unit_random_below(30));
		Size		length;
		char	   *batch = encode_rows(batch_builder_create(desc, scratch), &rows, &length);

		for (int i = 0; i < 100; i++)
		{
			if (read_damaged(batch, length, desc))
				opened++;
			else
				refused++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextDelete(scratch);
	}
	UNIT_CHECK(opened > 0);
	UNIT_CHECK(refused > 0);
}

/* A toast pointer in a batch is refused: it would lead anywhere. */
static void
toast_pointers_are_refused(void)
{
	Oid			types[] = {INT4OID, TEXTOID, INT8OID};
	const char *error = NULL;
	Size		length;
	char	   *batch = small_batch(&length);
	BatchColumn *text = (BatchColumn *) (batch + sizeof(BatchHeader)) + 1;

	SET_VARTAG_1B_E(batch + text->data, VARTAG_INDIRECT);
	UNIT_CHECK(batch_reader_open(batch, length, unit_tupledesc(3, types), NULL, NULL,
								 CurrentMemoryContext, &error) == NULL);
}

/* Columns come out as arrays. */
static void
columns_come_out_whole(void)
{
	Oid			types[] = {INT4OID, TEXTOID, INT8OID};
	TupleDesc	desc = unit_tupledesc(3, types);
	BatchBuilder *builder = batch_builder_create(desc, CurrentMemoryContext);
	const bits8 *nullmap;
	const char *error;
	int16		width;
	Size		length;
	char	   *batch;
	BatchReader *reader;
	const int32 *numbers;

	for (int i = 0; i < 100; i++)
	{
		Datum		values[3] = {Int32GetDatum(i), 0, 0};
		bool		isnull[3] = {i % 10 == 3, true, true};

		batch_builder_add(builder, values, isnull);
	}
	batch = batch_builder_finish(builder, 5, 16384, 700, 3, &length);
	reader = batch_reader_open(batch, length, desc, NULL, NULL, CurrentMemoryContext, &error);
	numbers = batch_reader_column(reader, 1, &width, &nullmap);
	UNIT_CHECK(numbers != NULL && nullmap != NULL);
	UNIT_EQUAL(width, 4);
	for (int i = 0; i < 100; i++)
	{
		UNIT_EQUAL(att_isnull(i, nullmap), i % 10 == 3);
		UNIT_EQUAL(numbers[i], i % 10 == 3 ? 0 : i);
	}
	UNIT_CHECK(batch_reader_column(reader, 2, &width, &nullmap) == NULL);
	UNIT_CHECK(batch_reader_column(reader, 3, &width, &nullmap) == NULL);
	batch_reader_close(reader);
}

/* A batch of (timestamptz, int4, float8) costs 20 bytes a row and one head. */
static void
rows_are_compact(void)
{
	Oid			types[] = {TIMESTAMPTZOID, INT4OID, FLOAT8OID};
	BatchBuilder *builder = batch_builder_create(unit_tupledesc(3, types), CurrentMemoryContext);
	Datum		values[3] = {Int64GetDatum(1), Int32GetDatum(2), Float8GetDatum(3)};
	bool		isnull[3] = {false, false, false};
	Size		length;

	for (int i = 0; i < 1600; i++)
		batch_builder_add(builder, values, isnull);
	UNIT_EQUAL(batch_builder_bytes(builder), 32 + 3 * 24 + 1600 * 20);
	batch_builder_finish(builder, 5, 16384, 700, 3, &length);
	UNIT_EQUAL(length, 32 + 3 * 24 + 1600 * 20);
}

/* Adds a row to a full builder. */
static void
add_one_row_too_many(void *arg)
{
	bool		isnull = true;
	Datum		value = (Datum) 0;

	batch_builder_add(arg, &value, &isnull);
}

/* The row limit is an error, not an overrun. */
static void
rows_are_limited(void)
{
	Oid			types[] = {BOOLOID};
	BatchBuilder *builder = batch_builder_create(unit_tupledesc(1, types), CurrentMemoryContext);

	for (uint32 i = 0; i < BATCH_MAX_ROWS; i++)
		add_one_row_too_many(builder);
	UNIT_EQUAL(unit_error(add_one_row_too_many, builder), ERRCODE_PROGRAM_LIMIT_EXCEEDED);
	batch_builder_reset(builder);
	UNIT_EQUAL(unit_error(add_one_row_too_many, builder), 0);
}

int
main(void)
{
	unit_begin();
	UNIT_RUN(random_rows_come_back);
	UNIT_RUN(the_header_comes_back);
	UNIT_RUN(the_input_comes_back);
	UNIT_RUN(columns_dropped_and_added_since);
	UNIT_RUN(dropped_columns_are_left_out);
	UNIT_RUN(another_type_is_refused);
	UNIT_RUN(damage_never_leads_outside);
	UNIT_RUN(toast_pointers_are_refused);
	UNIT_RUN(columns_come_out_whole);
	UNIT_RUN(rows_are_compact);
	UNIT_RUN(rows_are_limited);
	return unit_end();
}
