/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The settings: defaults, and what makes a module's settings valid. Runs in
 * the master before anything is opened.
 */
#include "master/config.h"

#include "master/settings.h"

#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

void
config_init(struct config *config)
{
	memset(config, 0, sizeof(*config));
	config->log_level = LOG_INFO;
	config->slots_max = 16384;
	settings_init(config);
}

void
config_free(struct config *config)
{
	for (uint32_t i = 0; i < config->module_count; i++) {
		free(config->modules[i].given);
		free(config->modules[i].path);
	}
	free(config->control);
	free(config->worker);
	settings_free(config);
	memset(config, 0, sizeof(*config));
}

/* The name says whose log lines and figures these are: keep it printable. */
static int
check_name(const struct config *config, const char *name, struct reason *why)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	if (*name == '\0')
		return (reason_set(why, -EINVAL, "a module needs a name"));
	if (name[strspn(name, allowed)] != '\0')
		return (reason_set(why, -EINVAL,
		    "the module name '%s' has characters other than letters, "
		    "digits, '_', '.' and '-'; give another with name=",
		    name));
	if (strlen(name) >= SEGMENT_MODULE_NAME)
		return (reason_set(why, -EINVAL,
		    "the module name '%s' is longer than %d characters; give "
		    "a shorter one with name=",
		    name, SEGMENT_MODULE_NAME - 1));
	for (uint32_t i = 0; i < config->module_count; i++)
		if (strcmp(config->modules[i].name, name) == 0)
			return (reason_set(why, -EINVAL,
			    "two modules are named '%s'; give one of them "
			    "another name with name=",
			    name));
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
parse_module(const struct config *config, struct config_module *module,
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
	return (check_name(config, module->name, why));
}

int
config_add_module(
    struct config *config, const char *argument, struct reason *why)
{
	struct config_module *module;
	int error;

	if (config->module_count == SEGMENT_MODULES_MAX)
		return (reason_set(why, -EINVAL,
		    "more than %d modules; a server has room for so many",
		    SEGMENT_MODULES_MAX));
	module = &config->modules[config->module_count];
	memset(module, 0, sizeof(*module));
	module->given = strdup(argument);
	if (module->given == NULL)
		return (reason_set(why, -ENOMEM, "out of memory"));
	error = parse_module(config, module, why);
	if (error != 0) {
		free(module->given);
		memset(module, 0, sizeof(*module));
		return (error);
	}
	config->module_count++;
	return (0);
}

int
config_set_defaults(struct config *config)
{
	struct reason why;
	long cpus;
	int error = 0;

	if (config->listen_count == 0)
		error =
		    address_parse("127.0.0.1:8080", &config->listen[0], &why);
	if (error == 0 && config->listen_count == 0)
		config->listen_count = 1;
	if (error == 0 && config->module_count == 0)
		error = config_add_module(config, "hello", &why);
	if (config->workers == 0) {
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
		if (cpus < 1)
			cpus = 1;
		if (cpus > CONFIG_WORKERS_MAX)
			cpus = CONFIG_WORKERS_MAX;
		config->workers = (uint32_t)cpus;
	}
	return (error);
}
