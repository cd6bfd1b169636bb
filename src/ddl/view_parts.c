/*
 * view_parts.c - the relations a continuous view consists of.
 *
 * definition_<oid>, storage_<oid> and memory_<oid> in _stream_ext, where <oid>
 * is the view's.  Users have no rights in that schema, so parts are made with
 * the rights of the bootstrap superuser and then given to the view's owner.
 * The schema is also what keeps the owner's hands off them: without USAGE
 * nobody can name a part in ALTER, DROP, GRANT, CREATE TRIGGER or DML.  Who was
 * granted USAGE is stopped by ddl/part_guard.c.
 *
 * The parts belong to the owner, not to the superuser, because ANALYZE and
 * index expressions run code as a table's owner, and the key types of a view
 * may bring the owner's code.
 *
 * SQL text is run as subcommands of the user's statement: event triggers see
 * one command with its parts, at its end, as the user.
 *
 * Locking: whatever DDL takes; new relations are ours until commit.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "commands/view.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteSupport.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "catalog/closing.h"
#include "catalog/owner.h"
#include "catalog/part_dependency.h"
#include "compat.h"
#include "ddl/view_parts.h"
#include "flush/flush.h"
#include "pinned_settings.h"

#define PART_SCHEMA "_stream_ext"

/* Being the system for a while. */
typedef struct SystemScope
{
	Oid			userid;
	int			context;
	int			nestlevel;
} SystemScope;

/*
 * Becomes the bootstrap superuser with pinned settings; no user code may
 * run until system_leave().  An error's abort restores both.
 */
static void
system_enter(SystemScope *scope, const char *tablespace)
{
	GetUserIdAndSecContext(&scope->userid, &scope->context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   scope->context | SECURITY_LOCAL_USERID_CHANGE);
	scope->nestlevel = settings_pin();
	(void) set_config_option("default_tablespace", tablespace ? tablespace : "",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Becomes the user again. */
static void
system_leave(SystemScope *scope)
{
	settings_unpin(scope->nestlevel);
	SetUserIdAndSecContext(scope->userid, scope->context);
}

/* Runs utility statements as subcommands of the statement that is running. */
static void
run_subcommands(const char *sql)
{
	ListCell   *lc;

	foreach(lc, pg_parse_query(sql))
	{
		PlannedStmt *wrapper = makeNode(PlannedStmt);

		wrapper->commandType = CMD_UTILITY;
		wrapper->canSetTag = false;
		wrapper->utilityStmt = lfirst_node(RawStmt, lc)->stmt;
		wrapper->stmt_location = -1;
		ProcessUtility(wrapper, sql, false, PROCESS_UTILITY_SUBCOMMAND,
					   NULL, NULL, None_Receiver, NULL);
		CommandCounterIncrement();
	}
}

/*
 * Returns a name for a part, without schema.  A restored part keeps the name
 * with the oid its view had elsewhere, so the first choice may be taken.
 */
static char *
part_name(const char *part, Oid viewid)
{
	char	   *name = psprintf("%s_%u", part, viewid);

	for (int i = 1; OidIsValid(get_relname_relid(name, catalog_schema_oid())); i++)
		name = psprintf("%s_%u_%d", part, viewid, i);
	return name;
}

/* Returns the name of the table of late rows of a view called so. */
static char *
late_table_name(const char *view)
{
	return makeObjectName(view, NULL, "late");
}

/* Returns the column definitions for a query's target list. */
static List *
column_definitions(List *target_list)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, target_list)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		Node	   *expr = (Node *) tle->expr;
		ColumnDef  *column;

		if (tle->resjunk)
			continue;
		column = makeColumnDef(tle->resname, exprType(expr), exprTypmod(expr),
							   exprCollation(expr));
		if (!OidIsValid(column->collOid) && type_is_collatable(exprType(expr)))
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_COLLATION),
					 errmsg("could not determine which collation to use for view column \"%s\"",
							column->colname),
					 errhint("Use the COLLATE clause to set the collation explicitly.")));
		columns = lappend(columns, column);
	}
	return columns;
}

