/*
 * window_session.c - session(): says how to write it.
 *
 * A session's end depends on other rows, so no function of one row gives it.
 * The name exists, so that who tries it learns what to write instead.  The
 * planner asks the support function before any row is there; so the error
 * comes also where there are no rows.
 */
#include "postgres.h"

#include "compat.h"

#include "nodes/supportnodes.h"

STREAM_FUNCTION(stream_ext_session);
STREAM_FUNCTION(stream_ext_session_support);

/* Raises the error. */
static void
session_refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("session() windows cannot be computed row by row"),
			 errdetail("Which session a row belongs to depends on the rows around it."),
			 errhint("Number the sessions: take lag(ts) OVER (PARTITION BY key ORDER BY ts) AS previous in a subquery, then count(*) FILTER (WHERE previous IS NULL OR ts >= previous + gap) OVER (PARTITION BY key ORDER BY ts) AS session, and group by key and session.")));
}

/* session(ts, gap): an error. */
Datum
stream_ext_session(PG_FUNCTION_ARGS)
{
	session_refuse();
	PG_RETURN_NULL();
}

/* Planner support: an error where session() is planned. */
Datum
stream_ext_session_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		session_refuse();
	PG_RETURN_POINTER(NULL);
}
