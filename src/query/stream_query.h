/*
 * stream_query.h - a continuous view's query, taken apart.
 *
 * query_analyze() accepts a Query over exactly one stream, or refuses it with
 * a hint (every refusal of a user's query lives in query/analyze*.c).  It
 * runs at CREATE and again whenever the worker (re)loads a view, on the rule
 * of the definition view, so that renames need no work.
 *
 * The *inner query* has q's FROM and WHERE; its target list is
 *     key_1 .. key_n, then for each aggregate its arguments and, if there is
 *     one, its FILTER condition (boolean).
 * With session() the keys end with its cell and label, and the aggregates
 * with the first and last time of a fragment.  The hidden columns that
 * query_track_windows() adds come last.
 *
 * A query without GROUP BY and aggregates *appends*: its rows are kept as they
 * come.  Its one key is hidden: the time by which storage is partitioned.  The
 * target list of its inner query is q's, and then the event time, if the view
 * goes by that; the commit time comes from elsewhere.
 *
 * The inner query is rewritten: views are expanded, policies applied.  tumble(), hop()
 * and cumulate() in FROM are SQL functions that the planner inlines: the inner
 * plan of a simple view is one scan of the stream, with a ProjectSet beside it
 * where a row has several windows.
 *
 * Where nothing but the keys looks at hopping windows there is another inner
 * query, pane_inner: each row once, with the start of its *pane* (see
 * window/pane.h) in the columns of the window's start and end.
 */
#ifndef STREAM_EXT_STREAM_QUERY_H
#define STREAM_EXT_STREAM_QUERY_H

#include "nodes/parsenodes.h"
#include "access/tupdesc.h"
#include "shared/control.h"

typedef struct QueryKey
{
	Node	   *expr;			/* over q's range table */
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			eqop;			/* equality, of the GROUP BY clause */
	Oid			eqfn;
	Oid			hashfn;
	Oid			btree_opclass;	/* default opclass, for the storage index */
	int			column;			/* of the inner query, 0-based */
} QueryKey;

typedef struct QueryAggregate
{
	Aggref	   *aggref;			/* as in q */
	Oid			aggfnoid;
	int			nargs;
	Oid			argtypes[8];	/* actual argument types */
	Oid			collation;		/* input collation */
	Oid			partial_type;
	Oid			result_type;
	int			first_column;	/* of its arguments in the inner query,
								 * 0-based */
	int			filter_column;	/* or -1 */
} QueryAggregate;

/*
 * session() in q's FROM.  Its window columns are no keys: the state's groups
 * are fragments of sessions, and the view joins them (query/session_sql.c).
 */
typedef struct QuerySession
{
	int			rtindex;		/* of session() in q */
	Oid			time_type;		/* of window_start and window_end */
	Oid			axis_type;		/* of cells: timestamptz, timestamp or int8 */
	int64		gap;			/* in units of the axis; width of a cell */
	Oid			row_function;	/* stands for session() in the inner query */
	int			cell_key;		/* hidden keys */
	int			label_key;
	int			first_aggregate;	/* hidden aggregates: min and max of time */
	int			last_aggregate;
} QuerySession;

/* A column of a query that appends. */
typedef struct QueryColumn
{
	Node	   *expr;			/* over q's range table */
	Oid			type;
	int32		typmod;
	Oid			collation;
	int			column;			/* of the inner query, 0-based */
	int			storage;		/* number of its storage column c..; 0 = the
								 * key, which it is */
} QueryColumn;

typedef struct StreamQuery
{
	Query	   *query;			/* q, as analysed */
	Oid			streamid;
	Query	   *inner;			/* planned by the worker (copyObject first) */
	int			ninner;			/* its columns */
	Query	   *pane_inner;		/* the same with panes for hopping windows, or
								 * NULL */
	ViewPanes	panes;			/* their shape */
	int			nkeys;
	QueryKey   *keys;
	int			naggregates;	/* equal Aggrefs are shared */
	QueryAggregate *aggregates;
	bool		appends;		/* no GROUP BY, no aggregates: rows are rows */
	int			ncolumns;		/* in the select list, if it appends */
	int			nstored;		/* of them, as columns of their own */
	QueryColumn *columns;
	int			window_key;		/* index of the key that is the window's
								 * start, or -1 */
	int64		window_size_us; /* 0 if unknown (calendar) */
	QuerySession *session;		/* NULL without session() */
	int			nwindows;		/* among the keys, of any type */
	Oid			window_type;	/* of its bounds if it is one, else invalid */
	char	   *timezone;		/* by which date_trunc() without one goes */

	/* set by query_track_windows(): columns of the inner query, or -1 */
	int			row_column;		/* number of the stream's row, a tid */
	int			end_column;		/* what the window's end is reckoned from */
	int64		end_offset;		/* ... so much later than that */
	int			start_column;	/* the window's start */
	bool		has_group_by;	/* false: one row, always (count(*) over
								 * nothing is 0), unless it appends */
} StreamQuery;

