/*
 * part_dependency.h - how definition, storage and memory hang on their view, and
 * whose they are.
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

/*
 * Takes from a part that was just made what ALTER DEFAULT PRIVILEGES has given
 * to others: it is its owner's alone.
 */
extern void part_clear_privileges(Oid relid);

#endif							/* STREAM_EXT_PART_DEPENDENCY_H */
