/*
 * placement.h - which worker maintains which view.
 */
#ifndef STREAM_EXT_PLACEMENT_H
#define STREAM_EXT_PLACEMENT_H

#include "worker/worker.h"

/*
 * Gives every view of the catalog a slot in shared memory and a worker, and
 * tells the workers concerned.  For the shared worker, which alone does this.
 *
 * Requires: a transaction and an active snapshot.
 */
extern void placement_update(StreamWorker *worker, List *catalogs);

/*
 * Takes note of what a run has cost a view of the shared worker: nrows rows of
 * its stream took so long.  One that is slow again and again is its owner's
 * worker's from the next look at the catalog on.
 */
extern void placement_note_cost(StreamWorker *worker, WorkerView *view,
								uint64 nrows, int64 elapsed_us);

#endif							/* STREAM_EXT_PLACEMENT_H */
