/*
 * horizon.c - the oldest transaction that a reader of this database may not see yet.
 *
 * Flushed generations are kept for snapshots that were taken before their
 * flush.  Whoever reads a view is connected to its database, so snapshots of
 * other databases, and what logical decoding needs of catalogs, do not
 * count; one forgotten session elsewhere would keep the memory of all views.
 *
 * The server takes a relation to know whose horizon is asked for, and looks
 * only at what kind of relation it is.  Opening one needs a transaction and a
 * lock, neither of which is at hand where generations are freed; so a
 * stand-in says "an ordinary table of this database".
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "storage/procarray.h"
#include "utils/rel.h"

#include "compat.h"
#include "state/horizon.h"

/* Returns the oldest transaction that some snapshot of this database may not see; see horizon.h. */
TransactionId
horizon_of_database(void)
{
	FormData_pg_class form = {
		.relkind = RELKIND_RELATION,
		.relpersistence = RELPERSISTENCE_PERMANENT,
	};
	RelationData table = {
		.rd_id = FirstNormalObjectId,
		.rd_rel = &form,
	};

	return GetOldestNonRemovableTransactionId(&table);
}
