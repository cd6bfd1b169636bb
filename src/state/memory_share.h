/*
 * memory_share.h - who holds how much of the shared memory of groups.
 */
#ifndef STREAM_EXT_MEMORY_SHARE_H
#define STREAM_EXT_MEMORY_SHARE_H

#include "shared/control.h"

/*
 * Returns whether the views of this view's owner, of all databases together,
 * hold more of the memory than one owner may while others could want it.
 */
extern bool memory_share_is_over(const ViewControl *view);

/* Asks the worker of the view that holds most, at least as much as bytes, to give it up. */
extern void memory_share_ask(uint64 bytes);

/* Returns whether somebody has asked for the memory of the view, once. */
extern bool memory_share_is_asked(ViewControl *view);

#endif							/* STREAM_EXT_MEMORY_SHARE_H */
