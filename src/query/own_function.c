/*
 * own_function.c - functions of our own schema.
 *
 * LookupFuncName() checks USAGE of the schema, which ordinary roles have not;
 * the system cache does not.  EXECUTE is everybody's.
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "catalog/view_catalog.h"
#include "query/own_function.h"

/* Returns a function of ours; see own_function.h. */
Oid
own_function(const char *name, int nargs, const Oid *types)
{
	oidvector  *vector = buildoidvector(types, nargs);
	Oid			funcid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										 CStringGetDatum(name), PointerGetDatum(vector),
										 ObjectIdGetDatum(catalog_schema_oid()));

	if (!OidIsValid(funcid))
		elog(ERROR, "function %s is missing", name);
	return funcid;
}
