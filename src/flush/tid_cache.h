/*
 * tid_cache.h - where in storage the rows of groups were written last.
 */
#ifndef STREAM_EXT_TID_CACHE_H
#define STREAM_EXT_TID_CACHE_H

#include "storage/itemptr.h"

typedef struct TidCache TidCache;

/* Makes an empty cache that lives as long as parent; it grows. */
extern TidCache *tid_cache_create(MemoryContext parent);

/* The row of a group with this hash is now here; max_bytes bounds the cache. */
extern void tid_cache_note(TidCache *cache, Oid relid, uint32 hash,
						   const ItemPointerData * tid, Size max_bytes);

/*
 * Says where such a row may be; false if that is not known.  It may be the row
 * of another group, or none any more: the caller looks.
 */
extern bool tid_cache_find(const TidCache *cache, Oid relid, uint32 hash, ItemPointerData * tid);

#endif							/* STREAM_EXT_TID_CACHE_H */
