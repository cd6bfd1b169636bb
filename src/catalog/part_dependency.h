/*
 * part_dependency.h - how definition, storage and memory hang on their view.
 */
#ifndef STREAM_EXT_PART_DEPENDENCY_H
#define STREAM_EXT_PART_DEPENDENCY_H

#include "catalog/view_catalog.h"

/* Makes the parts go with the view, and the view depend on its definition. */
extern void part_bind_to_view(const ViewCatalog *view);

/*
 * Makes the view depend on storage and memory as wholes, instead of its rule
 * on their columns.  To be called whenever the rule has been stored.
 */
extern void part_depend_on_whole(const ViewCatalog *view);

#endif							/* STREAM_EXT_PART_DEPENDENCY_H */
