/*
 * postmaster_check.c - is the server still there?
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/pmsignal.h"

#include "postmaster_check.h"

/* Ends this process if the postmaster is gone; see postmaster_check.h. */
void
postmaster_check(void)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
}
