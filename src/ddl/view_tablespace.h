/*
 * view_tablespace.h - where the storage of a continuous view lies.
 */
#ifndef STREAM_EXT_VIEW_TABLESPACE_H
#define STREAM_EXT_VIEW_TABLESPACE_H

#include "nodes/parsenodes.h"

/*
 * Raises unless the user may create tables in the tablespace.  Returns its
 * name, NULL for the database's own.
 */
extern const char *view_tablespace_check(const char *tablespace);

/* Returns whether SET TABLESPACE is all that the statement does. */
extern bool view_tablespace_sets(const AlterTableStmt *stmt);

/* ALTER MATERIALIZED VIEW ... SET TABLESPACE of a continuous view. */
extern void view_tablespace_set(const AlterTableStmt *stmt);

#endif							/* STREAM_EXT_VIEW_TABLESPACE_H */
