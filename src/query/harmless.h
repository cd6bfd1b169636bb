/*
 * harmless.h - may a view share a process with the views of others?
 *
 * A *harmless* view runs built-in code only, of which each call takes time and
 * memory in proportion to its row, reads nothing but its stream, and does
 * nothing besides.  It is decided from stored trees by look-ups in the
 * catalogs: no code of a user runs, nothing is planned, and no lock of a
 * relation is waited for.
 */
#ifndef STREAM_EXT_HARMLESS_H
#define STREAM_EXT_HARMLESS_H

#include "nodes/parsenodes.h"

#include "catalog/view_catalog.h"

/*
 * Whether a continuous view is harmless; if not, *why_not (may be NULL) is
 * set to what makes it so, in CurrentMemoryContext.  The answer is as of now:
 * ask again when the view is loaded anew.
 *
 * Requires: a transaction.
 */
extern bool view_is_harmless(const ViewCatalog *view, const char **why_not);

/* The same for a query as the definition view holds it (not rewritten). */
extern bool query_is_harmless(const Query *query, const char **why_not);

/* --- harmless_list.c: what is on the list ----------------------------------- */

/* Whether values of a type are handled by built-in code in linear time. */
extern bool harmless_type(Oid type);

/* Whether a call of a function, or of an operator's, with these arguments is. */
extern bool harmless_function(Oid funcid, List *args);

/* Whether an aggregate is, and needs no more memory for more rows. */
extern bool harmless_aggregate(Oid aggfnoid);

#endif							/* STREAM_EXT_HARMLESS_H */
