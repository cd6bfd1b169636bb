/*
 * wait_event.h - what our processes show in pg_stat_activity while they wait.
 *
 * From PostgreSQL 17 on these have names; before, all are "Extension".
 */
#ifndef STREAM_EXT_WAIT_EVENT_H
#define STREAM_EXT_WAIT_EVENT_H

#include "postgres.h"

typedef enum StatWaitEvent
{
	STAT_WAIT_SYNC,				/* stream_sync() */
	STAT_WAIT_FLUSH,			/* stream_flush() */
	STAT_WAIT_READ,				/* a reader, for what it must see */
	STAT_WAIT_BACK_PRESSURE,	/* a writer, because of max_lag */
	STAT_WAIT_DATABASE_HOLD,	/* DDL on the database, for its worker to
								 * leave */
	STAT_WAIT_WORKER_MAIN,		/* a stream worker, for something to do */
	STAT_WAIT_LAUNCHER_MAIN,
	STAT_WAIT_KEEPER_MAIN,		/* who keeps WAL, for more of it */
	STAT_WAIT_READER_MAIN		/* the stream reader, for WAL */
} StatWaitEvent;

/* Returns the number to wait with. */
extern uint32 stat_wait_event(StatWaitEvent event);

#endif							/* STREAM_EXT_WAIT_EVENT_H */
