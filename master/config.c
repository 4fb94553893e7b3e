/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings: defaults, and what makes a module's settings valid. Runs in
 * the master before anything is opened.
 */
#include "master/config.h"

#include "master/config_site.h"
#include "master/settings.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

struct config *
config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return (NULL);
	config->log_level = LOG_INFO;
	config->slots_max = 16384;
	settings_init(config);
	return (config);
}

struct config_pool *
config_pool_new(void)
{
	struct config_pool *pool = calloc(1, sizeof(*pool));

	if (pool != NULL)
		settings_init_pool(pool);
	return (pool);
}

static void
free_module(struct config_module *module)
{
	if (module->given != NULL)
		explicit_bzero(module->given, module->given_size);
	free(module->given);
	free(module->path);
	memset(module, 0, sizeof(*module));
}

void
config_pool_free(struct config_pool *pool)
{
	for (uint32_t i = 0; i < pool->module_count; i++)
		free_module(&pool->modules[i]);
	settings_free_pool(pool);
	free(pool->name);
	free(pool);
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (uint32_t i = 0; i < config->pool_count; i++)
		config_pool_free(config->pools[i]);
	for (uint32_t i = 0; i < config->site_count; i++)
		config_site_free(config->sites[i]);
	free(config->worker);
	free(config->admin_program);
	settings_free(config);
	free(config);
}

/* Names stand in log lines and tables: keep them printable. */
static bool
is_plain(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	return (name[strspn(name, allowed)] == '\0');
}

static int
check_pool(const struct config *config, const char *name, struct reason *why)
{
	if (config->pool_count == CONFIG_POOLS_MAX)
		return (reason_set(why, -EINVAL,
		    "more than %d pools; a server has room for so many",
		    CONFIG_POOLS_MAX));
	if (*name == '\0' || strlen(name) >= CONFIG_POOL_NAME ||
	    !is_plain(name))
		return (reason_set(why, -EINVAL,
		    "'%s' can't be a pool's name; write 1 to %d letters, "
		    "digits, '_', '.' and '-'",
		    name, CONFIG_POOL_NAME - 1));
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (strcmp(config->pools[i]->name, name) == 0)
			return (reason_set(why, -EINVAL,
			    "two pools are named '%s'; give one of them "
			    "another name",
			    name));
	return (0);
}

int
config_adopt_pool(struct config *config, const char *name,
    struct config_pool *pool, struct reason *why)
{
	int error;

	error = check_pool(config, name, why);
	if (error != 0)
		return (error);
	pool->name = strdup(name);
	if (pool->name == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	config->pools[config->pool_count++] = pool;
	return (0);
}

int
config_add_pool(struct config *config, const char *name,
    struct config_pool **ret_pool, struct reason *why)
{
	struct config_pool *pool = config_pool_new();
	int error;

	if (pool == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	error = config_adopt_pool(config, name, pool, why);
	if (error != 0)
		config_pool_free(pool);
	else
		*ret_pool = pool;
	return (error);
}

static int
check_name(const struct config_pool *pool, const char *name, const char *how,
    struct reason *why)
{
	if (*name == '\0')
		return (reason_set(why, -EINVAL, "a module needs a name"));
	if (!is_plain(name))
		return (reason_set(why, -EINVAL,
		    "the module name '%s' has characters other than letters, "
		    "digits, '_', '.' and '-'; give another%s",
		    name, how));
	if (strlen(name) >= SEGMENT_MODULE_NAME)
		return (reason_set(why, -EINVAL,
		    "the module name '%s' is longer than %d characters; give "
		    "a shorter one%s",
		    name, SEGMENT_MODULE_NAME - 1, how));
	for (uint32_t i = 0; i < pool->module_count; i++)
		if (strcmp(pool->modules[i].name, name) == 0)
			return (reason_set(why, -EINVAL,
			    "two modules are named '%s'; give one of them "
			    "another name%s",
			    name, how));
	return (0);
}

/* Two settings with the same key: the length of the key includes its '='. */
static bool
has_key(const struct config_module *module, const char *setting, size_t key)
{
	for (size_t i = 0; i < module->setting_count; i++)
		if (strncmp(module->settings[i], setting, key) == 0)
			return (true);
	return (false);
}

/* Two settings are the server's: the worker keeps them from the module. */
static int
own_setting(struct config_module *module, const char *setting, size_t key,
    struct reason *why)
{
	bool optional = strncmp(setting, "optional=", key) == 0;
	bool required = strncmp(setting, "required=", key) == 0;
	bool yes = strcmp(setting + key, "yes") == 0;

	if (!optional && !required)
		return (0);
	if (!yes && strcmp(setting + key, "no") != 0)
		return (reason_set(why, -EINVAL,
		    "module '%s' has the setting '%s'; write %.*s=yes or "
		    "%.*s=no",
		    module->file, setting, (int)key - 1, setting, (int)key - 1,
		    setting));
	if (optional)
		module->optional = yes;
	else
		module->required = yes;
	if (module->optional && module->required)
		return (reason_set(why, -EINVAL,
		    "module '%s' can't be both optional and required",
		    module->file));
	return (0);
}

static int
add_setting(
    struct config_module *module, const char *setting, struct reason *why)
{
	const char *equals = strchr(setting, '=');
	size_t key;

