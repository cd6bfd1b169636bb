/*
 * stream_quota.h - how many streams a role may have.
 */
#ifndef STREAM_EXT_STREAM_QUOTA_H
#define STREAM_EXT_STREAM_QUOTA_H

#include "postgres_ext.h"

/*
 * Raises 53400 where the role cannot own so many streams more than this
 * database has of it, by stream_ext.max_streams_per_role.
 */
extern void stream_quota_check(Oid ownerid, int more);

/* Returns the owner of a relation. */
extern Oid	stream_quota_owner(Oid relid);

#endif							/* STREAM_EXT_STREAM_QUOTA_H */
