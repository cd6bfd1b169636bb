/*
 * session_attempt.h - the book of sessions through an attempt to apply a run.
 *
 * All do nothing for views whose sessions never close.
 */
#ifndef STREAM_EXT_SESSION_ATTEMPT_H
#define STREAM_EXT_SESSION_ATTEMPT_H

#include "apply/live_view.h"
#include "flush/flush.h"

/* Whether the view must be flushed before its sessions can be loaded. */
extern bool sessions_need_flush(const LiveView *view);

/* Makes the book ready for an attempt.  In a transaction, as the worker. */
extern void sessions_begin(LiveView *view);

/* Keeps or takes back what an attempt has written. */
extern void sessions_end(LiveView *view, bool done);

/* Whether the attempt must go to storage. */
extern bool sessions_need_storage(const LiveView *view);

/* Relabels in storage what the attempt has moved. */
extern void sessions_move_stored(LiveView *view, FlushWriter *writer, uint64 *quarantined);

#endif							/* STREAM_EXT_SESSION_ATTEMPT_H */
