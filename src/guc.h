/*
 * guc.h - the settings stream_ext.*, in one table.
 */
#ifndef STREAM_EXT_GUC_H
#define STREAM_EXT_GUC_H

/* Whose commits a read waits for; each includes those before it. */
typedef enum ReadFreshness
{
	READ_FRESHNESS_OFF,
	READ_FRESHNESS_SESSION,		/* this session's own */
	READ_FRESHNESS_DATABASE		/* everybody's that were acknowledged */
} ReadFreshness;

extern int	guc_apply_timeout_ms;	/* one run of one view, 0 = none */
extern int	guc_batch_size_kb;	/* columnar batch written as one record */
extern int	guc_clock_offset_s; /* tests only */
extern int	guc_commit_ring_kb; /* postmaster, entries of commits */
extern int	guc_dead_letter_limit;	/* dead letters kept per view */
extern int	guc_dead_letter_size_kb;	/* ... and their size */
extern int	guc_flush_interval_ms;	/* memory to storage at least this often */
extern int	guc_flush_wal_mb;	/* flush when this much WAL is retained */
extern char *guc_input;			/* by which this session's rows come */
extern int	guc_join_flush_interval_ms; /* the same for views that may read again
										 * differently */
extern int	guc_lock_timeout_ms;	/* the worker waits this long for a lock */
extern int	guc_max_databases;	/* postmaster */
extern int	guc_max_future_s;	/* an event time ahead of its commit */
extern int	guc_max_lag_mb;		/* writers wait beyond; -1 = never */
extern int	guc_max_lag_timeout_ms; /* ... and fail after this */
extern int	guc_max_partitions; /* of one view's storage */
extern int	guc_max_streams;	/* postmaster, in the cluster */
extern int	guc_max_streams_per_role;	/* in a database; -1 = no limit */
extern int	guc_max_views;		/* postmaster, in the cluster */
extern int	guc_max_views_per_role; /* in the cluster; -1 = no limit */
extern int	guc_read_freshness; /* ReadFreshness */
extern int	guc_read_others_timeout_ms; /* a reader waits this long for what
										 * others have committed */
extern int	guc_read_timeout_ms;	/* ... and this long for its own */
extern int	guc_shared_memory_kb;	/* postmaster, groups of all views */
extern int	guc_work_memory_kb; /* one worker's scratch, and its assembler */
extern int	guc_worker_idle_timeout_ms; /* then it leaves; -1 = never */
extern int	guc_workers;		/* of one database */

/* Defines the settings and reserves their prefix. Called by _PG_init only. */
extern void guc_define(void);

#endif							/* STREAM_EXT_GUC_H */
