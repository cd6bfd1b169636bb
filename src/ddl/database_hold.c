/*
 * database_hold.c - statements that need a database to themselves.
 *
 * DROP DATABASE, ALTER DATABASE ... RENAME, SET TABLESPACE and CREATE DATABASE,
 * of its template, fail while anybody is connected, and our workers always are.
 * We raise the database's hold count, the workers leave and the launcher
 * starts none until the count is zero again.  The session itself may be in the
 * template, in none of the others.
 *
 * Only who may run the statement gets that far: others must not be able to
 * stop a worker.
 *
 * Locking: ControlLock for the count.
 * Failure: the count is lowered also when the session is terminated.  If the
 * worker does not leave in time, core says who is in the way.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "compat.h"
#include "ddl/database_hold.h"
#include "shared/control.h"
#include "shared/slot.h"
#include "shared/worker_control.h"
#include "stat/wait_event.h"
#include "state/generation.h"

#define HOLD_TIMEOUT_MS	10000
#define HOLD_POLL_MS	20

/* Returns the option's string value, NULL if it is not there. */
static char *
option_value(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/* Returns whether the user may copy a database: he owns it, or it is a template. */
static bool
may_copy(Oid dbid)
{
	HeapTuple	database = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dbid));
	HeapTuple	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	bool		template = false;
	bool		createdb = false;

	if (HeapTupleIsValid(database))
	{
		template = ((Form_pg_database) GETSTRUCT(database))->datistemplate;
		ReleaseSysCache(database);
	}
	if (HeapTupleIsValid(role))
	{
		createdb = ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;
		ReleaseSysCache(role);
	}
	return superuser() ||
		(createdb && (template || object_ownercheck(DatabaseRelationId, dbid, GetUserId())));
}

/* Returns the database that CREATE DATABASE copies. */
static const char *
template_name(const CreatedbStmt *stmt)
{
	const char *name = option_value(stmt->options, "template");

	return name ? name : "template1";
}

/* Returns the name of the database that the statement wants for itself, or NULL. */
static const char *
database_name(Node *parsetree, bool *copies, bool *drops)
{
	switch (nodeTag(parsetree))
	{
		case T_DropdbStmt:
			*drops = true;
			return ((DropdbStmt *) parsetree)->dbname;
		case T_AlterDatabaseStmt:
			if (option_value(((AlterDatabaseStmt *) parsetree)->options, "tablespace") == NULL)
				return NULL;
			return ((AlterDatabaseStmt *) parsetree)->dbname;
		case T_RenameStmt:
			if (((RenameStmt *) parsetree)->renameType != OBJECT_DATABASE)
				return NULL;
			return ((RenameStmt *) parsetree)->subname;
		case T_CreatedbStmt:
			*copies = true;
			return template_name((CreatedbStmt *) parsetree);
		default:
			return NULL;
	}
}

/* Returns the database to be held; see database_hold.h. */
Oid
database_to_hold(Node *parsetree, bool *drops)
{
	bool		copies = false;
	const char *name;
	Oid			dbid;

	*drops = false;
	name = database_name(parsetree, &copies, drops);
	if (name == NULL)
		return InvalidOid;
	dbid = get_database_oid(name, true);
	if (!OidIsValid(dbid) || (dbid == MyDatabaseId && !copies) || !slot_exists(dbid, NULL, NULL))
		return InvalidOid;
	if (copies ? !may_copy(dbid) : !object_ownercheck(DatabaseRelationId, dbid, GetUserId()))
		return InvalidOid;
	return dbid;
}

/*
 * Raises or lowers the hold count.  Raising makes the control slot of a
 * database whose worker is yet to come, after a server start; lowering is
 * harmless when it is gone.
 */
static void
change_hold_count(Oid dbid, int difference)
{
	DatabaseControl *db = control_database(dbid, difference > 0);

	if (db == NULL)
		return;
	control_lock(true);
	if (db->dbid == dbid && db->hold_count + difference >= 0)
		db->hold_count += difference;
	control_unlock();
	worker_control_wake_database(dbid);
	control_wake_launcher();
}

/* Lowers the hold count after an error or when the session ends. */
static void
release_cb(int code, Datum dbid)
{
	change_hold_count(DatumGetObjectId(dbid), -1);
}

/* Waits until the workers have let go, but not for ever. */
static void
wait_for_workers(Oid dbid)
{
	for (int waited = 0; waited < HOLD_TIMEOUT_MS && worker_control_any(dbid); waited += HOLD_POLL_MS)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 HOLD_POLL_MS, stat_wait_event(STAT_WAIT_DATABASE_HOLD));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Runs the statement while the workers are away; see database_hold.h. */
void
database_hold_run(Oid dbid, bool drops, void (*run) (void *arg), void *arg)
{
	Assert(OidIsValid(dbid) && (dbid != MyDatabaseId || !drops));

	PG_ENSURE_ERROR_CLEANUP(release_cb, ObjectIdGetDatum(dbid));
	{
		change_hold_count(dbid, 1);
		wait_for_workers(dbid);
		run(arg);
		if (drops)
			slot_drop(dbid);
	}
	PG_END_ENSURE_ERROR_CLEANUP(release_cb, ObjectIdGetDatum(dbid));

	if (drops)
	{
		generation_discard_database(dbid);
		control_forget_database(dbid);
	}
	else
		change_hold_count(dbid, -1);
}
