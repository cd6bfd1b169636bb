/*
 * assembler.c - batches gathered by the (sub)transaction that owns them,
 * until it ends.
 *
 * A COMMIT record names the subtransactions that committed with it, an ABORT
 * record those that were rolled back with it.  So every xid is a bag of its
 * own, and nobody needs to know who is whose parent before the end.
 *
 * The bags of a database stand in the order of their first batch, so that the
 * oldest place in WAL that it still needs is that of its first bag: nobody's
 * open transaction holds back another database.
 *
 * xids are 32 bits wide here, as in WAL.  That is unambiguous: a bag lives as
 * long as its transaction, or, after a crash, until the next
 * XLOG_RUNNING_XACTS, which the server writes every few seconds; xids cannot
 * wrap around meanwhile.  Nor does a server that has crashed hand out the xid
 * of a bag again: see stream_am/batch_writer.c.
 *
 * Memory: batch data lies in the assembler's context, chunk by chunk.  Over
 * the limit the data of the largest bags is dropped (of all that are at or
 * above the average, so that the work stays linear); from then on such a bag
 * keeps places in WAL only, 40 bytes a batch.  With a limit of batches it
 * keeps the first so many, and that there were more.
 */
#include "postgres.h"

#include "compat.h"

#include "access/transam.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "wal/assembler.h"

/* The open bags of one database. */
typedef struct BagList
{
	slist_node	node;			/* in Assembler.lists */
	Oid			dbid;			/* of the last bag that was here */
	dlist_head	bags;			/* by LSN of the first batch */
} BagList;

/* What one xid has written so far. */
typedef struct Bag
{
	TransactionId xid;			/* hash key */
	dlist_node	node;			/* in its list */
	BagList    *list;
	FeedBatch  *batches;		/* in WAL order */
	int			nbatches;
	int			capacity;
	Size		memory;			/* bytes of data held */
	bool		spilled;		/* holds no data and will not */
	bool		truncated;		/* there were more batches */
} Bag;

struct Assembler
{
	MemoryContext context;
	HTAB	   *table;			/* of Bag, by xid */
	slist_head	lists;			/* BagList; empty ones are used again */
	int			nbags;
	Size		memory;			/* of all bags */
	Size		memory_limit;
	uint32		max_batches;	/* of one bag, 0 = no limit */
	feed_abort_cb on_abort;
	void	   *on_abort_arg;
};

Assembler *
assembler_create(Size memory_limit, uint32 max_batches, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "stream_ext assembler",
												  ALLOCSET_DEFAULT_SIZES);
	Assembler  *assembler = MemoryContextAllocZero(context, sizeof(Assembler));
	HASHCTL		ctl = {
		.keysize = sizeof(TransactionId),
		.entrysize = sizeof(Bag),
		.hcxt = context
	};

	assembler->context = context;
	assembler->table = hash_create("stream_ext open transactions", 128, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	slist_init(&assembler->lists);
	assembler->memory_limit = memory_limit;
	assembler->max_batches = max_batches;
	return assembler;
}

/* Returns the list of a database's bags; one that is empty may be another's. */
static BagList *
assembler_list(Assembler *assembler, Oid dbid)
{
	BagList    *unused = NULL;
	slist_iter	iter;

	slist_foreach(iter, &assembler->lists)
	{
		BagList    *list = slist_container(BagList, node, iter.cur);

		if (list->dbid == dbid)
			return list;
		if (dlist_is_empty(&list->bags))
			unused = list;
	}
	if (unused == NULL)
	{
		unused = MemoryContextAllocZero(assembler->context, sizeof(BagList));
		dlist_init(&unused->bags);
		slist_push_head(&assembler->lists, &unused->node);
	}
	unused->dbid = dbid;
	return unused;
}

/* Returns the bag of xid, a new one at the end of its list if there is none. */
static Bag *
assembler_bag(Assembler *assembler, TransactionId xid, Oid dbid)
{
	BagList    *list = assembler_list(assembler, dbid);
	bool		found;
	Bag		   *bag = hash_search(assembler->table, &xid, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) bag + sizeof(bag->xid), 0, sizeof(Bag) - sizeof(bag->xid));
		bag->list = list;
		dlist_push_tail(&list->bags, &bag->node);
		assembler->nbags++;
	}
	return bag;
}

/* Makes room for one more batch in the bag. */
static void
assembler_grow(Assembler *assembler, Bag *bag)
{
	int			capacity = Max(1, bag->capacity * 2);

	if (bag->nbatches < bag->capacity)
		return;
	if (bag->batches == NULL)
		bag->batches = MemoryContextAlloc(assembler->context, sizeof(FeedBatch));
	else
		bag->batches = repalloc_huge(bag->batches, sizeof(FeedBatch) * capacity);
	bag->capacity = capacity;
}

