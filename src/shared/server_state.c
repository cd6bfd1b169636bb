/*
 * server_state.c - what the server as a whole is about to do.
 *
 * A background worker gets SIGTERM from an administrator as from the
 * postmaster; only the postmaster's own file tells which.
 */
#include "postgres.h"

#include "storage/fd.h"
#include "utils/pidfile.h"

#include "shared/server_state.h"

/* As in miscinit.c, where it is private. */
#define PID_FILE			"postmaster.pid"

/* Returns whether the server is being shut down. */
bool
server_is_stopping(void)
{
	FILE	   *file = AllocateFile(PID_FILE, "r");
	char		line[MAXPGPATH];
	bool		stops = false;

	if (file == NULL)
		return false;
	for (int i = 1; fgets(line, sizeof(line), file) != NULL; i++)
	{
		if (i == LOCK_FILE_LINE_PM_STATUS)
			stops = (strncmp(line, PM_STATUS_STOPPING, strlen(PM_STATUS_STOPPING)) == 0);
	}
	FreeFile(file);
	return stops;
}
