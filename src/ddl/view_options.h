/*
 * view_options.h - WITH (stream....) of a continuous view.
 */
#ifndef STREAM_EXT_VIEW_OPTIONS_H
#define STREAM_EXT_VIEW_OPTIONS_H

#include "catalog/view_catalog.h"
#include "nodes/pg_list.h"

/* All of them, for hints. */
#define VIEW_OPTION_NAMES \
	"stream.emit, stream.late, stream.lateness, stream.on_lag, stream.partition_width and stream.retention"

/*
 * Sets (or, reset, clears) in *options what the DefElems say; an option that
 * we do not know is an ERROR with a hint.  Values are not judged here: see
 * storage_check_options() and closing_options_check().
 */
extern void view_options_apply(ContinuousOptions *options, List *defelems, bool reset);

/* Returns whether some DefElem is in the namespace "stream". */
extern bool view_options_present(List *defelems);

#endif							/* STREAM_EXT_VIEW_OPTIONS_H */
