/*
 * stat_sql.c - the rows behind pg_stat_stream, _view, _database and _worker.
 *
 * The functions read the control block; names, owners and what is durable are
 * joined in SQL (sql/install/80_stat.sql).  Streams and views are those of
 * this database, workers and databases those of the cluster.  Counters live since the
 * server started, or since pg_stat_reset_stream().
 *
 * Locking: counters are atomics, read one by one; what a view has in memory
 * is read under its lock.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "clock.h"
#include "compat.h"
#include "guc.h"
#include "shared/control.h"
#include "shared/wal_end.h"
#include "shared/worker_control.h"
#include "stat/latency.h"
#include "window/watermark.h"

STREAM_FUNCTION(stream_ext_stat_stream);
STREAM_FUNCTION(stream_ext_stat_view);
STREAM_FUNCTION(stream_ext_stat_database);
STREAM_FUNCTION(stream_ext_view_waits_for);
STREAM_FUNCTION(stream_ext_stat_worker);
STREAM_FUNCTION(stream_ext_stat_reset);
STREAM_FUNCTION(stream_ext_watermark_time);

#define MAX_COLUMNS 64

/* A row being put together, column by column. */
typedef struct StatRow
{
	int			n;
	Datum		values[MAX_COLUMNS];
	bool		isnull[MAX_COLUMNS];
} StatRow;

static void
put(StatRow *row, Datum value, bool isnull)
{
	Assert(row->n < MAX_COLUMNS);
	row->values[row->n] = value;
	row->isnull[row->n] = isnull;
	row->n++;
}

static void
put_oid(StatRow *row, Oid value)
{
	put(row, ObjectIdGetDatum(value), false);
}

static void
put_count(StatRow *row, pg_atomic_uint64 *counter)
{
	put(row, Int64GetDatum((int64) pg_atomic_read_u64(counter)), false);
}

/* A time in microseconds, shown in milliseconds as PostgreSQL's own are. */
static void
put_duration(StatRow *row, pg_atomic_uint64 *us)
{
	put(row, Float8GetDatum(pg_atomic_read_u64(us) / 1000.0), false);
}

/* A point in time; zero is never. */
static void
put_time(StatRow *row, int64 time)
{
	put(row, TimestampTzGetDatum(time), time == 0);
}

static void
put_lsn(StatRow *row, XLogRecPtr lsn)
{
	put(row, LSNGetDatum(lsn), XLogRecPtrIsInvalid(lsn));
}

static void
put_text(StatRow *row, const char *text)
{
	put(row, text[0] == '\0' ? (Datum) 0 : CStringGetTextDatum(text), text[0] == '\0');
}

/* Adds the finished row to the function's result. */
static void
store_row(FunctionCallInfo fcinfo, StatRow *row)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->n == rsinfo->setDesc->natts);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->isnull);
}

/* Returns how many slots there are to look at. */
static int
slots(int maximum)
{
	return control_available() ? maximum : 0;
}

