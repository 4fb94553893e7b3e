/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configurations to and from JSON, setting by setting. Runs in the master.
 */
#include "master/kept_config.h"

#include "master/config_site.h"
#include "master/identity.h"
#include "master/kept.h"
#include "master/settings.h"
#include "master/settings_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *
save_list(const struct config_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(array, kept_string(list->items[i]));
	return (array);
}

/* NULL: nobody has set it. */
static json_t *
save_value(const struct setting *setting, const void *owner)
{
	const void *at = (const char *)owner + setting->offset;
	const uint64_t *number = at;
	const char *const *text = at;
	char digits[32];

	switch (setting->kind) {
	case SETTING_TIME:
	case SETTING_COUNT:
	case SETTING_SIZE:
		if (*number == CONFIG_UNSET)
			return (NULL);
		(void)snprintf(digits, sizeof(digits), "%" PRIu64 "%s", *number,
		    setting->kind == SETTING_TIME ? "ms" : "");
		return (kept_string(digits));
	case SETTING_SWITCH:
		return (kept_string(*(const bool *)at ? "on" : "off"));
	case SETTING_PATH:
	case SETTING_TEXT:
		return (*text == NULL ? NULL : kept_string(*text));
	case SETTING_LIST:
		return (save_list(at));
	case SETTING_WORKERS:
		(void)snprintf(digits, sizeof(digits), "%u",
		    (unsigned)*(const uint32_t *)at);
		return (kept_string(digits));
	case SETTING_LEVEL:
		return (kept_string(level_name(*(const int *)at)));
	}
	return (NULL);
}

static json_t *
save_scope(const void *owner, enum setting_scope scope)
{
	const struct setting *list;
	json_t *object = json_object(), *value;
	size_t count;

	list = settings_list(&count);
	for (size_t i = 0; i < count; i++) {
		if (list[i].scope != scope)
			continue;
		value = save_value(&list[i], owner);
		if (value != NULL)
			kept_set(object, list[i].name, value);
	}
	return (object);
}

static int
load_value(const struct setting *setting, void *owner, const json_t *value,
    struct reason *why)
{
	const json_t *item;
	size_t i;
	int error = 0;

	if (setting->kind != SETTING_LIST)
		return (setting_apply(
		    setting, owner, json_string_value(value), why));
	json_array_foreach(value, i, item)
	{
		if (error == 0)
			error = setting_apply(
			    setting, owner, json_string_value(item), why);
	}
	return (error);
}

/* What this version doesn't know any more it does without. */
static int
load_scope(void *owner, enum setting_scope scope, const json_t *object,
    struct reason *why)
{
	const struct setting *list;
	const json_t *value;
	size_t count;
	int error = 0;

	list = settings_list(&count);
	for (size_t i = 0; error == 0 && i < count; i++) {
		if (list[i].scope != scope)
			continue;
		value = json_object_get(object, list[i].name);
		if (value != NULL)
			error = load_value(&list[i], owner, value, why);
	}
	return (error);
}

static json_t *
save_module(const struct config_module *module)
{
	json_t *object = json_object(), *settings = json_array();

	for (size_t i = 0; i < module->setting_count; i++)
		(void)json_array_append_new(
		    settings, kept_string(module->settings[i]));
	kept_set(object, "name", kept_string(module->name));
	kept_set(object, "file", kept_string(module->file));
	kept_set(object, "path", kept_string(module->path));
	kept_set(object, "settings", settings);
	kept_set(object, "optional", json_boolean(module->optional));
	kept_set(object, "required", json_boolean(module->required));
	return (object);
}

static int
copy_text(char **place, const char *text, struct reason *why)
{
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	free(*place);
	*place = copy;
	return (0);
}

