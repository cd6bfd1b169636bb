/*
 * wal_reader.h - WAL records of this server, one after the other, up to what
 * is on disk.
 */
#ifndef STREAM_EXT_WAL_READER_H
#define STREAM_EXT_WAL_READER_H

#include "access/xlogreader.h"

#include "wal/feed.h"

typedef struct WalReader WalReader;

/* Opens a reader; nothing is read before the first call of the others. */
extern WalReader *wal_reader_create(MemoryContext parent);

/* The next record will be the first that starts at or after lsn, any position of WAL. */
extern void wal_reader_start(WalReader *reader, XLogRecPtr lsn);

/*
 * Returns the reader at the next record (XLogRecGet...), valid until the next
 * call, or NULL if it is not on disk yet: then call again later.
 * Raises ERRCODE_STREAM_WAL_GONE, or ERRCODE_DATA_CORRUPTED for broken WAL.
 */
extern XLogReaderState *wal_reader_next(WalReader *reader);

/* Returns the reader at the record that starts exactly at lsn; errors as above. */
extern XLogReaderState *wal_reader_read_at(WalReader *reader, XLogRecPtr lsn);

/* End of the last record returned, or the position of wal_reader_start(). */
extern XLogRecPtr wal_reader_position(const WalReader *reader);

/* Gives back the buffer of a huge record, if there was one. */
extern void wal_reader_trim(WalReader *reader);

#endif							/* STREAM_EXT_WAL_READER_H */
