/*
 * view_work.h - a worker begins and ends to work on a view.
 */
#ifndef STREAM_EXT_VIEW_WORK_H
#define STREAM_EXT_VIEW_WORK_H

#include "apply/crash_page.h"
#include "apply/live_view.h"

/*
 * From now on a crash is this view's, SIGTERM cancels it, and the session is
 * its owner's; it is time to look at the clock anew.
 *
 * Requires: no transaction is open, and no other work.
 */
extern void view_work_begin(LiveView *view, ViewWork work);

/* The work has ended, well or not, and so has its transaction. */
extern void view_work_end(bool well);

#endif							/* STREAM_EXT_VIEW_WORK_H */
