/*
 * batch_writer.h - rows of this transaction on their way into WAL.
 *
 * Private to stream_am/; others see stream_am.h.
 */
#ifndef STREAM_EXT_BATCH_WRITER_H
#define STREAM_EXT_BATCH_WRITER_H

#include "executor/tuptable.h"
#include "utils/rel.h"

typedef struct BatchWriter BatchWriter;

/*
 * Returns the writer of a stream for the current subtransaction.  Valid until
 * another statement or subtransaction starts.  Errors: not preloaded or
 * wal_level minimal (55000), recovery (25006), too many databases (53400).
 */
extern BatchWriter *batch_writer_open(Relation rel);

/* Adds the slot's row; writes the batch when it is large enough. */
extern void batch_writer_add(BatchWriter *writer, TupleTableSlot *slot);

/* Registers the (sub)transaction and relcache callbacks. */
extern void batch_writer_init(void);

/* Raises 55000 with a hint unless the library was preloaded. */
extern void batch_writer_require_preload(void);

#endif							/* STREAM_EXT_BATCH_WRITER_H */
