/*
 * dead_letters.c - rows that a view could not digest, until they are written.
 *
 * They lie in the order of their runs, and a position of the view ends a run,
 * so those that go with a position come first.
 *
 * Memory: everything lies in one context, which is reset whenever nothing is
 * left in it.  Texts are cut as in the table, and no more letters are kept
 * than it could take; the bytes are for the caller to look at.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "apply/dead_letters.h"
#include "compat.h"
#include "guc.h"

/* One row; the texts are its own. */
typedef struct Letter
{
	char	   *row;			/* text of the row, as of the stream's row
								 * type, or NULL */
	char	   *message;
	int			sqlstate;
	XLogRecPtr	lsn;			/* end of its commit record */
	TimestampTz commit_time;
} Letter;

struct DeadLetters
{
	MemoryContext context;
	List	   *letters;
	Size		bytes;

	/* since dead_letters_begin() */
	int			nbefore;		/* letters that were there */
	Size		bytes_before;	/* theirs */
	uint64		rejected;
	uint64		dropped;
};

/* Makes an empty collection. */
DeadLetters *
dead_letters_create(MemoryContext parent)
{
	DeadLetters *letters = MemoryContextAllocZero(parent, sizeof(DeadLetters));

	letters->context = AllocSetContextCreate(parent, "stream dead letters",
											 ALLOCSET_SMALL_SIZES);
	return letters;
}

/* Begins to count anew. */
void
dead_letters_begin(DeadLetters *letters)
{
	letters->nbefore = list_length(letters->letters);
	letters->bytes_before = letters->bytes;
	letters->rejected = 0;
	letters->dropped = 0;
}

/* Returns whether the table could not take one more, even if it were empty. */
bool
dead_letters_full(const DeadLetters *letters)
{
	return list_length(letters->letters) >= guc_dead_letter_limit;
}

/* Returns the memory of a letter. */
static Size
letter_bytes(Letter *letter)
{
	return GetMemoryChunkSpace(letter) + GetMemoryChunkSpace(letter->message) +
		(letter->row == NULL ? 0 : GetMemoryChunkSpace(letter->row));
}

/* Counts a row, and keeps it if there is room. */
void
dead_letters_add(DeadLetters *letters, const char *row, const CatalogFailure *failure)
{
	MemoryContext old;
	Letter	   *letter;

	letters->rejected++;
	if (dead_letters_full(letters))
	{
		letters->dropped++;
		return;
	}
	old = MemoryContextSwitchTo(letters->context);
	letter = palloc0(sizeof(Letter));
	if (row != NULL)
		letter->row = catalog_cut_text(row);
	letter->message = catalog_cut_text(failure->message);
	letter->sqlstate = failure->sqlstate;
	letter->lsn = failure->lsn;
	letter->commit_time = failure->time;
	letters->letters = lappend(letters->letters, letter);
	letters->bytes += letter_bytes(letter);
	MemoryContextSwitchTo(old);
}

/* Frees one letter, not its place in the list. */
static void
letter_free(DeadLetters *letters, Letter *letter)
{
	letters->bytes -= letter_bytes(letter);
	if (letter->row != NULL)
		pfree(letter->row);
	pfree(letter->message);
	pfree(letter);
}

/* Forgets everything. */
static void
forget_all(DeadLetters *letters)
{
	MemoryContextReset(letters->context);
	letters->letters = NIL;
	letters->bytes = 0;
	letters->nbefore = 0;
	letters->bytes_before = 0;
}

/* Frees what was added since dead_letters_begin(). */
void
dead_letters_take_back(DeadLetters *letters)
{
	if (letters->nbefore == 0)
		forget_all(letters);
	for (int i = letters->nbefore; i < list_length(letters->letters); i++)
		letter_free(letters, list_nth(letters->letters, i));
	letters->letters = list_truncate(letters->letters, letters->nbefore);
	letters->rejected = 0;
	letters->dropped = 0;
	Assert(letters->bytes == letters->bytes_before);
}

/* Returns how many rows were added. */
uint64
dead_letters_rejected(const DeadLetters *letters)
{
	return letters->rejected;
}

/* Returns how many letters were not kept. */
uint64
dead_letters_dropped(const DeadLetters *letters)
{
	return letters->dropped;
}

/* Returns the memory of all letters. */
Size
dead_letters_bytes(const DeadLetters *letters)
{
	return letters->bytes;
}

/* Returns the memory of the letters that were added. */
Size
dead_letters_new_bytes(const DeadLetters *letters)
{
	return letters->bytes - letters->bytes_before;
}

/* Returns whether there is any letter. */
bool
dead_letters_any(const DeadLetters *letters)
{
	return letters->letters != NIL;
}

/* Returns how many letters belong to runs that ended at or before lsn: the first ones. */
static int
count_until(const DeadLetters *letters, XLogRecPtr lsn)
{
	int			n = 0;

	while (n < list_length(letters->letters) &&
		   ((const Letter *) list_nth(letters->letters, n))->lsn <= lsn)
		n++;
	return n;
}

/* Writes those letters; those over the limit are counted. */
void
dead_letters_write(DeadLetters *letters, const ViewCatalog *view, XLogRecPtr lsn)
{
	int			n = count_until(letters, lsn);

	for (int i = 0; i < n; i++)
	{
		const Letter *letter = list_nth(letters->letters, i);
		CatalogFailure failure = {
			.sqlstate = letter->sqlstate,
			.message = letter->message,
			.lsn = letter->lsn,
			.time = letter->commit_time,
		};

		if (!catalog_insert_dead_letter(view->viewid, view->streamid, letter->row, &failure))
			letters->dropped++;
	}
}

/* Forgets those letters. */
void
dead_letters_forget(DeadLetters *letters, XLogRecPtr lsn)
{
	int			n = count_until(letters, lsn);

	if (n == list_length(letters->letters))
	{
		forget_all(letters);
		return;
	}
	for (int i = 0; i < n; i++)
		letter_free(letters, list_nth(letters->letters, i));
	letters->letters = list_delete_first_n(letters->letters, n);
	letters->nbefore = list_length(letters->letters);
	letters->bytes_before = letters->bytes;
}
