/*
 * view_claim.h - statements that need a view for themselves say so to its worker.
 */
#ifndef STREAM_EXT_VIEW_CLAIM_H
#define STREAM_EXT_VIEW_CLAIM_H

#include "nodes/nodes.h"

typedef void (*view_claim_action) (void *arg);

/*
 * Runs action(arg), which executes the statement.  Meanwhile code of the views
 * that it drops or alters does not keep it waiting for long: work on them is
 * cancelled after a second, and ends its process if it goes on.
 */
extern void view_claim_run(Node *parsetree, view_claim_action action, void *arg);

#endif							/* STREAM_EXT_VIEW_CLAIM_H */
