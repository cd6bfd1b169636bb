/*
 * read_wait.h - waiting until a view shows what a read must show.
 */
#ifndef STREAM_EXT_READ_WAIT_H
#define STREAM_EXT_READ_WAIT_H

#include "shared/control.h"

/* What a wait is about. */
typedef struct ReadWait
{
	Oid			viewid;
	DatabaseControl *db;
	XLogRecPtr	owed_lsn;		/* to this session: an error without it */
	XLogRecPtr	others_lsn;		/* committed by others: a warning without it */
	bool		must_attach;	/* a worker must maintain the view */
} ReadWait;

typedef enum ReadWaitResult
{
	READ_WAIT_REACHED,
	READ_WAIT_STOPPED,			/* the view does not go on by itself */
	READ_WAIT_TIMEOUT,
	READ_WAIT_DEADLOCK			/* the worker waits for us */
} ReadWaitResult;

/* Finds out what this session must see of a view with this memory table. */
extern void read_wait_init(ReadWait *wait, Oid viewid, Oid memory, XLogRecPtr others_lsn);

/*
 * Waits until the view has what others have committed, for at most
 * stream_ext.read_others_timeout, and what the session is owed, for at most
 * stream_ext.read_timeout.  The result is about the latter.  A top-level
 * statement that has waited in vain does not wait again.
 */
extern ReadWaitResult read_wait(ReadWait *wait);

/*
 * Waits until a view that is running has applied lsn, at most timeout_ms;
 * returns whether it has.
 */
extern bool read_wait_applied(Oid viewid, XLogRecPtr lsn, int timeout_ms);

/* What the view must have applied before it is read. */
extern XLogRecPtr read_wait_required(const ReadWait *wait);

/* Whether a view needs somebody to go on. */
extern bool read_wait_view_stopped(ViewControl *view);

#endif							/* STREAM_EXT_READ_WAIT_H */
