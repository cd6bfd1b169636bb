/*
 * session_cell.h - the cell that a row of a session falls into: arithmetic only.
 */
#ifndef STREAM_EXT_SESSION_CELL_H
#define STREAM_EXT_SESSION_CELL_H

#include "window/window.h"

/*
 * Sets *cell to the start of the cell of width gap, aligned at 0, that holds
 * value; the first cell of the range starts with the range.  Two values in
 * one cell are less than a gap apart.  Returns false if value + gap, the end
 * of the session, is not within the range.  Requires: gap > 0, value within
 * the range.
 */
extern bool session_cell(int64 value, int64 gap, const WindowRange *range, int64 *cell);

#endif							/* STREAM_EXT_SESSION_CELL_H */
