/*
 * alter_view.h - ALTER and REFRESH MATERIALIZED VIEW of continuous views.
 */
#ifndef STREAM_EXT_ALTER_VIEW_H
#define STREAM_EXT_ALTER_VIEW_H

#include "nodes/parsenodes.h"

/* Returns whether all that the statement does is to set or reset stream.* options. */
extern bool alter_view_sets_options(const AlterTableStmt *stmt);

/* Does that. */
extern void alter_view_set_options(const AlterTableStmt *stmt);

/* Refuses what ALTER VIEW allows but a continuous view does not survive. */
extern void alter_view_check(const AlterTableStmt *stmt);

/* After any ALTER: the parts follow the view's owner. */
extern void alter_view_finish(Oid viewid);

/* REFRESH has nothing to do; says so. */
extern void alter_view_refresh(const RefreshMatViewStmt *stmt, Oid viewid);

/*
 * After any change of a relation's row in pg_class, by whatever statement: the
 * worker looks at a continuous view again.
 */
extern void alter_view_altered(Oid relid);

#endif							/* STREAM_EXT_ALTER_VIEW_H */
