/*
 * view_parts.h - the relations a continuous view consists of.
 */
#ifndef STREAM_EXT_VIEW_PARTS_H
#define STREAM_EXT_VIEW_PARTS_H

#include "catalog/view_catalog.h"
#include "query/stream_query.h"

/*
 * Makes definition, storage and memory of view->viewid, and the table of late
 * rows where they go sideways, owned by view->ownerid, and fills their oids in.  tablespace NULL = the database's.
 */
extern void view_parts_create(ViewCatalog *view, const StreamQuery *sq, const char *tablespace);

/* Writes the rule of the view that users read; its columns are those of viewid. */
extern void view_parts_store_rule(const ViewCatalog *view, StreamQuery *sq, bool replace);

/* Lets the table of late rows follow the view to its name and schema. */
extern void view_parts_follow_name(const ViewCatalog *view);

/* Gives all parts to today's owner of the view. */
extern void view_parts_change_owner(const ViewCatalog *view);

/* Moves storage and the table of late rows, with their indexes, to a tablespace. */
extern void view_parts_move(const ViewCatalog *view, const char *tablespace);

/* Makes a view without a rule, with the columns of the query's target list. */
extern Oid	view_parts_define_view(RangeVar *name, List *target_list, Oid ownerid);

#endif							/* STREAM_EXT_VIEW_PARTS_H */
