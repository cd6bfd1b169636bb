/*
 * analyze_stream.c - does a query read a stream, and where?
 *
 * The worker runs the inner query over one batch of rows at a time, so the
 * sum of its results over batches must be its result over all rows.  That
 * holds where the stream is joined from the preserved side and no subquery
 * above it looks at several rows at once.
 */
#include "postgres.h"

#include "compat.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "catalog/view_catalog.h"
#include "query/analyze.h"
#include "stream_am/stream_am.h"

/* Collects the indexes of all range table entries in a join tree. */
static bool
collect_entries_walker(Node *node, void *context)
{
	List	  **indexes = (List **) context;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, RangeTblRef))
	{
		*indexes = lappend_int(*indexes, ((RangeTblRef *) node)->rtindex);
		return false;
	}
	return expression_tree_walker(node, collect_entries_walker, context);
}

/* Returns the indexes of the range table entries that query's own FROM refers to. */
List *
analyze_from_indexes(const Query *query)
{
	List	   *indexes = NIL;

	collect_entries_walker((Node *) query->jointree, &indexes);
	return indexes;
}

/*
 * Returns the range table entries that query's own FROM refers to.  The range
 * table itself holds more: the OLD and NEW of a view's rule, for one.
 */
List *
analyze_from_entries(const Query *query)
{
	List	   *indexes = analyze_from_indexes(query);
	List	   *entries = NIL;
	ListCell   *lc;

	foreach(lc, indexes)
		entries = lappend(entries, rt_fetch(lfirst_int(lc), query->rtable));
	list_free(indexes);
	return entries;
}

static bool reads_stream_walker(Node *node, void *context);

/*
 * Tells whether one range table entry is a stream or a continuous view, or an
 * ordinary view that reads one; a stream does not count if views_only.
 */
static bool
entry_reads_stream(const RangeTblEntry *rte, bool views_only)
{
	Relation	view;
	bool		result;

	if (rte->rtekind != RTE_RELATION)
		return false;
	if (rte->relkind == RELKIND_RELATION)
		return !views_only && stream_am_is_stream_oid(rte->relid);
	if (rte->relkind != RELKIND_VIEW)
		return false;
	if (catalog_is_view(rte->relid))
		return true;

	view = relation_open(rte->relid, AccessShareLock);
	result = reads_stream_walker((Node *) get_view_query(view), &views_only);
	relation_close(view, NoLock);
	return result;
}

/*
 * Tells whether a stream or continuous view is read anywhere, also through
 * ordinary views; the context says whether only continuous views count.
 */
static bool
reads_stream_walker(Node *node, void *context)
{
	bool	   *views_only = (bool *) context;

	if (node == NULL)
		return false;

	check_stack_depth();
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;
		ListCell   *lc;

		foreach(lc, analyze_from_entries(query))
		{
			if (entry_reads_stream(lfirst_node(RangeTblEntry, lc), *views_only))
				return true;
		}
		return query_tree_walker(query, reads_stream_walker, context, 0);
	}
	return expression_tree_walker(node, reads_stream_walker, context);
}

/* Returns true if the query reads a stream, or a continuous view, anywhere. */
bool
query_reads_stream(Query *query)
{
	bool		views_only = false;

	if (!OidIsValid(stream_am_oid()))
		return false;
	return reads_stream_walker((Node *) query, &views_only);
}

/* Refuses to read a continuous view, whatever else the query is. */
void
analyze_check_views(Query *query)
{
	bool		views_only = true;

	if (reads_stream_walker((Node *) query, &views_only))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a materialized view cannot read a continuous view"),
				 errdetail("It would have to be continuous as well, and a continuous view reads one stream."),
				 errhint("For a snapshot use CREATE TABLE ... AS; to compute more from the view create an ordinary view over it.")));
}

/* Refuses a stream in the subqueries of an expression or list. */
void
analyze_check_subqueries(Node *node)
{
	bool		views_only = false;

	if (reads_stream_walker(node, &views_only))
		analyze_refuse("a stream inside a subquery expression",
					   "Read the stream in FROM; ordinary tables can be read in subquery expressions.");
}

/* Counts the streams in a rewritten tree, wherever they stand. */
static bool
count_streams_walker(Node *node, void *context)
{
	int		   *count = (int *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		ListCell   *lc;

		foreach(lc, analyze_from_entries((Query *) node))
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			if (rte->rtekind == RTE_RELATION && stream_am_is_stream_oid(rte->relid))
				(*count)++;
		}
		return query_tree_walker((Query *) node, count_streams_walker, context, 0);
	}
	return expression_tree_walker(node, count_streams_walker, context);
}

