/*
 * command.h - what the stream_...() functions have in common.
 */
#ifndef STREAM_EXT_COMMAND_H
#define STREAM_EXT_COMMAND_H

#include "catalog/view_catalog.h"
#include "datatype/timestamp.h"
#include "shared/control.h"

/* Raises on a standby, or where the library is not preloaded. */
extern void command_check_server(const char *command);

/* Returns this database's control slot, making it; its worker will come. */
extern DatabaseControl *command_database(void);

/* Returns the view, which must be continuous and the current user's. */
extern ViewCatalog *command_own_view(Oid viewid);

/* Returns milliseconds; negative intervals are refused, long ones cut. */
extern int	command_timeout_ms(const Interval *interval);

/* Returns WAL's end, written to disk up to there so that the worker can read it. */
extern XLogRecPtr command_flush_wal(void);

#endif							/* STREAM_EXT_COMMAND_H */
