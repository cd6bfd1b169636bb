/*
 * restore_segment.c - WAL that is gone, fetched from an archive.
 *
 * The server's own restore_command does it, called as recovery calls it.  Each
 * segment is fetched by a process of its own, which does nothing else: the command
 * may hang, and then only the session hangs that waits for it, until it
 * is cancelled.
 *
 * Failure: a command that fails, or gives a file of the wrong size, leaves
 * nothing behind; the segment is missing as before.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/timeline.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "common/archive.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/ipc.h"

#include "compat.h"
#include "shared/kept_segments.h"
#include "wal/restore_segment.h"

extern PGDLLEXPORT void stream_ext_restore_segment_main(Datum arg);

/* Runs restore_command for a segment; returns whether it has written path. */
static bool
restore_segment_fetch(const char *name, char *path)
{
	char		oldest[MAXFNAMELEN];
	char	   *command;
	struct stat st;

	/* WAL before this is not needed: there is no such WAL */
	XLogFileName(oldest, 0, 0, wal_segment_size);
	command = BuildRestoreCommand(recoveryRestoreCommand, path, name, oldest);
	if (command == NULL || system(command) != 0)
		return false;
	return stat(path, &st) == 0 && st.st_size == wal_segment_size;
}

/* Entry point of the process that fetches the segment named in bgw_extra. */
void
stream_ext_restore_segment_main(Datum arg)
{
	const char *name = MyBgworkerEntry->bgw_extra;
	char		path[MAXPGPATH];
	char		temporary[MAXPGPATH];
	bool		done;

	BackgroundWorkerUnblockSignals();
	snprintf(path, MAXPGPATH, "%s/%s", KEPT_SEGMENTS_DIR, name);
	snprintf(temporary, MAXPGPATH, "%s/%s.%d.tmp", KEPT_SEGMENTS_DIR, name, MyProcPid);
	done = restore_segment_fetch(name, temporary) &&
		durable_rename(temporary, path, LOG) == 0;
	if (done)
		ereport(LOG,
				(errmsg("restored WAL segment \"%s\" from the archive for continuous views", name)));
	else
		(void) unlink(temporary);
	proc_exit(done ? 0 : 1);
}

/* Fetches a segment from the archive, and waits for that. */
static void
restore_segment(const char *name)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "stream_ext",
		.bgw_function_name = "stream_ext_restore_segment_main",
		.bgw_name = "stream WAL restore",
		.bgw_type = "stream WAL restore",
		.bgw_notify_pid = MyProcPid,
	};
	BackgroundWorkerHandle *handle;

	strlcpy(worker.bgw_extra, name, BGW_EXTRALEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("no free worker process to restore WAL segment \"%s\"", name),
				 errhint("Raise max_worker_processes.")));
	PG_TRY();
	{
		(void) WaitForBackgroundWorkerShutdown(handle);
	}
	PG_CATCH();
	{
		TerminateBackgroundWorker(handle);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* Returns whether a file is there. */
static bool
restore_file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* Makes sure that a segment can be read; returns false if it is not to be had. */
static bool
restore_segment_if_missing(TimeLineID timeline, XLogSegNo segno)
{
	char		path[MAXPGPATH];
	char		kept[MAXPGPATH];
	char		name[MAXFNAMELEN];

	XLogFilePath(path, timeline, segno, wal_segment_size);
	kept_segments_path(kept, timeline, segno);
	if (restore_file_exists(path) || restore_file_exists(kept))
		return true;
	if (recoveryRestoreCommand == NULL || recoveryRestoreCommand[0] == '\0' ||
		!kept_segments_make_directory())
		return false;
	XLogFileName(name, timeline, segno, wal_segment_size);
	restore_segment(name);
	return restore_file_exists(kept);
}

bool
restore_segments_from(XLogRecPtr lsn, XLogRecPtr *missing)
{
	TimeLineID	current;
	XLogRecPtr	end = GetFlushRecPtr(&current);
	List	   *history = readTimeLineHistory(current);
	XLogSegNo	segno;
	XLogSegNo	last;

	XLByteToSeg(lsn, segno, wal_segment_size);
	XLByteToSeg(end, last, wal_segment_size);
	for (; segno < last; segno++)
	{
		XLogRecPtr	next;

		/* as xlogutils.c chooses it: a segment is whole on its last timeline */
		XLogSegNoOffsetToRecPtr(segno + 1, 0, wal_segment_size, next);
		XLogSegNoOffsetToRecPtr(segno, 0, wal_segment_size, *missing);
		if (!restore_segment_if_missing(tliOfPointInHistory(next - 1, history), segno))
			return false;
	}
	return true;
}
