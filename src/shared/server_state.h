/*
 * server_state.h - what the server as a whole is about to do.
 */
#ifndef STREAM_EXT_SERVER_STATE_H
#define STREAM_EXT_SERVER_STATE_H

/* Returns whether the server is being shut down, and not just this process. */
extern bool server_is_stopping(void);

#endif							/* STREAM_EXT_SERVER_STATE_H */
