/*
 * drop_view.h - DROP of continuous views, and clean-up however they go.
 */
#ifndef STREAM_EXT_DROP_VIEW_H
#define STREAM_EXT_DROP_VIEW_H

#include "nodes/parsenodes.h"

/* Returns whether DROP MATERIALIZED VIEW names a continuous view. */
extern bool drop_names_continuous_view(const DropStmt *stmt);

/* DROP MATERIALIZED VIEW of continuous and ordinary ones together. */
extern void drop_materialized_views(const DropStmt *stmt);

/* A relation is being dropped, by whatever command: removes what we know of it. */
extern void drop_forget_relation(Oid relid);

/* ... and gives back its place in shared memory, if it has one. */
extern void drop_forget_place(Oid relid);

#endif							/* STREAM_EXT_DROP_VIEW_H */
