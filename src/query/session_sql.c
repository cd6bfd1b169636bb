/*
 * session_sql.c - fragments joined into sessions, in the SQL of the view.
 *
 * Gaps and islands over the fragments of each key and label: in the order of
 * their first times, a fragment begins a session if it comes a gap or more
 * after everything before it has ended.  A fragment may lie in memory and in
 * storage, in several rows; those overlap and fall into one session by the
 * same rule, so that they need not be combined first.
 *
 * NULL is never less than a gap away from anything, nor are infinities: they
 * begin sessions, and equal times are peers of one count.
 *
 * All window functions have the keys in PARTITION BY, so that PostgreSQL
 * moves conditions on keys below them, to storage and memory.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "query/analyze.h"

/* Appends the keys but the cell: they say whose session it is. */
static void
append_session_keys(StringInfo sql, const StreamQuery *sq)
{
	const char *separator = "";

	for (int i = 0; i < sq->nkeys; i++)
	{
		if (i == sq->session->cell_key)
			continue;
		appendStringInfo(sql, "%ss.k%d", separator, i + 1);
		separator = ", ";
	}
}

/* Appends the end of the session whose last row came at the time of an expression. */
static void
append_session_end(StringInfo sql, const StreamQuery *sq, const char *last)
{
	if (sq->session->axis_type == INT8OID)
		appendStringInfo(sql, "_stream_ext.window_end(%s, '" INT64_FORMAT "'::pg_catalog.int8)",
						 last, sq->session->gap);
	else
		appendStringInfo(sql, "_stream_ext.window_end(%s, '" INT64_FORMAT " microseconds'::pg_catalog.interval)",
						 last, sq->session->gap);
}

/* Appends the cast from the axis to the type of the session's columns. */
static void
append_time_cast(StringInfo sql, const QuerySession *session)
{
	if (session->time_type == DATEOID)
		appendStringInfoString(sql, "::pg_catalog.date");
	else if (session->time_type == INT4OID)
		appendStringInfoString(sql, "::pg_catalog.int4");
}

/* Appends the fragments of a query, each with the number of its session among those of its key. */
static void
append_numbered(StringInfo sql, const StreamQuery *sq, const char *source)
{
	int			first = sq->session->first_aggregate + 1;
	int			last = sq->session->last_aggregate + 1;
	StringInfoData before;

	initStringInfo(&before);
	appendStringInfo(&before, "pg_catalog.max(s.p%d) OVER (PARTITION BY ", last);
	append_session_keys(&before, sq);
	appendStringInfo(&before, " ORDER BY s.p%d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
					 first);

	appendStringInfoString(sql, "(SELECT s.*, pg_catalog.count(*) FILTER (WHERE s.begins) OVER (PARTITION BY ");
	append_session_keys(sql, sq);
	appendStringInfo(sql, " ORDER BY s.p%d) AS session FROM (SELECT s.*, (s.p%d OPERATOR(pg_catalog.>=) ",
					 first, first);
	append_session_end(sql, sq, before.data);
	appendStringInfoString(sql, ") IS NOT FALSE AS begins FROM (");
	appendStringInfo(sql, "%s) s) s) s", source);
}

/* Appends the end of the whole session. */
static void
append_whole_end(StringInfo sql, const StreamQuery *sq)
{
	append_session_end(sql, sq, psprintf("pg_catalog.max(s.p%d)", sq->session->last_aggregate + 1));
}

/*
 * Appends the condition that hides expired sessions: those that ended before
 * the horizon.  It looks at the whole session, so that none is cut in half.
 */
static void
append_session_retention(StringInfo sql, const StreamQuery *sq, const char *retention)
{
	Assert(sq->window_key == sq->session->cell_key);
	appendStringInfoString(sql, " HAVING (");
	append_whole_end(sql, sq);
	appendStringInfo(sql, " OPERATOR(pg_catalog.>=) _stream_ext.%s(%s::pg_catalog.interval)) IS NOT FALSE",
					 sq->session->axis_type == TIMESTAMPTZOID ?
					 "retention_horizon" : "retention_horizon_utc",
					 quote_literal_cstr(retention));
}

/* Appends the condition that shows closed sessions only. */
static void
append_session_closed(StringInfo sql, const StreamQuery *sq, const ViewSources *sources)
{
	appendStringInfoString(sql, sources->retention != NULL ? " AND " : " HAVING ");
	append_whole_end(sql, sq);
	appendStringInfoString(sql, " OPERATOR(pg_catalog.<=) ");
	view_append_closed_until(sql, sq->session->axis_type, sources);
}

/* Appends the derived table m. */
void
session_append_groups(StringInfo sql, const StreamQuery *sq, const ViewSources *sources)
{
	const QuerySession *session = sq->session;
	StringInfoData source;

	initStringInfo(&source);
	view_append_sources(&source, sq, sources);
	appendStringInfo(sql, "(SELECT pg_catalog.min(s.p%d)", session->first_aggregate + 1);
	append_time_cast(sql, session);
	appendStringInfoString(sql, " AS window_start, ");
	append_whole_end(sql, sq);
	append_time_cast(sql, session);
	appendStringInfoString(sql, " AS window_end");
	for (int i = 0; i < session->cell_key; i++)
		appendStringInfo(sql, ", s.k%d", i + 1);
	view_append_finalized(sql, sq);
	appendStringInfoString(sql, " FROM ");
	append_numbered(sql, sq, source.data);
	appendStringInfoString(sql, " GROUP BY ");
	append_session_keys(sql, sq);
	appendStringInfoString(sql, ", s.session");
	if (sources->retention != NULL)
		append_session_retention(sql, sq, sources->retention);
	if (sources->on_close)
		append_session_closed(sql, sq, sources);
	appendStringInfoString(sql, ") m");
}

/* Returns the query for open sessions; see stream_query.h. */
char *
query_open_sessions_sql(const StreamQuery *sq, const char *storage)
{
	const QuerySession *session = sq->session;
	int			first = session->first_aggregate + 1;
	int			last = session->last_aggregate + 1;
	int			cell = session->cell_key + 1;
	const char *finite = session->axis_type == INT8OID ? "" :
	psprintf(" AND k%d OPERATOR(pg_catalog.<) 'infinity'", cell);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	append_session_keys(&sql, sq);
	appendStringInfo(&sql, ", pg_catalog.min(s.p%d), pg_catalog.max(s.p%d) FROM ", first, last);
	append_numbered(&sql, sq, psprintf("SELECT * FROM %s WHERE k%d OPERATOR(pg_catalog.>=) $1%s",
									   storage, cell, finite));
	appendStringInfoString(&sql, " GROUP BY ");
	append_session_keys(&sql, sq);
	appendStringInfo(&sql, ", s.session HAVING pg_catalog.max(s.p%d) OPERATOR(pg_catalog.>) $2"
					 " ORDER BY pg_catalog.max(s.p%d)", last, last);
	return sql.data;
}
