/*
 * stream_refusals.h - what cannot be done to a stream, said with a hint.
 *
 * The access method refuses what reaches it.  These refuse the rest;
 * ddl/utility.c calls them from its hooks.
 */
#ifndef STREAM_EXT_STREAM_REFUSALS_H
#define STREAM_EXT_STREAM_REFUSALS_H

#include "catalog/objectaccess.h"
#include "nodes/nodes.h"

/*
 * Raises an ERROR if the utility statement would do to a stream what streams
 * cannot do.  Called before every utility statement, after those that ddl/
 * has taken for itself (a continuous CREATE MATERIALIZED VIEW is not one for
 * here).  Also notes COMMIT PREPARED, and locks a stream whose column type
 * changes, so call it exactly once per statement.
 */
extern void ddl_check_stream_utility(Node *parsetree);

/*
 * Returns whether the statement itself (not a query in it) may scan a stream
 * and must find no rows: COPY stream TO, ALTER TABLE, ALTER DOMAIN.  The hook
 * then sets stream_am_scan_empty around it, restoring the former value also
 * after an error.
 */
extern bool ddl_utility_scans_empty(Node *parsetree);

/* Called from object_access_hook with its own arguments. */
extern void ddl_check_stream_object(ObjectAccessType access, Oid classid,
									Oid objectid, int subid, void *arg);

#endif							/* STREAM_EXT_STREAM_REFUSALS_H */
