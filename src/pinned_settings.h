/*
 * pinned_settings.h - text that means the same in every session.
 *
 * Whatever of ours becomes text and is read again, values and SQL alike, is
 * written and read between settings_pin() and settings_unpin().
 */
#ifndef STREAM_EXT_PINNED_SETTINGS_H
#define STREAM_EXT_PINNED_SETTINGS_H

#include "datatype/timestamp.h"

/*
 * Sets all that the text of a value or of SQL depends on, names to be
 * qualified among it.  Returns what settings_unpin() wants; after an error the
 * (sub)transaction's abort restores the settings.
 */
extern int	settings_pin(void);
extern void settings_unpin(int nestlevel);

/* Returns the interval that the text of an option means, whatever the session's IntervalStyle. */
extern Interval *settings_interval(const char *text);

#endif							/* STREAM_EXT_PINNED_SETTINGS_H */
