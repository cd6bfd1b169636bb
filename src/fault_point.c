/*
 * fault_point.c - a table of armed fault points, for test builds.
 *
 * PostgreSQL 15 has no injection points.  A superuser arms a point with
 * stream_fault_set('name', 'error' | 'kill' | 'abort' | 'fatal' | 'sleep'); the next
 * process that reaches it does that, once ('sleep': two seconds).  'errors' is an
 * error every time until the point is disarmed.  Hits are
 * counted, so that a test can assert that a point was really reached.
 *
 * The install script does not know these functions; a test declares them:
 *   CREATE FUNCTION stream_fault_set(text, text) RETURNS void
 *     AS '$libdir/stream_ext', 'stream_ext_fault_set' LANGUAGE C STRICT;
 *   CREATE FUNCTION stream_fault_hits(text) RETURNS bigint
 *     AS '$libdir/stream_ext', 'stream_ext_fault_hits' LANGUAGE C STRICT;
 *
 * Locking: one LWLock; points are reached rarely enough.
 */
#include "postgres.h"

#include "compat.h"
#include "fault_point.h"

#ifdef STREAM_EXT_FAULTS

#include <signal.h>

#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/builtins.h"

#define FAULT_POINTS_MAX	64
#define FAULT_NAME_LENGTH	64
#define FAULT_ACTION_LENGTH	16

typedef struct FaultPoint
{
	char		name[FAULT_NAME_LENGTH];	/* empty = free */
	char		action[FAULT_ACTION_LENGTH];	/* empty = not armed */
	int64		hits;
} FaultPoint;

/* All fields are protected by lock. */
typedef struct FaultTable
{
	LWLock		lock;
	FaultPoint	points[FAULT_POINTS_MAX];
} FaultTable;

static FaultTable *table;

STREAM_FUNCTION(stream_ext_fault_set);
STREAM_FUNCTION(stream_ext_fault_hits);

/* Returns the size of the table. */
Size
fault_point_shmem_size(void)
{
	return MAXALIGN(sizeof(FaultTable));
}

/* Makes or finds the table. */
void
fault_point_shmem_init(void)
{
	bool		found;

	table = ShmemInitStruct("stream_ext fault points",
							fault_point_shmem_size(), &found);
	if (!found)
	{
		memset(table, 0, fault_point_shmem_size());
		LWLockInitialize(&table->lock, LWLockNewTrancheId());
	}
	LWLockRegisterTranche(table->lock.tranche, "stream_ext_fault");
}

/* Returns the point of that name, making it if there is room; else NULL. */
static FaultPoint *
fault_point_find(const char *name)
{
	FaultPoint *empty = NULL;

	Assert(LWLockHeldByMe(&table->lock));
	for (int i = 0; i < FAULT_POINTS_MAX; i++)
	{
		FaultPoint *p = &table->points[i];

		if (strcmp(p->name, name) == 0)
			return p;
		if (empty == NULL && p->name[0] == '\0')
			empty = p;
	}
	if (empty != NULL)
		strlcpy(empty->name, name, FAULT_NAME_LENGTH);
	return empty;
}

/* Does what the point of that name is armed with. */
void
fault_point_reach(const char *name)
{
	FaultPoint *point;
	char		action[FAULT_ACTION_LENGTH] = "";

	if (table == NULL)
		return;

	LWLockAcquire(&table->lock, LW_EXCLUSIVE);
	point = fault_point_find(name);
	if (point != NULL)
	{
		point->hits++;
		strlcpy(action, point->action, sizeof(action));
		if (strcmp(action, "errors") != 0)
			point->action[0] = '\0';
	}
	LWLockRelease(&table->lock);

	if (strcmp(action, "kill") == 0)
		kill(MyProcPid, SIGKILL);
	else if (strcmp(action, "abort") == 0)
		abort();
	else if (strcmp(action, "error") == 0 || strcmp(action, "errors") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("fault point \"%s\"", name)));
	else if (strcmp(action, "fatal") == 0)
		ereport(FATAL,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("fault point \"%s\"", name)));
	else if (strcmp(action, "sleep") == 0)
		pg_usleep(2000000L);
}

/* SQL: arms a point; an empty action disarms it. */
Datum
stream_ext_fault_set(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *action = text_to_cstring(PG_GETARG_TEXT_PP(1));
	FaultPoint *point;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to arm a fault point")));

	LWLockAcquire(&table->lock, LW_EXCLUSIVE);
	point = fault_point_find(name);
	if (point != NULL)
		strlcpy(point->action, action, FAULT_ACTION_LENGTH);
	LWLockRelease(&table->lock);

	if (point == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many fault points")));
	PG_RETURN_VOID();
}

/* SQL: returns how often a point was reached since server start. */
Datum
stream_ext_fault_hits(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	FaultPoint *point;
	int64		hits;

	LWLockAcquire(&table->lock, LW_EXCLUSIVE);
	point = fault_point_find(name);
	hits = (point != NULL) ? point->hits : 0;
	LWLockRelease(&table->lock);
	PG_RETURN_INT64(hits);
}

#endif							/* STREAM_EXT_FAULTS */
