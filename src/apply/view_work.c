/*
 * view_work.c - a worker begins and ends to work on a view.
 *
 * What holds for all work on a view, be it applying, flushing, retention or
 * taking it in: a crash is the view's, the session is its owner's, now() is
 * now, and pg_stat_activity says what is being done.
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "utils/backend_status.h"

#include "apply/crash_guard.h"
#include "apply/view_work.h"
#include "catalog/owner_session.h"
#include "compat.h"
#include "time_limit.h"

/* Says in pg_stat_activity what is being done for a view. */
static void
report_work(const LiveView *view, ViewWork work)
{
	static const char *const texts[] = {
		[WORK_ATTACH] = "taking in",
		[WORK_APPLY] = "applying to",
		[WORK_FLUSH] = "flushing",
		[WORK_RETENTION] = "dropping expired partitions of"
	};
	char		activity[NAMEDATALEN + 64];

	if (view->name[0] != '\0')
		snprintf(activity, sizeof(activity), "%s view \"%s\"", texts[work], view->name);
	else
		snprintf(activity, sizeof(activity), "%s view %u", texts[work], view->viewid);
	pgstat_report_activity(STATE_RUNNING, activity);
}

/* Begins to work on a view; see view_work.h. */
void
view_work_begin(LiveView *view, ViewWork work)
{
	crash_guard_enter(view->viewid, work);
	time_limit_heed(&view->control->worker.claims);
	owner_session_begin(view->catalog->ownerid);
	SetCurrentStatementStartTimestamp();
	report_work(view, work);
}

/* Ends it; see view_work.h. */
void
view_work_end(bool well)
{
	time_limit_heed(NULL);
	owner_session_clean();
	crash_guard_leave(well);
}
