/*
 * pinned_settings.c - text that means the same in every session.
 *
 * A timestamp that is printed as India's 15:30 IST may be read as Israel's,
 * a float loses digits, a money its currency.  pg_dump pins the same settings
 * for the same reason.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pinned_settings.h"

/* Written as SHOW writes them, so that most are found to be set already. */
static const char *const pinned[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"extra_float_digits", "3"},
	{"bytea_output", "hex"},
	{"xmlbinary", "base64"},
	{"xmloption", "content"},
	{"array_nulls", "on"},
	{"lc_monetary", "C"},
	{"standard_conforming_strings", "on"},
	{"escape_string_warning", "off"},
	{"quote_all_identifiers", "off"},
	{"transform_null_equals", "off"},
};

/* Sets what text depends on; see pinned_settings.h. */
int
settings_pin(void)
{
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
	{
		const char *current = GetConfigOption(pinned[i][0], false, false);

		if (strcmp(current, pinned[i][1]) != 0)
			(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET, PGC_S_SESSION,
									 GUC_ACTION_SAVE, true, 0, false);
	}
	return nestlevel;
}

/* Restores the settings of the session. */
void
settings_unpin(int nestlevel)
{
	AtEOXact_GUC(false, nestlevel);
}

/* Reads an option's interval; see pinned_settings.h. */
Interval *
settings_interval(const char *text)
{
	int			nestlevel = settings_pin();
	Datum		interval = DirectFunctionCall3(interval_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

	settings_unpin(nestlevel);
	return DatumGetIntervalP(interval);
}
