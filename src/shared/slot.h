/*
 * slot.h - the physical replication slot that keeps a database's WAL.
 *
 * One slot "stream_ext_<dbid>" per database.  Never kept acquired: a holder
 * that does not answer hangs the checkpointer when the slot is invalidated.
 */
#ifndef STREAM_EXT_SLOT_H
#define STREAM_EXT_SLOT_H

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"

/*
 * Makes the slot unless it exists.  The slot stays if the transaction aborts.
 * Errors: wal_level minimal (55000), no free slot (53400), the session itself
 * uses a slot (55006), recovery (25006).
 */
extern void slot_make(Oid dbid);

/*
 * The same; until the transaction ends, the slot is neither moved nor dropped.
 * For who writes, or makes what others cannot see yet.
 */
extern void slot_ensure(Oid dbid);

/*
 * The same, but an invalidated slot, which keeps nothing any more, is replaced.
 * For the worker, outside transactions.
 */
extern void slot_renew(Oid dbid);

/*
 * *invalidated: the server has given up the slot (max_slot_wal_keep_size);
 * nothing keeps WAL any more, and restart_lsn is invalid.  Both may be NULL.
 * Cheap: a scan of max_replication_slots names.
 */
extern bool slot_exists(Oid dbid, bool *invalidated, XLogRecPtr *restart_lsn);

/*
 * Moves the slot forward (never back) and writes it to disk.  Needs no
 * transaction.  Returns false if the slot is gone, busy or invalid: not an
 * error, try again later or look with slot_exists().
 */
extern bool slot_advance(Oid dbid, XLogRecPtr restart_lsn);

/*
 * Moves it back if it is newer, so that second names of older WAL stay.
 * Requires: the slot's lock (slot_ensure).
 */
extern void slot_reach_back(Oid dbid, XLogRecPtr restart_lsn);

/* Drops the slot if it is there and nobody has it.  Needs no transaction. */
extern void slot_drop(Oid dbid);
extern void slot_drop_named(const char *name);

/* Returns whether another slot can be made. */
extern bool slot_is_free(void);

/* Returns from where on our slots keep WAL, invalid if they do not. */
extern XLogRecPtr slot_minimum(void);

/*
 * Makes sure that no open transaction relies on the slot, and that none can
 * until slot_unlock(); returns false if one does.  Needs no transaction.
 */
extern bool slot_lock_unused(Oid dbid);
extern void slot_unlock(Oid dbid);

/* Drops it, unless an open transaction relies on the slot: then returns false. */
extern bool slot_drop_unused(Oid dbid);

/*
 * Makes every slot of ours one that was in use just now: from PostgreSQL 18 on the
 * server may give up slots that nobody acquires.  Needs no transaction.
 */
extern void slot_touch_all(void);

/* The oldest position that any slot of ours keeps, or invalid. */
extern XLogRecPtr slot_oldest_lsn(void);

/* Returns the database oids of all our slots. */
extern List *slot_list_databases(void);

#endif							/* STREAM_EXT_SLOT_H */
