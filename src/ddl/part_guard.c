/*
 * part_guard.c - keeps everybody's hands off the parts of continuous views.
 *
 * The parts lie in schema _stream_ext and belong to the view's owner.  Who has
 * no USAGE on the schema cannot name them; but an administrator may grant it,
 * to let somebody look at the quarantine, say.  Even then nobody but a
 * superuser writes to our relations or alters them: the worker trusts what is
 * stored there, and a dump of it is restored as it is.
 *
 * To look (SELECT, EXPLAIN, LOCK, ANALYZE) is harmless, and so is to GRANT.
 *
 * Tables of late rows lie in users' schemas.  Their owner may empty them and
 * give them indexes, and nothing more.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/part_guard.h"

static ExecutorCheckPerms_hook_type prev_check_perms_hook = NULL;

/*
 * Returns whether a relation is the table of late rows of some view.  It
 * follows its view's name, so that most tables are told apart by theirs.
 */
static bool
is_late_table(Oid relid)
{
	const char *name = get_rel_name(relid);
	const char *suffix = name ? strrchr(name, '_') : NULL;

	return suffix != NULL && strcmp(suffix, "_late") == 0 &&
		OidIsValid(catalog_view_of_late(relid));
}

/* Says that a relation is not the user's to change. */
static void
refuse_change(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to change relations of stream_ext"),
			 errdetail("\"%s\" is a part of a continuous view, or of stream_ext itself.",
					   get_rel_name(relid)),
			 errhint("Use ALTER or DROP MATERIALIZED VIEW with the continuous view.")));
}

/* Raises if the relation is one of ours in our schema; the caller knows that the user is no superuser. */
static void
check_hidden_relation(Oid relid)
{
	if (OidIsValid(relid) && get_rel_namespace(relid) == catalog_schema_oid())
		refuse_change(relid);
}

/* The same, also for tables of late rows. */
static void
check_relation(Oid relid)
{
	check_hidden_relation(relid);
	if (OidIsValid(relid) && is_late_table(relid))
		refuse_change(relid);
}

/* Raises if the name is that of one of our relations. */
static void
check_name(const RangeVar *name)
{
	if (name != NULL)
		check_relation(RangeVarGetRelid(name, NoLock, true));
}

/* The same, but a table of late rows may be emptied and indexed. */
static void
check_hidden_name(const RangeVar *name)
{
	check_hidden_relation(RangeVarGetRelid(name, NoLock, true));
}

/* Raises if one of the names is that of one of our relations. */
static void
check_names(List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		check_name(lfirst_node(RangeVar, lc));
}

/* Checks ALTER TABLE and its like, also what it attaches or inherits from. */
static void
check_alter_table(const AlterTableStmt *stmt)
{
	ListCell   *lc;

	check_name(stmt->relation);
	foreach(lc, stmt->cmds)
	{
		Node	   *def = lfirst_node(AlterTableCmd, lc)->def;

		if (def != NULL && IsA(def, PartitionCmd))
			check_name(((PartitionCmd *) def)->name);
		else if (def != NULL && IsA(def, RangeVar))
			check_name((RangeVar *) def);
	}
}

/* Checks DROP of a relation, or of a trigger, rule or policy on one. */
static void
check_drop(const DropStmt *stmt)
{
	bool		on_relation = stmt->removeType == OBJECT_TRIGGER ||
	stmt->removeType == OBJECT_RULE || stmt->removeType == OBJECT_POLICY;
	ListCell   *lc;

	if (!on_relation && stmt->removeType != OBJECT_TABLE &&
		stmt->removeType != OBJECT_FOREIGN_TABLE &&
		stmt->removeType != OBJECT_INDEX && stmt->removeType != OBJECT_VIEW)
		return;
	foreach(lc, stmt->objects)
	{
		List	   *name = (List *) lfirst(lc);

		Assert(IsA(name, List));
		if (on_relation)
			name = list_truncate(list_copy(name), list_length(name) - 1);
		if (name != NIL)
			check_name(makeRangeVarFromNameList(name));
	}
}

/* Raises if the statement would change one of our relations; see part_guard.h. */
void
part_guard_check_statement(Node *parsetree)
{
	ListCell   *lc;

	if (superuser())
		return;
	switch (nodeTag(parsetree))
	{
		case T_AlterTableStmt:
			check_alter_table((AlterTableStmt *) parsetree);
			break;
		case T_RenameStmt:
			check_name(((RenameStmt *) parsetree)->relation);
			break;
		case T_AlterObjectSchemaStmt:
			check_name(((AlterObjectSchemaStmt *) parsetree)->relation);
			break;
		case T_CreateTrigStmt:
			check_name(((CreateTrigStmt *) parsetree)->relation);
			break;
		case T_RuleStmt:
			check_name(((RuleStmt *) parsetree)->relation);
			break;
		case T_CreatePolicyStmt:
			check_name(((CreatePolicyStmt *) parsetree)->table);
			break;
		case T_IndexStmt:
			check_hidden_name(((IndexStmt *) parsetree)->relation);
			break;
		case T_CreateStmt:
			check_names(((CreateStmt *) parsetree)->inhRelations);
			break;
		case T_CreateForeignTableStmt:
			check_names(((CreateForeignTableStmt *) parsetree)->base.inhRelations);
			break;
		case T_TruncateStmt:
			foreach(lc, ((TruncateStmt *) parsetree)->relations)
				check_hidden_name(lfirst_node(RangeVar, lc));
			break;
		case T_DropStmt:
			check_drop((DropStmt *) parsetree);
			break;
		default:
			break;
	}
}

/* ExecutorCheckPerms_hook: INSERT, UPDATE, DELETE, MERGE and COPY FROM. */
static bool
part_guard_check_perms(COMPAT_CHECK_PERMS_PARAMETERS)
{
	ListCell   *lc;

	foreach(lc, compat_permissions)
	{
		CompatPermission *entry = lfirst_node(CompatPermission, lc);

		if ((entry->requiredPerms & (ACL_INSERT | ACL_UPDATE | ACL_DELETE)) == 0 ||
			!catalog_extension_exists() || superuser())
			continue;
		check_hidden_relation(entry->relid);
		if ((entry->requiredPerms & (ACL_INSERT | ACL_UPDATE)) != 0)
			check_relation(entry->relid);
	}
	return prev_check_perms_hook == NULL ||
		prev_check_perms_hook(COMPAT_CHECK_PERMS_ARGUMENTS);
}

/* Installs the hook; see part_guard.h. */
void
part_guard_init(void)
{
	prev_check_perms_hook = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = part_guard_check_perms;
}
