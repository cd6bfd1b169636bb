/*
 * owner.c - running code of a view as the view's owner, and nothing more.
 *
 * The worker is connected as superuser.  Expressions of a view's query, its
 * types' functions, planning itself, may run code of the view's owner; so all
 * of that happens as the owner, in a security-restricted operation.  With
 * SetUserIdAndSecContext alone RESET SESSION AUTHORIZATION, SET ROLE and
 * set_config('role') give the superuser back; with SECURITY_LOCAL_USERID_CHANGE
 * a deferred trigger, fired at COMMIT, still does.  SECURITY_RESTRICTED_OPERATION
 * blocks all of these and temporary tables as well.
 *
 * The scope is read-only: a function that says IMMUTABLE and writes tables
 * would write them again for each run that is repeated, or feed the stream
 * that it reads.  We ourselves write below the executor, which is where
 * PostgreSQL asks.  XactReadOnly is set directly: users cannot set it back
 * (a transaction that is read-only and has a snapshot stays so), and the end
 * of a subtransaction restores it.
 *
 * The settings that a result can depend on are those of the session that
 * created the view, so that the worker's answer is the one that session saw.
 *
 * Failure: after an error the (sub)transaction abort restores user and
 * settings; owner_leave() is for the normal way out only.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/guc.h"

#include "catalog/owner.h"
#include "compat.h"
#include "time_limit.h"

/* Settings frozen at CREATE: all that input, output and name look-up depend on. */
static const char *const frozen_settings[] = {
	"search_path",
	"TimeZone",
	"DateStyle",
	"IntervalStyle",
	"timezone_abbreviations",
	"extra_float_digits",
	"bytea_output",
	"xmlbinary",
	"xmloption",
	"array_nulls",
	"transform_null_equals",
	"standard_conforming_strings",
	"default_text_search_config",
	"lc_monetary",
	"lc_numeric",
	"lc_time",
};

/* Returns today's values of the settings to freeze: DefElem name -> String. */
List *
owner_freeze_settings(void)
{
	List	   *settings = NIL;

	for (int i = 0; i < lengthof(frozen_settings); i++)
	{
		const char *value = GetConfigOption(frozen_settings[i], true, false);

		if (value != NULL)
			settings = lappend(settings,
							   makeDefElem(pstrdup(frozen_settings[i]),
										   (Node *) makeString(pstrdup(value)), -1));
	}
	return settings;
}

/* Sets one setting until the nest level ends; most have their value already. */
static void
apply_setting(const char *name, const char *value)
{
	const char *current = GetConfigOption(name, true, false);

	if (current != NULL && strcmp(current, value) == 0)
		return;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Returns whether a name of the catalog row is one that we freeze. */
static bool
is_frozen_setting(const char *name)
{
	for (int i = 0; i < lengthof(frozen_settings); i++)
	{
		if (pg_strcasecmp(frozen_settings[i], name) == 0)
			return true;
	}
	return false;
}

/* Becomes the owner of the view; see owner.h. */
void
owner_enter(OwnerScope *scope, const ViewCatalog *view)
{
	ListCell   *lc;

	Assert(OidIsValid(view->ownerid));

	GetUserIdAndSecContext(&scope->saved_userid, &scope->saved_context);
	SetUserIdAndSecContext(view->ownerid,
						   scope->saved_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	scope->nestlevel = NewGUCNestLevel();
	scope->saved_read_only = XactReadOnly;
	XactReadOnly = true;
	scope->saved_limit = time_limit_running();
	time_limit_start();

	foreach(lc, view->settings)
	{
		DefElem    *setting = lfirst_node(DefElem, lc);

		/* the row may come from a dump: nothing else is taken from it */
		if (is_frozen_setting(setting->defname))
			apply_setting(setting->defname, strVal(setting->arg));
	}
	apply_setting("row_security", "on");
}

/* Becomes who we were; settings changed by the owner's code are undone. */
void
owner_leave(OwnerScope *scope)
{
	if (scope->saved_limit)
		time_limit_start();
	else
		time_limit_end();
	XactReadOnly = scope->saved_read_only;
	AtEOXact_GUC(false, scope->nestlevel);
	SetUserIdAndSecContext(scope->saved_userid, scope->saved_context);
}