/* Makes a view without a rule; see view_parts.h. */
Oid
view_parts_define_view(RangeVar *name, List *target_list, Oid ownerid)
{
	CreateStmt *create = makeNode(CreateStmt);
	ObjectAddress address;

	create->relation = name;
	create->tableElts = column_definitions(target_list);
	create->oncommit = ONCOMMIT_NOOP;
	/* it has no storage: default_tablespace, and rights on that, are not asked */
	create->tablespacename = get_tablespace_name(MyDatabaseTableSpace);
	address = DefineRelation(create, RELKIND_VIEW, ownerid, NULL, NULL);
	CommandCounterIncrement();
	return address.objectId;
}

/* Returns the oid of a part that was just made. */
static Oid
part_oid(const char *name)
{
	Oid			relid = get_relname_relid(name, catalog_schema_oid());

	if (!OidIsValid(relid))
		elog(ERROR, "relation \"%s\" was not created", name);
	return relid;
}

/* Gives a relation, and its partitions, to a role. */
static void
give_relation(Oid relid, Oid ownerid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessExclusiveLock, NULL))
		ATExecChangeOwner(lfirst_oid(lc), ownerid, true, AccessExclusiveLock);
	CommandCounterIncrement();
}

/* Returns the name of the table of late rows, with its schema. */
static char *
late_qualified_name(const ViewCatalog *view)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(view->late)),
									  get_rel_name(view->late));
}

/* Gives a part that was just made, and its partitions, to the view's owner alone. */
static void
give_part(Oid relid, Oid ownerid)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessExclusiveLock, NULL))
		part_clear_privileges(lfirst_oid(lc));
	give_relation(relid, ownerid);
}

/* Returns the columns of the table of late rows; types are named by oid. */
static List *
late_columns(const ViewCatalog *view, Oid window_type)
{
	TimeAxis	axis = closing_axis(window_type);
	Oid			watermark = axis == AXIS_INTEGER ? INT8OID :
	axis == AXIS_TIMESTAMP ? TIMESTAMPOID : TIMESTAMPTZOID;

	return list_make5(makeColumnDef("late_row", get_rel_type_id(view->streamid), -1, InvalidOid),
					  makeColumnDef("window_start", window_type, -1, InvalidOid),
					  makeColumnDef("window_end", window_type, -1, InvalidOid),
					  makeColumnDef("watermark", watermark, -1, InvalidOid),
					  makeColumnDef("commit_lsn", PG_LSNOID, -1, InvalidOid));
}

/*
 * Makes the table of late rows, in the view's schema, where its owner reads
 * it.  The row is a composite value, so that it keeps its types.  It is a table
 * of the owner's from the start, with the privileges that the owner's tables
 * have by default, and nobody else's.
 */
static void
late_table_create(ViewCatalog *view, Oid window_type)
{
	Oid			schema = get_rel_namespace(view->viewid);
	char	   *name = late_table_name(get_rel_name(view->viewid));
	CreateStmt *create = makeNode(CreateStmt);
	ObjectAddress address;

	if (OidIsValid(get_relname_relid(name, schema)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", name),
				 errdetail("It is to be the table of late rows of continuous view \"%s\".",
						   get_rel_name(view->viewid)),
				 errhint("Rename one of the two.")));
	create->relation = makeRangeVar(get_namespace_name(schema), name, -1);
	create->tableElts = lappend(late_columns(view, window_type),
								makeColumnDef("commit_time", TIMESTAMPTZOID, -1, InvalidOid));
	create->oncommit = ONCOMMIT_NOOP;
	create->accessMethod = "heap";
	address = DefineRelation(create, RELKIND_RELATION, view->ownerid, NULL, NULL);
	CommandCounterIncrement();
	NewRelationCreateToastTable(address.objectId, (Datum) 0);
	EventTriggerCollectSimpleCommand(address, InvalidObjectAddress, (Node *) create);
	CommandCounterIncrement();
	view->late = address.objectId;
}

