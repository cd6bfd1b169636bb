/*
 * owner_query.c - queries of our own over a view's storage, run as its owner.
 *
 * The owner of a view has no rights in our schema, and needs none to read
 * the view.  So SPI would not do: it analyses and executes as one user.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

#include "catalog/owner_query.h"
#include "compat.h"

/* Makes room for parameters. */
ParamListInfo
owner_query_params(int nparams)
{
	return makeParamList(nparams);
}

/* Sets one parameter. */
void
owner_query_set_param(ParamListInfo params, int number, Oid type, Datum value)
{
	ParamExternData *param = &params->params[number - 1];

	Assert(number >= 1 && number <= params->numParams);
	param->value = value;
	param->isnull = false;
	param->pflags = PARAM_FLAG_CONST;
	param->ptype = type;
}

/* Returns the statement, analysed as the current user. */
static Query *
analyse(const char *sql, ParamListInfo params)
{
	Oid		   *types = palloc(sizeof(Oid) * Max(params->numParams, 1));

	for (int i = 0; i < params->numParams; i++)
		types[i] = params->params[i].ptype;
	return parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)), sql,
									 types, params->numParams, NULL);
}

/* Plans and runs a statement; in the owner's scope. */
static uint64
execute(Query *query, const char *sql, ParamListInfo params, DestReceiver *dest)
{
	QueryDesc  *desc;
	uint64		processed;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	desc = CreateQueryDesc(pg_plan_query(query, sql, 0, params), sql, GetActiveSnapshot(),
						   InvalidSnapshot, dest, params, NULL, 0);
	ExecutorStart(desc, 0);
	compat_executor_run(desc);
	processed = desc->estate->es_processed;
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	CommandCounterIncrement();
	return processed;
}

/* Runs a statement; see owner_query.h. */
uint64
owner_query_run(const ViewCatalog *view, const char *sql, ParamListInfo params,
				DestReceiver *dest)
{
	Query	   *query = analyse(sql, params);
	OwnerScope	scope;
	uint64		processed;

	owner_enter(&scope, view);
	processed = execute(query, sql, params, dest);
	owner_leave(&scope);
	return processed;
}
