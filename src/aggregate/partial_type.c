/*
 * partial_type.c - input and output of type _stream_ext.stream_partial.
 *
 * Text form: 1 \x<state in hex> "aggregate" "argument type" ...
 * with the names quoted as identifiers always are.  Input and receive exist
 * for restoring dumps and are for superusers only: deserialisation functions
 * trust their bytes, so a forged value could be an arbitrary pointer.
 */
#include "postgres.h"

#include "compat.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "aggregate/aggregate_internal.h"

STREAM_FUNCTION(stream_ext_partial_in);
STREAM_FUNCTION(stream_ext_partial_out);
STREAM_FUNCTION(stream_ext_partial_recv);
STREAM_FUNCTION(stream_ext_partial_send);

/* Raises unless the current user may bring in aggregate states from outside. */
static void
check_superuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to enter values of type stream_partial"),
				 errhint("Such values are made by continuous views only; a dump is restored by a superuser.")));
}

/* Raises: the text is no stream_partial. */
static void
raise_syntax(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type stream_partial: \"%.64s\"", text)));
}

/* Raises unless version is the one we read. */
static void
check_version(int version)
{
	if (version != STREAM_PARTIAL_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("stream_partial format version %d is not supported", version)));
}

/* Reads a double-quoted name, moving *text behind it; NULL if malformed. */
static char *
scan_quoted(const char **text)
{
	const char *c = *text;
	char	   *name = palloc(strlen(c) + 1);
	char	   *end = name;

	if (*c++ != '"')
		return NULL;
	for (; *c != '\0'; c++)
	{
		if (c[0] == '"' && c[1] != '"')
		{
			*end = '\0';
			*text = c + 1;
			return name;
		}
		if (c[0] == '"')
			c++;
		*end++ = *c;
	}
	return NULL;
}

/* Reads all names, each after one blank; returns how many, 0 if malformed. */
static int
scan_names(const char *text, char **names)
{
	int			nnames = 0;

	while (*text !='\0')
	{
		if (*text ++!= ' ' || nnames >= STREAM_PARTIAL_MAX_NAMES)
			return 0;
		names[nnames] = scan_quoted(&text);
		if (names[nnames] == NULL)
			return 0;
		nnames++;
	}
	return nnames;
}

Datum
stream_ext_partial_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	char	   *names[STREAM_PARTIAL_MAX_NAMES];
	char	   *hex = strchr(text, ' ');
	char	   *rest = hex ? strchr(hex + 1, ' ') : NULL;
	int			nnames;
	bytea	   *state;

	check_superuser();
	if (rest == NULL || strncmp(hex, " \\x", 3) != 0)
		raise_syntax(text);
	nnames = scan_names(rest, names);
	if (nnames == 0)
		raise_syntax(text);
	*hex = *rest = '\0';
	check_version(pg_strtoint32(text));
	state = DatumGetByteaPP(DirectFunctionCall1(byteain, CStringGetDatum(hex + 1)));
	PG_RETURN_POINTER(partial_build(nnames, names, VARDATA_ANY(state),
									VARSIZE_ANY_EXHDR(state)));
}

Datum
stream_ext_partial_out(PG_FUNCTION_ARGS)
{
	StreamPartial *partial = partial_check(PG_GETARG_RAW_VARLENA_P(0));
	const char *state = (const char *) partial + partial->header_length;
	Size		length = VARSIZE(partial) - partial->header_length;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%d \\x", partial->version);
	enlargeStringInfo(&text, 2 * length);
	text.		len += hex_encode(state, length, text.data + text.len);
	text.		data[text.len] = '\0';

	for (int i = 0; i < partial->nnames; i++)
	{
		appendStringInfoString(&text, " \"");
		for (const char *c = partial_name(partial, i); *c != '\0'; c++)
		{
			if (*c == '"')
				appendStringInfoChar(&text, '"');
			appendStringInfoChar(&text, *c);
		}
		appendStringInfoChar(&text, '"');
	}
	PG_RETURN_CSTRING(text.data);
}

Datum
stream_ext_partial_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	char	   *names[STREAM_PARTIAL_MAX_NAMES];
	int			nnames;
	int			length;

	check_superuser();
	check_version(pq_getmsgint(message, 2));
	nnames = pq_getmsgint(message, 2);
	if (nnames < 1 || nnames > STREAM_PARTIAL_MAX_NAMES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid stream_partial in external binary format")));
	for (int i = 0; i < nnames; i++)
		names[i] = pstrdup(pq_getmsgstring(message));
	length = message->len - message->cursor;
	PG_RETURN_POINTER(partial_build(nnames, names, pq_getmsgbytes(message, length), length));
}

Datum
stream_ext_partial_send(PG_FUNCTION_ARGS)
{
	StreamPartial *partial = partial_check(PG_GETARG_RAW_VARLENA_P(0));
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, partial->version);
	pq_sendint16(&message, partial->nnames);
	for (int i = 0; i < partial->nnames; i++)
		pq_sendstring(&message, partial_name(partial, i));
	pq_sendbytes(&message, (const char *) partial + partial->header_length,
				 VARSIZE(partial) - partial->header_length);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
