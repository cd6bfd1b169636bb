/*
 * lag_policy.h - what happens when a view falls too far behind its stream.
 */
#ifndef STREAM_EXT_LAG_POLICY_H
#define STREAM_EXT_LAG_POLICY_H

#include "catalog/view_catalog.h"

/*
 * Returns what the option says, or the default, as far as today's owners of
 * view and stream allow it.  Requires: a transaction.
 */
extern LagPolicy lag_policy_of_view(const ViewCatalog *view);

/* Refuses a value that is none (22023), and "wait" over somebody else's stream (42501). */
extern void lag_policy_check_option(const ContinuousOptions *options, Oid streamid, Oid ownerid);

#endif							/* STREAM_EXT_LAG_POLICY_H */
