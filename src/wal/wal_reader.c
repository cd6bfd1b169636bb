/*
 * wal_reader.c - WAL records of this server, one after the other, up to what
 * is on disk.
 *
 * The server's XLogReader does the work; this file gives it pages.  Only WAL
 * that has been flushed (replayed, on a standby) is looked at: what is not on
 * disk may change in a crash.  At the end the page callback says -1 instead of
 * waiting, so that the caller can sleep on its latch; XLogReader forgets the
 * half-read record and starts it again at the next call.
 *
 * Segments of former timelines are found by read_local_xlog_page(), which
 * looks the timeline up by position; a promotion needs nothing special here.
 *
 * Memory: XLogReader allocates in CurrentMemoryContext whenever it needs
 * more, so every call runs in the reader's own context.  Its buffer never
 * shrinks; after a huge record it is made anew.
 * A segment that is not in pg_wal may have a second name (shared/kept_segments.h),
 * after a backup was restored.
 *
 * Failure: a removed segment raises ERRCODE_STREAM_WAL_GONE.  The server
 * recycles segments by renaming them, so one that was open may come to hold
 * newer WAL: every page is followed by a look at what has been removed, as
 * walsender.c does.  A file with a second name only that does not hold what it should was
 * overwritten, or copied before it was full: that is WAL gone as well.
 */
#include "postgres.h"

#include "compat.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogrecovery.h"
#include "access/xlogutils.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "shared/kept_segments.h"
#include "wal/wal_reader.h"

/* A record buffer larger than this is given back after use. */
#define READER_KEEP_BYTES (4 * 1024 * 1024)

struct WalReader
{
	MemoryContext context;
	XLogReaderState *state;
	XLogRecPtr	position;		/* end of the last record, or the start */
	bool		located;		/* state stands at a record boundary */
	XLogRecPtr	available;		/* WAL on disk, as last asked */
	XLogRecPtr	wanted;			/* the page callback needed WAL up to here */
	bool		kept;			/* the open segment has a second name only */
};

/* Returns true if WAL up to lsn is on disk; asks the server only if it was not before. */
static bool
wal_reader_available(WalReader *reader, XLogRecPtr lsn)
{
	if (lsn > reader->available)
		reader->available = RecoveryInProgress() ?
			GetXLogReplayRecPtr(NULL) : GetFlushRecPtr(NULL);
	return lsn <= reader->available;
}

/* Raises the error for a segment that the server has removed or recycled. */
static void
wal_reader_raise_gone(XLogSegNo segno)
{
	XLogRecPtr	start;

	XLogSegNoOffsetToRecPtr(segno, 0, wal_segment_size, start);
	ereport(ERROR,
			(errcode(ERRCODE_STREAM_WAL_GONE),
			 errmsg("WAL at %X/%X has already been removed", LSN_FORMAT_ARGS(start))));
}

/* Opens a segment; as wal_segment_open(), but with an error code that does not depend on errno. */
static void
wal_reader_open_segment_cb(XLogReaderState *state, XLogSegNo segno, TimeLineID *tli)
{
	WalReader  *reader = state->private_data;
	char		path[MAXPGPATH];

	reader->kept = false;
	XLogFilePath(path, *tli, segno, state->segcxt.ws_segsize);
	state->seg.ws_file = BasicOpenFile(path, O_RDONLY | PG_BINARY);
	if (state->seg.ws_file < 0 && errno == ENOENT)
	{
		reader->kept = true;
		kept_segments_path(path, *tli, segno);
		state->seg.ws_file = BasicOpenFile(path, O_RDONLY | PG_BINARY);
	}
	if (state->seg.ws_file >= 0)
		return;
	if (errno == ENOENT)
		wal_reader_raise_gone(segno);
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not open file \"%s\": %m", path)));
}

/* Reads one page; returns the number of valid bytes, or -1 if they are not on disk yet. */
static int
wal_reader_read_page_cb(XLogReaderState *state, XLogRecPtr page, int length,
						XLogRecPtr record, char *buffer)
{
	WalReader  *reader = state->private_data;
	XLogSegNo	segno;
	int			count;

	if (!wal_reader_available(reader, page + length))
	{
		reader->wanted = page + length;
		return -1;
	}
	count = read_local_xlog_page(state, page, length, record, buffer);

	XLByteToSeg(page, segno, wal_segment_size);
	if (segno <= XLogGetLastRemovedSegno() && !reader->kept)
		wal_reader_raise_gone(segno);
	return count;
}

/* Makes the XLogReader, in the reader's context. */
static XLogReaderState *
wal_reader_allocate(WalReader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	XLogReaderState *state;

	state = XLogReaderAllocate(wal_segment_size, NULL,
							   XL_ROUTINE(.page_read = wal_reader_read_page_cb,
										  .segment_open = wal_reader_open_segment_cb,
										  .segment_close = wal_segment_close),
							   reader);
	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while allocating a WAL reader.")));
	MemoryContextSwitchTo(old);
	return state;
}

