/*
 * session_book.c - the open sessions of a view with late = drop or side.
 *
 * A hash table of keys, each with its SessionSet.  Before an attempt changes
 * a set for the first time since a mark, the set is copied into a log; taking
 * the attempt back copies it out again.  Sets without open sessions are swept
 * out now and then, between attempts: they can be made anew at any time.
 *
 * Labels count up from the position from which the view reads on.  Rows take
 * more WAL than one byte, so that they never catch up with the positions to
 * come; and they need only differ among sessions of one key near each other.
 *
 * Memory: 300 to 400 bytes a key with an open session and a short key, the log
 * of the largest attempt included; closed ones stay until the next sweep.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "session/session_book.h"
#include "session/session_load.h"
#include "window/session_set.h"

#define INITIAL_ENTRIES 64		/* a power of two, as the buckets */
#define SWEEP_ENTRIES	1024

typedef struct BookEntry
{
	uint32		hash;
	bool		started;		/* set: false, what it was before is unknown */
	uint32		logged;			/* serial of the mark after which it was */
	SessionSet	set;
	Datum	   *keys;
	bool	   *isnull;
} BookEntry;

/* An entry as it was. */
typedef struct BookLog
{
	BookEntry  *entry;
	bool		started;
	uint32		logged;
	SessionSet	set;
} BookLog;

struct SessionBook
{
	MemoryContext context;		/* this struct, entries and their sets */
	GroupDesc  *desc;
	int			nkeys;			/* of them, the first that say whose session */
	SessionRule rule;
	int64		next_label;
	uint64		attempt;		/* number, from 1 */
	int64		watermark;		/* newest that finished attempts have seen */
	int64		attempt_watermark;	/* newest of this one, which may be made
									 * anew */

	BookEntry **buckets;
	uint32		nbuckets;
	uint32		nentries;
	uint32		sweep_at;		/* so many entries are looked through */

	BookLog    *log;
	uint32		nlogged;
	uint32		log_size;
	uint32		serial;			/* of the last mark */

	MemoryContext moves_context;	/* keys of moves */
	SessionMove *moves;
	uint32		nmoves;
	uint32		moves_size;
	bool		spilled;		/* parts of this attempt are in storage, too */
};

/* Makes an empty book. */
SessionBook *
session_book_create(const StreamQuery *query, GroupDesc *desc, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream session book",
												  ALLOCSET_DEFAULT_SIZES);
	SessionBook *book = MemoryContextAllocZero(context, sizeof(SessionBook));

	book->context = context;
	book->moves_context = AllocSetContextCreate(context, "stream session moves",
												ALLOCSET_SMALL_SIZES);
	book->desc = desc;
	book->nkeys = query->session->cell_key;
	book->rule.gap = query->session->gap;
	book->next_label = SESSION_LABEL_NONE + 1;
	book->attempt = 1;
	book->serial = 1;
	book->sweep_at = SWEEP_ENTRIES;
	book->watermark = book->attempt_watermark = PG_INT64_MIN;
	book->nbuckets = INITIAL_ENTRIES * 2;
	book->buckets = MemoryContextAllocZero(context, sizeof(BookEntry *) * book->nbuckets);
	return book;
}

/* Makes the book live as long as parent. */
void
session_book_keep(SessionBook *book, MemoryContext parent)
{
	MemoryContextSetParent(book->context, parent);
}

/* Sets the lateness. */
void
session_book_set_lateness(SessionBook *book, int64 lateness)
{
	Assert(lateness >= 0);
	book->rule.lateness = lateness;
}

/* Returns the lateness. */
int64
session_book_lateness(const SessionBook *book)
{
	return book->rule.lateness;
}

/* Returns the number of keys in the list. */
uint32
session_book_keys(const SessionBook *book)
{
	return book->nentries;
}

/* Returns the memory that it takes. */
Size
session_book_bytes(const SessionBook *book)
{
	return MemoryContextMemAllocated(book->context, true);
}

/* Puts an entry into the first free bucket of its chain. */
static void
book_link(BookEntry **buckets, uint32 nbuckets, BookEntry *entry)
{
	uint32		mask = nbuckets - 1;
	uint32		i = entry->hash & mask;

	while (buckets[i] != NULL)
		i = (i + 1) & mask;
	buckets[i] = entry;
}

/* Frees an entry. */
static void
book_free_entry(SessionBook *book, BookEntry *entry)
{
	for (int i = 0; i < book->nkeys; i++)
	{
		if (!entry->isnull[i] && !book->desc->keys[i].typbyval)
			pfree(DatumGetPointer(entry->keys[i]));
	}
	session_set_free(&entry->set);
	pfree(entry);
}

/* Says whether an entry can go: nothing is open and nobody may want it back. */
static bool
book_can_forget(SessionBook *book, BookEntry *entry)
{
	return book->nlogged == 0 &&
		session_set_expire(&entry->set, &book->rule, book->watermark);
}

