/*
 * database_hold.h - statements that need a database to themselves.
 */
#ifndef STREAM_EXT_DATABASE_HOLD_H
#define STREAM_EXT_DATABASE_HOLD_H

#include "nodes/nodes.h"

/*
 * Returns the database that the statement wants without other sessions and
 * the user may so treat, or InvalidOid.  *drops is set for DROP DATABASE.
 */
extern Oid	database_to_hold(Node *parsetree, bool *drops);

/*
 * Makes the stream worker let go of the database, runs run(arg) and lets the
 * worker come back.
 */
extern void database_hold_run(Oid dbid, bool drops, void (*run) (void *arg), void *arg);

#endif							/* STREAM_EXT_DATABASE_HOLD_H */
