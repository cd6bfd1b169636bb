/*
 * fault_point.h - places where a test can make the program wait, fail or die.
 *
 * In test builds (-DSTREAM_EXT_FAULTS) FAULT_POINT("name") looks the name up
 * in a small table in shared memory that stream_fault_set() fills; in release
 * builds it compiles to nothing.
 */
#ifndef STREAM_EXT_FAULT_POINT_H
#define STREAM_EXT_FAULT_POINT_H

#ifdef STREAM_EXT_FAULTS
extern void fault_point_reach(const char *name);
extern Size fault_point_shmem_size(void);
extern void fault_point_shmem_init(void);
#define FAULT_POINT(name)	fault_point_reach(name)
#else
#define FAULT_POINT(name)	((void) 0)
#endif

#endif							/* STREAM_EXT_FAULT_POINT_H */
