/*
 * subtransaction.h - something that may fail, in a subtransaction.
 */
#ifndef STREAM_EXT_SUBTRANSACTION_H
#define STREAM_EXT_SUBTRANSACTION_H

#include "datatype/timestamp.h"

/*
 * Does action in a subtransaction, with a time limit of its own.  Returns
 * NULL if it worked; else the error, if fewer rows might not meet it or one
 * row is to blame for it.  Throws all others on, and the want of memory for
 * what is called single: others may have it.
 * Requires: a transaction, the view owner's scope.
 */
extern ErrorData *subtransaction_try(void (*action) (void *arg), void *arg, bool single);

/* Whether an error of code that began at start is one of those. */
extern bool subtransaction_catches(const ErrorData *edata, TimestampTz start, bool single);

#endif							/* STREAM_EXT_SUBTRANSACTION_H */
