/*
 * crash_page.h - endings of workers, remembered across a restart of the server after a crash.
 */
#ifndef STREAM_EXT_CRASH_PAGE_H
#define STREAM_EXT_CRASH_PAGE_H

/* What a worker does for a view. */
typedef enum ViewWork
{
	WORK_ATTACH,
	WORK_APPLY,
	WORK_FLUSH,
	WORK_RETENTION
} ViewWork;

/* How a worker ended in it. */
typedef enum EndingKind
{
	ENDING_CRASH,				/* killed, or by a signal of its own making */
	ENDING_OVERRUN				/* its code did not end when it was cancelled */
} EndingKind;

/* Maps the page; by the postmaster, before it has children. */
extern void crash_page_map(void);

/*
 * Notes those who were at work when the server crashed; by the postmaster,
 * while it has no children.
 */
extern void crash_page_take_stock(void);

/* Takes a place for this worker, until it exits.  Requires: a database. */
extern void crash_page_attach(void);

/* What this worker works on; InvalidOid: on nothing.  Safe in a signal handler. */
extern void crash_page_set(Oid viewid, ViewWork work);

/* This worker ends for what it works on; safe in a signal handler. */
extern void crash_page_note_overrun(void);

/* Returns how often workers of this database ended so in the view since a time(2). */
extern int	crash_page_count(Oid viewid, EndingKind kind, int64 since);

/* Returns the view of the i-th ending in this database, InvalidOid if it is not of this one; false after the last. */
extern bool crash_page_view_at(int i, Oid *viewid);

/* That work on the view went well, or somebody has dealt with it: forgets its endings. */
extern void crash_page_forget(Oid viewid, ViewWork work);
extern void crash_page_forget_all(Oid viewid);

#endif							/* STREAM_EXT_CRASH_PAGE_H */
