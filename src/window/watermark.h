/*
 * watermark.h - how far event time has got, and what that closes: arithmetic only.
 *
 * The axis is that of window.h: microseconds or any integer.  The watermark
 * moves row by row, in the order of commits: it is the newest event time so
 * far minus the rule's delay; with several inputs the least of that over those
 * that are not idle.  It never goes back, whatever rows or rules come.
 *
 * Everything here is decided by the rows, their order and the commit times
 * that WAL knows, so that reading WAL once more decides the same.  The one
 * exception, watermark_follow_clock(), takes effect only with the position that
 * is stored with it.
 */
#ifndef STREAM_EXT_WATERMARK_H
#define STREAM_EXT_WATERMARK_H

/* No event time was seen, or a value that does not move the watermark. */
#define WATERMARK_NONE	PG_INT64_MIN

/* Inputs of one stream that are told apart. */
#define WATERMARK_MAX_INPUTS	64
#define WATERMARK_INPUT_LENGTH	64	/* of a name, with its final zero */

/* What stream_set_event_time() has said, for commits that end after since. */
typedef struct WatermarkRule
{
	uint64		since;			/* XLogRecPtr */
	int64		since_time;		/* when it was said */
	bool		active;			/* false: the stream has no event time now */
	bool		is_time;		/* the axis is time: it can be compared with a
								 * clock */
	int64		delay;
	int64		idle_timeout;	/* microseconds of the clock, 0 = never idle */
} WatermarkRule;

typedef struct WatermarkInput
{
	char		name[WATERMARK_INPUT_LENGTH];	/* "" where no name was given */
	int64		newest;			/* event time, or WATERMARK_NONE */
	int64		last_commit;	/* of its rows */
} WatermarkInput;

typedef struct WatermarkState
{
	int64		watermark;		/* or WATERMARK_NONE */
	uint64		since;			/* the rule that the inputs belong to */
	int64		max_future;		/* an event time may be so far ahead of its
								 * commit, microseconds */
	int64		last_commit;	/* newest commit time; before the first row,
								 * when the view started */
	uint64		untracked;		/* rows of inputs over the limit */
	int			current;		/* input of the rows that come now, or -1 */
	bool		pending;		/* an input came, or fell idle */
	int			ninputs;
	WatermarkInput inputs[WATERMARK_MAX_INPUTS];
} WatermarkState;

/* Starts without a watermark. */
extern void watermark_init(WatermarkState *state, int64 max_future, int64 start_time);
extern void watermark_copy(WatermarkState *to, const WatermarkState *from);

/*
 * Rows of an input, committed at commit_time, come now.  The first rows under
 * another rule forget the inputs, not the watermark.  Requires: rule->active.
 */
extern void watermark_enter(WatermarkState *state, const WatermarkRule *rule,
							const char *input, int64 commit_time);

/* One row; time is WATERMARK_NONE where there is none to go by (NULL, infinity). */
extern void watermark_add(WatermarkState *state, const WatermarkRule *rule,
						  int64 time, int64 commit_time);

/*
 * Returns whether the stream has been idle so long at now that the watermark
 * follows the clock, and moves it then.
 */
extern bool watermark_follow_clock(WatermarkState *state, const WatermarkRule *rule, int64 now);

/*
 * Returns whether the window that ends at end is closed: watermark >= end +
 * lateness.  What ends never (PG_INT64_MAX, infinity) is never closed.
 */
extern bool watermark_closes(int64 watermark, int64 end, int64 lateness);

/* Returns the greatest end that is closed, or WATERMARK_NONE. */
extern int64 watermark_closed_until(int64 watermark, int64 lateness);

#endif							/* STREAM_EXT_WATERMARK_H */
