/*
 * closing_options.h - what stream.lateness, stream.late and stream.emit need.
 */
#ifndef STREAM_EXT_CLOSING_OPTIONS_H
#define STREAM_EXT_CLOSING_OPTIONS_H

#include "catalog/view_catalog.h"
#include "query/stream_query.h"

/*
 * Refuses options that the query or its stream cannot honour; for CREATE and
 * ALTER.  May add hidden columns to the query, which is not run afterwards.
 */
extern void closing_options_check(const ContinuousOptions *options, StreamQuery *sq);

/* Refuses a change that would judge the same rows twice and differently. */
extern void closing_options_check_change(const ContinuousOptions *before,
										 const ContinuousOptions *after, Oid window_type);

#endif							/* STREAM_EXT_CLOSING_OPTIONS_H */
