/*
 * wait_event.c - names of our wait events, looked up once per process.
 */
#include "postgres.h"

#include "utils/wait_event.h"

#include "compat.h"
#include "stat/wait_event.h"

static const char *const wait_event_names[] = {
	[STAT_WAIT_SYNC] = "StreamSync",
	[STAT_WAIT_FLUSH] = "StreamFlush",
	[STAT_WAIT_READ] = "StreamRead",
	[STAT_WAIT_BACK_PRESSURE] = "StreamBackPressure",
	[STAT_WAIT_DATABASE_HOLD] = "StreamDatabaseHold",
	[STAT_WAIT_WORKER_MAIN] = "StreamWorkerMain",
	[STAT_WAIT_READER_MAIN] = "StreamReaderMain",
	[STAT_WAIT_LAUNCHER_MAIN] = "StreamLauncherMain",
	[STAT_WAIT_KEEPER_MAIN] = "StreamKeeperMain",
};

/* Returns the wait event's number, asking the server for it at first use. */
uint32
stat_wait_event(StatWaitEvent event)
{
	static uint32 numbers[lengthof(wait_event_names)];

	Assert(event < lengthof(wait_event_names));
	if (numbers[event] == 0)
		numbers[event] = WaitEventExtensionNew(wait_event_names[event]);
	return numbers[event];
}
