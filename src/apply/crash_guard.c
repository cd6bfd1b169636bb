/*
 * crash_guard.c - which view the worker crashed in.
 *
 * A user's C function can crash the worker, and with it the whole server,
 * again and again: the WAL is read again after each restart.  So before a
 * view is worked on its oid is remembered, and a signal handler for those
 * signals that a program brings on itself (SIGSEGV, SIGBUS, SIGILL,
 * SIGABRT) appends it to a file before it dies.  A view with three entries
 * within a minute is disabled by the next worker.
 *
 * SIGKILL leaves no entry: whoever kills the worker says nothing about the
 * view.  Shared memory would not do: the server resets it after a crash.
 *
 * Failure: the file is a few bytes, never synced, and removed when read.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "apply/crash_guard.h"
#include "compat.h"

#define CRASHES_MAX			3
#define CRASHES_WITHIN_S	60
#define CRASH_FILE_ENTRIES	64

/* One crash, as written to the file. */
typedef struct CrashEntry
{
	Oid			viewid;
	int64		time;			/* time(2), which a signal handler may call */
} CrashEntry;

static char crash_file[MAXPGPATH];
static volatile Oid view_at_work = InvalidOid;
static volatile bool work_is_cancelable = false;

/* Notes the view at work, then lets the signal do what it does. */
static void
crash_guard_signal(SIGNAL_ARGS)
{
	if (OidIsValid(view_at_work))
	{
		CrashEntry	entry = {view_at_work, (int64) time(NULL)};
		int			fd = open(crash_file, O_WRONLY | O_CREAT | O_APPEND | PG_BINARY, 0600);

		if (fd >= 0)
		{
			ssize_t		written = write(fd, &entry, sizeof(entry));

			(void) written;		/* nothing to be done about it */
			close(fd);
		}
	}
	signal(postgres_signal_arg, SIG_DFL);
	raise(postgres_signal_arg);
}

/* Installs the handlers. */
void
crash_guard_init(Oid dbid)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT};

	snprintf(crash_file, sizeof(crash_file), "%s/stream_ext_crash.%u", DataDir, dbid);
	for (int i = 0; i < lengthof(signals); i++)
		pqsignal(signals[i], crash_guard_signal);
}

/* From now on a crash is this view's; see crash_guard.h. */
void
crash_guard_enter(Oid viewid, bool cancelable)
{
	Assert(!OidIsValid(view_at_work));
	work_is_cancelable = cancelable;
	view_at_work = viewid;
}

/* From now on the view at work is not to be cancelled, nor has it been. */
void
crash_guard_finish(void)
{
	work_is_cancelable = false;
	QueryCancelPending = false;
}

/* From now on a crash is nobody's. */
void
crash_guard_leave(void)
{
	view_at_work = InvalidOid;
}

/* Returns whether a view is being worked on and may be cancelled; safe in a signal handler. */
bool
crash_guard_cancelable(void)
{
	return OidIsValid(view_at_work) && work_is_cancelable;
}

/* Reads the file's entries; returns their number. */
static int
crash_guard_read(CrashEntry *entries)
{
	int			fd = OpenTransientFile(crash_file, O_RDONLY | PG_BINARY);
	ssize_t		length;

	if (fd < 0)
		return 0;
	length = read(fd, entries, CRASH_FILE_ENTRIES * sizeof(CrashEntry));
	CloseTransientFile(fd);
	return (length > 0) ? (int) (length / sizeof(CrashEntry)) : 0;
}

/* Returns how often the view crashed lately. */
static int
crash_guard_count(const CrashEntry *entries, int nentries, Oid viewid)
{
	int64		since = (int64) time(NULL) - CRASHES_WITHIN_S;
	int			count = 0;

	for (int i = 0; i < nentries; i++)
	{
		if (entries[i].viewid == viewid && entries[i].time >= since)
			count++;
	}
	return count;
}

/*
 * Returns the views (oids) that crashed too often, and forgets what is known
 * once there are some, or the file has grown old.
 */
List *
crash_guard_take_culprits(void)
{
	CrashEntry	entries[CRASH_FILE_ENTRIES];
	int			nentries = crash_guard_read(entries);
	List	   *culprits = NIL;

	for (int i = 0; i < nentries; i++)
	{
		if (!list_member_oid(culprits, entries[i].viewid) &&
			crash_guard_count(entries, nentries, entries[i].viewid) >= CRASHES_MAX)
			culprits = lappend_oid(culprits, entries[i].viewid);
	}
	if (culprits != NIL || nentries == CRASH_FILE_ENTRIES)
		unlink(crash_file);
	return culprits;
}
