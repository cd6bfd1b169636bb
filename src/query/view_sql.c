/*
 * view_sql.c - storage columns, and the SQL of the view that users read.
 *
 * The select list and HAVING are deparsed by PostgreSQL itself: group
 * expressions and aggregates are replaced by Vars of a derived table m
 * (k1.., p1..), and each expression is printed as the only column of a query
 * over m.  That keeps operators, casts, collations and subqueries exact.  A
 * query that appends has nothing left to compute: its columns are stored.  The
 * session's settings are pinned while the text is written and read, and
 * constants are kept out of it (view_constants.c).
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"

#include "catalog/closing.h"
#include "pinned_settings.h"
#include "query/analyze.h"

/* Returns the type of a storage column, schema-qualified, with COLLATE where it has one. */
static char *
column_type_sql(Oid type, int32 typmod, Oid collation)
{
	char	   *name = format_type_extended(type, typmod,
											FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);

	if (!OidIsValid(collation))
		return name;
	return psprintf("%s COLLATE %s", name, generate_collation_name(collation));
}

/* Returns the collation of an aggregate's partial; invalid if its type has none. */
static Oid
partial_collation(const QueryAggregate *aggregate)
{
	if (!type_is_collatable(aggregate->partial_type))
		return InvalidOid;
	if (OidIsValid(aggregate->collation))
		return aggregate->collation;
	return get_typcollation(aggregate->partial_type);
}

/* Returns the name of a key's column: "t" is that of a row's time, by which nothing is grouped. */
const char *
query_key_name(const StreamQuery *sq, int i)
{
	Assert(i < sq->nkeys);
	return sq->appends ? "t" : psprintf("k%d", i + 1);
}

/* Returns the descriptor that storage table and memory table have. */
TupleDesc
query_storage_desc(const StreamQuery *sq)
{
	TupleDesc	desc = CreateTemplateTupleDesc(sq->nkeys + sq->naggregates + sq->nstored);

	for (int i = 0; i < sq->nkeys; i++)
	{
		const QueryKey *key = &sq->keys[i];

		TupleDescInitEntry(desc, i + 1, query_key_name(sq, i), key->type, key->typmod, 0);
		TupleDescInitEntryCollation(desc, i + 1, key->collation);
	}
	for (int i = 0; i < sq->naggregates; i++)
	{
		const QueryAggregate *aggregate = &sq->aggregates[i];
		AttrNumber	attnum = sq->nkeys + i + 1;

		TupleDescInitEntry(desc, attnum, psprintf("p%d", i + 1), aggregate->partial_type, -1, 0);
		TupleDescInitEntryCollation(desc, attnum, partial_collation(aggregate));
	}
	for (int i = 0; i < sq->ncolumns; i++)
	{
		const QueryColumn *column = &sq->columns[i];
		AttrNumber	attnum = sq->nkeys + column->storage;

		if (column->storage == 0)
			continue;
		TupleDescInitEntry(desc, attnum, psprintf("c%d", column->storage), column->type,
						   column->typmod, 0);
		TupleDescInitEntryCollation(desc, attnum, column->collation);
	}
	return desc;
}

/* Returns the column definitions of the storage table. */
char *
query_storage_columns_sql(const StreamQuery *sq)
{
	int			nestlevel = settings_pin();
	TupleDesc	desc = query_storage_desc(sq);
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		appendStringInfo(&sql, "%s%s %s", i > 0 ? ", " : "", NameStr(att->attname),
						 column_type_sql(att->atttypid, att->atttypmod, att->attcollation));
	}
	settings_unpin(nestlevel);
	return sql.data;
}

/* Returns a range table entry with the columns k1.., p1... */
static RangeTblEntry *
make_group_entry(const StreamQuery *sq, const char *alias)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	List	   *names = NIL;

	for (int i = 0; i < sq->nkeys; i++)
		names = lappend(names, makeString(psprintf("k%d", i + 1)));
	for (int i = 0; i < sq->naggregates; i++)
		names = lappend(names, makeString(psprintf("p%d", i + 1)));
	if (sq->session != NULL)
	{
		names = lappend(names, makeString("window_start"));
		names = lappend(names, makeString("window_end"));
	}

	/* the one kind of entry that is just a name with columns */
	rte->rtekind = RTE_CTE;
	rte->ctename = pstrdup(alias);
	rte->alias = makeAlias(alias, NIL);
	rte->eref = makeAlias(alias, names);
	rte->inFromCl = true;
	return rte;
}