/* Makes definition, storage and memory, and the table of late rows; see view_parts.h. */
void
view_parts_create(ViewCatalog *view, const StreamQuery *sq, const char *tablespace)
{
	char	   *storage = part_name("storage", view->viewid);
	char	   *memory = part_name("memory", view->viewid);
	RangeVar   *definition = makeRangeVar(PART_SCHEMA, part_name("definition", view->viewid), -1);
	SystemScope scope;
	Query	   *query;

	Assert(OidIsValid(view->viewid) && OidIsValid(view->ownerid));
	system_enter(&scope, tablespace);

	query = query_definition(sq);
	view->definition = view_parts_define_view(definition, query->targetList, view->ownerid);
	StoreViewQuery(view->definition, query, false);
	CommandCounterIncrement();

	run_subcommands(storage_create_sql(sq, storage));
	run_subcommands(psprintf("CREATE FOREIGN TABLE %s.%s (%s) SERVER stream_memory",
							 PART_SCHEMA, quote_identifier(memory),
							 query_storage_columns_sql(sq)));
	view->storage = part_oid(storage);
	view->memory = part_oid(memory);
	give_part(view->definition, view->ownerid);
	give_part(view->storage, view->ownerid);
	give_part(view->memory, view->ownerid);
	if (closing_late_policy(&view->options) == LATE_SIDE)
		late_table_create(view, sq->window_type);

	system_leave(&scope);
}

/* Gives the query's columns the names that the view's columns have today. */
static void
rename_columns(StreamQuery *sq, Oid viewid)
{
	AttrNumber	attnum = 0;
	ListCell   *lc;

	foreach(lc, sq->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (!tle->resjunk)
			tle->resname = get_attname(viewid, ++attnum, false);
	}
}

/* Writes the rule of the view that users read; see view_parts.h. */
void
view_parts_store_rule(const ViewCatalog *view, StreamQuery *sq, bool replace)
{
	SystemScope scope;
	Query	   *query;

	system_enter(&scope, NULL);
	rename_columns(sq, view->viewid);
	query = query_view_rule(sq,
							quote_qualified_identifier(PART_SCHEMA, get_rel_name(view->storage)),
							quote_qualified_identifier(PART_SCHEMA, get_rel_name(view->memory)),
							view->options.retention, closing_emits_on_close(&view->options));
	StoreViewQuery(view->viewid, query, replace);
	CommandCounterIncrement();
	part_depend_on_whole(view);
	system_leave(&scope);
}

/* Lets the table of late rows follow the view to its name and schema; see view_parts.h. */
void
view_parts_follow_name(const ViewCatalog *view)
{
	Oid			schema = get_rel_namespace(view->viewid);
	char	   *name = late_table_name(get_rel_name(view->viewid));
	SystemScope scope;

	if (!OidIsValid(view->late))
		return;
	system_enter(&scope, NULL);
	if (get_rel_namespace(view->late) != schema)
		run_subcommands(psprintf("ALTER TABLE %s SET SCHEMA %s", late_qualified_name(view),
								 quote_identifier(get_namespace_name(schema))));
	if (strcmp(get_rel_name(view->late), name) != 0)
		run_subcommands(psprintf("ALTER TABLE %s RENAME TO %s", late_qualified_name(view),
								 quote_identifier(name)));
	system_leave(&scope);
}

/* Gives all parts to today's owner of the view. */
void
view_parts_change_owner(const ViewCatalog *view)
{
	give_relation(view->definition, view->ownerid);
	give_relation(view->storage, view->ownerid);
	give_relation(view->memory, view->ownerid);
	if (OidIsValid(view->late))
		give_relation(view->late, view->ownerid);
	catalog_touch();
}

/* Runs ALTER ... SET TABLESPACE for one table or index. */
static void
move_relation(const char *kind, Oid relid, const char *tablespace)
{
	run_subcommands(psprintf("ALTER %s %s SET TABLESPACE %s", kind,
							 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
														get_rel_name(relid)),
							 quote_identifier(tablespace)));
}

/* Moves a table and its indexes to a tablespace. */
static void
move_table(Oid relid, const char *tablespace)
{
	Relation	rel = table_open(relid, AccessExclusiveLock);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	table_close(rel, NoLock);
	move_relation("TABLE", relid, tablespace);
	foreach(lc, indexes)
		move_relation("INDEX", lfirst_oid(lc), tablespace);
}

/* Moves a view's tables; see view_parts.h. */
void
view_parts_move(const ViewCatalog *view, const char *tablespace)
{
	SystemScope scope;
	ListCell   *lc;

	system_enter(&scope, NULL);
	foreach(lc, find_all_inheritors(view->storage, AccessExclusiveLock, NULL))
		move_table(lfirst_oid(lc), tablespace);
	if (OidIsValid(view->late))
		move_table(view->late, tablespace);
	system_leave(&scope);
}