	if (equals == NULL || equals == setting)
		return (reason_set(why, -EINVAL,
		    "'%s' is not a setting of module '%s'; write key=value",
		    setting, module->file));
	key = (size_t)(equals - setting) + 1;
	if (has_key(module, setting, key) ||
	    (strncmp(setting, "name=", 5) == 0 && module->name != NULL))
		return (reason_set(why, -EINVAL,
		    "module '%s' has the setting '%.*s' twice", module->file,
		    (int)key - 1, setting));
	if (strncmp(setting, "name=", 5) == 0) {
		module->name = setting + 5;
		return (0);
	}
	if (module->setting_count == CONFIG_SETTINGS_MAX)
		return (reason_set(why, -EINVAL,
		    "module '%s' has more than %d settings", module->file,
		    CONFIG_SETTINGS_MAX));
	module->settings[module->setting_count++] = setting;
	return (own_setting(module, setting, key, why));
}

/* The file's name without its folder and its ".so". */
static const char *
name_from_file(struct config_module *module)
{
	const char *base = strrchr(module->file, '/');
	size_t length;

	base = base == NULL ? module->file : base + 1;
	length = strlen(base);
	if (length > 3 && strcmp(base + length - 3, ".so") == 0)
		length -= 3;
	if (length >= sizeof(module->name_storage))
		return (base); /* check_name() will refuse it by its name */
	memcpy(module->name_storage, base, length);
	module->name_storage[length] = '\0';
	return (module->name_storage);
}

static int
parse_module(const struct config_pool *pool, struct config_module *module,
    struct reason *why)
{
	char *rest = module->given;
	const char *setting;
	int error;

	module->file = strsep(&rest, ",");
	if (*module->file == '\0')
		return (reason_set(why, -EINVAL,
		    "a module needs a file; write MODULE.so[,key=value]..."));
	while ((setting = strsep(&rest, ",")) != NULL) {
		error = add_setting(module, setting, why);
		if (error != 0)
			return (error);
	}
	if (module->name == NULL)
		module->name = name_from_file(module);
	return (check_name(pool, module->name, " with name=", why));
}

/* A place for one more, cleared; or NULL. */
static struct config_module *
next_module(struct config_pool *pool, struct reason *why)
{
	struct config_module *module;

	if (pool->module_count == SEGMENT_MODULES_MAX) {
		(void)reason_set(why, -EINVAL,
		    "more than %d modules; a pool has room for so many",
		    SEGMENT_MODULES_MAX);
		return (NULL);
	}
	module = &pool->modules[pool->module_count];
	memset(module, 0, sizeof(*module));
	return (module);
}

int
config_add_module(
    struct config_pool *pool, const char *argument, struct reason *why)
{
	struct config_module *module = next_module(pool, why);
	int error;

	if (module == NULL)
		return (-EINVAL);
	module->given = strdup(argument);
	if (module->given == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	module->given_size = strlen(argument);
	error = parse_module(pool, module, why);
	if (error != 0)
		free_module(module);
	else
		pool->module_count++;
	return (error);
}

/* One string more in what the module owns. */
static const char *
keep(struct config_module *module, const char *text)
{
	char *place = module->given + module->given_size;
	size_t size = strlen(text) + 1;

	memcpy(place, text, size);
	module->given_size += size;
	return (place);
}

static int
take_parts(struct config_pool *pool, struct config_module *module,
    const char *name, const struct config_list *settings, struct reason *why)
{
	int error;

	error = check_name(pool, name, "", why);
	module->name = keep(module, name);
	for (size_t i = 0; i < settings->count && error == 0; i++)
		error =
		    add_setting(module, keep(module, settings->items[i]), why);
	return (error);
}

int
config_add_module_parts(struct config_pool *pool, const char *name,
    const char *file, const struct config_list *settings, struct reason *why)
{
	struct config_module *module = next_module(pool, why);
	size_t size = strlen(file) + strlen(name) + 2;
	int error;

	if (module == NULL)
		return (-EINVAL);
	for (size_t i = 0; i < settings->count; i++)
		size += strlen(settings->items[i]) + 1;
	module->given = malloc(size);
	if (module->given == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	module->file = keep(module, file);
	error = take_parts(pool, module, name, settings, why);
	if (error != 0)
		free_module(module);
	else
		pool->module_count++;
	return (error);
}

static uint32_t
count_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return (1);
	return (
	    cpus > CONFIG_WORKERS_MAX ? CONFIG_WORKERS_MAX : (uint32_t)cpus);
}

int
config_set_defaults(struct config *config)
{
	struct config_pool *pool;
	struct reason why;
	int error = 0;

	if (config->pool_count == 0)
		error = config_add_pool(config, "main", &pool, &why);
	if (error == 0 && config->listener_count == 0) {
		error = address_parse(
		    "127.0.0.1:8080", &config->listeners[0].address, &why);
		config->listener_count = 1;
		config->listeners_default = true;
	}
	if (error == 0 && config->pool_count == 1 &&
	    config->pools[0]->module_count == 0)
		error = config_add_module(config->pools[0], "hello", &why);
	for (uint32_t i = 0; i < config->pool_count; i++)
		if (config->pools[i]->workers == 0)
			config->pools[i]->workers = count_cpus();
	return (error);
}
