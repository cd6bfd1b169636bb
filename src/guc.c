/*
 * guc.c - the settings stream_ext.*, in one table.
 *
 * The table is sorted by name; doc/reference/settings.md describes each.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "compat.h"
#include "guc.h"

int			guc_apply_timeout_ms = 60000;
int			guc_batch_size_kb = 32;
int			guc_clock_offset_s = 0;
int			guc_commit_ring_kb = 4096;
int			guc_dead_letter_limit = 100000;
int			guc_dead_letter_size_kb = 65536;
int			guc_flush_interval_ms = 10000;
int			guc_flush_wal_mb = 256;
char	   *guc_input = "";
int			guc_join_flush_interval_ms = 1000;
int			guc_lock_timeout_ms = 100;
int			guc_max_databases = 32;
int			guc_max_future_s = 86400;
int			guc_max_lag_mb = 4096;
int			guc_max_lag_timeout_ms = 60000;
int			guc_max_partitions = 1000;
int			guc_max_streams = 256;
int			guc_max_streams_per_role = 100;
int			guc_max_views = 256;
int			guc_max_views_per_role = 100;
int			guc_read_freshness = READ_FRESHNESS_DATABASE;
int			guc_read_others_timeout_ms = 1000;
int			guc_read_timeout_ms = 10000;
int			guc_shared_memory_kb = 65536;
int			guc_work_memory_kb = 65536;
int			guc_worker_idle_timeout_ms = 300000;
int			guc_workers = 8;

static const struct config_enum_entry read_freshness_options[] = {
	{"database", READ_FRESHNESS_DATABASE, false},
	{"session", READ_FRESHNESS_SESSION, false},
	{"off", READ_FRESHNESS_OFF, false},
	{NULL, 0, false}
};

/* One integer setting. */
typedef struct IntSetting
{
	const char *name;
	const char *description;
	const char *detail;
	int		   *variable;
	int			minimum;
	int			maximum;
	GucContext	context;
	int			flags;
} IntSetting;

