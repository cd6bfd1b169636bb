/*
 * subtransaction.c - something that may fail, in a subtransaction.
 *
 * Source: the ways of PL/pgSQL's exception blocks (pl_exec.c,
 * exec_stmt_block).
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"

#include "apply/chunk_size.h"
#include "apply/subtransaction.h"
#include "clock.h"
#include "compat.h"
#include "error_class.h"
#include "time_limit.h"

/* Returns whether fewer rows might not meet the error; see subtransaction.h. */
bool
subtransaction_catches(const ErrorData *edata, TimestampTz start, bool single)
{
	switch (error_class(edata->sqlerrcode))
	{
		case ERROR_OF_DATA:
		case ERROR_OF_VIEW:
			return true;
		case ERROR_OF_TIME:
			return chunk_was_too_slow(start);
		default:
			return edata->sqlerrcode == ERRCODE_OUT_OF_MEMORY && !single;
	}
}

/* Does action in a subtransaction; see subtransaction.h. */
ErrorData *
subtransaction_try(void (*action) (void *arg), void *arg, bool single)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	TimestampTz start = clock_real();
	ErrorData  *volatile edata = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		time_limit_start();
		action(arg);
		time_limit_end();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		time_limit_end();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	/* no sooner: who ends the transaction knows of no subtransaction */
	if (edata != NULL && !subtransaction_catches(edata, start, single))
		ReThrowError(edata);
	return edata;
}
