/*
 * stream_rewrite.h - VACUUM FULL of a stream keeps what older rows need.
 */
#ifndef STREAM_EXT_STREAM_REWRITE_H
#define STREAM_EXT_STREAM_REWRITE_H

#include "utils/rel.h"

/*
 * Remembers the values that columns have in rows older than the column, to
 * put them back at the end of the transaction, when core has cleared them.
 * Caller holds: ACCESS EXCLUSIVE on the stream.
 */
extern void stream_rewrite_keep_missing(Relation rel);

/* Registers the transaction callback. Called by stream_am_init() only. */
extern void stream_rewrite_init(void);

#endif							/* STREAM_EXT_STREAM_REWRITE_H */