/* Returns how many streams a rewritten tree reads. */
static int
count_streams(Node *node)
{
	int			count = 0;

	count_streams_walker(node, &count);
	return count;
}

typedef struct SystemColumnSearch
{
	int			rtindex;
	int			sublevels_up;
} SystemColumnSearch;

/* Tells whether a tree reads a system column of one range table entry. */
static bool
reads_system_column_walker(Node *node, void *context)
{
	SystemColumnSearch *search = (SystemColumnSearch *) context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		return var->varno == search->rtindex &&
			var->varlevelsup == search->sublevels_up &&
			var->varattno < InvalidAttrNumber;
	}
	if (IsA(node, Query))
	{
		bool		result;

		search->sublevels_up++;
		result = query_tree_walker((Query *) node, reads_system_column_walker, context, 0);
		search->sublevels_up--;
		return result;
	}
	return expression_tree_walker(node, reads_system_column_walker, context);
}

/* Refuses a use of the stream itself that rows on their way cannot serve. */
static void
check_stream_entry(Query *query, int rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	SystemColumnSearch search = {.rtindex = rtindex,.sublevels_up = 0};

	Assert(rte->rtekind == RTE_RELATION);
	if (query_tree_walker(query, reads_system_column_walker, &search, 0))
		analyze_refuse("system columns of the stream",
					   "Rows of a stream have no place in a table; add a column of your own.");
	if (check_enable_rls(rte->relid, compat_check_as_user(query, rte), true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security of stream \"%s\" applies to the owner of the view",
						get_rel_name(rte->relid)),
				 errhint("Let the owner of the stream, or a role with BYPASSRLS, own the view.")));
}

static bool find_in_query(Query *query, Oid *streamid);

/* Looks for the stream in one range table entry. */
static bool
find_in_entry(Query *query, int rtindex, Oid *streamid)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);

	if (rte->rtekind == RTE_SUBQUERY)
	{
		if (count_streams((Node *) rte->subquery) == 0)
			return false;
		analyze_check_stream_subquery(rte->subquery);
		return find_in_query(rte->subquery, streamid);
	}
	if (rte->rtekind != RTE_RELATION || !stream_am_is_stream_oid(rte->relid))
		return false;

	check_stream_entry(query, rtindex);
	*streamid = rte->relid;
	return true;
}

/* Looks for the stream in a join tree; refuses it on a nullable side. */
static bool
find_in_jointree(Query *query, Node *node, Oid *streamid)
{
	if (IsA(node, RangeTblRef))
		return find_in_entry(query, ((RangeTblRef *) node)->rtindex, streamid);

	if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;
		bool		left = find_in_jointree(query, join->larg, streamid);
		bool		right = find_in_jointree(query, join->rarg, streamid);

		if ((left && join->jointype != JOIN_INNER && join->jointype != JOIN_LEFT) ||
			(right && join->jointype != JOIN_INNER && join->jointype != JOIN_RIGHT))
			analyze_refuse("a stream on the nullable side of an outer join",
						   "Put the stream on the side that keeps its rows: stream LEFT JOIN table.");
		return left || right;
	}

	{
		ListCell   *lc;
		bool		found = false;

		foreach(lc, castNode(FromExpr, node)->fromlist)
			found |= find_in_jointree(query, lfirst(lc), streamid);
		return found;
	}
}

/* Looks for the stream in the FROM of one query level. */
static bool
find_in_query(Query *query, Oid *streamid)
{
	check_stack_depth();
	return find_in_jointree(query, (Node *) query->jointree, streamid);
}

/* Returns the one stream of a rewritten query; refuses all other places. */
Oid
analyze_find_stream(Query *inner)
{
	Oid			streamid = InvalidOid;
	int			count = count_streams((Node *) inner);

	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("query does not read a stream"),
				 errhint("Create the stream with CREATE TABLE ... USING stream.")));
	if (count > 1)
		analyze_refuse("reading more than one stream, or one stream twice",
					   "Insert into one stream, or join the stream to an ordinary table.");
	if (!find_in_query(inner, &streamid))
		analyze_refuse("a stream inside a subquery expression",
					   "Read the stream in FROM; ordinary tables can be read in subquery expressions.");

	Assert(OidIsValid(streamid));
	return streamid;
}
