/*
 * group_area.h - the shared memory that holds the groups of all views.
 *
 * A DSA area inside the main shared memory segment, of
 * stream_ext.shared_memory: no DSM segments, so that the limit is exact and
 * nothing is left behind in /dev/shm.
 */
#ifndef STREAM_EXT_GROUP_AREA_H
#define STREAM_EXT_GROUP_AREA_H

#include "utils/dsa.h"

extern Size group_area_shmem_size(void);
extern void group_area_shmem_init(void);

/* The area, attached at first use; NULL without shared memory of ours. */
extern dsa_area *group_area(void);

/* Bytes of the area. */
extern Size group_area_limit(void);

/* Returns InvalidDsaPointer when the area is full. */
extern dsa_pointer group_area_allocate(Size size);

#endif							/* STREAM_EXT_GROUP_AREA_H */
