/*
 * owner_session.h - the session of a worker is that of a view's owner.
 */
#ifndef STREAM_EXT_OWNER_SESSION_H
#define STREAM_EXT_OWNER_SESSION_H

/*
 * Makes owner the session's user (session_user), and the bootstrap superuser
 * the current user, as whom we go on.  Cheap if it was so before.
 *
 * Requires: no transaction, no scope of an owner.
 */
extern void owner_session_begin(Oid owner);

/* Makes the session the worker's own again.  Requires: as above. */
extern void owner_session_end(void);

/*
 * Undoes what code of a view has left in the session behind its transaction:
 * advisory locks.  Requires: no transaction.
 */
extern void owner_session_clean(void);

#endif							/* STREAM_EXT_OWNER_SESSION_H */