/* Drops the bag's data and keeps the places in WAL. */
static void
assembler_spill(Assembler *assembler, Bag *bag)
{
	Assert(bag->memory <= assembler->memory);

	for (int i = 0; i < bag->nbatches; i++)
	{
		if (bag->batches[i].data != NULL)
			pfree(bag->batches[i].data);
		bag->batches[i].data = NULL;
	}
	assembler->memory -= bag->memory;
	bag->memory = 0;
	bag->spilled = true;
}

/* Returns how many bags hold data. */
static Size
assembler_count_holders(Assembler *assembler)
{
	Size		holders = 0;
	HASH_SEQ_STATUS scan;
	Bag		   *bag;

	hash_seq_init(&scan, assembler->table);
	while ((bag = hash_seq_search(&scan)) != NULL)
		holders += bag->memory > 0;
	return holders;
}

/* Spills bags at or above the average until the data fits again, with some air. */
static void
assembler_enforce_limit(Assembler *assembler)
{
	if (assembler->memory <= assembler->memory_limit)
		return;

	while (assembler->memory > assembler->memory_limit / 4 * 3)
	{
		Size		average = assembler->memory / assembler_count_holders(assembler);
		HASH_SEQ_STATUS scan;
		Bag		   *bag;

		hash_seq_init(&scan, assembler->table);
		while ((bag = hash_seq_search(&scan)) != NULL)
		{
			if (bag->memory > 0 && bag->memory >= average)
				assembler_spill(assembler, bag);
		}
	}
}

void
assembler_add(Assembler *assembler, const BatchInfo *info, XLogRecPtr lsn, const char *data)
{
	Bag		   *bag = assembler_bag(assembler, info->xid, info->dbid);
	FeedBatch  *batch;

	Assert(TransactionIdIsNormal(info->xid));
	Assert(bag->list->dbid == info->dbid);
	Assert(bag->nbatches == 0 || bag->batches[bag->nbatches - 1].lsn < lsn);

	if (assembler->max_batches > 0 && bag->nbatches >= assembler->max_batches)
	{
		bag->truncated = true;
		return;
	}

	/* A batch that cannot fit would only push the others out. */
	if (info->length > assembler->memory_limit)
		assembler_spill(assembler, bag);

	assembler_grow(assembler, bag);
	batch = &bag->batches[bag->nbatches];
	batch->lsn = lsn;
	batch->relid = info->relid;
	batch->nrows = info->nrows;
	batch->length = info->length;
	batch->data = NULL;
	if (!bag->spilled)
	{
		batch->data = MemoryContextAllocHuge(assembler->context, info->length);
		memcpy(batch->data, data, info->length);
		bag->memory += info->length;
		assembler->memory += info->length;
	}
	bag->nbatches++;

	assembler_enforce_limit(assembler);
}

/* Takes the bag out of table and list; its batches stay allocated. */
static void
assembler_remove(Assembler *assembler, Bag *bag)
{
	Assert(bag->memory <= assembler->memory);

	assembler->memory -= bag->memory;
	assembler->nbags--;
	dlist_delete(&bag->node);
	if (hash_search(assembler->table, &bag->xid, HASH_REMOVE, NULL) == NULL)
		elog(ERROR, "hash table of open transactions is corrupted");
}

/* Orders batches as they stand in WAL. */
static int
batch_compare_lsn(const void *a, const void *b)
{
	XLogRecPtr	left = ((const FeedBatch *) a)->lsn;
	XLogRecPtr	right = ((const FeedBatch *) b)->lsn;

	return (left > right) - (left < right);
}

/* Moves the bag's batches to the end of the transaction's, which have room for *capacity. */
static void
transaction_append(FeedTransaction *txn, Bag *bag, int *capacity)
{
	int			total = txn->nbatches + bag->nbatches;

	if (txn->batches == NULL)
	{
		txn->batches = bag->batches;
		*capacity = bag->capacity;
	}
	else
	{
		if (total > *capacity)
		{
			*capacity = Max(total, *capacity * 2);
			txn->batches = repalloc_huge(txn->batches, *capacity * sizeof(FeedBatch));
		}
		memcpy(txn->batches + txn->nbatches, bag->batches,
			   bag->nbatches * sizeof(FeedBatch));
		pfree(bag->batches);
	}
	txn->nbatches = total;
	bag->batches = NULL;
}