/* Refuses with ereport(ERROR); allocated in CurrentMemoryContext. */
extern StreamQuery *query_analyze(Query *query);

/* At CREATE: refuses names of columns that definitions have a use for. */
extern void query_check_names(const Query *query);

/*
 * At CREATE: returns a copy of a query that appends with the event time that
 * its stream has now as a hidden column, to be analysed anew; NULL if rows
 * are to go by their commit time.
 */
extern Query *query_add_event_time(const StreamQuery *sq);

/* Returns q as the definition view has it; in sq->query a hidden column is junk. */
extern Query *query_definition(const StreamQuery *sq);

/*
 * Adds to the inner query what it takes to tell which rows come too late for
 * their window, with_start also the window's start.  Returns false, with
 * nothing added, if the view has not one window whose end every row tells.
 * Where the inner query gives panes, those tell both ends; where it gives cells
 * of sessions, only the row's number is added.
 */
extern bool query_track_windows(StreamQuery *sq, bool with_start);

/* Whether the keys of a group tell when its window ends. */
extern bool query_knows_ends(const StreamQuery *sq);

/*
 * Raises an error unless the current user has the rights that the inner query
 * needs.  Apart from the analysis, because a restored dump has all objects
 * long before it grants rights on them.
 */
extern void query_check_rights(const StreamQuery *sq);

/* A copy of q that can be planned, to check rights: without session(), but with its columns. */
extern Query *query_plannable(const StreamQuery *sq);

/* True if the query reads a stream anywhere (so that CREATE MATERIALIZED VIEW is ours). */
extern bool query_reads_stream(Query *query);

/*
 * Storage rows are: k1 .. kn, p1 .. pm (one partial per aggregate); those of a
 * query that appends are: t (their time), c1 .. cm.
 * Returns the descriptor that storage table and memory table have.
 */
extern TupleDesc query_storage_desc(const StreamQuery *sq);

/* Returns the name that key i (0-based) has there. */
extern const char *query_key_name(const StreamQuery *sq, int i);

/* SQL text generated for one view (query/view_sql.c); names are schema-qualified and quoted. */
extern char *query_storage_columns_sql(const StreamQuery *sq);	/* "k1 timestamptz, k2
																 * text COLLATE ..., p1
																 * int8" */

/*
 * The query of the view that users read:
 *   SELECT <q's target list over m> FROM
 *     (SELECT k1, .., finalize(..p1..) AS p1 FROM
 *        (SELECT * FROM storage UNION ALL SELECT * FROM memory) s
 *      [WHERE k<window> >= retention horizon or is null]
 *      [AND <end of the window> <= what is closed] GROUP BY k1, ..) m
 * The horizon is _stream_ext.retention_horizon('...'::interval), timestamptz, or
 * _stream_ext.retention_horizon_utc('...'::interval) for a window of type timestamp.
 *   [WHERE <q's HAVING over m>]
 * and of a query that appends
 *   SELECT s.c1 AS .., .. FROM (...) s [WHERE as above]
 * retention may be NULL.  Returns it analysed, by a user who may name storage
 * and memory; no code of any user is run for that.
 */
extern Query *query_view_rule(const StreamQuery *sq, const char *storage, const char *memory,
							  const char *retention, bool on_close);

/*
 * The query for the sessions in a storage's cells from $1 on that have a row
 * after $2, of the axis type: their keys, label, first and last time, in the
 * order of their last times.
 */
extern char *query_open_sessions_sql(const StreamQuery *sq, const char *storage);

#endif							/* STREAM_EXT_STREAM_QUERY_H */
