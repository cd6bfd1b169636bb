/*
 * session_cell.c - the cell that a row of a session falls into: arithmetic only.
 *
 * Cells make sessions into something that is known from one row: all rows of
 * one key and one cell are in the same session, so that they can be
 * aggregated before anybody knows how far the session reaches.
 */
#include "postgres.h"

#include "common/int.h"

#include "window/session_cell.h"

/* Computes the cell. */
bool
session_cell(int64 value, int64 gap, const WindowRange *range, int64 *cell)
{
	int64		distance = value % gap;
	int64		end;

	Assert(gap > 0);
	Assert(value >= range->first && value <= range->last);

	if (pg_add_s64_overflow(value, gap, &end) || end > range->last)
		return false;
	if (distance < 0)
		distance += gap;
	if (pg_sub_s64_overflow(value, distance, cell) || *cell < range->first)
		*cell = range->first;
	Assert(*cell <= value);
	return true;
}
