/*
 * session_load.c - the open sessions as storage has them.
 *
 * Open sessions have late rows, so only cells near the watermark are read:
 * that prunes partitions.  A session whose first row lies at the beginning of
 * what was read may go on before it; then more is read, eight times as much,
 * until no session does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "catalog/owner_query.h"
#include "compat.h"
#include "session/session_load.h"
#include "window/watermark.h"
#include "window/window.h"

#define FIRST_GAPS	4			/* how many gaps are read at first */
#define MORE_TIMES	8

/* Adds what the query finds. */
typedef struct LoadReceiver
{
	DestReceiver pub;
	SessionBook *book;
	int			nkeys;
	int64		watermark;
	int64		surely;			/* a session that begins before may begin even
								 * earlier */
	bool		cut;			/* there was one */
	MemoryContext row;
} LoadReceiver;

/* Takes one session: keys, label, first, last. */
static bool
receive_session_cb(TupleTableSlot *slot, DestReceiver *self)
{
	LoadReceiver *receiver = (LoadReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->row);
	Session		session = {0};

	slot_getallattrs(slot);
	session.label = DatumGetInt64(slot->tts_values[receiver->nkeys]);
	session.first = DatumGetInt64(slot->tts_values[receiver->nkeys + 1]);
	session.last = DatumGetInt64(slot->tts_values[receiver->nkeys + 2]);
	if (session.first < receiver->surely)
		receiver->cut = true;
	else
		session_book_add(receiver->book, slot->tts_values, slot->tts_isnull, &session,
						 receiver->watermark);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->row);
	return true;
}

static void
load_startup_cb(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
load_shutdown_cb(DestReceiver *self)
{
}

/* Returns value + change, within what the axis can be without infinities. */
static int64
shift(const StreamQuery *query, int64 value, int64 change)
{
	bool		is_time = query->session->axis_type != INT8OID;
	int64		least = is_time ? MIN_TIMESTAMP : PG_INT64_MIN;
	int64		result;

	if (pg_add_s64_overflow(value, change, &result))
		return change < 0 ? least : PG_INT64_MAX;
	return Max(result, least);
}

/* Returns where to begin reading; see session_load.h. */
int64
session_load_start(const StreamQuery *query, const SessionRule *rule, int64 watermark)
{
	int64		start = shift(query, watermark, -rule->lateness);

	if (watermark == WATERMARK_NONE)
		return shift(query, PG_INT64_MIN, 0);
	for (int i = 0; i < FIRST_GAPS; i++)
		start = shift(query, start, -rule->gap);
	return start;
}

/* Reads sessions; see session_load.h. */
bool
session_load_from(SessionBook *book, const ViewCatalog *view, const StreamQuery *query,
				  const SessionRule *rule, int64 watermark, int64 *from)
{
	LoadReceiver receiver = {
		.pub = {receive_session_cb, load_startup_cb, load_shutdown_cb, load_shutdown_cb, DestNone},
		.book = book,
		.nkeys = query->session->cell_key,
		.watermark = watermark,
		.row = AllocSetContextCreate(CurrentMemoryContext, "stream session row",
									 ALLOCSET_DEFAULT_SIZES),
	};
	Oid			type = query->session->axis_type;
	int64		least = shift(query, PG_INT64_MIN, 0);
	int64		open = shift(query, shift(query, watermark, -rule->lateness), -rule->gap);
	ParamListInfo params = owner_query_params(2);
	const char *storage = quote_qualified_identifier("_stream_ext", get_rel_name(view->storage));

	receiver.surely = *from == least ? least : shift(query, shift(query, *from, rule->gap), rule->gap);
	owner_query_set_param(params, 1, type, Int64GetDatum(*from));
	owner_query_set_param(params, 2, type, Int64GetDatum(watermark == WATERMARK_NONE ? least : open));
	(void) owner_query_run(view, query_open_sessions_sql(query, storage), params, &receiver.pub);
	MemoryContextDelete(receiver.row);

	if (receiver.cut)
	{
		/* eight times as far back; everything, once that overflows */
		int64		span;

		*from = watermark != WATERMARK_NONE && !pg_sub_s64_overflow(watermark, *from, &span) &&
			!pg_mul_s64_overflow(span, -MORE_TIMES, &span) ? shift(query, watermark, span) : least;
	}
	return !receiver.cut;
}