/* One row per stream of this database that has a control slot. */
Datum
stream_ext_stat_stream(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < slots(guc_max_streams); i++)
	{
		StreamControl *stream = control_stream_at(i);
		StatRow		row = {0};

		if (stream->dbid != MyDatabaseId || !OidIsValid(stream->relid))
			continue;
		put_oid(&row, stream->relid);
		put_count(&row, &stream->rows_in);
		put_count(&row, &stream->batches_in);
		put_count(&row, &stream->bytes_in);
		put_count(&row, &stream->rows_committed);
		put_count(&row, &stream->rows_aborted);
		put_lsn(&row, pg_atomic_read_u64(&stream->last_commit_lsn));
		put_time(&row, pg_atomic_read_u64(&stream->last_commit_time));
		put_count(&row, &stream->backpressure_count);
		put_duration(&row, &stream->backpressure_us);
		put_time(&row, pg_atomic_read_u64(&stream->stats_reset));
		store_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* What the view did with rows. */
static void
put_view_rows(StatRow *row, ViewControl *view)
{
	put_count(row, &view->rows_in);
	put_count(row, &view->rows_processed);
	put_count(row, &view->rows_filtered);
	put_count(row, &view->rows_late);
	put_count(row, &view->rows_late_dropped);
	put_count(row, &view->rows_late_side);
	put_count(row, &view->rows_expired);
	put_count(row, &view->rows_rejected);
	put_count(row, &view->dead_letters_dropped);
	put_count(row, &view->batches);
	put_duration(row, &view->apply_us);
	put_count(row, &view->retries);
	put_count(row, &view->oversize_transactions);
}

/* What it holds in memory, and its last error, which the lock protects too. */
static void
put_view_memory(StatRow *row, ViewControl *view, char *error, int *sqlstate)
{
	int64		groups = 0;
	int64		bytes = 0;
	int			generations;

	LWLockAcquire(&view->lock, LW_SHARED);
	generations = view->ngenerations;
	for (int i = 0; i < generations; i++)
	{
		groups += view->generations[i].ngroups;
		bytes += view->generations[i].bytes;
	}
	strlcpy(error, view->last_error, ERROR_MESSAGE_LENGTH);
	*sqlstate = view->last_sqlstate;
	LWLockRelease(&view->lock);

	put(row, Int32GetDatum(generations), false);
	put(row, Int64GetDatum(groups), false);
	put(row, Int64GetDatum(bytes), false);
	put_count(row, &view->generations_evicted);
	put_count(row, &view->session_keys);
	put_count(row, &view->session_bytes);
}

/* What it wrote to storage. */
static void
put_view_flushes(StatRow *row, ViewControl *view)
{
	put_count(row, &view->flushes);
	put_count(row, &view->flush_groups);
	put_duration(row, &view->flush_us);
	put_count(row, &view->flushes_memory);
	put_count(row, &view->flush_failures);
	put_count(row, &view->groups_quarantined);
	put_time(row, pg_atomic_read_u64(&view->last_flush_time));
}

/*
 * How far it is behind: WAL between what it has applied and the newest commit
 * with rows, or what others have read; and how old that is.
 */
static void
put_view_lag(StatRow *row, ViewControl *view, DatabaseControl *db)
{
	XLogRecPtr	applied = pg_atomic_read_u64(&view->applied_lsn_hint);
	XLogRecPtr	newest = 0;
	int64		commit_time = pg_atomic_read_u64(&view->last_commit_time);
	bool		unknown = XLogRecPtrIsInvalid(applied) || db == NULL;

	if (db != NULL)
		newest = Max(pg_atomic_read_u64(&db->last_commit_lsn),
					 pg_atomic_read_u64(&db->read_lsn));
	put_lsn(row, applied);
	put_lsn(row, pg_atomic_read_u64(&view->restart_lsn));
	put(row, Int64GetDatum(newest > applied ? (int64) (newest - applied) : 0), unknown);
	put_time(row, commit_time);
}

/* The time from commit to visible, in milliseconds. */
static void
put_view_latency(StatRow *row, ViewControl *view)
{
	uint64		counts[LATENCY_BUCKETS];
	static const double quantiles[] = {0.5, 0.99};

	for (int i = 0; i < LATENCY_BUCKETS; i++)
		counts[i] = pg_atomic_read_u64(&view->latency[i]);
	for (int i = 0; i < lengthof(quantiles); i++)
	{
		double		us = latency_quantile_us(counts, quantiles[i]);

		put(row, Float8GetDatum(us / 1000.0), us < 0);
	}
}

/* How far event time has got, in the unit of the stream's column. */
static void
put_watermark(StatRow *row, ViewControl *view)
{
	int64		watermark;
	bool		attached;

	LWLockAcquire(&view->lock, LW_SHARED);
	watermark = view->watermark;
	attached = view->attached;
	LWLockRelease(&view->lock);
	put(row, Int64GetDatum(watermark), !attached || watermark == WATERMARK_NONE);
	put_count(row, &view->rows_untracked);
}

/* Returns a watermark of a time axis as a time; NULL beyond its range. */
Datum
stream_ext_watermark_time(PG_FUNCTION_ARGS)
{
	int64		watermark = PG_GETARG_INT64(0);

	if (!IS_VALID_TIMESTAMP(watermark))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(watermark);
}

/* Returns whether there is a place for one more view. */
static bool
view_place_is_free(void)
{
	for (int i = 0; i < slots(guc_max_views); i++)
	{
		if (!OidIsValid(control_view_at(i)->viewid))
			return true;
	}
	return false;
}

/*
 * _stream_ext.view_waits_for(view): why nobody serves a view of this database
 * that goes on, NULL if somebody does or is about to.
 */
Datum
stream_ext_view_waits_for(PG_FUNCTION_ARGS)
{
	DatabaseControl *db = control_available() ? control_database(MyDatabaseId, false) : NULL;
	ViewControl *view = control_available() ?
	control_view(MyDatabaseId, PG_GETARG_OID(0), false) : NULL;

	if (RecoveryInProgress())
		PG_RETURN_NULL();
	if (db == NULL || (view == NULL && !worker_control_any(MyDatabaseId)))
		PG_RETURN_TEXT_P(cstring_to_text("no stream worker runs in this database"));
	if (view == NULL && !view_place_is_free())
		PG_RETURN_TEXT_P(cstring_to_text("stream_ext.max_views leaves no place for the view"));
	if (view == NULL || !control_view_waits(db, view))
		PG_RETURN_NULL();
	if (worker_control_any(MyDatabaseId))
		PG_RETURN_TEXT_P(cstring_to_text("no process is free for the view: see stream_ext.workers and max_worker_processes"));
	PG_RETURN_TEXT_P(cstring_to_text("no stream worker runs in this database"));
}

/* One row per continuous view of this database that has a control slot. */
Datum
stream_ext_stat_view(PG_FUNCTION_ARGS)
{
	DatabaseControl *db = control_available() ? control_database(MyDatabaseId, false) : NULL;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < slots(guc_max_views); i++)
	{
		ViewControl *view = control_view_at(i);
		StatRow		row = {0};
		char		error[ERROR_MESSAGE_LENGTH];
		int			sqlstate;

		if (view->dbid != MyDatabaseId || !OidIsValid(view->viewid))
			continue;
		put_oid(&row, view->viewid);
		put_text(&row, control_view_state_name(pg_atomic_read_u32(&view->state)));
		put(&row, Int32GetDatum(view->worker.pid), view->worker.pid == 0);
		put(&row, BoolGetDatum(pg_atomic_read_u32(&view->worker.slow) != 0), false);
		put_view_rows(&row, view);
		put_view_memory(&row, view, error, &sqlstate);
		put_view_flushes(&row, view);
		put_view_lag(&row, view, db);
		put_view_latency(&row, view);
		put_watermark(&row, view);
		put_time(&row, pg_atomic_read_u64(&view->last_error_time));
		put_text(&row, sqlstate ? unpack_sql_state(sqlstate) : "");
		put_text(&row, error);
		put_time(&row, pg_atomic_read_u64(&view->stats_reset));
		store_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* Returns the end of WAL here, written or replayed. */
static XLogRecPtr
wal_end(void)
{
	return RecoveryInProgress() ? GetXLogReplayRecPtr(NULL) : wal_insert_end();
}

/* One row per database of the cluster that uses streams. */
Datum
stream_ext_stat_database(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < slots(guc_max_databases); i++)
	{
		DatabaseControl *db = control_database_at(i);
		XLogRecPtr	restart_lsn = pg_atomic_read_u64(&db->restart_lsn);
		XLogRecPtr	end = wal_end();
		StatRow		row = {0};

		if (!OidIsValid(db->dbid))
			continue;
		put_oid(&row, db->dbid);
		put(&row, BoolGetDatum(db->hold_count > 0), false);
		put(&row, Int64GetDatum(db->worker_starts), false);
		put_time(&row, db->last_exit_time);
		put_lsn(&row, pg_atomic_read_u64(&db->read_lsn));
		put_lsn(&row, restart_lsn);
		put(&row, Int64GetDatum((int64) (end - restart_lsn)),
			XLogRecPtrIsInvalid(restart_lsn) || end < restart_lsn);
		put_lsn(&row, pg_atomic_read_u64(&db->last_commit_lsn));
		put_lsn(&row, pg_atomic_read_u64(&db->oldest_xact_lsn));
		put_count(&row, &db->transactions);
		put_count(&row, &db->slot_advances);
		put_count(&row, &db->batches_malformed);
		store_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* One row per stream worker of the cluster. */
Datum
stream_ext_stat_worker(PG_FUNCTION_ARGS)
{
	WorkerControl *worker;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; (worker = worker_control_at(i)) != NULL; i++)
	{
		StatRow		row = {0};
		pid_t		pid;
		WorkerKey	key;
		TimestampTz start_time;

		control_lock(false);
		pid = worker->pid;
		key = worker->key;
		start_time = worker->start_time;
		control_unlock();
		if (pid == 0)
			continue;
		put(&row, Int32GetDatum(pid), false);
		put_oid(&row, key.dbid);
		put(&row, ObjectIdGetDatum(key.ownerid), worker_key_is_shared(key));
		put_time(&row, start_time);
		put_time(&row, pg_atomic_read_u64(&worker->idle_since));
		put(&row, Int32GetDatum((int32) pg_atomic_read_u32(&worker->nviews)), false);
		put_lsn(&row, pg_atomic_read_u64(&worker->read_lsn));
		put_count(&row, &worker->transactions);
		put_count(&row, &worker->transactions_reread);
		put_count(&row, &worker->wal_bytes_read);
		store_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* Sets n counters to zero. */
static void
reset_counters(pg_atomic_uint64 *const *counters, int n)
{
	for (int i = 0; i < n; i++)
		pg_atomic_write_u64(counters[i], 0);
}

static void
reset_stream(StreamControl *stream, TimestampTz now)
{
	pg_atomic_uint64 *const counters[] = {
		&stream->rows_in, &stream->batches_in, &stream->bytes_in,
		&stream->rows_committed, &stream->rows_aborted,
		&stream->backpressure_count, &stream->backpressure_us,
	};

	reset_counters(counters, lengthof(counters));
	pg_atomic_write_u64(&stream->stats_reset, (uint64) now);
}

static void
reset_view(ViewControl *view, TimestampTz now)
{
	pg_atomic_uint64 *const counters[] = {
		&view->rows_in, &view->rows_processed, &view->rows_filtered,
		&view->rows_rejected, &view->rows_late, &view->rows_late_dropped,
		&view->rows_late_side, &view->rows_expired, &view->rows_untracked,
		&view->batches, &view->flushes, &view->flush_groups, &view->flush_us,
		&view->flush_failures, &view->flushes_memory, &view->oversize_transactions,
		&view->generations_evicted, &view->dead_letters_dropped,
		&view->groups_quarantined, &view->apply_us, &view->retries,
		&view->last_error_time,
	};

	reset_counters(counters, lengthof(counters));
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		pg_atomic_write_u64(&view->latency[i], 0);
	LWLockAcquire(&view->lock, LW_EXCLUSIVE);
	view->last_error[0] = '\0';
	view->last_sqlstate = 0;
	LWLockRelease(&view->lock);
	pg_atomic_write_u64(&view->stats_reset, (uint64) now);
}

/* pg_stat_reset_stream(relation): a stream, a view, or all of this database. */
Datum
stream_ext_stat_reset(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	TimestampTz now = clock_real();

	for (int i = 0; i < slots(guc_max_streams); i++)
	{
		StreamControl *stream = control_stream_at(i);

		if (stream->dbid == MyDatabaseId && OidIsValid(stream->relid) &&
			(!OidIsValid(relid) || stream->relid == relid))
			reset_stream(stream, now);
	}
	for (int i = 0; i < slots(guc_max_views); i++)
	{
		ViewControl *view = control_view_at(i);

		if (view->dbid == MyDatabaseId && OidIsValid(view->viewid) &&
			(!OidIsValid(relid) || view->viewid == relid))
			reset_view(view, now);
	}
	PG_RETURN_VOID();
}
