/*
 * adopt.c - a view that came with a dump or a copied database becomes ours.
 *
 * A dump has a view's parts, its catalog row and what was flushed, but no
 * position, which would mean nothing here, and no dependencies, which pg_dump
 * knows only by the commands that make them.  A copied database has both, but
 * its positions speak of another database; pg_upgrade keeps the positions and
 * loses the dependencies.  So adopting puts right whatever it finds.
 *
 * Parts are known by the oids in the catalog row, which regclass has put in
 * place by name; that a restored part's name holds the oid that its view had
 * elsewhere does not matter.
 *
 * Locking: none of its own; the caller has the view to itself, or is the worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "catalog/adopt.h"
#include "catalog/catalog_table.h"
#include "catalog/part_dependency.h"
#include "compat.h"

/* Gives the view its parts and a position; see adopt.h. */
ViewPosition
catalog_adopt_view(const ViewCatalog *view, XLogRecPtr lsn)
{
	ViewPosition position = catalog_get_position(view->viewid, NULL);

	Assert(!XLogRecPtrIsInvalid(lsn));

	part_bind_to_view(view);
	part_depend_on_whole(view);
	if (!position.found)
	{
		catalog_insert_position(view->viewid, lsn);
		CommandCounterIncrement();
		/* its storage may hold any window */
		position.found = true;
		position.max_window = DT_NOEND;
		position.any_group = true;
	}
	position.native = true;
	position.lsn = lsn;
	position.restart_lsn = lsn;
	catalog_set_position(view->viewid, &position);
	return position;
}
