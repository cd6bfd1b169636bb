/*
 * owner_session.c - the session of a worker is that of a view's owner.
 *
 * A SECURITY DEFINER function can only ask session_user who calls it.  So it
 * must not find a superuser there while it runs for somebody's view.  The
 * session's user cannot be changed within a transaction, nor within a
 * security-restricted operation; and what we write ourselves needs rights
 * that the owner does not have.  So the scope is turned round: between
 * transactions the session becomes the owner's, the current user becomes the
 * bootstrap superuser again at once, and owner_enter() goes from there to the
 * owner for code of the view.  A transaction that aborts returns to the user
 * that it began with, which is the superuser.
 *
 * The authenticated user of the session stays the superuser, and that is who
 * may SET SESSION AUTHORIZATION.  The wall is the security-restricted
 * operation, which holds wherever code of the view runs (owner.c).
 *
 * The role counts as no superuser (is_superuser is off), whoever it is: that
 * is for display only, and to find out takes a transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "catalog/owner_session.h"
#include "compat.h"

/* Whose the session is. */
static Oid	session_owner = BOOTSTRAP_SUPERUSERID;

/* Makes a role the session's user, and the superuser the current one. */
static void
become(Oid role)
{
	Assert(!IsTransactionState());
	SetSessionAuthorization(role, role == BOOTSTRAP_SUPERUSERID);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
	session_owner = role;
}

/* Makes the session an owner's; see owner_session.h. */
void
owner_session_begin(Oid owner)
{
	Assert(OidIsValid(owner));
	if (owner != session_owner)
		become(owner);
	Assert(GetSessionUserId() == owner && GetUserId() == BOOTSTRAP_SUPERUSERID);
}

/* Makes the session the worker's own again. */
void
owner_session_end(void)
{
	if (session_owner != BOOTSTRAP_SUPERUSERID)
		become(BOOTSTRAP_SUPERUSERID);
}

/*
 * Undoes what outlives a transaction; see owner_session.h.  Prepared statements
 * and temporary tables cannot be made in a security-restricted operation.
 */
void
owner_session_clean(void)
{
	Assert(!IsTransactionState());
	LockReleaseAll(USER_LOCKMETHOD, true);
}
