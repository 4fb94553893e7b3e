/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From settings and sections to a struct config.
 */
#include "master/config_fill.h"

#include "master/address.h"
#include "master/config_site.h"
#include "master/nearest.h"
#include "master/secret.h"

#include <bsd/stdlib.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
out_of_memory(struct fill *fill, struct place place)
{
	config_error(fill->errors, place, "out of memory");
}

void
fill_init(
    struct fill *fill, struct config *config, struct config_errors *errors)
{
	memset(fill, 0, sizeof(*fill));
	fill->config = config;
	fill->errors = errors;
	settings_init_scope(&fill->rule, SCOPE_RULE);
}

/* So that the next module finds nothing of the last one. */
static void
clear_module(struct fill *fill)
{
	struct config_list *list = &fill->module_settings;

	for (size_t i = 0; i < list->count; i++)
		explicit_bzero(list->items[i], strlen(list->items[i]));
	config_list_free(list);
	settings_free_scope(&fill->module, SCOPE_MODULE);
	fill->module = (struct settings_module){ NULL, false, false };
}

void
fill_free(struct fill *fill)
{
	clear_module(fill);
	settings_free_scope(&fill->listen, SCOPE_LISTEN);
	settings_free_scope(&fill->rule, SCOPE_RULE);
	if (fill->pool != NULL)
		config_pool_free(fill->pool);
	config_site_free(fill->site);
	for (size_t i = 0; i < fill->reference_count; i++)
		free(fill->references[i].pool);
	free(fill->references);
}

void
fill_refer(struct fill *fill, struct fill_reference reference)
{
	struct fill_reference *more;

	more = reallocarray(fill->references, fill->reference_count + 1,
	    sizeof(*fill->references));
	if (more == NULL) {
		out_of_memory(fill, reference.place);
		return;
	}
	fill->references = more;
	if (reference.pool != NULL &&
	    (reference.pool = strdup(reference.pool)) == NULL) {
		out_of_memory(fill, reference.place);
		return;
	}
	more[fill->reference_count++] = reference;
}

/* The section's own mark for a setting, by its place in the definition. */
static int *
mark_of(struct fill *fill, enum section_id id, const struct setting *setting)
{
	const struct setting *list;
	size_t count, mark = 0;

	list = settings_list(&count);
	for (; list != setting; list++)
		if (section_has(&sections[id], list))
			mark++;
	return (&fill->lines[id][mark % FILL_SETTINGS_MAX]);
}

struct place
fill_line(const struct fill *fill, struct place place, enum section_id id,
    const char *name)
{
	const struct setting *setting = section_setting(id, name);
	int line = 0;

	if (setting != NULL)
		line = *mark_of((struct fill *)(uintptr_t)fill, id, setting);
	if (line != 0)
		place.line = line;
	return (place);
}

/* The pool that is being gathered; it gets its name at its end. */
static struct config_pool *
pool_of(struct fill *fill)
{
	if (fill->pool == NULL)
		fill->pool = config_pool_new();
	return (fill->pool);
}

static struct config_site *
site_of(struct fill *fill)
{
	if (fill->site == NULL)
		fill->site = config_site_new();
	return (fill->site);
}

/* The struct that a setting of a section is a field of. */
static void *
owner_of(struct fill *fill, enum section_id id, enum setting_scope scope)
{
	switch (scope) {
	case SCOPE_SERVER:
		return (fill->config);
	case SCOPE_POOL:
		return (pool_of(fill));
	case SCOPE_LISTEN:
		return (&fill->listen);
	case SCOPE_MODULE:
		return (&fill->module);
	case SCOPE_SITE:
		return (site_of(fill));
	default:
		break;
	}
	if (id == SECTION_PATH)
		return (&fill->rule);
	return (site_of(fill) == NULL ? NULL : fill->site->rules);
}

void
fill_set(struct fill *fill, struct place place, enum section_id id,
    const char *name, const char *text, bool more)
{
	const struct setting *setting = section_setting(id, name);
	struct reason why;
	void *owner;
	int *line;

	if (setting == NULL)
		return; /* the parser knows no others */
	line = mark_of(fill, id, setting);
	if (*line != 0 && !more) {
		config_error(fill->errors, place,
		    "%s: it is set in line %d already; leave one of them out",
		    name, *line);
		return;
	}
	*line = place.line;
	owner = owner_of(fill, id, setting->scope);
	if (owner == NULL)
		out_of_memory(fill, place);
	else if (setting_apply(setting, owner, text, &why) != 0)
		config_error(fill->errors, place, "%s", why.text);
}

static bool
is_servers_own(const char *key)
{
	return (strcmp(key, "name") == 0 || strcmp(key, "optional") == 0 ||
		strcmp(key, "required") == 0);
}

static bool
is_given(const struct config_list *list, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], key, length) == 0 &&
		    list->items[i][length] == '=')
			return (true);
	return (false);
}

void
fill_set_free(struct fill *fill, struct place place, enum section_id id,
    const char *key, const char *text)
{
	char value[SECRET_MAX], *setting = NULL;
	struct reason why;

	if (is_servers_own(key)) {
		config_error(fill->errors, place,
		    "%s: it is no setting of a module; %s", key,
		    strcmp(key, "name") == 0
			? "the module section's title is its name"
			: "write it into the module section itself");
		return;
	}
	if (*key == '\0')
		return; /* told already */
	if (strchr(key, '=') != NULL) {
		config_error(fill->errors, place,
		    "'%s' can't be a setting of a module: it has a = in it",
		    key);
		return;
	}
	if (is_given(&fill->module_settings, key)) {
		config_error(fill->errors, place,
		    "%s: the module has it in its settings and its secrets; "
		    "leave one of them out",
		    key);
		return;
	}
	if (id == SECTION_SECRETS) {
		if (secret_read(text, value, &why) != 0) {
			config_error(
			    fill->errors, place, "%s: %s", key, why.text);
			return;
		}
		text = value;
	}
	if (asprintf(&setting, "%s=%s", key, text) < 0 ||
	    config_list_add(&fill->module_settings, setting) != 0) {
		out_of_memory(fill, place);
	}
	explicit_bzero(value, sizeof(value));
	if (setting != NULL)
		explicit_bzero(setting, strlen(setting));
	free(setting);
}

