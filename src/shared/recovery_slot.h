/*
 * recovery_slot.h - the slot that keeps WAL on a standby, and across a restore.
 */
#ifndef STREAM_EXT_RECOVERY_SLOT_H
#define STREAM_EXT_RECOVERY_SLOT_H

#include "access/xlogdefs.h"

#define RECOVERY_SLOT_NAME "stream_recovery"

/* Registers what makes the slot when recovery begins. Called by _PG_init only. */
extern void recovery_slot_init(void);

/* Returns whether the slot exists; *restart_lsn, which may be NULL, is then its position. */
extern bool recovery_slot_exists(XLogRecPtr *restart_lsn);

/* Moves it forward.  For the one process that does so; needs no transaction. */
extern void recovery_slot_advance(XLogRecPtr restart_lsn);

/* Drops it if nobody has it.  Needs no transaction. */
extern void recovery_slot_drop(void);

#endif							/* STREAM_EXT_RECOVERY_SLOT_H */
