/*
 * try_lock.h - locks that are not waited for.
 *
 * Who works for many views must not stand in line for one of them.  (Locks
 * that functions of users take are limited by stream_ext.lock_timeout.)
 */
#ifndef STREAM_EXT_TRY_LOCK_H
#define STREAM_EXT_TRY_LOCK_H

#include "storage/lockdefs.h"

/*
 * Locks a relation until the transaction ends.  Raises
 * ERRCODE_LOCK_NOT_AVAILABLE, which names relation and holder, if it is not
 * free at once.  Takes in invalidations.
 */
extern void try_lock_relation(Oid relid, LOCKMODE mode);

/* The process whose lock the last one was; 0: not known, or a prepared transaction. */
extern int	try_lock_last_holder(void);

/* Locks a relation, too, but only says whether it has got the lock. */
extern bool try_lock_got(Oid relid, LOCKMODE mode);

#endif							/* STREAM_EXT_TRY_LOCK_H */
