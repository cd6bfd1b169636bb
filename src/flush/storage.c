/*
 * storage.c - the tables in which a view's flushed groups lie.
 *
 * A view without a window has one plain table.  With a window the groups lie
 * in range partitions by window start.  NULL fits into no range but that of a
 * DEFAULT partition, and with a DEFAULT partition every ATTACH takes ACCESS
 * EXCLUSIVE on it: one reader idle in its transaction would hold up the flush.
 * So a LIST ((k IS NULL)) stands above the ranges; ATTACH then locks the range
 * parent SHARE UPDATE EXCLUSIVE, which no reader notices.
 *
 * The rows of a view that appends are partitioned by their time in the same
 * way.  They have no index: nobody looks one up.
 *
 * The index has the window last: a condition on a key is what readers ask
 * for, the window is what partitions are pruned by.  It is not unique; the
 * writer looks groups up, and two rows of one group are summed by the view.
 */
#include "postgres.h"
#include "compat.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "flush/flush.h"
#include "flush/flush_private.h"
#include "flush/partition.h"

/*
 * Returns the number (0-based) of the key that stands at position of the
 * storage index: all keys but the window in their order, then the window.
 */
int
storage_index_key(int nkeys, int window_key, int position)
{
	Assert(position >= 0 && position < nkeys);
	Assert(window_key < nkeys);

	if (window_key < 0 || position < window_key)
		return position;
	return position == nkeys - 1 ? window_key : position + 1;
}

/*
 * Appends CREATE INDEX for the keys of the storage table called name.
 */
static void
append_index_sql(StringInfo sql, const StreamQuery *sq, const char *name)
{
	if (sq->nkeys == 0 || sq->appends)
		return;
	appendStringInfo(sql, "CREATE INDEX %s ON _stream_ext.%s (",
					 quote_identifier(psprintf("%s_key", name)), quote_identifier(name));
	for (int i = 0; i < sq->nkeys; i++)
		appendStringInfo(sql, "%sk%d", i > 0 ? ", " : "",
						 storage_index_key(sq->nkeys, sq->window_key, i) + 1);
	appendStringInfoString(sql, ");");
}

/*
 * Returns the SQL that creates the storage of a view.
 */
char *
storage_create_sql(const StreamQuery *sq, const char *name)
{
	StringInfoData sql;
	const char *parent = psprintf("_stream_ext.%s", quote_identifier(name));
	const char *null_part = quote_identifier(psprintf("%s_null", name));
	const char *range_part = quote_identifier(psprintf("%s_range", name));
	const char *window = sq->window_key < 0 ? NULL : query_key_name(sq, sq->window_key);

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (%s)", parent, query_storage_columns_sql(sq));
	if (window == NULL)
		appendStringInfo(&sql, " USING heap WITH (fillfactor = %d);", STORAGE_TOTALS_FILLFACTOR);
	else
		appendStringInfo(&sql, " PARTITION BY LIST ((%s IS NULL));"
						 "CREATE TABLE _stream_ext.%s PARTITION OF %s FOR VALUES IN (true)"
						 " USING heap WITH (fillfactor = %d);"
						 "CREATE TABLE _stream_ext.%s PARTITION OF %s FOR VALUES IN (false)"
						 " PARTITION BY RANGE (%s);",
						 window, null_part, parent,
						 sq->appends ? HEAP_DEFAULT_FILLFACTOR : STORAGE_TOTALS_FILLFACTOR,
						 range_part, parent, window);
	append_index_sql(&sql, sq, name);
	return sql.data;
}

/*
 * Refuses option values that storage cannot honour.
 */
void
storage_check_options(const ContinuousOptions *options, bool has_window)
{
	if (options->retention != NULL && !has_window)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream.retention needs a window"),
				 errdetail("The view groups by no window, so nothing tells which of its rows are old."),
				 errhint("Group by tumble(...), date_bin(...) or date_trunc(...).")));
	if (options->partition_width != NULL && !has_window)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream.partition_width needs a window"),
				 errhint("Group by tumble(...), date_bin(...) or date_trunc(...).")));
	if (options->retention != NULL && partition_interval_us(options->retention) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream.retention must be greater than zero")));
	if (options->partition_width != NULL &&
		partition_interval_us(options->partition_width) < USECS_PER_MINUTE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream.partition_width must be at least one minute")));
}