/* An XLogReader holds a file descriptor that memory contexts know nothing of. */
static void
wal_reader_close_cb(void *arg)
{
	WalReader  *reader = arg;

	if (reader->state != NULL && reader->state->seg.ws_file >= 0)
		wal_segment_close(reader->state);
}

WalReader *
wal_reader_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext WAL reader",
												  ALLOCSET_DEFAULT_SIZES);
	WalReader  *reader = MemoryContextAllocZero(context, sizeof(WalReader));
	MemoryContextCallback *callback =
	MemoryContextAllocZero(context, sizeof(MemoryContextCallback));

	reader->context = context;
	callback->func = wal_reader_close_cb;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(context, callback);
	reader->state = wal_reader_allocate(reader);
	return reader;
}

void
wal_reader_start(WalReader *reader, XLogRecPtr lsn)
{
	Assert(!XLogRecPtrIsInvalid(lsn));

	reader->position = lsn;
	reader->located = false;
	reader->wanted = InvalidXLogRecPtr;
}

/* Raises the error for WAL that cannot be understood. */
static void
wal_reader_raise_broken(WalReader *reader, XLogRecPtr lsn, const char *message)
{
	if (reader->kept)
		wal_reader_raise_gone(lsn / wal_segment_size);
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not read WAL at %X/%X: %s", LSN_FORMAT_ARGS(lsn),
					message ? message : "no valid record found")));
}

/*
 * Gives back the buffer of a huge record.  Loses the reader's place, which
 * the next call finds again.
 */
static void
wal_reader_shrink(WalReader *reader)
{
	XLogReaderState *old = reader->state;

	reader->state = NULL;
	XLogReaderFree(old);
	reader->state = wal_reader_allocate(reader);
	reader->located = false;
}

/*
 * Moves to the first record at or after the position.  Returns false if it is
 * not on disk yet.
 */
static bool
wal_reader_locate(WalReader *reader)
{
	XLogRecPtr	found = XLogFindNextRecord(reader->state, reader->position);

	if (XLogRecPtrIsInvalid(found))
	{
		if (XLogRecPtrIsInvalid(reader->wanted))
			wal_reader_raise_broken(reader, reader->position, NULL);
		return false;
	}
	Assert(found >= reader->position);
	XLogBeginRead(reader->state, found);
	reader->located = true;
	return true;
}

/* Reads the next record. Caller: in the reader's context. Returns false at the end. */
static bool
wal_reader_advance(WalReader *reader)
{
	char	   *message = NULL;

	reader->wanted = InvalidXLogRecPtr;
	if (!reader->located && !wal_reader_locate(reader))
		return false;

	reader->wanted = InvalidXLogRecPtr;
	if (XLogReadRecord(reader->state, &message) == NULL)
	{
		if (message != NULL || XLogRecPtrIsInvalid(reader->wanted))
			wal_reader_raise_broken(reader, reader->state->EndRecPtr, message);
		return false;
	}
	return true;
}

XLogReaderState *
wal_reader_next(WalReader *reader)
{
	MemoryContext old;
	bool		found;

	Assert(!XLogRecPtrIsInvalid(reader->position));

	/* also where there is nothing to read: it may be long till there is */
	wal_reader_trim(reader);

	/* Do not start a record over before more of it can be there. */
	if (!wal_reader_available(reader, reader->wanted))
		return NULL;

	old = MemoryContextSwitchTo(reader->context);
	found = wal_reader_advance(reader);
	MemoryContextSwitchTo(old);
	if (!found)
		return NULL;

	Assert(reader->state->EndRecPtr > reader->position);
	reader->position = reader->state->EndRecPtr;
	return reader->state;
}

XLogReaderState *
wal_reader_read_at(WalReader *reader, XLogRecPtr lsn)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	/*
	 * No search for a record boundary: lsn is one.  XLogReader keeps the page
	 * it has, so that neighbouring records cost one read.
	 */
	reader->position = lsn;
	XLogBeginRead(reader->state, lsn);
	reader->located = true;
	if (!wal_reader_advance(reader))
		wal_reader_raise_broken(reader, lsn, "unexpected end of WAL");
	MemoryContextSwitchTo(old);

	reader->position = reader->state->EndRecPtr;
	return reader->state;
}

XLogRecPtr
wal_reader_position(const WalReader *reader)
{
	return reader->position;
}

void
wal_reader_trim(WalReader *reader)
{
	if (reader->state->readRecordBufSize > READER_KEEP_BYTES)
		wal_reader_shrink(reader);
}