/* Makes the buckets anew, without what can go, with room for as many again. */
static void
book_rebuild(SessionBook *book)
{
	BookEntry **old = book->buckets;
	BookEntry **buckets;
	uint32		nbuckets = INITIAL_ENTRIES * 2;
	uint32		kept = 0;

	for (uint32 i = 0; i < book->nbuckets; i++)
		kept += old[i] != NULL && !book_can_forget(book, old[i]);
	while (nbuckets < kept * 4)
		nbuckets *= 2;
	buckets = MemoryContextAllocExtended(book->context, sizeof(BookEntry *) * nbuckets,
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	/* now that nothing can fail any more */
	for (uint32 i = 0; i < book->nbuckets; i++)
	{
		if (old[i] == NULL)
			continue;
		if (book_can_forget(book, old[i]))
			book_free_entry(book, old[i]);
		else
			book_link(buckets, nbuckets, old[i]);
	}
	book->buckets = buckets;
	book->nbuckets = nbuckets;
	book->nentries = kept;
	pfree(old);
}

/* Returns a new entry for keys. */
static BookEntry *
book_new_entry(SessionBook *book, uint32 hash, const Datum *keys, const bool *isnull)
{
	Size		keys_size = sizeof(Datum) * book->nkeys;
	MemoryContext old = MemoryContextSwitchTo(book->context);
	BookEntry  *entry = palloc0(sizeof(BookEntry) + keys_size + sizeof(bool) * book->nkeys);

	entry->hash = hash;
	entry->keys = (Datum *) (entry + 1);
	entry->isnull = (bool *) ((char *) entry->keys + keys_size);
	group_copy_some_keys(book->desc, book->nkeys, keys, isnull, entry->keys);
	if (book->nkeys > 0)
		memcpy(entry->isnull, isnull, sizeof(bool) * book->nkeys);
	MemoryContextSwitchTo(old);
	return entry;
}

/* Returns the entry of keys, made if there is none.  User code leaves its garbage with the caller. */
static BookEntry *
book_find(SessionBook *book, const Datum *keys, const bool *isnull)
{
	uint32		hash = group_hash_some_keys(book->desc, book->nkeys, keys, isnull);
	uint32		mask;
	uint32		i;
	BookEntry  *entry;

	if (book->nentries >= book->nbuckets / 2)
		book_rebuild(book);
	mask = book->nbuckets - 1;
	for (i = hash & mask; book->buckets[i] != NULL; i = (i + 1) & mask)
	{
		entry = book->buckets[i];
		if (entry->hash == hash &&
			group_equal_some_keys(book->desc, book->nkeys, keys, isnull,
								  entry->keys, entry->isnull))
			return entry;
	}
	entry = book_new_entry(book, hash, keys, isnull);
	book->buckets[i] = entry;
	book->nentries++;
	return entry;
}

/* Notes how an entry is, unless that was done since the last mark. */
static void
book_log(SessionBook *book, BookEntry *entry)
{
	BookLog    *log;

	if (entry->logged == book->serial)
		return;
	if (book->nlogged == book->log_size)
	{
		uint32		size = Max(book->log_size * 2, INITIAL_ENTRIES);

		book->log = book->log == NULL ?
			palloc(sizeof(BookLog) * size) :
			repalloc_huge(book->log, sizeof(BookLog) * size);
		book->log_size = size;
	}
	log = &book->log[book->nlogged];
	log->entry = entry;
	log->started = entry->started;
	log->logged = entry->logged;
	session_set_copy(&log->set, &entry->set);
	/* now that nothing can fail any more */
	book->nlogged++;
	entry->logged = book->serial;
}

/* Notes parts of sessions that change their label. */
static void
book_move(SessionBook *book, const BookEntry *entry, const SessionRelabel *relabel)
{
	MemoryContext old = CurrentMemoryContext;
	SessionMove *move;

	if (book->nmoves == book->moves_size)
	{
		uint32		size = Max(book->moves_size * 2, INITIAL_ENTRIES);

		book->moves = book->moves == NULL ?
			palloc(sizeof(SessionMove) * size) :
			repalloc_huge(book->moves, sizeof(SessionMove) * size);
		book->moves_size = size;
	}
	move = &book->moves[book->nmoves];
	MemoryContextSwitchTo(book->moves_context);
	move->relabel = *relabel;
	move->keys = palloc(sizeof(Datum) * Max(book->nkeys, 1));
	move->isnull = palloc(sizeof(bool) * Max(book->nkeys, 1));
	group_copy_some_keys(book->desc, book->nkeys, entry->keys, entry->isnull, move->keys);
	memcpy(move->isnull, entry->isnull, sizeof(bool) * book->nkeys);
	move->outside = book->spilled || relabel->born < book->attempt;
	book->nmoves++;
	MemoryContextSwitchTo(old);
}

/* Takes in a row; see session_book.h. */
bool
session_book_take(SessionBook *book, const Datum *keys, const bool *isnull,
				  int64 time, int64 watermark, int64 *label)
{
	SessionRelabel relabels[SESSION_MAX_RELABELS];
	SessionVerdict verdict = {.relabels = relabels};
	BookEntry  *entry = book_find(book, keys, isnull);
	MemoryContext old = MemoryContextSwitchTo(book->context);

	book_log(book, entry);
	book->attempt_watermark = Max(book->attempt_watermark, watermark);
	if (!entry->started)
	{
		session_set_free(&entry->set);
		session_set_start(&entry->set, &book->rule, watermark);
		entry->started = true;
	}
	session_set_take(&entry->set, &book->rule, time, watermark, book->attempt,
					 book->next_label, &verdict);
	book->next_label += verdict.took_label;
	for (int i = 0; i < verdict.nrelabels; i++)
		book_move(book, entry, &relabels[i]);
	MemoryContextSwitchTo(old);
	*label = verdict.label;
	return !verdict.late;
}

/* Adds a session of storage; see session_load.h. */
void
session_book_add(SessionBook *book, const Datum *keys, const bool *isnull,
				 const Session *session, int64 watermark)
{
	BookEntry  *entry = book_find(book, keys, isnull);
	MemoryContext old = MemoryContextSwitchTo(book->context);

	if (!entry->started)
		session_set_start(&entry->set, &book->rule, watermark);
	entry->started = true;
	session_set_load(&entry->set, &book->rule, session, watermark);
	book->next_label = Max(book->next_label, session->label + 1);
	MemoryContextSwitchTo(old);
}

/* Makes the book from storage; see session_book.h. */
void
session_book_load(SessionBook *book, const ViewCatalog *view, const StreamQuery *query,
				  XLogRecPtr position, int64 watermark)
{
	int64		from = session_load_start(query, &book->rule, watermark);

	Assert(book->nlogged == 0);
	book->next_label = Max(book->next_label, (int64) position);
	book->watermark = book->attempt_watermark = watermark;
	for (;;)
	{
		for (uint32 i = 0; i < book->nbuckets; i++)
		{
			if (book->buckets[i] != NULL)
				book_free_entry(book, book->buckets[i]);
			book->buckets[i] = NULL;
		}
		book->nentries = 0;
		if (session_load_from(book, view, query, &book->rule, watermark, &from))
			break;
	}
}

/* Returns how much is written. */
SessionMark
session_book_here(const SessionBook *book)
{
	SessionMark mark = {book->nlogged, book->nmoves};

	return mark;
}

/* Remembers a place to go back to. */
SessionMark
session_book_mark(SessionBook *book)
{
	book->serial++;
	return session_book_here(book);
}

/* Goes back; see session_book.h. */
void
session_book_rollback(SessionBook *book, SessionMark mark)
{
	while (book->nlogged > mark.nlogged)
	{
		BookLog    *log = &book->log[--book->nlogged];

		session_set_free(&log->entry->set);
		log->entry->set = log->set;
		log->entry->started = log->started;
		log->entry->logged = log->logged;
	}
	book->nmoves = mark.nmoves;

	/*
	 * pieces of one attempt are taken back, too: the rows after them see it
	 * again
	 */
	book->attempt_watermark = book->watermark;
	book->serial++;
}

/* Forgets what has moved. */
static void
forget_moves(SessionBook *book)
{
	book->nmoves = 0;
	MemoryContextReset(book->moves_context);
}

/* Takes back what the attempt has written. */
void
session_book_abort(SessionBook *book)
{
	const SessionMark start = {0, 0};

	session_book_rollback(book, start);
	forget_moves(book);
	book->spilled = false;
}

/* Keeps what the attempt has written; see session_book.h. */
void
session_book_commit(SessionBook *book)
{
	for (uint32 i = 0; i < book->nlogged; i++)
		session_set_free(&book->log[i].set);
	book->nlogged = 0;
	book->watermark = book->attempt_watermark;
	book->serial++;
	book->attempt++;
	forget_moves(book);
	book->spilled = false;
	if (book->nentries >= book->sweep_at)
	{
		book_rebuild(book);
		book->sweep_at = Max(SWEEP_ENTRIES, book->nentries * 2);
	}
}

/* Returns what has moved; see session_book.h. */
const SessionMove *
session_book_moves(const SessionBook *book, SessionMark since, int *nmoves)
{
	*nmoves = book->nmoves - since.nmoves;
	return book->moves + since.nmoves;
}

/* Notes that storage has everything; see session_book.h. */
void
session_book_spilled(SessionBook *book)
{
	forget_moves(book);
	book->spilled = true;
}

/* Says whether something known outside has moved. */
bool
session_book_moved_outside(const SessionBook *book)
{
	for (uint32 i = 0; i < book->nmoves; i++)
	{
		if (book->moves[i].outside)
			return true;
	}
	return false;
}
