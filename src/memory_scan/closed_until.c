/*
 * closed_until.c - up to where a statement sees a view's windows closed.
 *
 * What is closed must go with what is shown: a statement that scans a view
 * gets the watermark of the cut that its scan reads.  A function is not told
 * which statement calls it, so a hook keeps the statements that run, the
 * innermost first; statements of functions run inside others.
 *
 * A cursor is insensitive from the moment it is opened, not from its first
 * FETCH: another hook makes it read its views there.
 *
 * Memory: the list is on the C stack of the executor.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "catalog/closing.h"
#include "catalog/event_time.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "memory_scan/closed_until.h"
#include "memory_scan/freshness.h"
#include "memory_scan/read_session.h"
#include "memory_scan/statement_cut.h"

STREAM_FUNCTION(stream_ext_closed_until);
STREAM_FUNCTION(stream_ext_closed_until_integer);
STREAM_FUNCTION(stream_ext_closed_until_of_memory);
STREAM_FUNCTION(stream_ext_closed_until_of_memory_integer);

/* A statement that runs. */
typedef struct RunningStatement
{
	const EState *estate;
	struct RunningStatement *outer;
} RunningStatement;

static RunningStatement *running = NULL;
static ExecutorRun_hook_type prev_executor_run_hook = NULL;
static ExecutorStart_hook_type prev_executor_start_hook = NULL;

/* ExecutorRun hook: notes which statement runs. */
static void
closed_until_executor_run(COMPAT_EXECUTOR_RUN_ARGS)
{
	RunningStatement statement = {.estate = desc->estate,.outer = running};

	running = &statement;
	PG_TRY();
	{
		if (prev_executor_run_hook)
			prev_executor_run_hook(COMPAT_EXECUTOR_RUN_PASS);
		else
			standard_ExecutorRun(COMPAT_EXECUTOR_RUN_PASS);
	}
	PG_FINALLY();
	{
		running = statement.outer;
	}
	PG_END_TRY();
}

/* Returns whether the statement that starts is a cursor's: a portal with a name is being opened. */
static bool
opens_cursor(void)
{
	return ActivePortal != NULL && ActivePortal->status == PORTAL_DEFINED &&
		ActivePortal->name[0] != '\0';
}

/* Reads the views of a cursor that has just been opened, as the statement that runs. */
static void
read_at_open(const EState *estate)
{
	RunningStatement statement = {.estate = estate,.outer = running};

	running = &statement;
	PG_TRY();
	{
		statement_cut_load_all(estate);
	}
	PG_FINALLY();
	{
		running = statement.outer;
	}
	PG_END_TRY();
}

/* ExecutorStart hook: a cursor does not see what comes after it was opened. */
static void
closed_until_executor_start(QueryDesc *desc, int eflags)
{
	if (prev_executor_start_hook)
		prev_executor_start_hook(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
	if (opens_cursor())
		read_at_open(desc->estate);
}

/* Installs the hooks; see closed_until.h. */
void
closed_until_init(void)
{
	prev_executor_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = closed_until_executor_start;
	prev_executor_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = closed_until_executor_run;
}

/*
 * Returns the watermark of a view that the statement does not scan.  Nothing
 * was waited for when the statement took its snapshot, as planning a scan
 * does; so, where the next statement would have another one anyway, a snapshot
 * is taken behind the wait.
 */
static int64
read_watermark(Oid viewid)
{
	static const GenerationFilter filter = {.no_groups = true};
	ViewCatalog *view = catalog_get_view(viewid);
	ReadRequest request = {.viewid = viewid,.filter = &filter};
	GenerationCut cut;

	if (view == NULL)
		return WATERMARK_NONE;
	request.memory = view->memory;
	request.others_lsn = freshness_of_others(viewid);
	if (IsolationUsesXactSnapshot() || IsInParallelMode())
		request.snapshot = RegisterSnapshot(GetActiveSnapshot());
	else
	{
		read_session_prepare(viewid, view->memory);
		request.snapshot = RegisterSnapshot(GetLatestSnapshot());
	}
	read_session_read(&request, &cut);
	UnregisterSnapshot(request.snapshot);
	return cut.watermark;
}

/* Returns the watermark in a view's position: what is stored, and no later. */
static int64
stored_watermark(Oid viewid, Snapshot snapshot)
{
	ViewPosition position = catalog_get_position(viewid, snapshot);

	return position.found ? position.watermark.watermark : WATERMARK_NONE;
}

/* Returns the watermark that the running statement sees; see closed_until.h. */
int64
closed_until_watermark(Oid viewid, bool wait)
{
	int64		watermark;

	for (const RunningStatement *statement = running; statement != NULL; statement = statement->outer)
	{
		if (statement_cut_watermark(statement->estate, viewid, &watermark))
			return watermark;
	}
	return wait ? read_watermark(viewid) : stored_watermark(viewid, GetActiveSnapshot());
}

/* What the catalog says of a view, kept by a call in a query: it may be made for every row. */
typedef struct ClosingRule
{
	Oid			viewid;
	uint64		generation;		/* of the catalog */
	bool		active;			/* its stream has an event time */
	int64		lateness;
} ClosingRule;

/* Refuses the function that is for the other kind of axis. */
static void
refuse_axis(Oid viewid, bool is_time)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 is_time ?
			 errmsg("the event time of \"%s\" is an integer", get_rel_name(viewid)) :
			 errmsg("the event time of \"%s\" is a time", get_rel_name(viewid)),
			 is_time ?
			 errhint("Use stream_closed_until_integer().") :
			 errhint("Use stream_closed_until().")));
}

