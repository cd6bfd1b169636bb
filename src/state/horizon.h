/*
 * horizon.h - the oldest transaction that a reader of this database may not see yet.
 */
#ifndef STREAM_EXT_HORIZON_H
#define STREAM_EXT_HORIZON_H

/*
 * Returns a transaction: what all older ones have done is seen by every
 * snapshot by which tables of this database are read.
 */
extern TransactionId horizon_of_database(void);

#endif							/* STREAM_EXT_HORIZON_H */
