/*
 * worker_settings.c - the settings that a stream worker shields itself from.
 *
 * ALTER DATABASE and ALTER ROLE ... SET reach a background worker as they
 * reach any session.  What would change who it is, end it, or change what it
 * writes is pinned here; costs of the planner and the like may be set.
 *
 * Settings that the server at hand does not know are left out: they are
 * spelled as in the newest release that has them.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "catalog/owner_session.h"
#include "compat.h"
#include "guc.h"
#include "worker/worker.h"

/* The role comes first: it decides what the rest may be. */
static const struct
{
	const char *name;
	const char *value;
}			pinned_settings[] =
{
	{"role", "none"},
	/* what would end the process */
	{"exit_on_error", "off"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"statement_timeout", "0"},
	{"transaction_timeout", "0"},
	/* in a deadlock with DDL it is we who give way and try again, not the user */
	{"deadlock_timeout", "10ms"},
	/* transactions, and what makes them durable */
	{"default_transaction_deferrable", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"synchronous_commit", "local"},
	/* names, and what text means; of a view's own code: catalog/owner.c */
	{"quote_all_identifiers", "off"},
	{"search_path", "pg_catalog, pg_temp"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	/* what may be read, and what fires */
	{"restrict_nonsystem_relation_kind", ""},
	{"row_security", "on"},
	{"session_replication_role", "origin"},
	/* where tables are made, and of which kind */
	{"default_table_access_method", "heap"},
	{"default_tablespace", ""},
	{"temp_tablespaces", ""},
	/* runs are short, and there are many */
	{"jit", "off"},
};

/* Pins one setting, if the server has it. */
static void
pin(const char *name, const char *value)
{
	if (GetConfigOption(name, true, false) != NULL)
		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Sets how long this process waits for a lock. */
static void
pin_lock_timeout(int timeout_ms)
{
	char		timeout[32];

	snprintf(timeout, sizeof(timeout), "%d", timeout_ms);
	pin("lock_timeout", timeout);
}

/* Pins the settings of this process; see worker.h. */
void
worker_settings_pin(void)
{
	/* role = none means the session's user */
	owner_session_end();
	for (int i = 0; i < lengthof(pinned_settings); i++)
		pin(pinned_settings[i].name, pinned_settings[i].value);
	pin_lock_timeout(guc_lock_timeout_ms);
}

/* Nothing is waited for long any more; see worker.h. */
void
worker_settings_hurry(void)
{
	pin_lock_timeout(Min(guc_lock_timeout_ms, 1000));
}
