/*
 * closing.c - what a view's options say of closing: lateness, late, emit.
 *
 * Options are kept as the user wrote them, so they are read again wherever
 * they are needed; CREATE has judged them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "catalog/closing.h"
#include "catalog/event_time.h"
#include "compat.h"
#include "pinned_settings.h"

/* Returns the axis of a type. */
TimeAxis
closing_axis(Oid type)
{
	switch (type)
	{
		case TIMESTAMPTZOID:
			return AXIS_TIMESTAMPTZ;
		case TIMESTAMPOID:
		case DATEOID:
			return AXIS_TIMESTAMP;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return AXIS_INTEGER;
		default:
			return AXIS_NONE;
	}
}

/* Refuses a value of an option. */
static void
refuse_value(const char *option, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for stream.%s: \"%s\"", option, value),
			 errhint("%s", hint)));
}

/* Returns what becomes of late rows. */
LatePolicy
closing_late_policy(const ContinuousOptions *options)
{
	if (options->late == NULL || pg_strcasecmp(options->late, "update") == 0)
		return LATE_UPDATE;
	if (pg_strcasecmp(options->late, "drop") == 0)
		return LATE_DROP;
	if (pg_strcasecmp(options->late, "side") != 0)
		refuse_value("late", options->late, "Valid values are \"update\", \"drop\" and \"side\".");
	return LATE_SIDE;
}

/* Returns whether the view shows closed windows only. */
bool
closing_emits_on_close(const ContinuousOptions *options)
{
	if (options->emit == NULL || pg_strcasecmp(options->emit, "on update") == 0)
		return false;
	if (pg_strcasecmp(options->emit, "on close") != 0)
		refuse_value("emit", options->emit, "Valid values are \"on update\" and \"on close\".");
	return true;
}

/* Returns an interval in microseconds; days have 24 hours, as in windows. */
static int64
interval_lateness(const char *text)
{
	Interval   *interval = settings_interval(text);
	int64		us;

	if (interval->month != 0)
		refuse_value("lateness", text,
					 "Months differ in length; give the lateness in days or smaller units.");
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, interval->time, &us))
		refuse_value("lateness", text, "Give a shorter interval.");
	return us;
}

/* Returns the lateness on the axis of the event time; see closing.h. */
int64
closing_lateness(const ContinuousOptions *options, TimeAxis axis)
{
	int64		lateness;

	Assert(axis != AXIS_NONE);
	if (options->lateness == NULL)
		return 0;
	if (axis == AXIS_INTEGER)
		lateness = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(options->lateness)));
	else
		lateness = interval_lateness(options->lateness);
	if (lateness < 0)
		refuse_value("lateness", options->lateness, "A lateness is zero or more.");
	return lateness;
}

/* Returns whether a view needs windows that close. */
static bool
needs_closing(const ContinuousOptions *options)
{
	return closing_late_policy(options) != LATE_UPDATE || closing_emits_on_close(options);
}

/* Refuses an event time that some view cannot go on with; see closing.h. */
void
closing_check_event_time(Oid streamid, Oid type)
{
	const EventTime *now = event_time_at(event_time_load(streamid), PG_UINT64_MAX);
	ListCell   *lc;

	if (now == NULL || (OidIsValid(type) && closing_axis(type) == closing_axis(now->type)))
		return;
	foreach(lc, catalog_views_of_stream(streamid))
	{
		ViewCatalog *view = catalog_get_view(lfirst_oid(lc));

		if (view != NULL && needs_closing(&view->options))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("continuous view \"%s\" needs the event time of stream \"%s\"",
							get_rel_name(view->viewid), get_rel_name(streamid)),
					 errdetail("It closes windows: see its options stream.late and stream.emit."),
					 errhint("Drop the view first, or name another column.")));
	}
}

/* Returns a bound of a window as a number; see closing.h. */
int64
closing_bound(Datum value, Oid type)
{
	switch (type)
	{
		case INT4OID:
			return DatumGetInt32(value);
		case DATEOID:
			return closing_scale(DatumGetDateADT(value), type);
		default:
			return DatumGetInt64(value);
	}
}

/* Returns a bound in units of its type as a number on the axis. */
int64
closing_scale(int64 bound, Oid type)
{
	if (type != DATEOID)
		return bound;
	if (DATE_IS_NOEND(bound))
		return PG_INT64_MAX;
	return DATE_IS_NOBEGIN(bound) ? PG_INT64_MIN : bound * USECS_PER_DAY;
}

/* Returns a number on the axis as a bound; see closing.h. */
Datum
closing_bound_datum(int64 bound, Oid type)
{
	if (type == INT4OID)
		return Int32GetDatum((int32) bound);
	if (type != DATEOID)
		return Int64GetDatum(bound);
	if (bound == PG_INT64_MAX)
		return DateADTGetDatum(DATEVAL_NOEND);
	return DateADTGetDatum(bound == PG_INT64_MIN ? DATEVAL_NOBEGIN : bound / USECS_PER_DAY);
}
