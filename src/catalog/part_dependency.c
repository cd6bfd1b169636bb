/*
 * part_dependency.c - how definition, storage and memory hang on their view.
 *
 * Recorded when a view is created, and again when one is adopted that came
 * with a dump: these dependencies are not dumped.  Each is recorded once,
 * however often it is asked for.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_rewrite.h"
#include "rewrite/rewriteSupport.h"
#include "utils/acl.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "catalog/part_dependency.h"
#include "compat.h"

/*
 * Replaces the rule's dependency on columns of a part by one of the view on
 * the whole part.  Otherwise DROP TYPE, coming by a part's column to the view
 * and from there to the whole part, would drop the part before its column.
 */
static void
depend_on_whole(Oid viewid, Oid part)
{
	Oid			rule = get_rewrite_oid(viewid, ViewSelectRuleName, false);
	ObjectAddress view_address;
	ObjectAddress part_address;

	ObjectAddressSet(view_address, RelationRelationId, viewid);
	ObjectAddressSet(part_address, RelationRelationId, part);
	(void) deleteDependencyRecordsForSpecific(RewriteRelationId, rule, DEPENDENCY_NORMAL,
											  RelationRelationId, part);
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, viewid, DEPENDENCY_NORMAL,
											  RelationRelationId, part);
	recordDependencyOn(&view_address, &part_address, DEPENDENCY_NORMAL);
}

/* Makes the view depend on its parts as wholes; see part_dependency.h. */
void
part_depend_on_whole(const ViewCatalog *view)
{
	depend_on_whole(view->viewid, view->storage);
	depend_on_whole(view->viewid, view->memory);
}

/*
 * Makes a part go with the view, and with nothing else.  To DROP a dependency
 * of type "extension" is like an internal one; but pg_dump, which sorts by
 * internal ones too, leaves it alone and so finds an order: parts, then view.
 */
static void
belong_to_view(Oid part, Oid viewid)
{
	ObjectAddress part_address;
	ObjectAddress view_address;

	ObjectAddressSet(part_address, RelationRelationId, part);
	ObjectAddressSet(view_address, RelationRelationId, viewid);
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, part, DEPENDENCY_EXTENSION,
											  RelationRelationId, viewid);
	recordDependencyOn(&part_address, &view_address, DEPENDENCY_EXTENSION);
}

/* Makes the parts depend on the view, and the view on its definition. */
void
part_bind_to_view(const ViewCatalog *view)
{
	belong_to_view(view->definition, view->viewid);
	belong_to_view(view->storage, view->viewid);
	belong_to_view(view->memory, view->viewid);
	if (OidIsValid(view->late))
		belong_to_view(view->late, view->viewid);
	depend_on_whole(view->viewid, view->definition);
}

/* Makes a part its owner's alone; see part_dependency.h. */
void
part_clear_privileges(Oid relid)
{
	Relation	classes = table_open(RelationRelationId, RowExclusiveLock);
	HeapTuple	tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relid));
	Datum		values[Natts_pg_class] = {0};
	bool		nulls[Natts_pg_class] = {0};
	bool		replaces[Natts_pg_class] = {0};
	Datum		acl;
	bool		isnull;
	Oid		   *members;
	int			nmembers;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	if (!isnull)
	{
		nmembers = aclmembers(DatumGetAclP(acl), &members);
		nulls[Anum_pg_class_relacl - 1] = replaces[Anum_pg_class_relacl - 1] = true;
		CatalogTupleUpdate(classes, &tuple->t_self,
						   heap_modify_tuple(tuple, RelationGetDescr(classes), values, nulls,
											 replaces));
		updateAclDependencies(RelationRelationId, relid, 0,
							  ((Form_pg_class) GETSTRUCT(tuple))->relowner,
							  nmembers, members, 0, NULL);
		CommandCounterIncrement();
	}
	table_close(classes, RowExclusiveLock);
}
