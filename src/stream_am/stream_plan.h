/*
 * stream_plan.h - planner and executor hooks for queries that name a stream;
 * private to stream_am/.
 */
#ifndef STREAM_EXT_STREAM_PLAN_H
#define STREAM_EXT_STREAM_PLAN_H

extern void stream_plan_init(void);

#endif							/* STREAM_EXT_STREAM_PLAN_H */
