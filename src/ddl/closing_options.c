/*
 * closing_options.c - what stream.lateness, stream.late and stream.emit need.
 *
 * Which rows are late is decided when they are processed, and decided again
 * when WAL is read once more after a crash.  Both must come out the same, and
 * a closed window must stay as it is; so a view keeps its policy, and its
 * lateness where that decides what counts, for life.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "catalog/closing.h"
#include "catalog/event_time.h"
#include "compat.h"
#include "ddl/closing_options.h"

/* Returns which of the options needs windows that close; NULL if none does. */
static const char *
closing_option(const ContinuousOptions *options)
{
	if (closing_emits_on_close(options))
		return "stream.emit = 'on close'";
	switch (closing_late_policy(options))
	{
		case LATE_DROP:
			return "stream.late = 'drop'";
		case LATE_SIDE:
			return "stream.late = 'side'";
		case LATE_UPDATE:
			break;
	}
	return options->lateness != NULL ? "stream.lateness" : NULL;
}

/* Returns the type of the stream's event time; refuses a stream that has none. */
static Oid
event_time_or_refuse(const char *option, Oid streamid)
{
	const EventTime *setting = event_time_at(event_time_load(streamid), PG_UINT64_MAX);

	if (setting == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs an event time", option),
				 errdetail("Windows close when the watermark of the stream has passed them."),
				 errhint("Call stream_set_event_time('%s', ...) with the column first.",
						 get_rel_name(streamid))));
	return setting->type;
}

/* Refuses a query that has not exactly one window. */
static void
check_window(const char *option, const StreamQuery *sq)
{
	if (sq->nwindows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs a window", option),
				 errdetail("The view groups by no window, so its rows are never closed."),
				 errhint("Group by window_start or window_end of tumble(), hop() or cumulate(), or by date_bin() or date_trunc().")));
	if (sq->nwindows > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs one window", option),
				 errdetail("The view groups by %d windows, which close at different times.",
						   sq->nwindows),
				 errhint("Group by one of them and compute the others when reading the view.")));
}

/* Refuses windows that cannot be compared with the event time. */
static void
check_axis(const char *option, Oid window_type, Oid event_type)
{
	if (closing_axis(window_type) == closing_axis(event_type))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s needs windows of the event time's type", option),
			 errdetail("The windows are of type %s, the event time of the stream of type %s.",
					   format_type_be(window_type), format_type_be(event_type)),
			 errhint("Make the windows from the event-time column.")));
}

/* Refuses what the query or its stream cannot honour; see closing_options.h. */
void
closing_options_check(const ContinuousOptions *options, StreamQuery *sq)
{
	const char *option = closing_option(options);
	bool		on_close = closing_emits_on_close(options);
	Oid			event_type;

	if (option == NULL)
		return;
	if (on_close && closing_late_policy(options) == LATE_UPDATE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs stream.late = 'drop' or 'side'", option),
				 errdetail("With stream.late = 'update' no window is ever final."),
				 errhint("Set stream.late to 'drop' or 'side'.")));
	check_window(option, sq);
	event_type = event_time_or_refuse(option, sq->streamid);
	check_axis(option, sq->window_type, event_type);
	(void) closing_lateness(options, closing_axis(sq->window_type));

	if (!query_track_windows(sq, false))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s needs windows whose length does not depend on the row", option),
				 errhint("Give date_bin() a constant length, and date_trunc() a constant unit and time zone.")));
	if (on_close && !query_knows_ends(sq))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s needs the window's end in GROUP BY", option),
				 errdetail("The start of the window does not tell when it ends."),
				 errhint("Group by window_end as well.")));
}

/* Refuses a change of one option. */
static void
refuse_change(const char *option)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot change stream.%s of a continuous view", option),
			 errdetail("What it has decided for the rows so far cannot be decided again."),
			 errhint("Create another view with the option, and drop this one when it is no longer needed.")));
}

/* Refuses some changes; see closing_options.h. */
void
closing_options_check_change(const ContinuousOptions *before, const ContinuousOptions *after,
							 Oid window_type)
{
	TimeAxis	axis = closing_axis(window_type);

	if (closing_late_policy(before) != closing_late_policy(after))
		refuse_change("late");
	if (closing_late_policy(before) != LATE_UPDATE &&
		closing_lateness(before, axis) != closing_lateness(after, axis))
		refuse_change("lateness");
}
