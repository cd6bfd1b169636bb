/*
 * reader.h - the process that reads the WAL of the cluster, once for everybody.
 */
#ifndef STREAM_EXT_READER_H
#define STREAM_EXT_READER_H

/* Registers the stream reader with the postmaster. Called by _PG_init only. */
extern void reader_register(void);

#endif							/* STREAM_EXT_READER_H */
