/*
 * kept_segments.c - second names of the WAL segments that are still needed.
 *
 * A physical backup holds WAL from its checkpoint on.  A view that was flushed
 * last before that, or one that waits for a transaction begun before, needs older WAL,
 * which the backup does not take: contents of pg_wal are left out.  So every
 * segment from the oldest restart position on has a second name, a hard link,
 * in a directory of ours, and backups copy directories that they do not know.
 * Restart positions only grow, so what a backup copies suffices for any
 * state in which it may end.
 *
 * A second name does not protect its segment: the server recycles segments by
 * renaming and overwriting them, under whatever names they have.  The slots
 * do that.  A name is taken away before the slot moves.
 *
 * A segment is named before its first record is written (worker/wal_keeper.c
 * makes it), so that a backup finds all that came before its checkpoint.
 *
 * Where pg_wal lies in another file system, full segments are copied.
 *
 * Locking: none.  A name that was added while others were taken away is taken
 * away the next time.
 * Failure: what cannot be named is missing from backups, which is logged; the
 * primary needs no second names.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/copydir.h"
#include "storage/fd.h"

#include "compat.h"
#include "shared/kept_segments.h"

bool
kept_segments_exist(void)
{
	struct stat st;

	return stat(KEPT_SEGMENTS_DIR, &st) == 0;
}

void
kept_segments_path(char *path, TimeLineID timeline, XLogSegNo segno)
{
	char		name[MAXFNAMELEN];

	XLogFileName(name, timeline, segno, wal_segment_size);
	snprintf(path, MAXPGPATH, "%s/%s", KEPT_SEGMENTS_DIR, name);
}

bool
kept_segments_make_directory(void)
{
	if ((MakePGDirectory(KEPT_SEGMENTS_ROOT) == 0 || errno == EEXIST) &&
		(MakePGDirectory(KEPT_SEGMENTS_DIR) == 0 || errno == EEXIST))
		return true;
	ereport(LOG,
			(errcode_for_file_access(),
			 errmsg("could not create directory \"%s\": %m", KEPT_SEGMENTS_DIR)));
	return false;
}

/*
 * Returns whether the segment has its second name already.  A copy of a full
 * segment is as good, unless it came with a backup, which may have taken it
 * before it was full.
 */
static bool
kept_segment_is_named(const struct stat *segment, const char *target)
{
	struct stat st;

	if (stat(target, &st) != 0)
		return false;
	if (st.st_dev == segment->st_dev)
		return st.st_ino == segment->st_ino;
	return st.st_size == segment->st_size && st.st_mtime >= segment->st_mtime;
}

/* Gives one segment its second name, replacing a file that came with a backup. */
static void
kept_segment_add(const char *name, bool full)
{
	char		source[MAXPGPATH];
	char		target[MAXPGPATH];
	char		temporary[MAXPGPATH];
	struct stat st;

	snprintf(source, MAXPGPATH, XLOGDIR "/%s", name);
	snprintf(target, MAXPGPATH, "%s/%s", KEPT_SEGMENTS_DIR, name);
	snprintf(temporary, MAXPGPATH, "%s/%s.%d.tmp", KEPT_SEGMENTS_DIR, name, MyProcPid);
	if (stat(source, &st) != 0 || kept_segment_is_named(&st, target))
		return;					/* it may have been recycled meanwhile */

	(void) unlink(temporary);
	if (link(source, temporary) != 0)
	{
		if (errno == ENOENT || (errno == EXDEV && !full))
			return;
		if (errno != EXDEV)
		{
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not link file \"%s\" to \"%s\": %m", source, temporary)));
			return;
		}
		copy_file(source, temporary);
	}
	if (rename(temporary, target) != 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not rename file \"%s\" to \"%s\": %m", temporary, target)));
}

/* Calls action for every segment in a directory, until it returns false. */
static void
kept_segments_scan(const char *directory,
				   bool (*action) (const char *name, XLogSegNo segno, void *arg), void *arg)
{
	DIR		   *dir = AllocateDir(directory);
	struct dirent *entry;

	while ((entry = ReadDirExtended(dir, directory, LOG)) != NULL)
	{
		TimeLineID	timeline;
		XLogSegNo	segno;

		if (!IsXLogFileName(entry->d_name))
			continue;
		XLogFromFileName(entry->d_name, &timeline, &segno, wal_segment_size);
		if (!action(entry->d_name, segno, arg))
			break;
	}
	if (dir != NULL)
		FreeDir(dir);
}

/* Segments to be named. */
typedef struct SegmentRange
{
	XLogSegNo	first;
	XLogSegNo	current;
} SegmentRange;

/* Names a segment of pg_wal if it is in the range. */
static bool
kept_segments_add_cb(const char *name, XLogSegNo segno, void *arg)
{
	SegmentRange *range = arg;

	if (segno >= range->first && segno <= range->current + 1)
		kept_segment_add(name, segno < range->current);
	return true;
}

void
kept_segments_add(XLogRecPtr from, XLogRecPtr current)
{
	SegmentRange range;

	if (!kept_segments_exist() && !kept_segments_make_directory())
		return;
	XLByteToSeg(from, range.first, wal_segment_size);
	XLByteToSeg(current, range.current, wal_segment_size);
	kept_segments_scan(XLOGDIR, kept_segments_add_cb, &range);
}

/* Takes a second name away if the segment is older than *arg. */
static bool
kept_segments_release_cb(const char *name, XLogSegNo segno, void *arg)
{
	char		path[MAXPGPATH];

	if (segno >= *(XLogSegNo *) arg)
		return true;
	snprintf(path, MAXPGPATH, "%s/%s", KEPT_SEGMENTS_DIR, name);
	if (unlink(path) != 0 && errno != ENOENT)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s\": %m", path)));
	return true;
}

void
kept_segments_release(XLogRecPtr from)
{
	XLogSegNo	first;

	if (!kept_segments_exist())
		return;
	XLByteToSeg(from, first, wal_segment_size);
	kept_segments_scan(KEPT_SEGMENTS_DIR, kept_segments_release_cb, &first);
}

/* Lowers *arg to the segment's number. */
static bool
kept_segments_oldest_cb(const char *name, XLogSegNo segno, void *arg)
{
	XLogSegNo  *oldest = arg;

	*oldest = Min(*oldest, segno);
	return true;
}

XLogRecPtr
kept_segments_oldest(void)
{
	XLogSegNo	oldest = PG_UINT64_MAX;
	XLogRecPtr	lsn;

	if (!kept_segments_exist())
		return InvalidXLogRecPtr;
	kept_segments_scan(KEPT_SEGMENTS_DIR, kept_segments_oldest_cb, &oldest);
	if (oldest == PG_UINT64_MAX)
		return InvalidXLogRecPtr;
	XLogSegNoOffsetToRecPtr(oldest, 0, wal_segment_size, lsn);
	return lsn;
}
