/*
 * owner.h - running code of a view as the view's owner, and nothing more.
 */
#ifndef STREAM_EXT_OWNER_H
#define STREAM_EXT_OWNER_H

#include "catalog/view_catalog.h"

typedef struct OwnerScope
{
	Oid			saved_userid;
	int			saved_context;
	int			nestlevel;
	bool		saved_read_only;
	bool		saved_limit;	/* code of the owner was limited before */
} OwnerScope;

/* Today's values of the settings a query's result can depend on, to be kept with a view. */
extern List *owner_freeze_settings(void);

/*
 * Switches to the owner in a security-restricted, read-only context with the
 * view's frozen settings, and limits the time (time_limit.h).  After an error
 * the transaction abort restores all of it but the limit.
 */
extern void owner_enter(OwnerScope *scope, const ViewCatalog *view);
extern void owner_leave(OwnerScope *scope);

#endif							/* STREAM_EXT_OWNER_H */
