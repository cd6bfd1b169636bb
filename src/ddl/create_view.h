/*
 * create_view.h - CREATE MATERIALIZED VIEW over a stream.
 */
#ifndef STREAM_EXT_CREATE_VIEW_H
#define STREAM_EXT_CREATE_VIEW_H

#include "access/xlogdefs.h"
#include "catalog/objectaddress.h"
#include "nodes/parsenodes.h"

/* Makes the view, its parts and its catalog row; an invalid address if it existed already. */
extern ObjectAddress create_continuous_view(const CreateTableAsStmt *stmt, const char *source);

/*
 * Stops writers of the stream until the transaction ends, makes sure that the slot is there, and
 * returns the position where a view over it starts.
 */
extern XLogRecPtr create_view_lock_start(Oid streamid);

#endif							/* STREAM_EXT_CREATE_VIEW_H */
