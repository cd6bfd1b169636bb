/*
 * set_event_time.c - stream_set_event_time().
 *
 * A setting holds for what is committed after it.  The stream is locked
 * against writers until the setting is committed, so that "after" is a place
 * in the WAL: whoever reads the WAL once more applies the same setting to the
 * same rows.  The former settings stay until every view has stored what came
 * before their successors.
 *
 * Locking: SHARE ROW EXCLUSIVE on the stream, as CREATE of a view takes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/int.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "catalog/closing.h"
#include "catalog/event_time.h"
#include "clock.h"
#include "compat.h"
#include "control/command.h"
#include "shared/wal_end.h"
#include "stream_am/stream_am.h"

STREAM_FUNCTION(stream_ext_set_event_time);
STREAM_FUNCTION(stream_ext_set_event_time_integer);
STREAM_FUNCTION(stream_ext_set_event_time_text);
STREAM_FUNCTION(stream_ext_restore_event_time);

/* Settings kept for views that are behind. */
#define MAX_SETTINGS	100

/* Arguments of every variant: stream, event_column, delay, idle_timeout. */
enum
{
	ARG_STREAM,
	ARG_COLUMN,
	ARG_DELAY,
	ARG_IDLE_TIMEOUT
};

/* Raises unless the relation is a stream of the current user. */
static void
check_stream(Oid relid)
{
	char	   *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (!stream_am_is_stream_oid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a stream", name),
				 errhint("The event time belongs to the stream, not to the views over it.")));
	if (!object_ownercheck(RelationRelationId, relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name);
}

/* Returns whether the column is a time (true) or an integer; raises if it can be no event time. */
static bool
check_column(Oid relid, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	Form_pg_attribute attribute;
	bool		is_time;

	if (!HeapTupleIsValid(tuple) || ((Form_pg_attribute) GETSTRUCT(tuple))->attnum < 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("stream \"%s\" has no column \"%s\"", get_rel_name(relid), column)));
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	if (!event_time_type(getBaseType(attribute->atttypid), &is_time) ||
		attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be an event time", column,
						format_type_be(attribute->atttypid)),
				 errhint("An event time is a stored column of type timestamptz, timestamp, date, bigint, integer or smallint.")));
	ReleaseSysCache(tuple);
	return is_time;
}

/* Returns an interval in microseconds; what names it in errors. */
static int64
interval_us(const Interval *interval, const char *what)
{
	int64		us;

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not contain months or years", what),
				 errdetail("Months differ in length."),
				 errhint("Give it in days.")));
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, interval->time, &us))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s is out of range", what)));
	return us;
}

/* Raises: the delay is in another unit than the column. */
static void
refuse_unit(bool is_time)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 is_time ? errmsg("the delay of a time column is an interval") :
			 errmsg("the delay of an integer column is an integer"),
			 is_time ? errhint("For example: delay => '5 s'.") :
			 errhint("For example: delay => 5, in the units of the column.")));
}

/* Returns the delay in the unit of the column, from whichever type the variant has. */
static int64
read_delay(FunctionCallInfo fcinfo, Oid type, bool is_time)
{
	Datum		value = PG_GETARG_DATUM(ARG_DELAY);
	int64		delay;

	if (PG_ARGISNULL(ARG_DELAY))
		return 0;
	if (type == TEXTOID && is_time)
	{
		value = DirectFunctionCall3(interval_in, CStringGetDatum(TextDatumGetCString(value)),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		type = INTERVALOID;
	}
	else if (type == TEXTOID)
	{
		value = DirectFunctionCall1(int8in, CStringGetDatum(TextDatumGetCString(value)));
		type = INT8OID;
	}

	delay = type == INTERVALOID ? interval_us(DatumGetIntervalP(value), "delay") :
		DatumGetInt64(value);
	if (delay != 0 && is_time != (type == INTERVALOID))
		refuse_unit(is_time);
	if (delay < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("delay must not be negative")));
	return delay;
}

/* Returns the idle timeout in microseconds, 0 for none. */
static int64
read_idle_timeout(FunctionCallInfo fcinfo)
{
	int64		timeout;

	if (PG_ARGISNULL(ARG_IDLE_TIMEOUT))
		return 0;
	timeout = interval_us(PG_GETARG_INTERVAL_P(ARG_IDLE_TIMEOUT), "idle_timeout");
	if (timeout <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("idle_timeout must be greater than zero"),
				 errhint("Leave it out if the stream is never to count as idle.")));
	return timeout;
}

/*
 * Refuses another kind of axis under views: their watermarks are on the old
 * one, and never go back.
 */
static void
check_axis(Oid relid, const EventTimeHistory *history, bool is_time)
{
	if (history == NULL || catalog_views_of_stream(relid) == NIL ||
		history->settings[history->nsettings - 1].rule.is_time == is_time)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the event time of stream \"%s\" cannot change between time and integer",
					get_rel_name(relid)),
			 errdetail("The watermarks of its continuous views would mean nothing."),
			 errhint("Drop the views over the stream first.")));
}

