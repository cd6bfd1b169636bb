/*
 * view_tablespace.c - where the storage of a continuous view lies.
 *
 * The storage's own tablespace stands for the whole view: partitions are made
 * there (flush/partition.c).  To move a view is to move all its tables and
 * their indexes; the table of late rows goes along.
 *
 * Locking: AccessExclusiveLock on the view and on all that is moved.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_tablespace.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/view_parts.h"
#include "ddl/view_tablespace.h"

/* Checks that the user may create tables in a tablespace; see view_tablespace.h. */
const char *
view_tablespace_check(const char *tablespace)
{
	Oid			spcid;
	AclResult	result;

	if (tablespace == NULL)
		return NULL;
	spcid = get_tablespace_oid(tablespace, false);
	if (spcid == MyDatabaseTableSpace)
		return NULL;
	if (spcid == GLOBALTABLESPACE_OID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only shared relations can be placed in pg_global tablespace")));
	result = object_aclcheck(TableSpaceRelationId, spcid, GetUserId(), ACL_CREATE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLESPACE, tablespace);
	return tablespace;
}

/* Returns whether the statement sets the tablespace only; see view_tablespace.h. */
bool
view_tablespace_sets(const AlterTableStmt *stmt)
{
	return list_length(stmt->cmds) == 1 &&
		linitial_node(AlterTableCmd, stmt->cmds)->subtype == AT_SetTableSpace;
}

/* Moves a view; see view_tablespace.h. */
void
view_tablespace_set(const AlterTableStmt *stmt)
{
	const char *tablespace = linitial_node(AlterTableCmd, stmt->cmds)->name;
	Oid			viewid = RangeVarGetRelidExtended(stmt->relation, AccessExclusiveLock, 0,
												  RangeVarCallbackOwnsRelation, NULL);
	ViewCatalog *view = catalog_get_view(viewid);

	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("continuous view \"%s\" does not exist", stmt->relation->relname)));
	(void) view_tablespace_check(tablespace);
	view_parts_move(view, tablespace);
}
