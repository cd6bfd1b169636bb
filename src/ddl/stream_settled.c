/*
 * stream_settled.c - whether rows of a stream are still on their way.
 *
 * Batches in WAL are read with the stream's descriptor of the day.  Columns
 * may come (with a constant default) and go meanwhile, but a type must not
 * change under a row.  A row is off the road when each view over the stream
 * has stored a position at or behind the commit that carried it.
 *
 * Where the newest commit is stands in shared memory: what a transaction of
 * this server's life has committed, and where the worker found the end of WAL
 * when it started, which covers everything before.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/heap.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "catalog/view_catalog.h"
#include "ddl/stream_settled.h"
#include "shared/control.h"
#include "stream_am/stream_am.h"

/* Returns the position that every view must have stored, invalid if it is not known yet. */
static XLogRecPtr
settled_needed_lsn(Oid relid)
{
	DatabaseControl *db = control_database(MyDatabaseId, false);
	StreamControl *stream = control_stream(MyDatabaseId, relid, false);
	XLogRecPtr	needed;

	if (db == NULL)
		return InvalidXLogRecPtr;
	needed = pg_atomic_read_u64(&db->ready_lsn);
	if (XLogRecPtrIsInvalid(needed))
		return InvalidXLogRecPtr;
	needed = Max(needed, pg_atomic_read_u64(&db->last_prepared_lsn));
	if (stream == NULL)
		stream = control_other_streams();
	needed = Max(needed, pg_atomic_read_u64(&stream->last_commit_lsn));
	return needed;
}

/* Raises the error that rows are on their way. */
static void
settled_refuse(Oid relid, Oid viewid)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("cannot change stream \"%s\" while rows are on their way to view \"%s\"",
					get_rel_name(relid), get_rel_name(viewid)),
			 errdetail("Rows in the write-ahead log have the columns of the time when they were inserted."),
			 errhint("Run stream_flush('%s') and repeat the command; while others insert, lock the stream in SHARE mode first.",
					 get_rel_name(viewid))));
}

/* Raises an error unless every committed row is in storage; see stream_settled.h. */
void
settled_check(Oid relid)
{
	List	   *views;
	ListCell   *cell;
	XLogRecPtr	needed;

	if (stream_am_wrote_rows())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot change stream \"%s\" in a transaction that has inserted into streams",
						get_rel_name(relid)),
				 errhint("Commit first.")));

	views = catalog_views_of_stream(relid);
	needed = settled_needed_lsn(relid);
	foreach(cell, views)
	{
		ViewControl *view = control_view(MyDatabaseId, lfirst_oid(cell), false);

		if (XLogRecPtrIsInvalid(needed) || view == NULL ||
			pg_atomic_read_u64(&view->flushed_lsn) < needed)
			settled_refuse(relid, lfirst_oid(cell));
	}
	list_free(views);
}

/* Returns whether a default differs from row to row. */
static bool
settled_default_is_volatile(const ColumnDef *column, Node *raw_default)
{
	ParseState *pstate = make_parsestate(NULL);
	Oid			type;
	int32		typmod;
	Node	   *cooked;
	bool		result;

	typenameTypeIdAndMod(pstate, column->typeName, &type, &typmod);
	cooked = cookDefault(pstate, copyObject(raw_default), type, typmod, column->colname, 0);
	result = contain_volatile_functions(cooked);
	free_parsestate(pstate);
	return result;
}

/* Returns whether the type name is one of those that make a sequence. */
static bool
settled_type_is_serial(const TypeName *type)
{
	static const char *const serials[] = {"smallserial", "serial2", "serial", "serial4",
	"bigserial", "serial8"};

	if (type == NULL || list_length(type->names) != 1)
		return false;
	for (int i = 0; i < lengthof(serials); i++)
	{
		if (strcmp(strVal(linitial(type->names)), serials[i]) == 0)
			return true;
	}
	return false;
}

/* Returns the expression that the type gives to a column without a default, or NULL. */
static Node *
settled_type_default(const ColumnDef *column)
{
	return get_typdefault(typenameTypeId(NULL, column->typeName));
}

/* Returns whether the column says DEFAULT. */
static bool
settled_has_default(const ColumnDef *column)
{
	ListCell   *cell;

	foreach(cell, column->constraints)
	{
		if (lfirst_node(Constraint, cell)->contype == CONSTR_DEFAULT)
			return true;
	}
	return false;
}

/* Returns whether rows that exist would need a computed value; see stream_settled.h. */
bool
settled_column_needs_rewrite(const ColumnDef *column)
{
	ListCell   *cell;

	if (settled_type_is_serial(column->typeName))
		return true;
	/* core checks each row that exists, and rewrites it, whatever its value */
	if (DomainHasConstraints(typenameTypeId(NULL, column->typeName)))
		return true;
	if (!settled_has_default(column) &&
		contain_volatile_functions(settled_type_default(column)))
		return true;
	foreach(cell, column->constraints)
	{
		Constraint *constraint = lfirst_node(Constraint, cell);

		if (constraint->contype == CONSTR_IDENTITY || constraint->contype == CONSTR_GENERATED)
			return true;
		if (constraint->contype == CONSTR_DEFAULT &&
			settled_default_is_volatile(column, constraint->raw_expr))
			return true;
	}
	return false;
}

/* Returns whether rows that are there already would get a value; see stream_settled.h. */
bool
settled_column_has_value(const ColumnDef *column)
{
	return settled_has_default(column) || settled_column_needs_rewrite(column) ||
		settled_type_default(column) != NULL;
}
