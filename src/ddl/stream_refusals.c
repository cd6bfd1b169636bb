/*
 * stream_refusals.c - what cannot be done to a stream, said with a hint.
 *
 * Statements are looked at before they run, by the name they give; what has
 * no statement of its own (a foreign key within CREATE TABLE, inheritance)
 * is seen when its catalog row has been made.
 *
 * A change that would make rows on their way unreadable waits for nothing:
 * it takes its lock, so that nobody inserts any more, and looks whether every
 * view over the stream has stored what was committed.
 *
 * Locking: ACCESS EXCLUSIVE on a stream whose column changes its type, the
 * lock that ALTER TABLE is about to take.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "nodes/parsenodes.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/event_time_guard.h"
#include "ddl/stream_refusals.h"
#include "ddl/stream_settled.h"
#include "stream_am/stream_am.h"

/* Returns the oid of the stream that a statement names, InvalidOid if it names none. */
static Oid
refusal_find_stream(const RangeVar *name)
{
	Oid			relid;

	if (name == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(name, NoLock, true);
	return OidIsValid(relid) && stream_am_is_stream_oid(relid) ? relid : InvalidOid;
}

/* Raises the error for something that a stream cannot have. */
static void
refuse_feature(Oid relid, const char *feature, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("stream \"%s\" cannot have %s", get_rel_name(relid), feature),
			 errdetail("A stream keeps no rows; it hands them to the continuous views over it."),
			 errhint("%s", hint)));
}

/* Refuses AFTER ROW triggers, which fetch the row again by its place. */
static void
check_trigger(const CreateTrigStmt *stmt)
{
	Oid			relid = refusal_find_stream(stmt->relation);

	if (OidIsValid(relid) && stmt->row && TRIGGER_FOR_AFTER(stmt->timing))
		refuse_feature(relid, "AFTER ROW triggers",
					   "Use a BEFORE ROW trigger, or a statement trigger with a transition table.");
}

/* Refuses indexes, also those built in a transaction of their own. */
static void
check_index(const IndexStmt *stmt)
{
	Oid			relid = refusal_find_stream(stmt->relation);

	if (OidIsValid(relid))
		refuse_feature(relid, "indexes",
					   "Continuous views are indexed on their group keys by themselves.");
}

/* Refuses turning a stream into a view. */
static void
check_rule(const RuleStmt *stmt)
{
	Oid			relid = refusal_find_stream(stmt->relation);

	if (OidIsValid(relid) && stmt->event == CMD_SELECT)
		refuse_feature(relid, "rules on SELECT", "Create a view over the stream.");
}

/* Returns whether an access method's name, or the default if there is none, means streams. */
static bool
names_stream_am(const char *name)
{
	if (name == NULL)
		name = default_table_access_method;
	return get_table_am_oid(name, true) == stream_am_oid();
}

/* Refuses streams made with rows in them. */
static void
check_create_as(const CreateTableAsStmt *stmt)
{
	if (!names_stream_am(stmt->into->accessMethod))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 stmt->objtype == OBJECT_MATVIEW ?
			 errmsg("a materialized view cannot be a stream") :
			 errmsg("a stream cannot be created from a query"),
			 errdetail("Rows that go into a stream before any view is over it reach nobody."),
			 stmt->objtype == OBJECT_MATVIEW ?
			 errhint("Leave USING out, and look at default_table_access_method.") :
			 errhint("Create the stream, then the views over it, then use INSERT ... SELECT. For an ordinary table say USING heap.")));
}

/* Refuses streams of a composite type: ALTER TYPE would change them unseen. */
static void
check_typed(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a stream cannot be a table of a composite type"),
			 errdetail("ALTER TYPE would change its columns while rows are on their way."),
			 errhint("Name the columns, or use LIKE.")));
}

/* Checks CREATE TABLE; partitioned tables have no access method. */
static void
check_create(const CreateStmt *stmt)
{
	if (stmt->ofTypename != NULL && stmt->partspec == NULL && names_stream_am(stmt->accessMethod))
		check_typed();
}

