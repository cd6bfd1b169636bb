/*
 * view_catalog.h - the catalog rows of continuous views, and their positions.
 *
 * _stream_ext.continuous_view: one row per view: definition, storage, memory,
 * options, frozen settings, state.  _stream_ext.view_position: how far its
 * storage has got; a table of its own because every flush updates it.
 *
 * Positions carry system identifier, timeline and database oid; a position
 * made elsewhere is never used blindly.
 */
#ifndef STREAM_EXT_VIEW_CATALOG_H
#define STREAM_EXT_VIEW_CATALOG_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "shared/control.h"
#include "window/watermark.h"
#include "utils/snapshot.h"

typedef struct ContinuousOptions
{
	char	   *retention;		/* interval text, or NULL */
	char	   *partition_width;	/* interval text, or NULL = chosen from
									 * the window */
	char	   *lateness;		/* interval or integer, NULL = none; see
								 * catalog/closing.h */
	char	   *late;			/* NULL = update */
	char	   *emit;			/* NULL = on update */
	char	   *on_lag;			/* NULL = see catalog/lag_policy.c */
} ContinuousOptions;

typedef struct ViewCatalog
{
	Oid			viewid;			/* what the user reads */
	Oid			ownerid;		/* today's owner of viewid */
	Oid			definition;		/* view holding q */
	Oid			storage;		/* table, partitioned if there is a window */
	Oid			memory;			/* foreign table over shared memory */
	Oid			late;			/* table of late rows, or InvalidOid */
	Oid			streamid;
	ViewState	state;			/* durable: running, paused, gap, error,
								 * disabled */
	char	   *state_message;
	ContinuousOptions options;
	List	   *settings;		/* frozen at CREATE: list of DefElem name ->
								 * String */
} ViewCatalog;

typedef struct ViewPosition
{
	bool		found;
	bool		native;			/* made by this system, timeline ancestry and
								 * database */
	XLogRecPtr	lsn;			/* storage holds every commit that ends at or
								 * before */
	XLogRecPtr	restart_lsn;	/* WAL is read from here */
	TimestampTz max_window;		/* newest window ever flushed, DT_NOBEGIN =
								 * none */
	bool		any_group;		/* something was ever flushed */
	WatermarkState watermark;	/* after the commits up to lsn */
} ViewPosition;

/* All views of this database, by the current catalog snapshot; in CurrentMemoryContext. */
extern List *catalog_list_views(void);
extern ViewCatalog *catalog_get_view(Oid viewid);	/* NULL if it is no
													 * continuous view */
extern ViewCatalog *catalog_copy_view(const ViewCatalog *from);	/* in CurrentMemoryContext */
extern bool catalog_is_view(Oid relid); /* cheap: false at once where the
										 * extension is absent */

/* The continuous view whose storage, memory or definition relid is, or InvalidOid. */
extern Oid	catalog_view_of_part(Oid relid);

/*
 * Whether this transaction has made the view with this memory table: no worker
 * knows it before the commit.
 */
extern bool catalog_view_is_uncommitted(Oid memory);
extern List *catalog_views_of_stream(Oid streamid); /* oids */
extern Oid	catalog_view_of_late(Oid relid);	/* the view whose late rows
												 * relid holds */

extern void catalog_insert_view(const ViewCatalog *view, XLogRecPtr start_lsn);
extern void catalog_delete_view(Oid viewid);	/* and position, dead letters */
extern void catalog_set_state(Oid viewid, ViewState state, const char *message);
extern void catalog_set_options(Oid viewid, const ContinuousOptions *options);

/* Something the catalog's users keep has changed (an owner, a name): moves catalog_generation(). */
extern void catalog_touch(void);

extern ViewPosition catalog_get_position(Oid viewid, Snapshot snapshot);	/* NULL = a new catalog
																			 * snapshot */
extern void catalog_set_position(Oid viewid, const ViewPosition *position);

/* What a row or a group failed of.  The texts are copied. */
typedef struct CatalogFailure
{
	int			sqlstate;		/* as in ErrorData */
	const char *message;
	XLogRecPtr	lsn;			/* end of the commit it came with */
	TimestampTz time;			/* of that commit; of the flush for a group */
} CatalogFailure;

/* Returns a copy of a text, cut to a few kilobytes with a mark if it is longer. */
extern char *catalog_cut_text(const char *text);

/*
 * Keeps a row that the view could not process, in the current transaction.
 * Returns false, with nothing kept, over stream_ext.dead_letter_limit or
 * stream_ext.dead_letter_size.
 */
extern bool catalog_insert_dead_letter(Oid viewid, Oid streamid, const char *row,
									   const CatalogFailure *failure);

/*
 * Keeps the keys of a group that could not be written: one row for each group,
 * as of its last failure, and a count.  Returns true if the group is new there;
 * over stream_ext.dead_letter_limit a new one is not kept, and is not new.
 */
extern bool catalog_quarantine_group(Oid viewid, const char *keys,
									 const CatalogFailure *failure);

/* Deletes the dead letters of a view of commits before a time; returns how many. */
extern int64 catalog_purge_dead_letters(Oid viewid, TimestampTz before);

/* Changes whenever a view was created, dropped or altered: compare and reload. */
extern uint64 catalog_generation(void);

/* Registers the invalidation callback. Called by the worker and _PG_init. */
extern void catalog_init(void);

extern Oid	catalog_schema_oid(void);	/* _stream_ext, InvalidOid where
										 * absent */
extern bool catalog_extension_exists(void);

#endif							/* STREAM_EXT_VIEW_CATALOG_H */
