/*
 * session_set.h - the open sessions of one key: arithmetic only.
 *
 * A row joins every open session that it is less than a gap away from, and
 * these become one.  If there is none, the row is late if a session of its
 * own would be closed, and begins a session otherwise.  A session is closed
 * once watermark >= last + gap + lateness; it never changes again, and who
 * comes near it later begins another one.
 *
 * Sessions are told apart by labels only where their times do not tell them
 * apart.  Open sessions of a key are a gap or more apart, and so are, as a
 * rule, closed ones: all of these share SESSION_LABEL_NONE, and merging them
 * moves nothing.  A session that comes near a closed one of that label gets a
 * label of its own, and parts of it that exist are relabelled.
 */
#ifndef STREAM_EXT_SESSION_SET_H
#define STREAM_EXT_SESSION_SET_H

#define SESSION_LABEL_NONE	0

typedef struct SessionRule
{
	int64		gap;			/* > 0 */
	int64		lateness;		/* >= 0 */
} SessionRule;

typedef struct Session
{
	int64		first;
	int64		last;
	int64		label;
	uint64		born;			/* the attempt that has begun it; parts of
								 * older ones are known outside */
} Session;

/* The open sessions of one key. */
typedef struct SessionSet
{
	int64		fence;			/* no closed session without a label of its
								 * own has a later last time */
	bool		has_fence;		/* false: nothing is closed */
	int			nsessions;		/* open, in the order of time */
	int			capacity;
	Session    *sessions;
} SessionSet;

/* Parts of a session, between two times of rows, that must change their label. */
typedef struct SessionRelabel
{
	int64		first;
	int64		last;
	int64		from;
	int64		to;
	uint64		born;			/* of the session whose parts these are */
} SessionRelabel;

/* What becomes of a row. */
typedef struct SessionVerdict
{
	bool		late;
	bool		took_label;		/* the new label that was offered is in use */
	int64		label;			/* of the row, unless late */
	int			nrelabels;
	SessionRelabel *relabels;	/* space for SESSION_MAX_RELABELS of them */
} SessionVerdict;

/* A row is less than a gap away from two sessions at most. */
#define SESSION_MAX_RELABELS	2

/* Makes an empty set: of a key without open sessions, whatever it had before. */
extern void session_set_start(SessionSet *set, const SessionRule *rule, int64 watermark);

/*
 * Takes in the row at a time.  Requires: time + gap does not overflow; the
 * watermark (WATERMARK_NONE: none) never goes back; labels offered are new,
 * and were not offered before unless taken back with the set.
 */
extern void session_set_take(SessionSet *set, const SessionRule *rule, int64 time,
							 int64 watermark, uint64 attempt, int64 new_label,
							 SessionVerdict *verdict);

/*
 * Adds a session that storage holds to a set just started with the same
 * watermark; a closed one changes nothing.  Sessions come in the order of
 * their last times.
 */
extern void session_set_load(SessionSet *set, const SessionRule *rule,
							 const Session *session, int64 watermark);

/* Closes what the watermark closes; returns whether no session is open, so that the set can go. */
extern bool session_set_expire(SessionSet *set, const SessionRule *rule, int64 watermark);

/* Makes to a copy of from; both own their sessions. */
extern void session_set_copy(SessionSet *to, const SessionSet *from);
extern void session_set_free(SessionSet *set);

#endif							/* STREAM_EXT_SESSION_SET_H */
