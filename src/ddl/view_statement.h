/*
 * view_statement.h - statements about continuous views, before core sees them.
 */
#ifndef STREAM_EXT_VIEW_STATEMENT_H
#define STREAM_EXT_VIEW_STATEMENT_H

#include "nodes/nodes.h"

/*
 * Returns the statement that core shall run: parsetree itself, or a copy that
 * says VIEW where the user said MATERIALIZED VIEW of a continuous one.  Raises
 * an ERROR for what would break a continuous view.
 */
extern Node *view_statement_translate(Node *parsetree);

/* Returns the continuous view whose owner ALTER may change, or InvalidOid. */
extern Oid	view_statement_target(Node *parsetree);

#endif							/* STREAM_EXT_VIEW_STATEMENT_H */
