/*
 * row_places.h - where in storage the rows of groups were seen last.
 */
#ifndef STREAM_EXT_ROW_PLACES_H
#define STREAM_EXT_ROW_PLACES_H

#include "storage/itemptr.h"

typedef struct RowPlaces RowPlaces;

/* Makes an empty memory, as large as one place; it grows. */
extern RowPlaces *row_places_create(MemoryContext parent);

/* The row of a group with this hash is now here; max_bytes bounds all places. */
extern void row_places_note(RowPlaces *places, Oid relid, uint32 hash,
							const ItemPointerData * tid, Size max_bytes);

/*
 * Says where such a row may be; false if that is not known.  It may be the row
 * of another group, or none any more: the caller looks.
 */
extern bool row_places_find(const RowPlaces *places, Oid relid, uint32 hash,
							ItemPointerData * tid);

#endif							/* STREAM_EXT_ROW_PLACES_H */
