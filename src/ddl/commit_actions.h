/*
 * commit_actions.h - what DDL does to shared memory once it has committed.
 */
#ifndef STREAM_EXT_COMMIT_ACTIONS_H
#define STREAM_EXT_COMMIT_ACTIONS_H

#include "postgres_ext.h"

/* Worker and launcher look at the catalog after this transaction commits. */
extern void commit_wake_worker(void);

/* The stream's counters are freed if this (sub)transaction commits. */
extern void commit_forget_stream(Oid streamid);

/* Registers the transaction callbacks. Called by ddl_init() only. */
extern void commit_actions_init(void);

#endif							/* STREAM_EXT_COMMIT_ACTIONS_H */
