/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of settings, from text and to text. Runs in the master.
 */
#include "master/settings_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit time_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
	{ NULL, 0 },
};
static const struct unit size_units[] = {
	{ "", 1 },
	{ "k", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ NULL, 0 },
};
static const struct unit no_units[] = {
	{ "", 1 },
	{ NULL, 0 },
};

static const struct {
	const char *name;
	int level;
} levels[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

static const struct unit *
units_of(enum setting_kind kind)
{
	if (kind == SETTING_TIME)
		return (time_units);
	return (kind == SETTING_SIZE ? size_units : no_units);
}

bool
value_parse(enum setting_kind kind, const char *text, uint64_t *ret_value)
{
	const struct unit *unit;
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > (UINT64_MAX - 9) / 10)
			return (false);
		value = value * 10 + (uint64_t)(*at - '0');
	}
	if (at == text)
		return (false);
	*ret_value = value;
	if (value == 0 && *at == '\0')
		return (true);
	for (unit = units_of(kind); unit->suffix != NULL; unit++) {
		if (strcmp(at, unit->suffix) != 0)
			continue;
		if (value > UINT64_MAX / unit->factor)
			return (false);
		*ret_value = value * unit->factor;
		return (true);
	}
	return (false);
}

void
value_format(
    enum setting_kind kind, uint64_t value, char ret_text[static SETTING_ROOM])
{
	const struct unit *best = NULL;

	for (const struct unit *unit = units_of(kind); unit->suffix != NULL;
	     unit++)
		if (value % unit->factor == 0 && (value != 0 || best == NULL))
			best = unit;
	(void)snprintf(ret_text, SETTING_ROOM, "%" PRIu64 "%s",
	    value / best->factor, value == 0 ? "" : best->suffix);
}

bool
level_parse(const char *text, int *ret_level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, text) == 0) {
			*ret_level = levels[i].level;
			return (true);
		}
	return (false);
}

const char *
level_name(int level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level == level)
			return (levels[i].name);
	return ("");
}
