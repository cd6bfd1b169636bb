/*
 * quota.h - how many continuous views a role may have, and a cluster.
 */
#ifndef STREAM_EXT_QUOTA_H
#define STREAM_EXT_QUOTA_H

#include "postgres_ext.h"

/*
 * Raises 53400 where the owner cannot have so many views more than the catalog
 * says: by stream_ext.max_views_per_role, and, with more > 0, by the places of
 * the cluster.
 */
extern void quota_check_views(Oid ownerid, int more);

/* Says so, as a warning, if a restore brings more views than there are places. */
extern void quota_warn_places(void);

#endif							/* STREAM_EXT_QUOTA_H */
