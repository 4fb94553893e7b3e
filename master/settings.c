/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings by name. Runs in the master before anything is opened, and when a
 * configuration is read again.
 */
#include "master/settings.h"

#include "master/nearest.h"
#include "master/settings_value.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define FIELD_SERVER(field) offsetof(struct config, field)
#define FIELD_POOL(field)   offsetof(struct config_pool, field)
#define FIELD_LISTEN(field) offsetof(struct settings_listen, field)
#define FIELD_MODULE(field) offsetof(struct settings_module, field)
#define FIELD_SITE(field)   offsetof(struct config_site, field)
#define FIELD_RULE(field)   offsetof(struct config_rule, field)
#define SETTING(                                                            \
    scope, name, field, kind, least, most, initial, form, example, help)    \
	{ (name), (form), (example), (help), SETTING_##kind, SCOPE_##scope, \
		FIELD_##scope(field), (least), (most), (initial) },
#define TIME(scope, name, field, least, most, initial, help) \
	SETTING(                                             \
	    scope, name, field, TIME, least, most, initial, NULL, NULL, help)
#define COUNT(scope, name, field, least, most, initial, help) \
	SETTING(                                              \
	    scope, name, field, COUNT, least, most, initial, NULL, NULL, help)
#define SIZE(scope, name, field, least, most, initial, help) \
	SETTING(                                             \
	    scope, name, field, SIZE, least, most, initial, NULL, NULL, help)
#define SWITCH(scope, name, field, initial, help) \
	SETTING(scope, name, field, SWITCH, 0, 1, initial, NULL, NULL, help)
#define PATH(scope, name, field, example, help) \
	SETTING(scope, name, field, PATH, 0, 0, 0, NULL, example, help)
#define TEXT(scope, name, field, least, form, example, help) \
	SETTING(scope, name, field, TEXT, least, 0, 0, form, example, help)
#define LIST(scope, name, field, form, example, help) \
	SETTING(scope, name, field, LIST, 0, 0, 0, form, example, help)
#define WORKERS(scope, name, field, help)                                    \
	SETTING(scope, name, field, WORKERS, 1, CONFIG_WORKERS_MAX, 0, NULL, \
	    NULL, help)
#define LEVEL(scope, name, field, help) \
	SETTING(scope, name, field, LEVEL, 0, 0, LOG_INFO, NULL, NULL, help)
static const struct setting settings[] = {
#include "master/settings.def"
};

enum {
	SETTINGS = sizeof(settings) / sizeof(settings[0]),
};

const struct setting *
settings_list(size_t *ret_count)
{
	*ret_count = SETTINGS;
	return (settings);
}

static void *
field_of(void *owner, const struct setting *setting)
{
	return ((char *)owner + setting->offset);
}

int
config_list_add(struct config_list *list, const char *text)
{
	char **items, *item = strdup(text);

	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (items != NULL)
		list->items = items;
	if (item == NULL || items == NULL) {
		free(item);
		return (-ENOMEM);
	}
	items[list->count++] = item;
	return (0);
}

void
config_list_free(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){ NULL, 0 };
}

static void
init_one(const struct setting *setting, void *field)
{
	switch (setting->kind) {
	case SETTING_TIME:
	case SETTING_COUNT:
	case SETTING_SIZE:
		*(uint64_t *)field = setting->initial;
		break;
	case SETTING_SWITCH:
		*(bool *)field = setting->initial != 0;
		break;
	case SETTING_PATH:
	case SETTING_TEXT:
		*(char **)field = NULL;
		break;
	case SETTING_LIST:
		*(struct config_list *)field = (struct config_list){ NULL, 0 };
		break;
	case SETTING_WORKERS:
		*(uint32_t *)field = (uint32_t)setting->initial;
		break;
	case SETTING_LEVEL:
		*(int *)field = (int)setting->initial;
		break;
	}
}

void
settings_init_scope(void *owner, enum setting_scope scope)
{
	const struct setting *setting;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		if (setting->scope == scope)
			init_one(setting, field_of(owner, setting));
}