static const IntSetting int_settings[] = {
	{"stream_ext.apply_timeout",
		"Longest time one run of one view's query may take.",
		"A view that exceeds it again and again is disabled. 0 turns the limit off.",
	&guc_apply_timeout_ms, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS},
	{"stream_ext.batch_size",
		"Size at which a writer's rows become one WAL record.",
		NULL,
	&guc_batch_size_kb, 1, 1024, PGC_USERSET, GUC_UNIT_KB},
	{"stream_ext.clock_offset",
		"Shifts the clock that retention and event time see.",
		"For tests.",
	&guc_clock_offset_s, INT_MIN, INT_MAX, PGC_SUSET, GUC_UNIT_S | GUC_NOT_IN_SAMPLE},
	{"stream_ext.commit_ring",
		"Shared memory in which the stream reader lists commits for the stream workers.",
		"A worker that falls behind what it holds reads WAL by itself.",
	&guc_commit_ring_kb, 64, 1024 * 1024, PGC_POSTMASTER, GUC_UNIT_KB},
	{"stream_ext.dead_letter_limit",
		"Number of dead letters kept for each view.",
		"Further ones are only counted.",
	&guc_dead_letter_limit, 0, INT_MAX, PGC_SIGHUP, 0},
	{"stream_ext.dead_letter_size",
		"Size of the dead letters kept for each view.",
		"Further ones are only counted.",
	&guc_dead_letter_size_kb, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_KB},
	{"stream_ext.flush_interval",
		"Longest time groups stay in shared memory only.",
		NULL,
	&guc_flush_interval_ms, 10, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS},
	{"stream_ext.flush_wal",
		"Amount of WAL kept for a view that makes it flush.",
		NULL,
	&guc_flush_wal_mb, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB},
	{"stream_ext.join_flush_interval",
		"Longest time groups of views that join tables or call users' functions stay in shared memory only.",
		"After a crash their rows would be joined with the tables as they are then.",
	&guc_join_flush_interval_ms, 10, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS},
	{"stream_ext.lock_timeout",
		"Longest time that functions of views, and retention, wait for a lock.",
		"Other locks are not waited for.  A view whose lock cannot be had is lagging and tries again; others go on.",
	&guc_lock_timeout_ms, 1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS},
	{"stream_ext.max_databases",
		"Number of databases in the cluster that can have streams.",
		NULL,
	&guc_max_databases, 1, 1024, PGC_POSTMASTER, 0},
	{"stream_ext.max_future",
		"How far ahead of its commit an event time may be and still move the watermark.",
		"A row further ahead is counted as any other.",
	&guc_max_future_s, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_S},
	{"stream_ext.max_lag",
		"WAL a view may be behind before writers of its stream wait, or it goes into state gap.",
		"-1 lets it grow without limit.",
	&guc_max_lag_mb, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB},
	{"stream_ext.max_lag_timeout",
		"Longest time a writer waits because of stream_ext.max_lag.",
		NULL,
	&guc_max_lag_timeout_ms, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS},
	{"stream_ext.max_partitions",
		"Largest number of partitions of one view's storage.",
		NULL,
	&guc_max_partitions, 16, 100000, PGC_SIGHUP, 0},
	{"stream_ext.max_streams",
		"Number of streams in the cluster with counters of their own.",
		NULL,
	&guc_max_streams, 1, 65536, PGC_POSTMASTER, 0},
	{"stream_ext.max_streams_per_role",
		"Number of streams that a role may own in a database.",
		"Superusers may own more. -1 turns the limit off.",
	&guc_max_streams_per_role, -1, INT_MAX, PGC_SUSET, 0},
	{"stream_ext.max_views",
		"Number of continuous views in the cluster.",
		NULL,
	&guc_max_views, 1, 65536, PGC_POSTMASTER, 0},
	{"stream_ext.max_views_per_role",
		"Number of continuous views that a role may own in the cluster.",
		"Superusers may own more. -1 turns the limit off.",
	&guc_max_views_per_role, -1, INT_MAX, PGC_SUSET, 0},
	{"stream_ext.read_others_timeout",
		"Longest time a reader waits until a view shows what other sessions have committed.",
		"Then the answer is what there is, with a warning.",
	&guc_read_others_timeout_ms, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS},
	{"stream_ext.read_timeout",
		"Longest time a reader waits until a view shows what its session has committed.",
		NULL,
	&guc_read_timeout_ms, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS},
	{"stream_ext.shared_memory",
		"Shared memory for the groups of all continuous views.",
		"When it is full, groups are flushed to storage; nothing is lost.",
	&guc_shared_memory_kb, 1024, INT_MAX, PGC_POSTMASTER, GUC_UNIT_KB},
	{"stream_ext.work_memory",
		"Memory of one stream worker for unfinished transactions, and again for the groups of one run.",
		NULL,
	&guc_work_memory_kb, 1024, INT_MAX, PGC_SIGHUP, GUC_UNIT_KB},
	{"stream_ext.worker_idle_timeout",
		"Time after which a stream worker that has nothing to do leaves.",
		"It comes back when there is work. -1 lets it stay.",
	&guc_worker_idle_timeout_ms, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS},
	{"stream_ext.workers",
		"Number of stream workers of one database.",
		"One maintains the harmless views, each other one those of one owner. Where more are wanted they take turns.",
	&guc_workers, 1, 1024, PGC_SIGHUP, 0},
};

/* Refuses names of inputs that do not fit into a batch. */
static bool
check_input(char **value, void **extra, GucSource source)
{
	if (strlen(*value) < NAMEDATALEN)
		return true;
	GUC_check_errdetail("The name of an input is at most %d bytes long.", NAMEDATALEN - 1);
	return false;
}

/* Defines the settings and reserves their prefix. Called by _PG_init only. */
void
guc_define(void)
{
	for (int i = 0; i < lengthof(int_settings); i++)
	{
		const IntSetting *s = &int_settings[i];

		/* loaded later, a library must not define these: it would be FATAL */
		if (s->context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
			continue;
		DefineCustomIntVariable(s->name, s->description, s->detail,
								s->variable, *s->variable,
								s->minimum, s->maximum,
								s->context, s->flags,
								NULL, NULL, NULL);
	}

	DefineCustomEnumVariable("stream_ext.read_freshness",
							 "Whose commits a reader waits for: all of the database, its own session's, or none.",
							 NULL,
							 &guc_read_freshness, guc_read_freshness,
							 read_freshness_options, PGC_USERSET, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("stream_ext.input",
							   "Names the input of a stream that the rows of this session come by.",
							   "The watermark is the least of those of the inputs that are not idle.",
							   &guc_input, guc_input,
							   PGC_USERSET, 0,
							   check_input, NULL, NULL);

	if (process_shared_preload_libraries_in_progress)
		MarkGUCPrefixReserved("stream_ext");
}
