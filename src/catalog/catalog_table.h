/*
 * catalog_table.h - where our own tables are, and single-row access to them.
 *
 * Private to catalog/.
 */
#ifndef STREAM_EXT_CATALOG_TABLE_H
#define STREAM_EXT_CATALOG_TABLE_H

#include "access/htup.h"
#include "access/genam.h"
#include "access/xlogdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

typedef enum CatalogTable
{
	CATALOG_CONTINUOUS_VIEW,
	CATALOG_VIEW_POSITION,
	CATALOG_DEAD_LETTER,
	CATALOG_QUARANTINE,
	CATALOG_EVENT_TIME
} CatalogTable;

#define CATALOG_TABLES	5

/* A scan of one table, by the oid in its first column (a view, or a stream) or of all rows. */
typedef struct CatalogScan
{
	Relation	rel;
	SysScanDesc scan;
} CatalogScan;

/* Returns the oid of a table, InvalidOid where the extension is absent. */
extern Oid	catalog_table_oid(CatalogTable table);

/*
 * Starts a scan; viewid InvalidOid = all rows; snapshot NULL = a new catalog
 * snapshot.  Returns false, with nothing opened, where the table is absent.
 */
extern bool catalog_scan_begin(CatalogScan *scan, CatalogTable table, LOCKMODE lockmode,
							   Oid viewid, Snapshot snapshot);

/* Starts a scan of the view's rows whose int8 column attnum, the second of the index, is value. */
extern bool catalog_scan_begin_pair(CatalogScan *scan, CatalogTable table, Oid viewid,
									AttrNumber attnum, int64 value);
extern HeapTuple catalog_scan_next(CatalogScan *scan);	/* valid until the next
														 * call */
extern void catalog_scan_end(CatalogScan *scan, LOCKMODE lockmode);

/* Inserts one row, as the system: no rights are checked. */
extern void catalog_insert_row(CatalogTable table, const Datum *values, const bool *isnull);

/* Replaces the row that the scan has returned. */
extern void catalog_update_row(CatalogScan *scan, HeapTuple tuple,
							   const Datum *values, const bool *isnull);

/* Deletes every row of the view; nothing where the table is absent. */
extern void catalog_delete_rows(CatalogTable table, Oid viewid);

/* Makes the position of a new view: it starts after start_lsn. */
extern void catalog_insert_position(Oid viewid, XLogRecPtr start_lsn);

#endif							/* STREAM_EXT_CATALOG_TABLE_H */
