/*
 * view_options.c - WITH (stream....) of a continuous view.
 *
 * The options are namespaced, as "toast." ones are, so that no option of
 * ordinary relations can be confused with them.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/parsenodes.h"

#include "compat.h"
#include "ddl/view_options.h"

#define OPTION_NAMESPACE "stream"

typedef struct OptionField
{
	const char *name;
	size_t		offset;			/* of a char * in ContinuousOptions */
} OptionField;

/* Sorted by name. */
static const OptionField option_fields[] = {
	{"emit", offsetof(ContinuousOptions, emit)},
	{"late", offsetof(ContinuousOptions, late)},
	{"lateness", offsetof(ContinuousOptions, lateness)},
	{"on_lag", offsetof(ContinuousOptions, on_lag)},
	{"partition_width", offsetof(ContinuousOptions, partition_width)},
	{"retention", offsetof(ContinuousOptions, retention)},
};

/* Returns whether the DefElem is in our namespace. */
static bool
is_ours(const DefElem *option)
{
	return option->defnamespace != NULL &&
		strcmp(option->defnamespace, OPTION_NAMESPACE) == 0;
}

/* Returns whether some DefElem is in the namespace "stream". */
bool
view_options_present(List *defelems)
{
	ListCell   *lc;

	foreach(lc, defelems)
	{
		if (is_ours(lfirst_node(DefElem, lc)))
			return true;
	}
	return false;
}

/* Refuses an option that no continuous view has. */
static void
refuse_option(const DefElem *option)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 option->defnamespace ?
			 errmsg("unrecognized parameter \"%s.%s\"", option->defnamespace, option->defname) :
			 errmsg("unrecognized parameter \"%s\"", option->defname),
			 errhint("The options of a continuous view are %s.", VIEW_OPTION_NAMES)));
}

/* Returns the place of an option's value. */
static char **
option_place(ContinuousOptions *options, const DefElem *option)
{
	for (int i = 0; is_ours(option) && i < lengthof(option_fields); i++)
	{
		if (strcmp(option->defname, option_fields[i].name) == 0)
			return (char **) ((char *) options + option_fields[i].offset);
	}
	refuse_option(option);
	return NULL;				/* not reached */
}

/* Sets or clears options; see view_options.h. */
void
view_options_apply(ContinuousOptions *options, List *defelems, bool reset)
{
	List	   *seen = NIL;
	ListCell   *lc;

	foreach(lc, defelems)
	{
		DefElem    *option = lfirst_node(DefElem, lc);
		char	  **place = option_place(options, option);

		if (list_member_ptr(seen, place))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s.%s\" specified more than once",
							option->defnamespace, option->defname)));
		seen = lappend(seen, place);
		*place = reset ? NULL : pstrdup(defGetString(option));
	}
	list_free(seen);
}