/* Fills in the transaction's sums once all its batches are there. */
static void
transaction_finish(FeedTransaction *txn, bool merged)
{
	if (merged)
		qsort(txn->batches, txn->nbatches, sizeof(FeedBatch), batch_compare_lsn);

	txn->in_memory = true;
	for (int i = 0; i < txn->nbatches; i++)
	{
		Assert(i == 0 || txn->batches[i - 1].lsn < txn->batches[i].lsn);
		txn->nrows += txn->batches[i].nrows;
		txn->bytes += txn->batches[i].length;
		txn->in_memory &= txn->batches[i].data != NULL;
	}
}

FeedTransaction *
assembler_commit(Assembler *assembler, TransactionId xid,
				 int nsubxids, const TransactionId *subxids)
{
	FeedTransaction *txn = NULL;
	int			capacity = 0;
	int			nbags = 0;

	for (int i = -1; i < nsubxids; i++)
	{
		TransactionId member = i < 0 ? xid : subxids[i];
		Bag		   *bag = hash_search(assembler->table, &member, HASH_FIND, NULL);

		if (bag == NULL)
			continue;
		if (txn == NULL)
			txn = MemoryContextAllocZero(assembler->context, sizeof(FeedTransaction));
		txn->dbid = bag->list->dbid;
		txn->truncated |= bag->truncated;
		transaction_append(txn, bag, &capacity);
		assembler_remove(assembler, bag);
		nbags++;
	}
	if (txn == NULL)
		return NULL;

	txn->xid = xid;
	transaction_finish(txn, nbags > 1);
	return txn;
}

void
assembler_free_transaction(FeedTransaction *txn)
{
	for (int i = 0; i < txn->nbatches; i++)
	{
		if (txn->batches[i].data != NULL)
			pfree(txn->batches[i].data);
	}
	pfree(txn->batches);
	pfree(txn);
}

/* Forgets one bag that was rolled back. */
static void
assembler_discard(Assembler *assembler, Bag *bag)
{
	for (int i = 0; i < bag->nbatches; i++)
	{
		if (assembler->on_abort)
			assembler->on_abort(bag->list->dbid, &bag->batches[i], assembler->on_abort_arg);
		if (bag->batches[i].data != NULL)
			pfree(bag->batches[i].data);
	}
	pfree(bag->batches);
	assembler_remove(assembler, bag);
}

void
assembler_abort(Assembler *assembler, TransactionId xid,
				int nsubxids, const TransactionId *subxids)
{
	for (int i = -1; i < nsubxids; i++)
	{
		TransactionId member = i < 0 ? xid : subxids[i];
		Bag		   *bag = hash_search(assembler->table, &member, HASH_FIND, NULL);

		if (bag != NULL)
			assembler_discard(assembler, bag);
	}
}

void
assembler_abort_before(Assembler *assembler, TransactionId oldest_running)
{
	HASH_SEQ_STATUS scan;
	Bag		   *bag;

	hash_seq_init(&scan, assembler->table);
	while ((bag = hash_seq_search(&scan)) != NULL)
	{
		/* the scan allows the entry at which it stands to be removed */
		if (TransactionIdPrecedes(bag->xid, oldest_running))
			assembler_discard(assembler, bag);
	}
}

void
assembler_on_abort(Assembler *assembler, feed_abort_cb callback, void *arg)
{
	assembler->on_abort = callback;
	assembler->on_abort_arg = arg;
}

bool
assembler_is_empty(const Assembler *assembler)
{
	return assembler->nbags == 0;
}

XLogRecPtr
assembler_oldest_lsn(const Assembler *assembler, Oid dbid)
{
	XLogRecPtr	oldest = InvalidXLogRecPtr;
	slist_iter	iter;

	slist_foreach(iter, (slist_head *) &assembler->lists)
	{
		BagList    *list = slist_container(BagList, node, iter.cur);
		const Bag  *bag;

		if (dlist_is_empty(&list->bags) || (OidIsValid(dbid) && list->dbid != dbid))
			continue;
		bag = dlist_head_element(Bag, node, &list->bags);
		Assert(bag->nbatches > 0);
		if (XLogRecPtrIsInvalid(oldest) || bag->batches[0].lsn < oldest)
			oldest = bag->batches[0].lsn;
	}
	return oldest;
}

int
assembler_list_open(const Assembler *assembler, CommitRingOpen *open, int max)
{
	int			n = 0;
	slist_iter	iter;

	slist_foreach(iter, (slist_head *) &assembler->lists)
	{
		BagList    *list = slist_container(BagList, node, iter.cur);

		if (dlist_is_empty(&list->bags))
			continue;
		if (n < max)
		{
			open[n].dbid = list->dbid;
			open[n].oldest_lsn = dlist_head_element(Bag, node, &list->bags)->batches[0].lsn;
		}
		n++;
	}
	return n;
}

Size
assembler_bytes(const Assembler *assembler)
{
	return assembler->memory;
}
