/*
 * owner_query.h - queries of our own over a view's storage, run as its owner.
 */
#ifndef STREAM_EXT_OWNER_QUERY_H
#define STREAM_EXT_OWNER_QUERY_H

#include "nodes/params.h"
#include "tcop/dest.h"

#include "catalog/owner.h"

/* Makes room for nparams parameters. */
extern ParamListInfo owner_query_params(int nparams);
extern void owner_query_set_param(ParamListInfo params, int number, Oid type, Datum value); /* from 1; not NULL */

/*
 * Runs one statement in which everything is named with its schema, hands its
 * rows to dest, and returns how many rows it has processed.  Names are looked
 * up as the current user; planning and execution, which may run anybody's
 * code, happen as the owner of the view.  Sees all that is committed, and
 * what this transaction has written.
 */
extern uint64 owner_query_run(const ViewCatalog *view, const char *sql, ParamListInfo params,
							  DestReceiver *dest);

#endif							/* STREAM_EXT_OWNER_QUERY_H */