void
settings_free_scope(void *owner, enum setting_scope scope)
{
	const struct setting *setting;
	char **text;

	for (setting = settings; setting < settings + SETTINGS; setting++) {
		if (setting->scope != scope)
			continue;
		if (setting->kind == SETTING_LIST)
			config_list_free(field_of(owner, setting));
		if (setting->kind != SETTING_PATH &&
		    setting->kind != SETTING_TEXT)
			continue;
		text = field_of(owner, setting);
		free(*text);
		*text = NULL;
	}
}

void
settings_init(struct config *config)
{
	settings_init_scope(config, SCOPE_SERVER);
}

void
settings_init_pool(struct config_pool *pool)
{
	settings_init_scope(pool, SCOPE_POOL);
}

void
settings_free(struct config *config)
{
	settings_free_scope(config, SCOPE_SERVER);
}

void
settings_free_pool(struct config_pool *pool)
{
	settings_free_scope(pool, SCOPE_POOL);
}

void
setting_form(const struct setting *setting, char ret_text[static SETTING_ROOM])
{
	static const char *const forms[] = {
		[SETTING_TIME] = "a time like 250ms, 30s or 5m, from ",
		[SETTING_COUNT] = "a number, from ",
		[SETTING_SIZE] = "a size like 65536, 512k, 64M or 2G, from ",
	};
	char least[SETTING_ROOM], most[SETTING_ROOM];

	switch (setting->kind) {
	case SETTING_TIME:
	case SETTING_COUNT:
	case SETTING_SIZE:
		value_format(setting->kind, setting->least, least);
		value_format(setting->kind, setting->most, most);
		(void)snprintf(ret_text, SETTING_ROOM, "%s%.40s to %.40s",
		    forms[setting->kind], least, most);
		break;
	case SETTING_SWITCH:
		(void)strlcpy(ret_text, "on or off", SETTING_ROOM);
		break;
	case SETTING_PATH:
		(void)strlcpy(ret_text, "a path", SETTING_ROOM);
		break;
	case SETTING_WORKERS:
		(void)snprintf(ret_text, SETTING_ROOM,
		    "a number from 1 to %d, or auto", CONFIG_WORKERS_MAX);
		break;
	case SETTING_LEVEL:
		(void)strlcpy(ret_text, "error, warning, notice, info or debug",
		    SETTING_ROOM);
		break;
	case SETTING_TEXT:
	case SETTING_LIST:
		(void)strlcpy(ret_text, setting->form, SETTING_ROOM);
		break;
	}
}

void
setting_default(
    const struct setting *setting, char ret_text[static SETTING_ROOM])
{
	*ret_text = '\0';
	switch (setting->kind) {
	case SETTING_TIME:
	case SETTING_COUNT:
	case SETTING_SIZE:
		if (setting->initial != CONFIG_UNSET)
			value_format(setting->kind, setting->initial, ret_text);
		break;
	case SETTING_SWITCH:
		(void)strlcpy(ret_text, setting->initial != 0 ? "on" : "off",
		    SETTING_ROOM);
		break;
	case SETTING_WORKERS:
		(void)strlcpy(ret_text, "auto", SETTING_ROOM);
		break;
	case SETTING_LEVEL:
		(void)strlcpy(
		    ret_text, level_name((int)setting->initial), SETTING_ROOM);
		break;
	case SETTING_PATH:
	case SETTING_TEXT:
	case SETTING_LIST:
		break;
	}
}

/* False: the text isn't a value of that kind. */
static bool
set_plain(const struct setting *setting, void *field, const char *text)
{
	uint64_t value;
	bool on;

	switch (setting->kind) {
	case SETTING_SWITCH:
		on = strcmp(text, "on") == 0 || strcmp(text, "yes") == 0;
		if (!on && strcmp(text, "off") != 0 && strcmp(text, "no") != 0)
			return (false);
		*(bool *)field = on;
		return (true);
	case SETTING_LEVEL:
		return (level_parse(text, field));
	case SETTING_WORKERS:
		if (strcmp(text, "auto") == 0) {
			*(uint32_t *)field = 0;
			return (true);
		}
		break;
	default:
		break;
	}
	if (!value_parse(setting->kind, text, &value) ||
	    value < setting->least || value > setting->most)
		return (false);
	if (setting->kind == SETTING_WORKERS)
		*(uint32_t *)field = (uint32_t)value;
	else
		*(uint64_t *)field = value;
	return (true);
}

