/*
 * crash_guard.c - which view a worker crashed in, or had to end in.
 *
 * A user's C function can crash the worker, and with it the whole server,
 * again and again: the WAL is read again after each restart.  So before a
 * view is worked on its oid is remembered, in two places.  A signal handler
 * for those signals that a program brings on itself (SIGSEGV, SIGBUS, SIGILL,
 * SIGABRT) appends it to a file before it dies: that stays when the postmaster
 * goes, too.  And a page that outlives a crash has it (crash_page.c), for
 * SIGKILL.  A view with three entries within a minute in the file, or three
 * SIGKILLs in a row in the page, is disabled by the next worker.
 *
 * Code that does not end when it is cancelled ends the worker (time_limit.c):
 * the second time in a row its view is disabled.  Not the first: a disk that
 * hangs looks the same.
 *
 * "In a row" is without such work on the view having gone well in between.
 *
 * Failure: the file is a few bytes, never synced, and removed when read.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"

#include "apply/crash_guard.h"
#include "compat.h"
#include "time_limit.h"

#define CRASHES_MAX			3
#define CRASHES_WITHIN_S	60
#define CRASH_FILE_ENTRIES	64
/* The kernel takes its time before it kills. */
#define KILLS_WITHIN_S		600
#define OVERRUNS_MAX		2
#define OVERRUNS_WITHIN_S	3600

/* Where the kernel is told whom to kill first when memory runs out. */
#define OOM_SCORE_FILE		"/proc/self/oom_score_adj"
#define OOM_SCORE			500

/* One crash, as written to the file. */
typedef struct CrashEntry
{
	Oid			viewid;
	int64		time;			/* time(2), which a signal handler may call */
} CrashEntry;

static char crash_file[MAXPGPATH];
static volatile Oid view_at_work = InvalidOid;
static volatile ViewWork work_at_hand;
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
		/* once is enough */
		crash_page_set(InvalidOid, work_at_hand);
	}
	signal(postgres_signal_arg, SIG_DFL);
	raise(postgres_signal_arg);
}

/* The postmaster stops this process because of another: that is not the view's fault. */
static void
crash_guard_stopped(SIGNAL_ARGS)
{
	crash_page_set(InvalidOid, work_at_hand);
	SignalHandlerForCrashExit(postgres_signal_arg);
}

/* Has the kernel kill this process rather than the postmaster, if it can be had. */
static void
offer_to_be_killed(void)
{
	FILE	   *file = AllocateFile(OOM_SCORE_FILE, "r+");
	int			score;

	if (file == NULL)
		return;
	if (fscanf(file, "%d", &score) == 1 && score < OOM_SCORE)
	{
		rewind(file);
		fprintf(file, "%d\n", OOM_SCORE);
	}
	FreeFile(file);
}

/* Installs the handlers. */
void
crash_guard_init(Oid dbid)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT};

	snprintf(crash_file, sizeof(crash_file), "%s/stream_ext_crash.%u", DataDir, dbid);
	crash_page_attach();
	for (int i = 0; i < lengthof(signals); i++)
		pqsignal(signals[i], crash_guard_signal);
	pqsignal(SIGQUIT, crash_guard_stopped);
	offer_to_be_killed();
}

/* From now on a crash is this view's; see crash_guard.h. */
void
crash_guard_enter(Oid viewid, ViewWork work)
{
	Assert(!OidIsValid(view_at_work));
	work_is_cancelable = (work != WORK_FLUSH);
	work_at_hand = work;
	view_at_work = viewid;
	crash_page_set(viewid, work);
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
crash_guard_leave(bool done)
{
	crash_page_set(InvalidOid, work_at_hand);
	if (done)
		crash_page_forget(view_at_work, work_at_hand);
	view_at_work = InvalidOid;
}

/* Returns whether a view is being worked on and may be cancelled; safe in a signal handler. */
bool
crash_guard_cancelable(void)
{
	return OidIsValid(view_at_work) && (work_is_cancelable || time_limit_running());
}

/* Notes that the process ends for the view at work; one that was told to leave would have ended anyway. */
void
crash_guard_overrun(bool leaving)
{
	if (!leaving)
		crash_page_note_overrun();
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

/* Adds a view to the culprits, unless it is one of them. */
static List *
add_culprit(List *culprits, Oid viewid, const char *reason)
{
	CrashCulprit *culprit;
	ListCell   *lc;

	foreach(lc, culprits)
	{
		if (((CrashCulprit *) lfirst(lc))->viewid == viewid)
			return culprits;
	}
	culprit = palloc(sizeof(CrashCulprit));
	culprit->viewid = viewid;
	culprit->reason = reason;
	return lappend(culprits, culprit);
}

/* Adds the culprits of the file, and removes it once there are some, or it has grown old. */
static List *
culprits_in_file(List *culprits)
{
	CrashEntry	entries[CRASH_FILE_ENTRIES];
	int			nentries = crash_guard_read(entries);

	for (int i = 0; i < nentries; i++)
	{
		if (crash_guard_count(entries, nentries, entries[i].viewid) >= CRASHES_MAX)
			culprits = add_culprit(culprits, entries[i].viewid,
								   "the worker crashed three times within a minute while it applied this view");
	}
	if (culprits != NIL || nentries == CRASH_FILE_ENTRIES)
		unlink(crash_file);
	return culprits;
}

/* Adds the culprits of the page. */
static List *
culprits_in_page(List *culprits)
{
	int64		now = (int64) time(NULL);
	Oid			viewid;

	for (int i = 0; crash_page_view_at(i, &viewid); i++)
	{
		if (!OidIsValid(viewid))
			continue;
		if (crash_page_count(viewid, ENDING_CRASH, now - KILLS_WITHIN_S) >= CRASHES_MAX)
			culprits = add_culprit(culprits, viewid,
								   "the worker was killed three times in a row while it applied this view");
		else if (crash_page_count(viewid, ENDING_OVERRUN, now - OVERRUNS_WITHIN_S) >= OVERRUNS_MAX)
			culprits = add_culprit(culprits, viewid,
								   "functions of this view did not end when they were cancelled, so that the worker had to, twice in a row");
	}
	return culprits;
}

/* Returns those in which workers ended too often; see crash_guard.h. */
List *
crash_guard_take_culprits(void)
{
	List	   *culprits = culprits_in_page(culprits_in_file(NIL));
	ListCell   *lc;

	foreach(lc, culprits)
		crash_page_forget_all(((CrashCulprit *) lfirst(lc))->viewid);
	return culprits;
}
