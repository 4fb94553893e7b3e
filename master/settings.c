/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings by name. Runs in the master before anything is opened.
 */
#include "master/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum setting_kind {
	SETTING_TIME,
	SETTING_COUNT,
	SETTING_SIZE,
	SETTING_SWITCH,
	SETTING_PATH,
	SETTING_TEXT
};

enum setting_scope {
	SCOPE_SERVER,
	SCOPE_POOL
};

struct setting {
	const char *name;
	const char *help;
	enum setting_kind kind;
	enum setting_scope scope;
	size_t offset; /* in struct config, or in struct config_pool */
	uint64_t least, most, initial;
};

#define FIELD_SERVER(field) offsetof(struct config, field)
#define FIELD_POOL(field)   offsetof(struct config_pool, field)
#define NUMBER(scope, name, field, kind, least, most, initial, help)           \
	{ (name), (help), SETTING_##kind, SCOPE_##scope, FIELD_##scope(field), \
		(least), (most), (initial) },
#define TIME(scope, name, field, least, most, initial, help) \
	NUMBER(scope, name, field, TIME, least, most, initial, help)
#define COUNT(scope, name, field, least, most, initial, help) \
	NUMBER(scope, name, field, COUNT, least, most, initial, help)
#define SIZE(scope, name, field, least, most, initial, help) \
	NUMBER(scope, name, field, SIZE, least, most, initial, help)
#define SWITCH(scope, name, field, initial, help) \
	NUMBER(scope, name, field, SWITCH, 0, 1, initial, help)
#define PATH(scope, name, field, help) \
	NUMBER(scope, name, field, PATH, 0, 0, 0, help)
#define TEXT(scope, name, field, help) \
	NUMBER(scope, name, field, TEXT, 0, 0, 0, help)
static const struct setting settings[] = {
#include "master/settings.def"
};

enum {
	SETTINGS = sizeof(settings) / sizeof(settings[0]),
	NAME_MAX_LENGTH = 32,
	NEAR = 3, /* slips of the finger that are still a suggestion */
	VALUE_TEXT = 48,
};

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

static const struct unit *
units_of(const struct setting *setting)
{
	if (setting->kind == SETTING_TIME)
		return (time_units);
	return (setting->kind == SETTING_SIZE ? size_units : no_units);
}

static bool
is_text(const struct setting *setting)
{
	return (setting->kind == SETTING_PATH || setting->kind == SETTING_TEXT);
}

static uint64_t *
number_at(void *owner, const struct setting *setting)
{
	return ((uint64_t *)(void *)((char *)owner + setting->offset));
}

static bool *
switch_at(void *owner, const struct setting *setting)
{
	return ((bool *)(void *)((char *)owner + setting->offset));
}

static char **
text_at(void *owner, const struct setting *setting)
{
	return ((char **)(void *)((char *)owner + setting->offset));
}

/* In the largest unit that says it exactly: "30s". */
static void
format_value(const struct setting *setting, uint64_t value, char *ret_text)
{
	const struct unit *best = NULL;

	if (setting->kind == SETTING_SWITCH) {
		(void)snprintf(
		    ret_text, VALUE_TEXT, "%s", value != 0 ? "on" : "off");
		return;
	}
	for (const struct unit *unit = units_of(setting); unit->suffix != NULL;
	     unit++)
		if (value % unit->factor == 0 && (value != 0 || best == NULL))
			best = unit;
	(void)snprintf(ret_text, VALUE_TEXT, "%" PRIu64 "%s",
	    value / best->factor, value == 0 ? "" : best->suffix);
}

/* ${owner}: a struct config or a struct config_pool, as ${scope} says. */
static void
init_scope(void *owner, enum setting_scope scope)
{
	const struct setting *setting;

	for (setting = settings; setting < settings + SETTINGS; setting++) {
		if (setting->scope != scope)
			continue;
		if (setting->kind == SETTING_SWITCH)
			*switch_at(owner, setting) = setting->initial != 0;
		else if (is_text(setting))
			*text_at(owner, setting) = NULL;
		else
			*number_at(owner, setting) = setting->initial;
	}
}

void
settings_init(struct config *config)
{
	init_scope(config, SCOPE_SERVER);
}

void
settings_init_pool(struct config_pool *pool)
{
	init_scope(pool, SCOPE_POOL);
}

static void
free_scope(void *owner, enum setting_scope scope)
{
	const struct setting *setting;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		if (setting->scope == scope && is_text(setting)) {
			free(*text_at(owner, setting));
			*text_at(owner, setting) = NULL;
		}
}

void
settings_free(struct config *config)
{
	free_scope(config, SCOPE_SERVER);
}

void
settings_free_pool(struct config_pool *pool)
{
	free_scope(pool, SCOPE_POOL);
}