/* Refuses more settings than a view that is behind may be given to keep. */
static void
check_history(Oid relid, const EventTimeHistory *history)
{
	if (history == NULL || history->nsettings < MAX_SETTINGS)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the event time of stream \"%s\" was changed too often while a view is behind",
					get_rel_name(relid)),
			 errhint("Run stream_flush() on the views over the stream; see pg_stat_stream_view for their positions.")));
}

/* Does the work of all variants; type is that of the delay. */
static void
set_event_time(FunctionCallInfo fcinfo, Oid type)
{
	Oid			relid = PG_GETARG_OID(ARG_STREAM);
	char	   *column = PG_ARGISNULL(ARG_COLUMN) ? NULL : NameStr(*PG_GETARG_NAME(ARG_COLUMN));
	WatermarkRule rule = {.active = column != NULL};
	EventTimeHistory *history;

	if (PG_ARGISNULL(ARG_STREAM))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("stream must not be null")));
	command_check_server("stream_set_event_time()");
	check_stream(relid);
	LockRelationOid(relid, ShareRowExclusiveLock);
	check_stream(relid);		/* as it is now */

	event_time_prune(relid);
	CommandCounterIncrement();
	history = event_time_load(relid);
	check_history(relid, history);
	if (column != NULL)
	{
		rule.is_time = check_column(relid, column);
		rule.delay = read_delay(fcinfo, type, rule.is_time);
		rule.idle_timeout = read_idle_timeout(fcinfo);
		check_axis(relid, history, rule.is_time);
		closing_check_event_time(relid, getBaseType(get_atttype(relid, get_attnum(relid, column))));
	}
	else if (history == NULL)
		return;
	else
	{
		closing_check_event_time(relid, InvalidOid);
		rule.is_time = history->settings[history->nsettings - 1].rule.is_time;
	}

	/* writers are locked out: whatever ended before this is not ours */
	rule.since = wal_insert_end();
	rule.since_time = clock_now();
	event_time_insert(relid, column, &rule);
	CommandCounterIncrement();
}

/* stream_set_event_time(stream, event_column, delay interval, idle_timeout) */
Datum
stream_ext_set_event_time(PG_FUNCTION_ARGS)
{
	set_event_time(fcinfo, INTERVALOID);
	PG_RETURN_VOID();
}

/* stream_set_event_time(stream, event_column, delay bigint, idle_timeout) */
Datum
stream_ext_set_event_time_integer(PG_FUNCTION_ARGS)
{
	set_event_time(fcinfo, INT8OID);
	PG_RETURN_VOID();
}

/* stream_set_event_time(stream, event_column, delay text, idle_timeout) */
Datum
stream_ext_set_event_time_text(PG_FUNCTION_ARGS)
{
	set_event_time(fcinfo, TEXTOID);
	PG_RETURN_VOID();
}

/* --- restore -------------------------------------------------------------- */

/* Columns of _stream_ext.event_time that the trigger looks at. */
enum
{
	RESTORED_STREAM = 1,
	RESTORED_SINCE,
	RESTORED_SINCE_TIME,
	RESTORED_COLUMN,
	RESTORED_IS_TIME
};

/* Raises unless called as the trigger that it is. */
static HeapTuple
restored_row(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function is the BEFORE INSERT trigger of the catalog of event times")));
	return trigger->tg_trigtuple;
}

/* A setting comes with a dump: it holds from this transaction on. */
Datum
stream_ext_restore_event_time(PG_FUNCTION_ARGS)
{
	HeapTuple	row = restored_row(fcinfo);
	TupleDesc	desc = RelationGetDescr(((TriggerData *) fcinfo->context)->tg_relation);
	int			columns[] = {RESTORED_SINCE, RESTORED_SINCE_TIME, RESTORED_IS_TIME};
	Datum		values[3];
	bool		isnull[3] = {false};
	bool		no_stream;
	bool		no_column;
	Datum		stream = heap_getattr(row, RESTORED_STREAM, desc, &no_stream);
	Datum		column = heap_getattr(row, RESTORED_COLUMN, desc, &no_column);

	if (no_stream || no_column)
		return PointerGetDatum(row);	/* refused, or cleared: nothing to do */
	command_check_server("restore of an event time");
	check_stream(DatumGetObjectId(stream));
	LockRelationOid(DatumGetObjectId(stream), ShareRowExclusiveLock);
	values[0] = LSNGetDatum(wal_insert_end());
	values[1] = TimestampTzGetDatum(clock_now());
	values[2] = BoolGetDatum(check_column(DatumGetObjectId(stream), NameStr(*DatumGetName(column))));
	catalog_touch();
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 3, columns, values, isnull));
}