static int
load_module(struct config_pool *pool, const json_t *object, struct reason *why)
{
	const char *name = kept_text(object, "name");
	const char *file = kept_text(object, "file");
	struct config_list settings = { NULL, 0 };
	struct config_module *module;
	const json_t *item;
	size_t i;
	int error = 0;

	if (name == NULL || file == NULL)
		return (reason_set(why, -EINVAL, "a module has no name"));
	json_array_foreach(json_object_get(object, "settings"), i, item)
	{
		if (error == 0 && json_is_string(item))
			error =
			    config_list_add(&settings, json_string_value(item));
	}
	if (error == 0)
		error =
		    config_add_module_parts(pool, name, file, &settings, why);
	config_list_free(&settings);
	if (error != 0)
		return (error);
	module = &pool->modules[pool->module_count - 1];
	module->optional = kept_flag(object, "optional");
	module->required = kept_flag(object, "required");
	return (copy_text(&module->path, kept_text(object, "path"), why));
}

static json_t *
save_pool(const struct config_pool *pool)
{
	json_t *object = json_object(), *modules = json_array();

	for (uint32_t i = 0; i < pool->module_count; i++)
		(void)json_array_append_new(
		    modules, save_module(&pool->modules[i]));
	kept_set(object, "name", kept_string(pool->name));
	kept_set(object, "settings", save_scope(pool, SCOPE_POOL));
	kept_set(object, "modules", modules);
	return (object);
}

static int
load_pool(struct config *config, const json_t *object, struct reason *why)
{
	const char *name = kept_text(object, "name");
	struct config_pool *pool;
	const json_t *module;
	size_t i;
	int error;

	if (name == NULL)
		return (reason_set(why, -EINVAL, "a pool has no name"));
	error = config_add_pool(config, name, &pool, why);
	if (error == 0)
		error = load_scope(
		    pool, SCOPE_POOL, json_object_get(object, "settings"), why);
	json_array_foreach(json_object_get(object, "modules"), i, module)
	{
		if (error == 0)
			error = load_module(pool, module, why);
	}
	return (error);
}

static json_t *
save_site(const struct config_site *site)
{
	json_t *object = json_object(), *rules = json_array(), *rule;

	for (size_t i = 0; i < site->rule_count; i++) {
		rule = json_object();
		kept_set(rule, "path", kept_string(site->rules[i].path));
		kept_set(
		    rule, "mask", json_integer(site->rules[i].module_mask));
		kept_set(
		    rule, "settings", save_scope(&site->rules[i], SCOPE_RULE));
		(void)json_array_append_new(rules, rule);
	}
	kept_set(object, "name", kept_string(site->name));
	kept_set(object, "pool", json_integer(site->pool));
	kept_set(object, "settings", save_scope(site, SCOPE_SITE));
	kept_set(object, "rules", rules);
	return (object);
}

static int
load_rule(struct config_site *site, size_t index, const json_t *object,
    struct reason *why)
{
	struct config_rule *rules, *rule;
	int error;

	if (index >= site->rule_count) {
		rules = reallocarray(site->rules, index + 1, sizeof(*rules));
		if (rules == NULL)
			return (reason_set(why, -ENOMEM, "out of memory"));
		site->rules = rules;
		memset(&rules[index], 0, sizeof(*rules));
		settings_init_scope(&rules[index], SCOPE_RULE);
		site->rule_count = index + 1;
	}
	rule = &site->rules[index];
	rule->module_mask = (uint32_t)kept_number(object, "mask", 0);
	error = copy_text(&rule->path, kept_text(object, "path"), why);
	if (error != 0)
		return (error);
	return (load_scope(
	    rule, SCOPE_RULE, json_object_get(object, "settings"), why));
}

static int
load_site(struct config *config, const json_t *object, struct reason *why)
{
	struct config_site *site = config_site_new();
	const json_t *rule;
	size_t i;
	int error;

	if (site == NULL || config->site_count == CONFIG_SITES_MAX) {
		config_site_free(site);
		return (reason_set(why, -ENOMEM, "out of memory"));
	}
	config->sites[config->site_count++] = site;
	site->pool = (uint32_t)kept_number(object, "pool", 0);
	if (site->pool >= config->pool_count)
		return (reason_set(why, -EINVAL, "a site has no pool"));
	error = copy_text(&site->name, kept_text(object, "name"), why);
	if (error == 0)
		error = load_scope(
		    site, SCOPE_SITE, json_object_get(object, "settings"), why);
	json_array_foreach(json_object_get(object, "rules"), i, rule)
	{
		if (error == 0)
			error = load_rule(site, i, rule, why);
	}
	return (error);
}

