/*
 * adopt.h - a view that came with a dump or a copied database becomes ours.
 */
#ifndef STREAM_EXT_ADOPT_H
#define STREAM_EXT_ADOPT_H

#include "catalog/view_catalog.h"

/*
 * Binds the parts to their view and lets the view go on at lsn, a position of
 * this system and database.  Harmless for a view that has both already.
 * Returns the position.
 */
extern ViewPosition catalog_adopt_view(const ViewCatalog *view, XLogRecPtr lsn);

/*
 * A view's position of another system is about to be inserted by a restore.
 * Only its watermark counts here.  Returns false if the view had a position,
 * which has taken it over; else the row inserted must be one of no system.
 */
extern bool catalog_restore_watermark(Oid viewid, int64 watermark);

#endif							/* STREAM_EXT_ADOPT_H */
