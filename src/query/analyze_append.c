/*
 * analyze_append.c - the select list of a query that appends, and its hidden time.
 *
 * Rows are partitioned by a time, which retention goes by.  If the stream has
 * an event time when the view is created, it is that column's value; else the
 * commit time.  The event time must stay what it was then, whatever becomes of
 * the stream's setting, and follow the column when it is renamed or restored
 * from a dump: so it is a column of the definition, under a name of its own,
 * which the view does not show.
 *
 * A column of the view that is the event time is not stored twice: conditions
 * on it select partitions.
 */
#include "postgres.h"

#include "compat.h"

#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "catalog/event_time.h"
#include "query/analyze.h"

#define TIME_COLUMN "_stream_ext_time"

/* Returns the hidden column of a definition, or NULL. */
static TargetEntry *
find_time_column(const Query *query)
{
	TargetEntry *last;

	if (query->targetList == NIL)
		return NULL;
	last = llast_node(TargetEntry, query->targetList);
	return last->resname != NULL && strcmp(last->resname, TIME_COLUMN) == 0 ? last : NULL;
}

/* Makes the one key: the hidden column, or the commit time. */
static void
make_time_key(StreamQuery *sq, TargetEntry *hidden)
{
	QueryKey   *key = palloc0(sizeof(QueryKey));
	TypeCacheEntry *type;

	key->type = TIMESTAMPTZOID;
	key->typmod = -1;
	key->column = -1;
	if (hidden != NULL)
	{
		hidden->resjunk = true;
		key->expr = (Node *) hidden->expr;
		key->type = exprType(key->expr);
		key->typmod = exprTypmod(key->expr);
	}
	Assert(key->type == TIMESTAMPTZOID || key->type == TIMESTAMPOID);

	type = lookup_type_cache(key->type, TYPECACHE_EQ_OPR | TYPECACHE_HASH_PROC);
	key->eqop = type->eq_opr;
	key->eqfn = get_opcode(type->eq_opr);
	key->hashfn = type->hash_proc;
	key->btree_opclass = GetDefaultOpClass(key->type, BTREE_AM_OID);
	sq->nkeys = 1;
	sq->keys = key;
	sq->window_key = 0;
}

/* Adds one column of the select list. */
static void
add_column(StreamQuery *sq, const TargetEntry *tle)
{
	QueryColumn *column = &sq->columns[sq->ncolumns];

	column->expr = (Node *) tle->expr;
	column->type = exprType(column->expr);
	column->typmod = exprTypmod(column->expr);
	column->collation = exprCollation(column->expr);
	column->column = sq->ncolumns++;
	column->storage = equal(column->expr, sq->keys[0].expr) ? 0 : ++sq->nstored;
	if (get_typtype(column->type) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("continuous views do not support column \"%s\" of type %s",
						tle->resname, format_type_be(column->type)),
				 errhint("Select the columns of the record, or cast the value.")));
}

/* Fills key and columns of a query that appends. */
void
analyze_append(StreamQuery *sq)
{
	ListCell   *lc;

	if (sq->session != NULL)
		analyze_refuse("session() without GROUP BY",
					   "Group by the columns of session(); a row alone does not know its session.");
	make_time_key(sq, find_time_column(sq->query));
	sq->columns = palloc0(sizeof(QueryColumn) * Max(list_length(sq->query->targetList), 1));
	foreach(lc, sq->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			add_column(sq, tle);
	}
	sq->ninner = sq->ncolumns;
	if (sq->keys[0].expr != NULL)
		sq->keys[0].column = sq->ninner++;
	if (sq->nkeys + sq->nstored > MaxHeapAttributeNumber)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_COLUMNS),
				 errmsg("continuous view has too many columns"),
				 errhint("Spread them over several views.")));
}

/* Returns the stream's event time as it is set now, as a column of q; NULL if there is none to use. */
static Node *
event_time_expr(const StreamQuery *sq, Query *query)
{
	EventTimeHistory *history = event_time_load(sq->streamid);
	const EventTime *setting;
	int			rtindex = 0;
	Oid			type;
	int32		typmod;
	Oid			collation;
	ListCell   *lc;

	if (history == NULL || history->nsettings == 0)
		return NULL;
	setting = &history->settings[history->nsettings - 1];
	if (setting->column <= 0 || !setting->rule.active || !setting->rule.is_time)
		return NULL;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		rtindex++;
		if (rte->rtekind != RTE_RELATION || rte->relid != sq->streamid)
			continue;
		compat_require_column(query, rte, setting->column);
		get_atttypetypmodcoll(sq->streamid, setting->column, &type, &typmod, &collation);
		return coerce_to_target_type(NULL, (Node *) makeVar(rtindex, setting->column, type,
															typmod, collation, 0), type,
									 setting->type == DATEOID ? TIMESTAMPOID : setting->type,
									 -1, COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
	}
	return NULL;				/* behind an ordinary view or a subquery */
}

/* Refuses the name of the hidden column; see stream_query.h. */
void
query_check_names(const Query *query)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		const char *name = lfirst_node(TargetEntry, lc)->resname;

		if (name != NULL && strcmp(name, TIME_COLUMN) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_RESERVED_NAME),
					 errmsg("column name \"%s\" is reserved", TIME_COLUMN),
					 errhint("Give the column another name.")));
	}
}

/* Returns q with the event time of its stream as hidden column; see stream_query.h. */
Query *
query_add_event_time(const StreamQuery *sq)
{
	Query	   *query = copyObject(sq->query);
	Node	   *expr;

	if (!sq->appends)
		return NULL;
	expr = event_time_expr(sq, query);
	if (expr == NULL)
		return NULL;
	query->targetList = lappend(query->targetList,
								makeTargetEntry((Expr *) expr, list_length(query->targetList) + 1,
												pstrdup(TIME_COLUMN), false));
	return query;
}

/* Returns q as its definition has it: with the hidden column. */
Query *
query_definition(const StreamQuery *sq)
{
	Query	   *query = copyObject(sq->query);
	TargetEntry *hidden = sq->appends ? find_time_column(query) : NULL;

	if (hidden != NULL)
		hidden->resjunk = false;
	return query;
}