/* Digits and a unit; a time other than 0 needs one. */
static bool
parse_number(
    const struct setting *setting, const char *text, uint64_t *ret_value)
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
	for (unit = units_of(setting); unit->suffix != NULL; unit++) {
		if (strcmp(at, unit->suffix) != 0)
			continue;
		if (value > UINT64_MAX / unit->factor)
			return (false);
		*ret_value = value * unit->factor;
		return (true);
	}
	return (false);
}

static int
set_number(void *owner, const struct setting *setting, const char *text,
    struct reason *why)
{
	static const char *const forms[] = {
		[SETTING_TIME] = "a time like 250ms, 30s or 5m",
		[SETTING_COUNT] = "a number",
		[SETTING_SIZE] = "a size like 65536, 512k, 64M or 2G",
	};
	char least[VALUE_TEXT], most[VALUE_TEXT];
	uint64_t value;

	if (parse_number(setting, text, &value) && value >= setting->least &&
	    value <= setting->most) {
		*number_at(owner, setting) = value;
		return (0);
	}
	format_value(setting, setting->least, least);
	format_value(setting, setting->most, most);
	return (reason_set(why, -EINVAL,
	    "option -o: %s can't be '%s'; write %s, from %s to %s",
	    setting->name, text, forms[setting->kind], least, most));
}

static int
set_switch(void *owner, const struct setting *setting, const char *text,
    struct reason *why)
{
	bool on = strcmp(text, "on") == 0;

	if (!on && strcmp(text, "off") != 0)
		return (reason_set(why, -EINVAL,
		    "option -o: %s can't be '%s'; write on or off",
		    setting->name, text));
	*switch_at(owner, setting) = on;
	return (0);
}

static int
set_text(void *owner, const struct setting *setting, const char *text,
    struct reason *why)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	free(*text_at(owner, setting));
	*text_at(owner, setting) = copy;
	return (0);
}

static size_t
least_of(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/* How many letters must change to make ${b} of ${a}. */
static size_t
distance(const char *a, size_t length, const char *b)
{
	size_t row[NAME_MAX_LENGTH + 1], before, above, columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; i <= length; i++) {
		before = row[0];
		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			above = row[j];
			row[j] = least_of(before + (a[i - 1] != b[j - 1]),
			    least_of(above, row[j - 1]) + 1);
			before = above;
		}
	}
	return (row[columns]);
}

static int
unknown(const char *name, size_t length, struct reason *why)
{
	const struct setting *setting, *nearest = NULL;
	size_t far, least = NEAR + 1;

	for (setting = settings; setting < settings + SETTINGS; setting++) {
		far = distance(name, length, setting->name);
		if (far < least) {
			least = far;
			nearest = setting;
		}
	}
	if (nearest == NULL)
		return (reason_set(why, -EINVAL,
		    "option -o: there is no setting '%.*s'; see bulkhead -h",
		    (int)length, name));
	return (reason_set(why, -EINVAL,
	    "option -o: there is no setting '%.*s'; did you mean %s?",
	    (int)length, name, nearest->name));
}

int
settings_set(struct config *config, struct config_pool *pool, const char *text,
    struct reason *why)
{
	const char *equals = strchr(text, '=');
	const struct setting *setting;
	size_t length;
	void *owner;

	if (equals == NULL || equals == text)
		return (reason_set(why, -EINVAL,
		    "option -o: '%s' is not a setting; write name=value",
		    text));
	length = (size_t)(equals - text);
	for (setting = settings; setting < settings + SETTINGS; setting++) {
		if (strncmp(setting->name, text, length) != 0 ||
		    setting->name[length] != '\0')
			continue;
		owner = setting->scope == SCOPE_POOL ? (void *)pool : config;
		if (setting->kind == SETTING_SWITCH)
			return (set_switch(owner, setting, equals + 1, why));
		if (is_text(setting))
			return (set_text(owner, setting, equals + 1, why));
		return (set_number(owner, setting, equals + 1, why));
	}
	return (unknown(text, length, why));
}

void
settings_help(char ret_text[static SETTINGS_HELP])
{
	const struct setting *setting;
	char value[VALUE_TEXT], name[64];
	size_t used = 0;

	for (setting = settings; setting < settings + SETTINGS; setting++) {
		format_value(setting, setting->initial, value);
		if (is_text(setting))
			(void)snprintf(name, sizeof(name), "%s=%s",
			    setting->name,
			    setting->kind == SETTING_PATH ? "PATH" : "TEXT");
		else
			(void)snprintf(
			    name, sizeof(name), "%s=%s", setting->name, value);
		used += (size_t)snprintf(ret_text + used, SETTINGS_HELP - used,
		    "  %-24s%s\n", name, setting->help);
		if (used >= SETTINGS_HELP - 1)
			return;
	}
}
