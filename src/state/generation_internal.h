/*
 * generation_internal.h - what publish.c and generation.c share; not for others.
 */
#ifndef STREAM_EXT_GENERATION_INTERNAL_H
#define STREAM_EXT_GENERATION_INTERNAL_H

#include "state/generation.h"
#include "state/group_table.h"

struct GenerationWriter
{
	ViewControl *view;
	GroupDesc  *desc;
	MemoryContext context;		/* this struct and the two below */
	MemoryContext publish;		/* reset after every publish */
	MemoryContext group;		/* reset after every group */
	TupleTableSlot *slot;		/* reads flat groups in shared memory */

	/* chunks of the open generation; InvalidDsaPointer = none yet */
	dsa_pointer tail;			/* the last one */
	dsa_pointer published_tail; /* the last one at the end of the last publish */
};

/* The writer reads this without lock: nobody else changes it. */
static inline GenerationControl *
generation_open(const GenerationWriter *writer)
{
	Assert(writer->view->ngenerations > 0);
	return &writer->view->generations[writer->view->ngenerations - 1];
}

/* Takes gate and lock; readers that come later queue behind the gate. */
static inline void
generation_lock(ViewControl *view)
{
	LWLockAcquire(&view->gate, LW_EXCLUSIVE);
	LWLockAcquire(&view->lock, LW_EXCLUSIVE);
}

static inline void
generation_unlock(ViewControl *view)
{
	LWLockRelease(&view->lock);
	LWLockRelease(&view->gate);
}

/* Moves the end of the open generation.  Caller holds both locks exclusively. */
extern void generation_set_applied(ViewControl *view, XLogRecPtr applied_lsn, int64 watermark);

#endif							/* STREAM_EXT_GENERATION_INTERNAL_H */