static void
end_listen(struct fill *fill, struct place place, const char *address)
{
	struct config *config = fill->config;
	struct config_listener *listener;
	struct reason why;

	if (config->listener_count == CONFIG_LISTENERS_MAX) {
		config_error(fill->errors, place,
		    "listen: more than %d addresses to listen on",
		    CONFIG_LISTENERS_MAX);
	} else {
		listener = &config->listeners[config->listener_count];
		if (address_parse(address, &listener->address, &why) != 0) {
			config_error(
			    fill->errors, place, "listen: %s", why.text);
		} else {
			config->listener_count++;
			listener->pool = 0;
			fill_refer(fill, (struct fill_reference){
					     .place = fill_line(fill, place,
						 SECTION_LISTEN, "pool"),
					     .pool = fill->listen.pool,
					     .ret_pool = &listener->pool,
					     .what = "listen" });
		}
	}
	settings_free_scope(&fill->listen, SCOPE_LISTEN);
}

static void
end_module(struct fill *fill, struct place place, const char *title)
{
	struct config_list *list = &fill->module_settings;
	struct config_pool *pool = pool_of(fill);
	struct reason why;
	int error = 0;

	if (fill->module.optional)
		error = config_list_add(list, "optional=yes");
	if (fill->module.required && error == 0)
		error = config_list_add(list, "required=yes");
	if (pool == NULL || error != 0)
		out_of_memory(fill, place);
	else if (config_add_module_parts(pool, title,
		     fill->module.file != NULL ? fill->module.file : title,
		     list, &why) != 0)
		config_error(
		    fill->errors, place, "module \"%s\": %s", title, why.text);
	clear_module(fill);
}

static void
end_pool(struct fill *fill, struct place place, const char *title)
{
	struct config_pool *pool = pool_of(fill);
	struct reason why;

	fill->pool = NULL;
	if (pool == NULL) {
		out_of_memory(fill, place);
	} else if (pool->module_count == 0 && fill->errors->count == 0) {
		config_error(fill->errors, place,
		    "pool: it has no modules; write module \"hello\" { } into "
		    "it");
		config_pool_free(pool);
	} else if (config_adopt_pool(fill->config, title, pool, &why) != 0) {
		config_error(fill->errors, place, "pool: %s", why.text);
		config_pool_free(pool);
	}
}

void
fill_end(struct fill *fill, struct place place, enum section_id id,
    const char *title)
{
	switch (id) {
	case SECTION_LISTEN:
		end_listen(fill, place, title);
		break;
	case SECTION_POOL:
		end_pool(fill, place, title);
		break;
	case SECTION_MODULE:
		end_module(fill, place, title);
		break;
	case SECTION_SITE:
		config_site_end(fill, place, title);
		break;
	case SECTION_PATH:
		config_path_end(fill, place, title);
		break;
	default:
		break;
	}
	memset(fill->lines[id], 0, sizeof(fill->lines[id]));
}

static void
find_pool(struct fill *fill, const struct fill_reference *reference)
{
	const struct config *config = fill->config;
	const char *name = reference->pool;
	struct nearest nearest;

	if (name == NULL && config->pool_count == 1) {
		*reference->ret_pool = 0;
		return;
	}
	if (name == NULL) {
		config_error(fill->errors, reference->place,
		    "%s: there are several pools; say which with pool = ...",
		    reference->what);
		return;
	}
	nearest_init(&nearest, name, strlen(name));
	for (uint32_t i = 0; i < config->pool_count; i++) {
		nearest_offer(&nearest, config->pools[i]->name);
		if (strcmp(config->pools[i]->name, name) == 0) {
			*reference->ret_pool = i;
			return;
		}
	}
	if (nearest.word != NULL)
		config_error(fill->errors, reference->place,
		    "pool: there is no pool '%s'; did you mean '%s'?", name,
		    nearest.word);
	else
		config_error(fill->errors, reference->place,
		    "pool: there is no pool '%s'; write a section pool "
		    "\"%s\" { ... }, or the name of one that there is",
		    name, name);
}

void
fill_finish(struct fill *fill, struct place place)
{
	struct config *config = fill->config;
	struct fill_reference *reference = fill->references;

	if (config->pool_count == 0 && fill->errors->count == 0)
		config_error(fill->errors, place,
		    "there is no pool; write a section pool \"main\" { ... } "
		    "with the modules to load");
	if (config->listener_count == 0 && config->pool_count > 1)
		config_error(fill->errors, place,
		    "there are several pools and no address to listen on; "
		    "write listen \"127.0.0.1:8080\" { pool = \"%s\" }",
		    config->pools[0]->name);
	for (size_t i = 0; i < fill->reference_count; i++, reference++) {
		if (config->pool_count == 0)
			break;
		if (reference->ret_pool != NULL)
			find_pool(fill, reference);
		else
			config_site_find_modules(fill, reference);
	}
	if (fill->errors->count == 0)
		config_site_check_hosts(fill, place);
	if (fill->errors->count == 0)
		config_site_check_size(fill, place);
}
