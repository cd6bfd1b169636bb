/*
 * stream_ext.c - what happens when the library is loaded.
 *
 * Settings, shared memory, hooks, launcher; nothing else lives here.
 *
 * Failure: without shared_preload_libraries there is no shared memory and no
 * launcher.  The library then loads (so that CREATE EXTENSION can say what is
 * missing) but installs no hooks.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "apply/crash_page.h"
#include "catalog/view_catalog.h"
#include "compat.h"
#include "ddl/ddl.h"
#include "fault_point.h"
#include "guc.h"
#include "memory_scan/closed_until.h"
#include "memory_scan/freshness.h"
#include "reader/reader.h"
#include "shared/commit_ring.h"
#include "shared/control.h"
#include "shared/recovery_slot.h"
#include "shared/worker_control.h"
#include "stream_am/stream_am.h"
#include "worker/worker.h"
#include "state/generation.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

/* Asks for our shared memory. */
static void
stream_ext_shmem_request(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();

	RequestAddinShmemSpace(control_shmem_size());
	RequestAddinShmemSpace(commit_ring_shmem_size());
	RequestAddinShmemSpace(worker_control_shmem_size());
	RequestAddinShmemSpace(generation_shmem_size());
#ifdef STREAM_EXT_FAULTS
	RequestAddinShmemSpace(fault_point_shmem_size());
#endif
}

/* Makes our shared memory, or finds it in a forked process. */
static void
stream_ext_shmem_startup(void)
{
	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	if (!IsUnderPostmaster)
		crash_page_take_stock();
	control_shmem_init();
	commit_ring_shmem_init();
	worker_control_shmem_init();
	generation_shmem_init();
#ifdef STREAM_EXT_FAULTS
	fault_point_shmem_init();
#endif
	LWLockRelease(AddinShmemInitLock);
}

/* Library load. */
void
_PG_init(void)
{
	guc_define();
	catalog_init();

	if (!process_shared_preload_libraries_in_progress)
		return;

	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = stream_ext_shmem_request;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = stream_ext_shmem_startup;

	stream_am_init();
	freshness_init();
	closed_until_init();
	crash_page_map();
	launcher_register();
	wal_keeper_register();
	recovery_slot_init();
	reader_register();

	ddl_init();
}
