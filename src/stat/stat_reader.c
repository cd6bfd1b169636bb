/*
 * stat_reader.c - the row behind pg_stat_stream_reader.
 *
 * Counters live since the server started.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "shared/commit_ring.h"

STREAM_FUNCTION(stream_ext_stat_reader);

#define READER_COLUMNS 14

/* Puts a counter into the row. */
static void
put_count(Datum *value, pg_atomic_uint64 *counter)
{
	*value = Int64GetDatum((int64) pg_atomic_read_u64(counter));
}

/* Puts a position into the row; invalid is NULL. */
static void
put_lsn(Datum *value, bool *isnull, XLogRecPtr lsn)
{
	*value = LSNGetDatum(lsn);
	*isnull = XLogRecPtrIsInvalid(lsn);
}

/* One row: the stream reader of the cluster.  NULL if the library was not preloaded. */
Datum
stream_ext_stat_reader(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[READER_COLUMNS] = {0};
	bool		isnull[READER_COLUMNS] = {0};
	CommitRingReader reader;
	CommitRingState state;
	CommitRingCounters *counters;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!commit_ring_available())
		PG_RETURN_NULL();
	commit_ring_get_reader(&reader);
	commit_ring_get(InvalidOid, &state);
	counters = commit_ring_counters();

	values[0] = Int32GetDatum(reader.pid);
	isnull[0] = reader.pid == 0;
	values[1] = TimestampTzGetDatum(reader.start_time);
	isnull[1] = reader.start_time == 0;
	values[2] = Int64GetDatum(reader.starts);
	put_lsn(&values[3], &isnull[3], state.read_lsn);
	put_lsn(&values[4], &isnull[4], state.restart_lsn);
	put_count(&values[5], &counters->wal_bytes_read);
	put_count(&values[6], &counters->transactions);
	put_count(&values[7], &counters->too_large);
	put_count(&values[8], &counters->malformed);
	values[9] = Int64GetDatum((int64) guc_commit_ring_kb * 1024);
	values[10] = Int64GetDatum((int64) (state.end_place - state.first_place));
	put_lsn(&values[11], &isnull[11], state.start_lsn);
	put_lsn(&values[12], &isnull[12], state.origin_lsn);
	put_count(&values[13], &counters->overruns);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, isnull)));
}