/* Looks into EXPLAIN ANALYZE CREATE TABLE AS. */
static void
check_explain(const ExplainStmt *stmt)
{
	const Query *query = (const Query *) stmt->query;

	if (query != NULL && IsA(query, Query) && query->commandType == CMD_UTILITY &&
		IsA(query->utilityStmt, CreateTableAsStmt))
		check_create_as((const CreateTableAsStmt *) query->utilityStmt);
}

/* Refuses SET ACCESS METHOD to and from stream. */
static void
check_set_access_method(Oid relid, bool is_stream, const AlterTableCmd *cmd)
{
	bool		to_stream = names_stream_am(cmd->name);

	if (is_stream == to_stream)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 is_stream ?
			 errmsg("stream \"%s\" cannot become a table that keeps its rows", get_rel_name(relid)) :
			 errmsg("table \"%s\" cannot become a stream", get_rel_name(relid)),
			 errhint("Create another table and copy what is needed with INSERT ... SELECT.")));
}

/*
 * Refuses to change the rows of a stream where some are kept: a table of late
 * rows has them as values of the row type, which core does not rewrite.
 */
static void
check_late_rows(Oid relid, const char *hint)
{
	ListCell   *cell;

	foreach(cell, catalog_views_of_stream(relid))
	{
		ViewCatalog *view = catalog_get_view(lfirst_oid(cell));

		if (view != NULL && OidIsValid(view->late))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot change rows of stream \"%s\" that continuous view \"%s\" has put aside",
							get_rel_name(relid), get_rel_name(view->viewid)),
					 errdetail("Table \"%s\" holds them as they came.", get_rel_name(view->late)),
					 errhint("%s", hint)));
	}
}

/* Checks one command of ALTER TABLE; returns whether no row may be on its way. */
static bool
check_alter_command(Oid relid, bool is_stream, const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_SetAccessMethod:
			check_set_access_method(relid, is_stream, cmd);
			return false;
		case AT_ReplicaIdentity:
			if (is_stream &&
				((ReplicaIdentityStmt *) cmd->def)->identity_type != REPLICA_IDENTITY_NOTHING &&
				((ReplicaIdentityStmt *) cmd->def)->identity_type != REPLICA_IDENTITY_DEFAULT)
				refuse_feature(relid, "a replica identity", "Streams are not replicated logically.");
			return false;
		case AT_AddOf:
			if (is_stream)
				check_typed();
			return false;
		case AT_AlterColumnType:
			if (!is_stream)
				return false;
			event_time_guard_type(relid, cmd->name);
			check_late_rows(relid, "Drop the view, and create it again when the type is changed.");
			return true;
		case COMPAT_CASE_ADD_COLUMN:
			if (is_stream && settled_column_has_value((ColumnDef *) cmd->def))
				check_late_rows(relid,
								"Add the column without a default, and set the default after that.");
			return is_stream && settled_column_needs_rewrite((ColumnDef *) cmd->def);
		default:
			return false;
	}
}

/* Checks ALTER TABLE. */
static void
check_alter_table(const AlterTableStmt *stmt)
{
	Oid			relid;
	bool		is_stream;
	bool		must_settle = false;
	ListCell   *cell;

	if (stmt->objtype != OBJECT_TABLE)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(relid))
		return;
	is_stream = stream_am_is_stream_oid(relid);
	foreach(cell, stmt->cmds)
		must_settle |= check_alter_command(relid, is_stream, lfirst_node(AlterTableCmd, cell));

	if (must_settle)
	{
		relid = RangeVarGetRelidExtended(stmt->relation, AccessExclusiveLock, 0,
										 RangeVarCallbackOwnsRelation, NULL);
		settled_check(relid);
	}
}

/* Refuses to publish a stream by name: decoding would never see a row. */
static void
check_publication(List *objects)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, cell);
		Oid			relid;

		if (object->pubobjtype != PUBLICATIONOBJ_TABLE)
			continue;
		relid = refusal_find_stream(object->pubtable->relation);
		if (OidIsValid(relid))
			refuse_feature(relid, "publications",
						   "Publish an ordinary table that is filled together with the stream.");
	}
}

