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
#include "storage/lmgr.h"
#include "utils/timestamp.h"

#include "catalog/adopt.h"
#include "catalog/catalog_table.h"
#include "catalog/part_dependency.h"
#include "clock.h"
#include "compat.h"
#include "guc.h"

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
		watermark_init(&position.watermark, guc_max_future_s * USECS_PER_SEC, clock_real());
	}
	position.native = true;
	position.lsn = lsn;
	position.restart_lsn = lsn;
	catalog_set_position(view->viewid, &position);
	return position;
}

/* Takes over the watermark of a restored position; see adopt.h. */
bool
catalog_restore_watermark(Oid viewid, int64 watermark)
{
	ViewPosition position;

	/* the worker may be about to write the same row */
	LockRelationOid(catalog_table_oid(CATALOG_VIEW_POSITION), ShareRowExclusiveLock);
	position = catalog_get_position(viewid, NULL);
	if (!position.found)
		return true;
	if (position.native && position.watermark.watermark < watermark)
	{
		position.watermark.watermark = watermark;
		catalog_set_position(viewid, &position);
		catalog_touch();
	}
	return false;
}
