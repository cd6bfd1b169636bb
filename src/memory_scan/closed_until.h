/*
 * closed_until.h - up to where a statement sees a view's windows closed.
 */
#ifndef STREAM_EXT_CLOSED_UNTIL_H
#define STREAM_EXT_CLOSED_UNTIL_H

/* Installs the hooks that know which statement runs, and read cursors. Called by _PG_init only. */
extern void closed_until_init(void);

/*
 * Returns the watermark of a view as the running statement sees it: that of
 * its own cut if it scans the view.  Else the view is read: as a scan would
 * (waiting for the session's own rows, perhaps an error) if wait, as it is
 * otherwise.  WATERMARK_NONE if there is none.
 */
extern int64 closed_until_watermark(Oid viewid, bool wait);

#endif							/* STREAM_EXT_CLOSED_UNTIL_H */