/* Raises an ERROR if the statement would do what streams cannot; see the header. */
void
ddl_check_stream_utility(Node *parsetree)
{
	if (IsA(parsetree, TransactionStmt))
	{
		if (((TransactionStmt *) parsetree)->kind == TRANS_STMT_COMMIT_PREPARED)
			stream_am_expect_commit_prepared();
		return;					/* there may be no transaction to look at
								 * catalogs in */
	}

	if (!OidIsValid(stream_am_oid()))
		return;
	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
			check_create((CreateStmt *) parsetree);
			break;
		case T_CreateTrigStmt:
			check_trigger((CreateTrigStmt *) parsetree);
			break;
		case T_IndexStmt:
			check_index((IndexStmt *) parsetree);
			break;
		case T_RuleStmt:
			check_rule((RuleStmt *) parsetree);
			break;
		case T_CreateTableAsStmt:
			check_create_as((CreateTableAsStmt *) parsetree);
			break;
		case T_ExplainStmt:
			check_explain((ExplainStmt *) parsetree);
			break;
		case T_AlterTableStmt:
			check_alter_table((AlterTableStmt *) parsetree);
			break;
		case T_CreatePublicationStmt:
			check_publication(((CreatePublicationStmt *) parsetree)->pubobjects);
			break;
		case T_AlterPublicationStmt:
			if (((AlterPublicationStmt *) parsetree)->action != AP_DropObjects)
				check_publication(((AlterPublicationStmt *) parsetree)->pubobjects);
			break;
		default:
			break;
	}
}

/* Returns whether the statement itself scans tables and must find streams empty. */
bool
ddl_utility_scans_empty(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_CopyStmt:
			return !((CopyStmt *) parsetree)->is_from && ((CopyStmt *) parsetree)->relation != NULL;
		case T_AlterTableStmt:
		case T_AlterDomainStmt:
			return true;
		default:
			return false;
	}
}

/* --- catalog rows just made -------------------------------------------------- */

/* Returns a copy of the constraint's row, made by the command that still runs; NULL if none. */
static HeapTuple
fetch_new_constraint(Oid constraint)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(constraint));
	scan = systable_beginscan(rel, ConstraintOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tuple;
}

/* Refuses a foreign key from or to a stream. */
static void
check_new_constraint(Oid constraint)
{
	HeapTuple	tuple = fetch_new_constraint(constraint);
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (form->contype != CONSTRAINT_FOREIGN)
		return;
	if (stream_am_is_stream_oid(form->conrelid))
		refuse_feature(form->conrelid, "foreign keys",
					   "Look the row up in a BEFORE ROW trigger, or join the other table in the view.");
	if (stream_am_is_stream_oid(form->confrelid))
		refuse_feature(form->confrelid, "foreign keys that reference it",
					   "Reference an ordinary table.");
}

/* Refuses inheritance and partitioning with a stream on either side. */
static void
check_new_inheritance(Oid child, Oid parent)
{
	const char *hint = "Insert into the stream itself; a BEFORE ROW trigger of another table can do that.";

	if (stream_am_is_stream_oid(child))
		refuse_feature(child, "a parent table", hint);
	if (stream_am_is_stream_oid(parent))
		refuse_feature(parent, "child tables", hint);
}

/* Refuses by catalog rows just made; see the header. */
void
ddl_check_stream_object(ObjectAccessType access, Oid classid, Oid objectid, int subid, void *arg)
{
	if (access == OAT_POST_CREATE && classid == ConstraintRelationId &&
		OidIsValid(stream_am_oid()))
		check_new_constraint(objectid);
	else if (access == OAT_POST_ALTER && classid == InheritsRelationId &&
			 OidIsValid(stream_am_oid()))
		check_new_inheritance(objectid, ((ObjectAccessPostAlter *) arg)->auxiliary_id);
}
