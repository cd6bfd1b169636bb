/*
 * postmaster_check.h - is the server still there?
 */
#ifndef STREAM_EXT_POSTMASTER_CHECK_H
#define STREAM_EXT_POSTMASTER_CHECK_H

/*
 * Ends this process if the postmaster is gone: a worker with much to do
 * would not notice, and the server could not be started again meanwhile.
 */
extern void postmaster_check(void);

#endif							/* STREAM_EXT_POSTMASTER_CHECK_H */
