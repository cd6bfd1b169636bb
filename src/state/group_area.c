/*
 * group_area.c - the shared memory that holds the groups of all views.
 *
 * As pgstat_shmem.c does for the statistics, but the size limit stays: an
 * allocation beyond it fails and the worker flushes.
 *
 * Memory: each process attaches at its first use and holds a reference until
 * it exits.
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "compat.h"
#include "guc.h"
#include "state/group_area.h"
#include "state/group_table.h"

typedef struct GroupAreaHeader
{
	int			tranche;
	Size		size;			/* of the area that follows */
} GroupAreaHeader;

static GroupAreaHeader *header = NULL;
static dsa_area *attached_area = NULL;

/* Returns where the area begins. */
static void *
group_area_place(void)
{
	return (char *) header + MAXALIGN(sizeof(GroupAreaHeader));
}

/* Returns the bytes of the area: the setting, within what group places can name. */
Size
group_area_limit(void)
{
	Size		size = (Size) guc_shared_memory_kb * 1024;

	size = Min(size, GROUP_PLACE_LIMIT);
	return Max(MAXALIGN(size), MAXALIGN(dsa_minimum_size()));
}

/* Returns the shared memory that the area needs. */
Size
group_area_shmem_size(void)
{
	return add_size(MAXALIGN(sizeof(GroupAreaHeader)), group_area_limit());
}

/* Makes the area, or finds it. */
void
group_area_shmem_init(void)
{
	bool		found;

	attached_area = NULL;
	header = ShmemInitStruct("stream_ext groups", group_area_shmem_size(), &found);
	if (!found)
	{
		dsa_area   *area;

		header->tranche = LWLockNewTrancheId();
		header->size = group_area_limit();
		area = dsa_create_in_place(group_area_place(), header->size, header->tranche, NULL);
		dsa_pin(area);
		dsa_set_size_limit(area, header->size);
		dsa_detach(area);
	}
	LWLockRegisterTranche(header->tranche, "stream_ext_groups");
}

/* Returns the area; see group_area.h. */
dsa_area *
group_area(void)
{
	MemoryContext saved;

	if (attached_area != NULL || header == NULL)
		return attached_area;

	saved = MemoryContextSwitchTo(TopMemoryContext);
	attached_area = dsa_attach_in_place(group_area_place(), NULL);
	dsa_pin_mapping(attached_area);
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(group_area_place()));
	MemoryContextSwitchTo(saved);
	return attached_area;
}

/* Allocates in the area; see group_area.h. */
dsa_pointer
group_area_allocate(Size size)
{
	dsa_pointer place = dsa_allocate_extended(group_area(), size,
											  DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);

	/* the area never leaves its first segment, so pointers are offsets */
	Assert(place < GROUP_PLACE_LIMIT);
	return place;
}
