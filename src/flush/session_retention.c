/*
 * session_retention.c - does a session reach across the end of a partition?
 *
 * A partition of cells that all lie behind the horizon may still hold the
 * beginning of a session that goes on.  Whether it does can be seen from the
 * cells around its end alone: a session that crosses has a row less than a
 * gap before the first row behind it.
 *
 * Comparison functions of the keys may be anybody's code: the query runs as
 * the view's owner, in a subtransaction.
 *
 * Failure: an error is reported, and the partition stays; one that ran out of
 * time ends this call of retention.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "catalog/owner_query.h"
#include "flush/flush_private.h"
#include "time_limit.h"

/* Returns the query; its parameters are the bound and the cells around it. */
static char *
crossing_sql(const ViewCatalog *view, const StreamQuery *query)
{
	const QuerySession *session = query->session;
	int			cell = session->cell_key + 1;
	const char *separator = " GROUP BY ";
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT FROM _stream_ext.%s s"
					 " WHERE s.k%d OPERATOR(pg_catalog.>=) $2 AND s.k%d OPERATOR(pg_catalog.<) $3",
					 quote_identifier(get_rel_name(view->storage)), cell, cell);
	for (int i = 0; i < query->nkeys; i++)
	{
		if (i == session->cell_key)
			continue;
		appendStringInfo(&sql, "%ss.k%d", separator, i + 1);
		separator = ", ";
	}
	appendStringInfo(&sql, " HAVING pg_catalog.min(s.p%d) FILTER (WHERE s.k%d OPERATOR(pg_catalog.>=) $1)"
					 " OPERATOR(pg_catalog.<) _stream_ext.window_end("
					 "pg_catalog.max(s.p%d) FILTER (WHERE s.k%d OPERATOR(pg_catalog.<) $1), '"
					 INT64_FORMAT " microseconds'::pg_catalog.interval) LIMIT 1",
					 session->first_aggregate + 1, cell, session->last_aggregate + 1, cell,
					 session->gap);
	return sql.data;
}

/* Returns value + change, within what timestamps can be. */
static int64
shift_bound(int64 value, int64 change)
{
	int64		result;

	if (pg_add_s64_overflow(value, change, &result))
		return change < 0 ? DT_NOBEGIN : DT_NOEND;
	return Min(Max(result, MIN_TIMESTAMP), END_TIMESTAMP - 1);
}

/* Asks the storage. */
static bool
ask_storage(const ViewCatalog *view, const StreamQuery *query, int64 bound)
{
	const QuerySession *session = query->session;
	int64		from = shift_bound(shift_bound(bound, -session->gap), -session->gap);
	ParamListInfo params = owner_query_params(3);

	owner_query_set_param(params, 1, session->axis_type, Int64GetDatum(bound));
	owner_query_set_param(params, 2, session->axis_type, Int64GetDatum(from));
	owner_query_set_param(params, 3, session->axis_type,
						  Int64GetDatum(shift_bound(bound, session->gap)));
	return owner_query_run(view, crossing_sql(view, query), params, None_Receiver) > 0;
}

/* Says whether a session crosses bound; see flush_private.h. */
bool
session_crosses(const ViewCatalog *view, const StreamQuery *query, int64 bound)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner resource_owner = CurrentResourceOwner;
	ErrorData  *volatile canceled = NULL;
	volatile bool result = true;

	if (TIMESTAMP_NOT_FINITE(bound))
		return false;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		time_limit_start();
		result = ask_storage(view, query, bound);
		time_limit_end();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		time_limit_end();
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			canceled = CopyErrorData();
		else
			EmitErrorReport();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = resource_owner;

	/*
	 * more partitions would take as long again; who ends the transaction
	 * knows of no subtransaction
	 */
	if (canceled != NULL)
		ReThrowError(canceled);
	return result;
}