/* Returns the SQL of an expression of q over groups; alias is m or s. */
static char *
deparse_over_groups(const StreamQuery *sq, const ViewSources *sources, Node *expr,
					const char *alias)
{
	static const char prefix[] = "SELECT";
	Query	   *query = makeNode(Query);
	Node	   *replaced = view_constants_take(group_replace(sq, expr), sources->constants);
	char	   *sql;

	Assert(expr != NULL);
	query->commandType = CMD_SELECT;
	query->rtable = list_make1(make_group_entry(sq, alias));
	query->jointree = makeFromExpr(NIL, NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) replaced, 1, NULL, false));

	sql = pg_get_querydef(query, false);
	sql += strspn(sql, " \n");
	if (strncmp(sql, prefix, strlen(prefix)) != 0)
		elog(ERROR, "unexpected deparse of a select list: %s", sql);
	sql += strlen(prefix);
	return sql + strspn(sql, " \n");
}

/* Appends "k1, k2, p1" with a prefix before each name. */
static void
append_storage_columns(StringInfo sql, const StreamQuery *sq, const char *prefix)
{
	for (int i = 0; i < sq->nkeys; i++)
		appendStringInfo(sql, "%s%s%s", i > 0 ? ", " : "", prefix, query_key_name(sq, i));
	for (int i = 0; i < sq->naggregates; i++)
		appendStringInfo(sql, "%s%sp%d", sq->nkeys + i > 0 ? ", " : "", prefix, i + 1);
	for (int i = 0; i < sq->nstored; i++)
		appendStringInfo(sql, ", %sc%d", prefix, i + 1);
}

/*
 * Appends a NULL of a type, with COLLATE where it has one.  A domain may
 * forbid NULL, but the element of an array that is not there is never checked.
 */
static void
append_null(StringInfo sql, Oid type, Oid collation)
{
	Oid			array = get_typtype(type) == TYPTYPE_DOMAIN ? get_array_type(type) : InvalidOid;

	if (!OidIsValid(array))
	{
		appendStringInfo(sql, "NULL::%s", column_type_sql(type, -1, collation));
		return;
	}
	appendStringInfo(sql, "(NULL::%s)[1]", column_type_sql(array, -1, InvalidOid));
	if (OidIsValid(collation))
		appendStringInfo(sql, " COLLATE %s", generate_collation_name(collation));
}

/*
 * Appends memory UNION ALL storage, and for a view without GROUP BY a row of
 * NULLs.  Memory comes first because an Append runs in this order: the groups
 * that the snapshot needs are copied at once and not after a long scan of
 * storage, when they may have been flushed and evicted.
 */
void
view_append_sources(StringInfo sql, const StreamQuery *sq, const ViewSources *sources)
{
	appendStringInfoString(sql, "SELECT ");
	append_storage_columns(sql, sq, "");
	appendStringInfo(sql, " FROM %s UNION ALL SELECT ", sources->memory);
	append_storage_columns(sql, sq, "");
	appendStringInfo(sql, " FROM %s", sources->storage);
	if (sq->has_group_by || sq->appends)
		return;

	Assert(sq->nkeys == 0);
	appendStringInfoString(sql, " UNION ALL SELECT ");
	for (int i = 0; i < sq->naggregates; i++)
	{
		const QueryAggregate *aggregate = &sq->aggregates[i];

		appendStringInfoString(sql, i > 0 ? ", " : "");
		append_null(sql, aggregate->partial_type, partial_collation(aggregate));
	}
}

/* Appends the finalised aggregates of q "finalize(...) AS p1, ...". */
void
view_append_finalized(StringInfo sql, const StreamQuery *sq)
{
	int			naggregates = sq->session != NULL ? sq->session->first_aggregate : sq->naggregates;

	for (int i = 0; i < naggregates; i++)
	{
		const QueryAggregate *aggregate = &sq->aggregates[i];

		appendStringInfo(sql, "%s_stream_ext.finalize(%s::pg_catalog.regprocedure, s.p%d, ",
						 sq->nkeys + i > 0 ? ", " : "",
						 quote_literal_cstr(format_procedure_qualified(aggregate->aggfnoid)), i + 1);
		append_null(sql, aggregate->result_type, aggregate->aggref->aggcollid);
		for (int j = 0; j < aggregate->nargs; j++)
		{
			appendStringInfoString(sql, ", ");
			append_null(sql, aggregate->argtypes[j],
						type_is_collatable(aggregate->argtypes[j]) ? aggregate->collation : InvalidOid);
		}
		appendStringInfo(sql, ") AS p%d", i + 1);
	}
}

/* Appends the condition that hides expired windows. */
static void
append_retention(StringInfo sql, const StreamQuery *sq, const char *retention)
{
	const char *function;

	Assert(sq->window_key >= 0);
	function = sq->keys[sq->window_key].type == TIMESTAMPTZOID ?
		"retention_horizon" : "retention_horizon_utc";
	appendStringInfo(sql, " WHERE (s.%s >= _stream_ext.%s(%s::pg_catalog.interval) OR s.%s IS NULL)",
					 query_key_name(sq, sq->window_key), function, quote_literal_cstr(retention),
					 query_key_name(sq, sq->window_key));
}

