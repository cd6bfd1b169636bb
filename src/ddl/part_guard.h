/*
 * part_guard.h - keeps everybody's hands off the parts of continuous views.
 */
#ifndef STREAM_EXT_PART_GUARD_H
#define STREAM_EXT_PART_GUARD_H

#include "nodes/nodes.h"

/* Raises an ERROR if the utility statement would change a relation of ours. */
extern void part_guard_check_statement(Node *parsetree);

/* Installs the hook that refuses to write to our relations. Called by ddl_init() only. */
extern void part_guard_init(void);

#endif							/* STREAM_EXT_PART_GUARD_H */
