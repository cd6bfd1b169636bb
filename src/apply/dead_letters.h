/*
 * dead_letters.h - rows that a view could not digest, until they are written.
 *
 * Those of an attempt count only when the attempt has finished; then they wait
 * for the flush that writes the groups of the same run.
 */
#ifndef STREAM_EXT_DEAD_LETTERS_H
#define STREAM_EXT_DEAD_LETTERS_H

#include "catalog/view_catalog.h"

typedef struct DeadLetters DeadLetters;

extern DeadLetters *dead_letters_create(MemoryContext parent);

/* A transaction that may add letters, or write them, begins. */
extern void dead_letters_begin(DeadLetters *letters);

/*
 * Counts a row of the run at hand, and keeps it unless stream_ext.dead_letter_limit
 * of them wait already.  The texts (row: NULL where it has none) are copied.
 */
extern void dead_letters_add(DeadLetters *letters, const char *row,
							 const CatalogFailure *failure);

/* Whether one more would not be kept. */
extern bool dead_letters_full(const DeadLetters *letters);

/* The attempt has failed: forgets what it has added. */
extern void dead_letters_take_back(DeadLetters *letters);

/* Since dead_letters_begin(): rows that were added, and letters that were not kept. */
extern uint64 dead_letters_rejected(const DeadLetters *letters);
extern uint64 dead_letters_dropped(const DeadLetters *letters);

/* Memory of all letters, and of those added since dead_letters_begin(). */
extern Size dead_letters_bytes(const DeadLetters *letters);
extern Size dead_letters_new_bytes(const DeadLetters *letters);

/* Whether letters wait to be written. */
extern bool dead_letters_any(const DeadLetters *letters);

/* Writes the letters of runs that ended at or before lsn. Within a transaction, as the worker. */
extern void dead_letters_write(DeadLetters *letters, const ViewCatalog *view, XLogRecPtr lsn);

/* Forgets the same. */
extern void dead_letters_forget(DeadLetters *letters, XLogRecPtr lsn);

#endif							/* STREAM_EXT_DEAD_LETTERS_H */