static json_t *
save_listener(const struct config_listener *listener)
{
	json_t *object = json_object();
	char text[ADDRESS_TEXT];

	address_format(
	    &listener->address.storage, listener->address.length, text);
	kept_set(object, "address", kept_string(text));
	kept_set(object, "any", json_boolean(listener->address.any));
	kept_set(object, "pool", json_integer(listener->pool));
	return (object);
}

static int
load_listener(struct config *config, const json_t *object, struct reason *why)
{
	const char *text = kept_text(object, "address");
	struct config_listener *listener;
	int error;

	if (text == NULL || config->listener_count == CONFIG_LISTENERS_MAX)
		return (reason_set(why, -EINVAL, "a listener has no address"));
	listener = &config->listeners[config->listener_count];
	error = address_parse(text, &listener->address, why);
	if (error != 0)
		return (error);
	listener->address.any = kept_flag(object, "any");
	listener->pool = (uint32_t)kept_number(object, "pool", 0);
	if (listener->pool >= config->pool_count)
		return (reason_set(why, -EINVAL, "a listener has no pool"));
	config->listener_count++;
	return (0);
}

json_t *
kept_config_save(const struct config *config)
{
	json_t *object = json_object(), *listeners = json_array();
	json_t *pools = json_array(), *sites = json_array();

	for (uint32_t i = 0; i < config->pool_count; i++)
		(void)json_array_append_new(pools, save_pool(config->pools[i]));
	for (size_t i = 0; i < config->listener_count; i++)
		(void)json_array_append_new(
		    listeners, save_listener(&config->listeners[i]));
	for (uint32_t i = 0; i < config->site_count; i++)
		(void)json_array_append_new(sites, save_site(config->sites[i]));
	kept_set(object, "settings", save_scope(config, SCOPE_SERVER));
	kept_set(object, "pools", pools);
	kept_set(object, "listeners", listeners);
	kept_set(object, "listeners_default",
	    json_boolean(config->listeners_default));
	kept_set(object, "sites", sites);
	kept_set(object, "worker", kept_string(config->worker));
	if (config->admin_program != NULL)
		kept_set(object, "admin_program",
		    kept_string(config->admin_program));
	kept_set(object, "slots_max", json_integer(config->slots_max));
	return (object);
}

static int
load_all(struct config *config, const json_t *array,
    int (*load)(struct config *, const json_t *, struct reason *),
    struct reason *why)
{
	const json_t *object;
	size_t i;
	int error = 0;

	json_array_foreach(array, i, object)
	{
		if (error == 0)
			error = load(config, object, why);
	}
	return (error);
}

int
kept_config_load(
    const json_t *object, struct config **ret_config, struct reason *why)
{
	struct config *config = config_new();
	int error;

	if (config == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	error = load_scope(
	    config, SCOPE_SERVER, json_object_get(object, "settings"), why);
	if (error == 0)
		error = load_all(
		    config, json_object_get(object, "pools"), load_pool, why);
	if (error == 0)
		error = load_all(config, json_object_get(object, "listeners"),
		    load_listener, why);
	if (error == 0)
		error = load_all(
		    config, json_object_get(object, "sites"), load_site, why);
	if (error == 0)
		error = copy_text(
		    &config->worker, kept_text(object, "worker"), why);
	if (error == 0)
		error = copy_text(&config->admin_program,
		    kept_text(object, "admin_program"), why);
	config->listeners_default = kept_flag(object, "listeners_default");
	config->slots_max =
	    (uint32_t)kept_number(object, "slots_max", config->slots_max);
	if (error == 0 && (config->worker == NULL || config->pool_count == 0))
		error = reason_set(why, -EINVAL, "a configuration is empty");
	if (error == 0)
		error = identity_resolve(config, why);
	if (error != 0) {
		config_free(config);
		return (error);
	}
	*ret_config = config;
	return (0);
}
