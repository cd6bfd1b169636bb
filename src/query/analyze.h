/*
 * analyze.h - the pieces of query_analyze(), private to query/.
 */
#ifndef STREAM_EXT_ANALYZE_H
#define STREAM_EXT_ANALYZE_H

#include "lib/stringinfo.h"

#include "query/stream_query.h"

/* --- analyze_refuse.c: what no continuous view can have ------------------- */

/* Refuses; what completes "continuous views do not support ...". */
pg_noreturn extern void analyze_refuse(const char *what, const char *hint);

/* Refuses a top query by its clauses. */
extern void analyze_check_query(const Query *query);

/* Refuses a subquery that holds the stream, by its clauses. */
extern void analyze_check_stream_subquery(const Query *subquery);

/* Refuses an aggregate call that cannot be maintained. */
extern void analyze_check_aggregate(const Aggref *aggref);

/*
 * Refuses what must not stand anywhere in a query that is not rewritten yet,
 * nor in the views it names: functions whose result depends on when or by
 * whom they are called, sampling, row locks.
 */
extern void analyze_check_tree(Query *query);

/* --- analyze_stream.c: where the stream stands ---------------------------- */

/* The range table entries that query's own FROM refers to. */
extern List *analyze_from_entries(const Query *query);

/* The same as indexes. */
extern List *analyze_from_indexes(const Query *query);

/*
 * Returns the one stream of a rewritten query, refusing every place where its
 * rows could not be taken one by one.
 */
extern Oid	analyze_find_stream(Query *inner);

/* Refuses to read a continuous view, whatever else the query is. */
extern void analyze_check_views(Query *query);

/* Refuses a stream in the subqueries of an expression or list. */
extern void analyze_check_subqueries(Node *node);

/* --- analyze_append.c ----------------------------------------------------- */

/* Fills key and columns of a query without GROUP BY and aggregates. */
extern void analyze_append(StreamQuery *sq);

/* --- group_expr.c --------------------------------------------------------- */

/*
 * Returns a copy of an expression or list of q as it reads over the derived
 * table m(k1.., p1..), which is varno 1.  Refuses other columns of q.
 */
extern Node *group_replace(const StreamQuery *sq, Node *expr);

/* --- analyze_window.c ----------------------------------------------------- */

/* What makes windows. */
typedef enum WindowKind
{
	WINDOW_TUMBLE,
	WINDOW_HOP,
	WINDOW_CUMULATE,
	WINDOW_SESSION,
	WINDOW_CALL					/* date_bin(), date_trunc() */
} WindowKind;

/* Where a bound of a window comes from. */
typedef struct WindowSource
{
	WindowKind	kind;
	const RangeTblEntry *entry; /* of the function in FROM; NULL for a call */
	FuncExpr   *call;
	bool		is_end;			/* window_end, not window_start */
	int64		size_us;		/* 0 if unknown (calendar) or not of time */
} WindowSource;

/* Whether expr, over query's range table, is a bound of a window. */
extern bool analyze_find_window(const Query *query, Node *expr, WindowSource *source);

/* Whether it is the start of a window of time; its size, or 0 if unknown. */
extern bool analyze_is_window_start(const Query *query, Node *expr, int64 *size_us);

/* Argument number argno (from 0) of a window function's call, NULL if it is left out. */
extern Node *analyze_window_arg(const FuncExpr *call, int argno);

/* --- analyze_closing.c ---------------------------------------------------- */

/* The window among the keys, and which keys are its bounds; -1 if none is. */
typedef struct ClosingWindow
{
	WindowSource source;
	int			start_key;
	int			end_key;
} ClosingWindow;

/* Returns how many windows there are among the keys; fills window if there is one. */
extern int	analyze_find_closing(const StreamQuery *sq, ClosingWindow *window);

/* Notes the type of the window; the query is analysed otherwise. */
extern void analyze_closing(StreamQuery *sq);

/*
 * Returns the end of a group's window as an expression over the keys of q;
 * NULL if the keys do not tell it.
 */
extern Node *analyze_window_end(const StreamQuery *sq);

/* Whether a function is session(), which depends on several rows. */
extern bool analyze_is_session(Oid funcid);

/* Whether a function is one of our window functions. */
extern bool analyze_is_window_function(Oid funcid);

/* --- analyze_session.c: session() in FROM --------------------------------- */

/* Finds session() in q's FROM, or returns NULL; refuses what cannot be maintained. */
extern QuerySession *analyze_session_find(Query *query);

/* Puts session_row() in the place of session() in a copy of q's range table. */
extern void analyze_session_replace(const QuerySession *session, List *rtable);

/* 1 for window_start, 2 for window_end, else 0; the session may be NULL. */
extern AttrNumber analyze_session_column(const QuerySession *session, const Node *expr);

/* Refuses uses of the session's columns: in an expression of rows, in FROM and WHERE. */
extern void analyze_session_check_expr(const QuerySession *session, Node *expr);
extern void analyze_session_check_rows(const QuerySession *session, const Query *query);

/* Expressions over q's range table with session_row(): cell and label, first and last time. */
extern List *analyze_session_keys(const QuerySession *session);
extern List *analyze_session_aggregates(const QuerySession *session);

/* --- view_sql.c, for session_sql.c ---------------------------------------- */

/* What a view's rows are read from. */
typedef struct ViewSources
{
	const char *storage;		/* qualified names */
	const char *memory;
	const char *retention;		/* or NULL */
	bool		on_close;		/* closed windows only */
	List	  **constants;		/* those that are $1, .. in the text */
} ViewSources;

/* Appends "SELECT k1, .. FROM memory UNION ALL SELECT .. FROM storage". */
extern void view_append_sources(StringInfo sql, const StreamQuery *sq, const ViewSources *sources);

/* Appends the end of what is closed for windows of a type: "(SELECT ..)", NULL if nothing is. */
extern void view_append_closed_until(StringInfo sql, Oid type, const ViewSources *sources);

/* Appends ", finalize(.. s.p1 ..) AS p1" for each aggregate of q. */
extern void view_append_finalized(StringInfo sql, const StreamQuery *sq);

/* --- view_constants.c ----------------------------------------------------- */

/*
 * Returns a copy of expr in which constants are parameters; adds those
 * constants to a list.
 */
extern Node *view_constants_take(Node *expr, List **constants);

/*
 * Returns what a text with such parameters says, analysed, with the constants
 * in their places.  Runs no code of a user.
 */
extern Query *view_constants_parse(const char *sql, List *constants);

/* --- session_sql.c -------------------------------------------------------- */

/* Appends the derived table m of a view with sessions: one row per session. */
extern void session_append_groups(StringInfo sql, const StreamQuery *sq, const ViewSources *sources);

/* Whether a function is hop(). */
extern bool analyze_is_hop(Oid funcid);

/* The length of a constant interval without months, else 0. */
extern int64 analyze_interval_us(Node *node);

/* --- analyze_panes.c ------------------------------------------------------ */

/*
 * Returns a copy of the inner query (not rewritten) in which rows have the
 * pane of their hopping windows in place of the windows, and sets its shape;
 * NULL, with a slide of 0, where that would not give the same result.
 */
extern Query *analyze_panes(const StreamQuery *sq, const Query *inner, ViewPanes *panes);

#endif							/* STREAM_EXT_ANALYZE_H */
