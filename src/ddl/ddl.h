/*
 * ddl.h - DDL on streams and continuous views.
 */
#ifndef STREAM_EXT_DDL_H
#define STREAM_EXT_DDL_H

/* Installs the hooks. Called by _PG_init only, when the library is preloaded. */
extern void ddl_init(void);

#endif							/* STREAM_EXT_DDL_H */
