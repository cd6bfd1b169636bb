/*
 * view_statement.c - statements about continuous views, before core sees them.
 *
 * For users a continuous view is a materialized view; in pg_class it is a
 * view.  So that both words work, a statement that says MATERIALIZED VIEW of
 * a continuous view is handed to core as one about a VIEW.
 *
 * What core would do to a view but would break a continuous one is refused:
 * a new query by CREATE OR REPLACE VIEW or a rule, options that change with
 * whose rights the parts are read.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/alter_view.h"
#include "ddl/view_statement.h"
#include "query/stream_query.h"

/* Returns whether the name is one of a continuous view. */
static bool
names_continuous_view(const RangeVar *name)
{
	return name != NULL && catalog_is_view(RangeVarGetRelid(name, NoLock, true));
}

/* Refuses a statement that would replace the query of a continuous view. */
static void
refuse_redefinition(const RangeVar *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot change the query of continuous view \"%s\"", name->relname),
			 errhint("Drop the view and create it again, or create another one.")));
}

/* Refuses CREATE INDEX on what has an index already. */
static void
refuse_index(const RangeVar *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot create an index on continuous view \"%s\"", name->relname),
			 errhint("A continuous view is indexed by its group keys already.")));
}

/* Refuses what would break a continuous view. */
static void
check_statement(Node *parsetree)
{
	RangeVar   *name = NULL;

	switch (nodeTag(parsetree))
	{
		case T_ViewStmt:
			name = ((ViewStmt *) parsetree)->view;
			if (((ViewStmt *) parsetree)->replace && names_continuous_view(name))
				refuse_redefinition(name);
			break;
		case T_RuleStmt:
			name = ((RuleStmt *) parsetree)->relation;
			if (((RuleStmt *) parsetree)->event == CMD_SELECT && names_continuous_view(name))
				refuse_redefinition(name);
			break;
		case T_IndexStmt:
			name = ((IndexStmt *) parsetree)->relation;
			if (names_continuous_view(name))
				refuse_index(name);
			break;
		case T_AlterTableStmt:
			name = ((AlterTableStmt *) parsetree)->relation;
			if (names_continuous_view(name))
				alter_view_check((AlterTableStmt *) parsetree);
			break;
		default:
			break;
	}
}

/* Refuses EXPLAIN of a CREATE that is not core's. */
static void
check_explain(const ExplainStmt *stmt)
{
	Query	   *query = castNode(Query, stmt->query);
	CreateTableAsStmt *create;

	if (query->commandType != CMD_UTILITY || !IsA(query->utilityStmt, CreateTableAsStmt))
		return;
	create = (CreateTableAsStmt *) query->utilityStmt;
	if (create->objtype == OBJECT_MATVIEW && query_reads_stream((Query *) create->query))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot explain the creation of a continuous view"),
				 errhint("Use EXPLAIN with the query itself, or with a SELECT from the view.")));
}

/*
 * Returns the place of the object type that says MATERIALIZED VIEW in the
 * statement, and the name it is about; NULL if it says something else.
 */
static ObjectType *
materialized_view_word(Node *parsetree, RangeVar **name)
{
	ObjectType *type = NULL;
	Node	   *object = NULL;

	switch (nodeTag(parsetree))
	{
		case T_AlterTableStmt:
			type = &((AlterTableStmt *) parsetree)->objtype;
			*name = ((AlterTableStmt *) parsetree)->relation;
			break;
		case T_RenameStmt:
			type = &((RenameStmt *) parsetree)->renameType;
			if (*type == OBJECT_COLUMN)
				type = &((RenameStmt *) parsetree)->relationType;
			*name = ((RenameStmt *) parsetree)->relation;
			break;
		case T_AlterObjectSchemaStmt:
			type = &((AlterObjectSchemaStmt *) parsetree)->objectType;
			*name = ((AlterObjectSchemaStmt *) parsetree)->relation;
			break;
		case T_AlterObjectDependsStmt:
			type = &((AlterObjectDependsStmt *) parsetree)->objectType;
			*name = ((AlterObjectDependsStmt *) parsetree)->relation;
			break;
		case T_CommentStmt:
			type = &((CommentStmt *) parsetree)->objtype;
			object = ((CommentStmt *) parsetree)->object;
			break;
		case T_SecLabelStmt:
			type = &((SecLabelStmt *) parsetree)->objtype;
			object = ((SecLabelStmt *) parsetree)->object;
			break;
		default:
			break;
	}
	if (type == NULL || *type != OBJECT_MATVIEW)
		return NULL;
	if (object != NULL)
		*name = makeRangeVarFromNameList(castNode(List, object));
	return type;
}

/* Returns the statement that core shall run; see view_statement.h. */
Node *
view_statement_translate(Node *parsetree)
{
	RangeVar   *name = NULL;

	if (IsA(parsetree, ExplainStmt))
		check_explain((ExplainStmt *) parsetree);
	check_statement(parsetree);

	if (materialized_view_word(parsetree, &name) == NULL || !names_continuous_view(name))
		return parsetree;

	parsetree = copyObject(parsetree);
	*materialized_view_word(parsetree, &name) = OBJECT_VIEW;
	return parsetree;
}

/* Returns the relation that a statement may give another owner, name or schema, or NULL. */
static const RangeVar *
altered_relation(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_AlterTableStmt:
			return ((AlterTableStmt *) parsetree)->relation;
		case T_RenameStmt:
			if (((RenameStmt *) parsetree)->renameType == OBJECT_COLUMN)
				return NULL;
			return ((RenameStmt *) parsetree)->relation;
		case T_AlterObjectSchemaStmt:
			return ((AlterObjectSchemaStmt *) parsetree)->relation;
		default:
			return NULL;
	}
}

/* Returns the continuous view that ALTER may change so that its parts follow, or InvalidOid. */
Oid
view_statement_target(Node *parsetree)
{
	const RangeVar *name = altered_relation(parsetree);
	Oid			relid;

	if (name == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(name, NoLock, true);
	return catalog_is_view(relid) ? relid : InvalidOid;
}
