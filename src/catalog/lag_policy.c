/*
 * lag_policy.c - what happens when a view falls too far behind its stream.
 *
 * Either the stream's writers wait for it, or it goes into state gap.  To make
 * writers wait is to stop them, in the end; that is for the stream's owner to
 * decide, for members of that role, and for superusers.  Anybody else may read
 * the stream into a view, but not hold it up.
 *
 * Owners change and members leave, so the right counts as it is today, not as
 * it was when the option was set.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "catalog/lag_policy.h"
#include "compat.h"

/* Returns the policy of an option's value, LAG_UNKNOWN if there is none such. */
static LagPolicy
policy_by_name(const char *name)
{
	if (strcmp(name, "wait") == 0)
		return LAG_WAIT;
	if (strcmp(name, "gap") == 0)
		return LAG_GAP;
	return LAG_UNKNOWN;
}

/* Returns whether views of a role may make the stream's writers wait. */
static bool
may_wait(Oid streamid, Oid ownerid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(streamid));
	Oid			stream_owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	stream_owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return has_privs_of_role(ownerid, stream_owner);
}

/* Returns the policy in force; see lag_policy.h. */
LagPolicy
lag_policy_of_view(const ViewCatalog *view)
{
	if (view->options.on_lag != NULL && policy_by_name(view->options.on_lag) == LAG_GAP)
		return LAG_GAP;
	return may_wait(view->streamid, view->ownerid) ? LAG_WAIT : LAG_GAP;
}

/* Refuses what cannot be; see lag_policy.h. */
void
lag_policy_check_option(const ContinuousOptions *options, Oid streamid, Oid ownerid)
{
	if (options->on_lag == NULL)
		return;
	if (policy_by_name(options->on_lag) == LAG_UNKNOWN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream.on_lag cannot be \"%s\"", options->on_lag),
				 errhint("It is \"wait\" or \"gap\".")));
	if (policy_by_name(options->on_lag) == LAG_WAIT && !may_wait(streamid, ownerid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("stream.on_lag = 'wait' needs the rights of the owner of stream \"%s\"",
						get_rel_name(streamid)),
				 errhint("Writers of a stream wait for views of its owner only; leave the option out, or let the stream's owner create the view.")));
}