/* Appends the end of what is closed in the cut of the statement, as a subquery. */
void
view_append_closed_until(StringInfo sql, Oid type, const ViewSources *sources)
{
	static const char *const functions[] = {
		[AXIS_TIMESTAMPTZ] = "closed_until",
		[AXIS_TIMESTAMP] = "closed_until_utc",
		[AXIS_INTEGER] = "closed_until_integer",
	};
	TimeAxis	axis = closing_axis(type);

	Assert(axis != AXIS_NONE);
	appendStringInfo(sql, "(SELECT _stream_ext.%s(%s::pg_catalog.regclass))",
					 functions[axis], quote_literal_cstr(sources->memory));
}

/*
 * Appends the condition that shows closed windows only.  A closed window has
 * started before the end of what is closed: that prunes partitions where the
 * end itself is no key.
 */
static void
append_closed(StringInfo sql, const StreamQuery *sq, const ViewSources *sources)
{
	Node	   *end = analyze_window_end(sq);

	Assert(end != NULL);
	appendStringInfo(sql, " %s %s OPERATOR(pg_catalog.<=) ",
					 sources->retention != NULL ? "AND" : "WHERE",
					 deparse_over_groups(sq, sources, end, "s"));
	view_append_closed_until(sql, sq->window_type, sources);
	if (sq->window_key < 0)
		return;
	appendStringInfo(sql, " AND s.%s OPERATOR(pg_catalog.<=) ", query_key_name(sq, sq->window_key));
	view_append_closed_until(sql, sq->window_type, sources);
}

/* Appends the derived table m: one row per group, aggregates finalised. */
static void
append_groups(StringInfo sql, const StreamQuery *sq, const ViewSources *sources)
{
	appendStringInfoString(sql, "(SELECT ");
	for (int i = 0; i < sq->nkeys; i++)
		appendStringInfo(sql, "%ss.k%d", i > 0 ? ", " : "", i + 1);
	view_append_finalized(sql, sq);
	appendStringInfoString(sql, " FROM (");
	view_append_sources(sql, sq, sources);
	appendStringInfoString(sql, ") s");
	if (sources->retention != NULL)
		append_retention(sql, sq, sources->retention);
	if (sources->on_close)
		append_closed(sql, sq, sources);
	for (int i = 0; i < sq->nkeys; i++)
		appendStringInfo(sql, "%ss.k%d", i > 0 ? ", " : " GROUP BY ", i + 1);
	appendStringInfoString(sql, ") m");
}

/* Returns the query of a view that appends: the rows that retention has not ended. */
static char *
append_view_sql(const StreamQuery *sq, const ViewSources *sources)
{
	int			column = 0;
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, sq->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		int			storage;

		if (tle->resjunk)
			continue;
		storage = sq->columns[column].storage;
		appendStringInfo(&sql, "%ss.%s AS %s", column > 0 ? ", " : "",
						 storage == 0 ? query_key_name(sq, 0) : psprintf("c%d", storage),
						 quote_identifier(tle->resname));
		column++;
	}
	Assert(column == sq->ncolumns);
	appendStringInfoString(&sql, " FROM (");
	view_append_sources(&sql, sq, sources);
	appendStringInfoString(&sql, ") s");
	if (sources->retention != NULL)
		append_retention(&sql, sq, sources->retention);
	return sql.data;
}

/* Returns the query of a view that groups. */
static char *
group_view_sql(const StreamQuery *sq, const ViewSources *sources)
{
	const char *separator = "SELECT ";
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	foreach(lc, sq->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		appendStringInfo(&sql, "%s%s AS %s", separator,
						 deparse_over_groups(sq, sources, (Node *) tle->expr, "m"),
						 quote_identifier(tle->resname));
		separator = ", ";
	}
	appendStringInfoString(&sql, " FROM ");
	if (sq->session != NULL)
		session_append_groups(&sql, sq, sources);
	else
		append_groups(&sql, sq, sources);
	if (sq->query->havingQual != NULL)
		appendStringInfo(&sql, " WHERE %s",
						 deparse_over_groups(sq, sources, sq->query->havingQual, "m"));

	return sql.data;
}

/* Returns the query of the view that users read. */
Query *
query_view_rule(const StreamQuery *sq, const char *storage, const char *memory,
				const char *retention, bool on_close)
{
	List	   *constants = NIL;
	const ViewSources sources = {storage, memory, retention, on_close, &constants};
	int			nestlevel = settings_pin();
	char	   *sql = sq->appends ? append_view_sql(sq, &sources) : group_view_sql(sq, &sources);
	Query	   *query = view_constants_parse(sql, constants);

	settings_unpin(nestlevel);
	return query;
}
