/*
 * event_time.c - a stream's event time: which column, which delay, since when.
 *
 * Values of type timestamp and date are taken as UTC where they meet a clock,
 * as stored windows are.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "catalog/event_time.h"
#include "compat.h"

/* Returns the setting for a commit; see event_time.h. */
const EventTime *
event_time_at(const EventTimeHistory *history, XLogRecPtr lsn)
{
	if (history == NULL)
		return NULL;
	for (int i = history->nsettings - 1; i >= 0; i--)
	{
		const EventTime *setting = &history->settings[i];

		if (setting->rule.since < lsn)
			return setting->rule.active ? setting : NULL;
	}
	return NULL;
}

/* Returns a date as microseconds, WATERMARK_NONE beyond the range of timestamps. */
static int64
date_value(DateADT date)
{
	int64		value;

	if (DATE_NOT_FINITE(date) ||
		pg_mul_s64_overflow((int64) date, USECS_PER_DAY, &value) ||
		!IS_VALID_TIMESTAMP(value))
		return WATERMARK_NONE;
	return value;
}

/* Returns a value on its axis; see event_time.h. */
int64
event_time_value(const EventTime *setting, Datum value)
{
	switch (setting->type)
	{
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
			return TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)) ?
				WATERMARK_NONE : DatumGetTimestamp(value);
		case DATEOID:
			return date_value(DatumGetDateADT(value));
		case INT8OID:
			return DatumGetInt64(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT2OID:
			return DatumGetInt16(value);
		default:
			return WATERMARK_NONE;
	}
}

/* Returns whether a type can be an event time's; see event_time.h. */
bool
event_time_type(Oid type, bool *is_time)
{
	*is_time = (type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID);
	return *is_time || type == INT8OID || type == INT4OID || type == INT2OID;
}
