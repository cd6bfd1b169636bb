/*
 * command.c - what the stream_...() functions have in common.
 *
 * Failure: raises with a hint; nothing has been changed then.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "control/command.h"
#include "shared/wal_end.h"

/* Raises where streams do not run. */
void
command_check_server(const char *command)
{
	PreventCommandDuringRecovery(command);
	if (!control_available())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stream_ext is not loaded"),
				 errhint("Add stream_ext to shared_preload_libraries and restart the server.")));
}

/* Returns the control slot of this database. */
DatabaseControl *
command_database(void)
{
	DatabaseControl *db = control_database(MyDatabaseId, true);

	if (db == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many databases use streams"),
				 errhint("Increase stream_ext.max_databases.")));
	return db;
}

/* Returns a view that the current user may control. */
ViewCatalog *
command_own_view(Oid viewid)
{
	ViewCatalog *view = catalog_get_view(viewid);
	char	   *name = get_rel_name(viewid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", viewid)));
	if (view == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a continuous view", name)));
	if (!object_ownercheck(RelationRelationId, viewid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_MATVIEW, name);
	return view;
}

/* Returns an interval in milliseconds. */
int
command_timeout_ms(const Interval *interval)
{
	double		ms = ((double) interval->month * DAYS_PER_MONTH + interval->day) *
	SECS_PER_DAY * 1000.0 + interval->time / 1000.0;

	if (ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative")));
	return ms > INT_MAX ? INT_MAX : (int) ms;
}

/* Makes all WAL readable for the worker; returns its end. */
XLogRecPtr
command_flush_wal(void)
{
	XLogRecPtr	end = wal_insert_end();

	XLogFlush(end);
	return end;
}