static int
set_text(char **field, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return (-ENOMEM);
	free(*field);
	*field = copy;
	return (0);
}

int
setting_apply(const struct setting *setting, void *owner, const char *text,
    struct reason *why)
{
	void *field = field_of(owner, setting);
	char form[SETTING_ROOM];
	bool good = true;
	int error = 0;

	if (setting->kind == SETTING_PATH)
		error = set_text(field, text);
	else if (setting->kind == SETTING_TEXT &&
		 strlen(text) >= setting->least)
		error = set_text(field, text);
	else if (setting->kind == SETTING_LIST && *text != '\0')
		error = config_list_add(field, text);
	else if (setting->kind == SETTING_TEXT || setting->kind == SETTING_LIST)
		good = false;
	else
		good = set_plain(setting, field, text);
	if (error != 0)
		return (reason_set(why, error, "out of memory"));
	if (good)
		return (0);
	setting_form(setting, form);
	return (reason_set(why, -EINVAL, "%s can't be '%s'; write %s",
	    setting->name, text, form));
}

/* May -o set it? What belongs to a section has its own option, or none. */
static bool
is_optional(const struct setting *setting)
{
	return (setting->scope == SCOPE_SERVER || setting->scope == SCOPE_POOL);
}

static int
unknown(const char *name, size_t length, struct reason *why)
{
	const struct setting *setting;
	struct nearest nearest;

	nearest_init(&nearest, name, length);
	for (setting = settings; setting < settings + SETTINGS; setting++)
		if (is_optional(setting))
			nearest_offer(&nearest, setting->name);
	if (nearest.word == NULL)
		return (reason_set(why, -EINVAL,
		    "option -o: there is no setting '%.*s'; see bulkhead -h",
		    (int)length, name));
	return (reason_set(why, -EINVAL,
	    "option -o: there is no setting '%.*s'; did you mean %s?",
	    (int)length, name, nearest.word));
}

int
settings_set(struct config *config, struct config_pool *pool, const char *text,
    struct reason *why)
{
	const char *equals = strchr(text, '=');
	const struct setting *setting;
	struct reason inner;
	size_t length;
	void *owner;
	int error;

	if (equals == NULL || equals == text)
		return (reason_set(why, -EINVAL,
		    "option -o: '%s' is not a setting; write name=value",
		    text));
	length = (size_t)(equals - text);
	for (setting = settings; setting < settings + SETTINGS; setting++) {
		if (strncmp(setting->name, text, length) != 0 ||
		    setting->name[length] != '\0' || !is_optional(setting))
			continue;
		owner = setting->scope == SCOPE_POOL ? (void *)pool : config;
		error = setting_apply(setting, owner, equals + 1, &inner);
		if (error != 0)
			(void)reason_set(
			    why, error, "option -o: %.900s", inner.text);
		return (error);
	}
	return (unknown(text, length, why));
}

void
settings_help(char ret_text[static SETTINGS_HELP])
{
	const struct setting *setting;
	char value[SETTING_ROOM], name[64];
	size_t used = 0;

	for (setting = settings; setting < settings + SETTINGS; setting++) {
		if (!is_optional(setting))
			continue;
		setting_default(setting, value);
		if (setting->kind == SETTING_PATH)
			(void)strlcpy(value, "PATH", sizeof(value));
		if (setting->kind == SETTING_TEXT)
			(void)strlcpy(value, "TEXT", sizeof(value));
		(void)snprintf(
		    name, sizeof(name), "%s=%.30s", setting->name, value);
		used += (size_t)snprintf(ret_text + used, SETTINGS_HELP - used,
		    "  %-24s%s\n", name, setting->help);
		if (used >= SETTINGS_HELP - 1)
			return;
	}
}
