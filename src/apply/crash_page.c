/*
 * crash_page.c - endings of workers, remembered across a restart of the server after a crash.
 *
 * A process that is killed by SIGKILL, which is how Linux ends those that use
 * too much memory, can note nothing; and the server makes its shared memory
 * anew.  A page that the postmaster maps before it forks is inherited by its
 * children and stays.  Each worker has a place there and keeps the view that
 * it works on in it.  When the server starts again after a crash, whoever is
 * still found at work in the page was killed so; those that the postmaster
 * stopped for it have cleared their places (crash_guard.c).
 *
 * Locking: a place is its worker's, once it has put its pid there.  Endings
 * are written and read without a lock: an entry that is seen half written is
 * counted wrongly once.
 *
 * Failure: without the page (mmap failed) nothing is remembered.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <time.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"

#include "apply/crash_page.h"
#include "compat.h"

#define PLACES				1024
#define ENDINGS				256

/* One worker. */
typedef struct CrashPlace
{
	pg_atomic_uint32 pid;		/* 0: free */
	Oid			dbid;
	volatile Oid viewid;		/* InvalidOid: it is not at work */
	volatile ViewWork work;
} CrashPlace;

/* One worker that ended in a view. */
typedef struct Ending
{
	Oid			dbid;
	volatile Oid viewid;		/* InvalidOid: forgotten */
	ViewWork	work;
	EndingKind	kind;
	int64		time;			/* time(2), which a signal handler may call */
} Ending;

typedef struct CrashPage
{
	pg_atomic_uint32 nendings;	/* ever; the oldest are overwritten */
	Ending		endings[ENDINGS];
	CrashPlace	places[PLACES];
} CrashPage;

static CrashPage *page = NULL;
static CrashPlace *my_place = NULL;

/* Maps the page; see crash_page.h. */
void
crash_page_map(void)
{
	void	   *mapped = mmap(NULL, sizeof(CrashPage), PROT_READ | PROT_WRITE,
							  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mapped == MAP_FAILED)
	{
		ereport(WARNING,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not map memory to remember crashes of stream workers: %m")));
		return;
	}
	page = mapped;
	pg_atomic_init_u32(&page->nendings, 0);
	for (int i = 0; i < PLACES; i++)
		pg_atomic_init_u32(&page->places[i].pid, 0);
}

/* Notes that a worker ended in the view of a place. */
static void
note_ending(const CrashPlace *place, EndingKind kind)
{
	Ending	   *ending = &page->endings[pg_atomic_fetch_add_u32(&page->nendings, 1) % ENDINGS];

	ending->viewid = InvalidOid;
	ending->dbid = place->dbid;
	ending->work = place->work;
	ending->kind = kind;
	ending->time = (int64) time(NULL);
	ending->viewid = place->viewid;
}

/* Notes those who were at work; see crash_page.h. */
void
crash_page_take_stock(void)
{
	for (int i = 0; page != NULL && i < PLACES; i++)
	{
		CrashPlace *place = &page->places[i];

		if (pg_atomic_read_u32(&place->pid) != 0 && OidIsValid(place->viewid))
			note_ending(place, ENDING_CRASH);
		place->viewid = InvalidOid;
		pg_atomic_write_u32(&place->pid, 0);
	}
}

/* At exit: the place is free. */
static void
crash_page_exit_cb(int code, Datum arg)
{
	my_place->viewid = InvalidOid;
	pg_atomic_write_u32(&my_place->pid, 0);
	my_place = NULL;
}

/* Takes a place for this worker; see crash_page.h. */
void
crash_page_attach(void)
{
	Assert(my_place == NULL);
	for (int i = 0; page != NULL && my_place == NULL && i < PLACES; i++)
	{
		uint32		free_place = 0;

		if (pg_atomic_compare_exchange_u32(&page->places[i].pid, &free_place, (uint32) MyProcPid))
			my_place = &page->places[i];
	}
	if (my_place == NULL)
		return;
	my_place->dbid = MyDatabaseId;
	my_place->viewid = InvalidOid;
	on_shmem_exit(crash_page_exit_cb, (Datum) 0);
}

/* Says what this worker works on; see crash_page.h. */
void
crash_page_set(Oid viewid, ViewWork work)
{
	if (my_place == NULL)
		return;
	my_place->work = work;
	my_place->viewid = viewid;
}

/* This worker ends for what it works on. */
void
crash_page_note_overrun(void)
{
	if (my_place != NULL && OidIsValid(my_place->viewid))
		note_ending(my_place, ENDING_OVERRUN);
}

/* Returns the number of endings that are kept. */
static int
endings_kept(void)
{
	return page == NULL ? 0 : (int) Min(pg_atomic_read_u32(&page->nendings), ENDINGS);
}

/* Returns how often workers of this database ended so in the view. */
int
crash_page_count(Oid viewid, EndingKind kind, int64 since)
{
	int			count = 0;

	for (int i = 0; i < endings_kept(); i++)
	{
		const Ending *ending = &page->endings[i];

		if (ending->dbid == MyDatabaseId && ending->viewid == viewid &&
			ending->kind == kind && ending->time >= since)
			count++;
	}
	return count;
}

/* Returns the view of an ending; see crash_page.h. */
bool
crash_page_view_at(int i, Oid *viewid)
{
	if (i >= endings_kept())
		return false;
	*viewid = page->endings[i].dbid == MyDatabaseId ? page->endings[i].viewid : InvalidOid;
	return true;
}

/* Forgets the view's endings in such work. */
void
crash_page_forget(Oid viewid, ViewWork work)
{
	for (int i = 0; i < endings_kept(); i++)
	{
		Ending	   *ending = &page->endings[i];

		if (ending->dbid == MyDatabaseId && ending->viewid == viewid && ending->work == work)
			ending->viewid = InvalidOid;
	}
}

/* Forgets all endings of the view. */
void
crash_page_forget_all(Oid viewid)
{
	for (int i = 0; i < endings_kept(); i++)
	{
		Ending	   *ending = &page->endings[i];

		if (ending->dbid == MyDatabaseId && ending->viewid == viewid)
			ending->viewid = InvalidOid;
	}
}