/* Raises unless the current user may read a view. */
static void
check_readable(Oid viewid)
{
	if (pg_class_aclcheck(viewid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_MATVIEW, get_rel_name(viewid));
}

/* Looks up the rule of a view that may be read; raises unless it is one, with an event time of this kind if any. */
static ClosingRule
load_rule(Oid viewid, bool is_time)
{
	ClosingRule rule = {.viewid = viewid,.generation = catalog_generation()};
	ViewCatalog *view = catalog_get_view(viewid);
	char	   *name = get_rel_name(viewid);
	const EventTime *setting;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", viewid)));
	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a continuous view", name)));
	check_readable(viewid);
	setting = event_time_at(event_time_load(view->streamid), PG_UINT64_MAX);
	if (setting == NULL)
		return rule;
	if (setting->rule.is_time != is_time)
		refuse_axis(viewid, is_time);
	rule.active = true;
	rule.lateness = closing_lateness(&view->options, closing_axis(setting->type));
	return rule;
}

/* Returns the end up to which a view's windows are closed; false if there is none on this kind of axis. */
static bool
closed_until(FunctionCallInfo fcinfo, bool is_time, int64 *end)
{
	Oid			viewid = PG_GETARG_OID(0);
	ClosingRule *rule = fcinfo->flinfo->fn_extra;

	if (rule == NULL || rule->viewid != viewid || rule->generation != catalog_generation())
	{
		ClosingRule loaded = load_rule(viewid, is_time);

		if (rule == NULL)
			rule = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ClosingRule));
		*rule = loaded;
		fcinfo->flinfo->fn_extra = rule;
	}
	else
		check_readable(viewid);
	if (!rule->active)
		return false;
	*end = watermark_closed_until(closed_until_watermark(viewid, true), rule->lateness);
	return *end != WATERMARK_NONE;
}

/* stream_closed_until(view): windows that end at or before this are closed. */
Datum
stream_ext_closed_until(PG_FUNCTION_ARGS)
{
	int64		end;

	if (!closed_until(fcinfo, true, &end) || !IS_VALID_TIMESTAMP(end))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(end);
}

/* stream_closed_until_integer(view): the same for streams whose event time is an integer. */
Datum
stream_ext_closed_until_integer(PG_FUNCTION_ARGS)
{
	int64		end;

	if (!closed_until(fcinfo, false, &end))
		PG_RETURN_NULL();
	PG_RETURN_INT64(end);
}

/*
 * Returns up to where the windows of the view with this memory table are
 * closed, for its own rule: whoever may read the view may be told.  False if
 * nothing is closed.
 */
static bool
closed_until_of_memory(Oid memory, TimeAxis axis, int64 *end)
{
	Oid			viewid = catalog_view_of_part(memory);
	ViewCatalog *view = catalog_get_view(viewid);

	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table with OID %u does not belong to a continuous view", memory)));
	*end = watermark_closed_until(closed_until_watermark(viewid, false),
								  closing_lateness(&view->options, axis));
	return *end != WATERMARK_NONE;
}

/* _stream_ext.closed_until(memory) and closed_until_utc(memory) */
Datum
stream_ext_closed_until_of_memory(PG_FUNCTION_ARGS)
{
	int64		end;

	if (!closed_until_of_memory(PG_GETARG_OID(0), AXIS_TIMESTAMPTZ, &end) ||
		!IS_VALID_TIMESTAMP(end))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMP(end);
}

/* _stream_ext.closed_until_integer(memory) */
Datum
stream_ext_closed_until_of_memory_integer(PG_FUNCTION_ARGS)
{
	int64		end;

	if (!closed_until_of_memory(PG_GETARG_OID(0), AXIS_INTEGER, &end))
		PG_RETURN_NULL();
	PG_RETURN_INT64(end);
}
