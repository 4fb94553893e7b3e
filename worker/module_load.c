/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading the modules of a worker: from the boot message's list to the calls
 * that the pipeline makes, in their order. Worker, dispatch thread, between
 * the master's START and READY.
 *
 * All modules are opened before the first is registered: a file that can't be
 * loaded is found before any module has done something, and a thread that a
 * module starts finds every module's code range in place.
 */
#include "worker/module.h"

#include "worker/meter.h"

#include "shm/activity.h"
#include "shm/base/clock.h"
#include "shm/stats.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STEP_LOG_REQUEST 20u /* twice the bit number of BH_RQ_LOG_REQUEST */

typedef int register_module_fn(
    uint32_t, struct bh_registration *, struct bh_server *);

/* The line for the operator that a failure is told in. */
struct complaint {
	char *line;
	size_t size;
};

static int complain(const struct complaint *complaint,
    const struct bh_registration *module, const char *format, ...)
    BH_PRINTF(3, 4);

/* complain: which module and why. Always returns -1. */
static int
complain(const struct complaint *complaint,
    const struct bh_registration *module, const char *format, ...)
{
	va_list args;
	size_t used;
	int length;

	length = snprintf(complaint->line, complaint->size,
	    "module '%s' (%s): ", module->name, module->path);
	used = length < 0 ? 0 : (size_t)length;
	if (used < complaint->size) {
		va_start(args, format);
		(void)vsnprintf(complaint->line + used, complaint->size - used,
		    format, args);
		va_end(args);
	}
	return (-1);
}

/*
 * take_string: the string at *${at} of the list, or NULL at its end. The list
 * ends in a NUL.
 */
static char *
take_string(char *strings, size_t size, size_t *at)
{
	char *string;

	if (*at >= size)
		return (NULL);
	string = strings + *at;
	*at += strlen(string) + 1;
	return (string);
}

/* parse_module: a path, a name, settings, an empty string. */
static int
parse_module(
    struct bh_registration *module, char *strings, size_t size, size_t *at)
{
	struct module_setting *setting;
	char *string, *equals;
	size_t i;

	module->path = take_string(strings, size, at);
	module->name = take_string(strings, size, at);
	if (module->name == NULL || *module->path == '\0' ||
	    *module->name == '\0')
		return (-EBADMSG);
	while ((string = take_string(strings, size, at)) != NULL &&
	       *string != '\0') {
		equals = strchr(string, '=');
		if (equals == NULL || equals == string ||
		    module->setting_count == MODULE_SETTINGS_MAX)
			return (-EBADMSG);
		*equals = '\0';
		setting = &module->settings[module->setting_count++];
		setting->key = string;
		setting->value = equals + 1;
	}
	for (i = 0; i < STEP_COUNT; i++)
		module->priority[i] = BH_PRIORITY_MEDIUM;
	return (string == NULL ? -EBADMSG : 0);
}

/* parse_list: exactly ${count} modules and nothing after them. */
static int
parse_list(struct modules *modules, size_t size, size_t count)
{
	size_t at = 0, i;
	int error;

	if (size > 0 && modules->strings[size - 1] != '\0')
		return (-EBADMSG);
	for (i = 0; i < count; i++) {
		modules->list[i].id = (uint32_t)i;
		error = parse_module(
		    &modules->list[i], modules->strings, size, &at);
		if (error != 0)
			return (error);
	}
	return (at == size ? 0 : -EBADMSG);
}

int
modules_parse(
    struct modules *modules, const char *strings, size_t size, size_t count)
{
	int error;

	memset(modules, 0, sizeof(*modules));
	if (count > SEGMENT_MODULES_MAX)
		return (-EBADMSG);
	/* One more, so that neither allocation is of nothing. */
	modules->list = calloc(count + 1, sizeof(*modules->list));
	modules->strings = malloc(size + 1);
	if (modules->list == NULL || modules->strings == NULL) {
		error = -ENOMEM;
		goto err;
	}
	if (size > 0)
		memcpy(modules->strings, strings, size);
	error = parse_list(modules, size, count);
	if (error != 0)
		goto err;
	modules->count = count;
	return (0);
err:
	free(modules->list);
	free(modules->strings);
	memset(modules, 0, sizeof(*modules));
	return (error);
}

bh_notification_fn *
module_callback(const struct bh_module_ops *ops, uint32_t step)
{
	bh_notification_fn *const callbacks[STEP_COUNT] = {
		ops->on_begin_request,
		ops->on_post_begin_request,
		ops->on_authenticate_request,
		ops->on_post_authenticate_request,
		ops->on_authorize_request,
		ops->on_post_authorize_request,
		ops->on_resolve_request_cache,
		ops->on_post_resolve_request_cache,
		ops->on_map_request_handler,
		ops->on_post_map_request_handler,
		ops->on_acquire_request_state,
		ops->on_post_acquire_request_state,
		ops->on_pre_execute_request_handler,
		ops->on_post_pre_execute_request_handler,
		ops->on_execute_request_handler,
		ops->on_post_execute_request_handler,
		ops->on_release_request_state,
		ops->on_post_release_request_state,
		ops->on_update_request_cache,
		ops->on_post_update_request_cache,
		ops->on_log_request,
		ops->on_post_log_request,
		ops->on_end_request,
		ops->on_post_end_request,
	};

	return (step < STEP_COUNT ? callbacks[step] : NULL);
}

/* Which object dl_iterate_phdr(3) shall find, and its code's place. */
struct text_search {
	uintptr_t inside;
	uintptr_t start, end;
};

/* find_text: 1 (stop) when this object holds the address. */
static int
find_text(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct text_search *search = argument;
	uintptr_t start, end, low = UINTPTR_MAX, high = 0;
	const ElfW(Phdr) * segment;
	bool found = false;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		segment = &info->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD ||
		    (segment->p_flags & PF_X) == 0)
			continue;
		start = info->dlpi_addr + segment->p_vaddr;
		end = start + segment->p_memsz;
		found |= search->inside >= start && search->inside < end;
		low = start < low ? start : low;
		high = end > high ? end : high;
	}
	if (found) {
		search->start = low;
		search->end = high;
	}
	return (found);
}

/* open_file: dlopen(3) with an error that says what is wrong, once. */
static int
open_file(struct bh_registration *module, const struct complaint *complaint)
{
	char real[PATH_MAX];
	struct stat file;
	const char *why;
	size_t length;

	/* realpath: a name without a slash would be searched elsewhere. */
	if (realpath(module->path, real) == NULL || stat(real, &file) != 0)
		return (complain(complaint, module, "%s", strerror(errno)));
	if (!S_ISREG(file.st_mode))
		return (complain(complaint, module, "not a regular file"));
	module->handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
	if (module->handle != NULL)
		return (0);
	why = dlerror();
	if (why == NULL)
		why = "unknown error";
	length = strlen(real);
	if (strncmp(why, real, length) == 0 && why[length] == ':')
		why += length + strspn(why + length, ": ");
	return (complain(complaint, module, "can't be loaded: %s", why));
}

/* check_stamp: was it built for this server? */
static int
check_stamp(
    const struct bh_registration *module, const struct complaint *complaint)
{
	const struct bh_module_abi *abi;

	abi = dlsym(module->handle, "bh_module_abi");
	if (abi == NULL)
		return (complain(complaint, module,
		    "was not built with <bulkhead/module.h>: it has no "
		    "BH_MODULE()"));
	if (abi->magic != BH_ABI_MAGIC)
		return (complain(complaint, module,
		    "its bh_module_abi isn't what BH_MODULE() makes"));
	if (abi->version != BH_ABI_VERSION)
		return (complain(complaint, module,
		    "was built for module ABI %u, this server has %u",
		    abi->version, BH_ABI_VERSION));
	if (abi->ops_size != sizeof(struct bh_module_ops))
		return (complain(complaint, module,
		    "was built with a struct bh_module_ops of %zu bytes, "
		    "this server's has %zu",
		    abi->ops_size, sizeof(struct bh_module_ops)));
	return (0);
}

/* entry_point: its bh_register_module(), or NULL. */
static register_module_fn *
entry_point(const struct bh_registration *module)
{
	register_module_fn *function = NULL;
	void *symbol;

	/* POSIX promises this conversion, ISO C has no cast for it. */
	symbol = dlsym(module->handle, "bh_register_module");
	memcpy(&function, &symbol, sizeof(function));
	return (function);
}

static int
open_module(struct bh_registration *module, const struct complaint *complaint)
{
	struct text_search search = { 0 };

	if (open_file(module, complaint) != 0 ||
	    check_stamp(module, complaint) != 0)
		return (-1);
	search.inside = (uintptr_t)entry_point(module);
	if (search.inside == 0)
		return (
		    complain(complaint, module, "has no bh_register_module()"));
	(void)dl_iterate_phdr(find_text, &search);
	module->text_start = search.start;
	module->text_end = search.end;
	return (0);
}

/*
 * edit_distance: single-character edits from ${a} to ${b}, or a large number
 * when either is too long to be a misspelling worth a thought.
 */
static size_t
edit_distance(const char *a, const char *b)
{
	enum {
		LONGEST = 48
	};
	size_t row[LONGEST + 1], i, j, before, diagonal, best;
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > LONGEST || b_length > LONGEST)
		return (SIZE_MAX);
	for (j = 0; j <= b_length; j++)
		row[j] = j;
	for (i = 1; i <= a_length; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= b_length; j++) {
			before = row[j];
			best = diagonal + (a[i - 1] != b[j - 1]);
			if (before + 1 < best)
				best = before + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = before;
		}
	}
	return (row[b_length]);
}

/* nearest_key: the key that it did ask for and ${key} may have meant. */
static const char *
nearest_key(const struct bh_registration *module, const char *key)
{
	const char *asked, *nearest = NULL;
	size_t at, distance, limit;

	/* Up to a third of it wrong is a misspelling; "a" for "b" is not. */
	limit = strlen(key) / 3 + 1;
	for (at = 0; at < module->asked_size; at += strlen(asked) + 1) {
		asked = module->asked + at;
		distance = edit_distance(key, asked);
		if (distance > limit || distance >= strlen(asked))
			continue;
		nearest = asked;
		limit = distance;
	}
	return (nearest);
}

/* list_keys: "path, text", what the module did ask for. */
static void
list_keys(const struct bh_registration *module, char *ret_list, size_t size)
{
	size_t at, used = 0;
	int length;

	*ret_list = '\0';
	for (at = 0; at < module->asked_size && used < size;
	     at += strlen(module->asked + at) + 1) {
		length = snprintf(ret_list + used, size - used, "%s%s",
		    at > 0 ? ", " : "", module->asked + at);
		if (length < 0)
			return;
		used += (size_t)length;
	}
}

/* check_settings: each was asked for, and none was given twice. */
static int
check_settings(
    const struct bh_registration *module, const struct complaint *complaint)
{
	char known[sizeof(module->asked) * 2];
	const char *key, *nearest;
	size_t i, j;

	for (i = 0; i < module->setting_count; i++) {
		key = module->settings[i].key;
		for (j = 0; j < i; j++)
			if (strcmp(module->settings[j].key, key) == 0)
				return (complain(complaint, module,
				    "setting '%s' is given twice", key));
		if (module->settings[i].asked)
			continue;
		nearest = nearest_key(module, key);
		if (nearest != NULL)
			return (complain(complaint, module,
			    "setting '%s' is not known to it: did you mean "
			    "'%s'?",
			    key, nearest));
		list_keys(module, known, sizeof(known));
		return (complain(complaint, module,
		    "setting '%s' is not known to it (%s%s)", key,
		    *known != '\0' ? "it has: " : "it has none", known));
	}
	return (0);
}

/* call_register: with the activity word telling who runs. */
static int
call_register(const struct modules *modules, struct bh_registration *module)
{
	register_module_fn *function = entry_point(module);
	uint64_t before;
	int answer;

	atomic_store_explicit(
	    &modules->activity->since_ns, clock_now(), memory_order_relaxed);
	before = activity_set(
	    modules->activity, activity_pack(module->id, ACTIVITY_LOADING, 0));
	meter_charge(NULL);
	answer = function(BH_ABI_VERSION, module, NULL);
	meter_charge(module->stats);
	(void)activity_set(modules->activity, before);
	return (answer);
}

/* register_module: call it and judge what came of it. */
static int
register_module(struct modules *modules, struct bh_registration *module,
    const struct complaint *complaint)
{
	int answer;

	answer = call_register(modules, module);
	module->registered = answer == 0;
	/* What the server refused explains a failure better than its number. */
	if (module->failed)
		return (complain(complaint, module, "%s", module->error));
	if (answer > 0)
		return (complain(complaint, module,
		    "its bh_register_module() returned %d, which is neither "
		    "0 nor -errno",
		    answer));
	if (answer < 0 && *module->error != '\0')
		return (complain(complaint, module, "%s: %s", module->error,
		    strerror(-answer)));
	if (answer < 0)
		return (complain(complaint, module,
		    "its bh_register_module() failed: %s", strerror(-answer)));
	if (module->ops == NULL ||
	    (module->notifications | module->post_notifications) == 0)
		return (complain(complaint, module,
		    "registers for nothing: its bh_register_module() must "
		    "call bh_registration_set_request_notifications()"));
	return (check_settings(module, complaint));
}

/* yes_or_no: a setting of the server's own. Returns -1 with a complaint. */
static int
yes_or_no(const struct bh_registration *module,
    const struct module_setting *setting, const struct complaint *complaint,
    bool *ret_yes)
{
	*ret_yes = strcmp(setting->value, "yes") == 0;
	if (!*ret_yes && strcmp(setting->value, "no") != 0)
		return (complain(complaint, module,
		    "setting '%s' is 'yes' or 'no', not '%s'", setting->key,
		    setting->value));
	return (0);
}

/*
 * server_settings: those that say what the module is to the server. `path` is
 * the module's, but tells who needs it when it can't be asked itself.
 */
static int
server_settings(
    struct bh_registration *module, const struct complaint *complaint)
{
	struct module_setting *setting;
	bool required;
	size_t i;

	for (i = 0; i < module->setting_count; i++) {
		setting = &module->settings[i];
		if (strcmp(setting->key, "path") == 0)
			module_set_scope(module, setting->value);
		if (strcmp(setting->key, "optional") == 0) {
			setting->asked = true;
			if (yes_or_no(module, setting, complaint,
				&module->optional) != 0)
				return (-1);
		}
		if (strcmp(setting->key, "required") == 0) {
			setting->asked = true; /* the master heeds it */
			if (yes_or_no(module, setting, complaint, &required) !=
			    0)
				return (-1);
		}
	}
	return (0);
}

/* add_calls: the calls of one step and priority, in the modules' order. */
static void
add_calls(struct modules *modules, uint32_t step, uint8_t priority)
{
	struct bh_registration *module;
	uint32_t bits;
	size_t i;

	for (i = 0; i < modules->count; i++) {
		module = &modules->list[i];
		bits = step % 2 == 0 ? module->notifications
				     : module->post_notifications;
		if ((bits & (1u << (step / 2))) == 0 ||
		    module->priority[step] != priority)
			continue;
		modules->calls[modules->call_count++] = (struct pipeline_call){
			.module = module,
			.callback = module_callback(module->ops, step),
			.step = step,
		};
	}
}

/* build_calls: in order of step, then priority, then module. */
static int
build_calls(struct modules *modules)
{
	uint8_t priority;
	uint32_t step;

	modules->calls =
	    calloc(STEP_COUNT * modules->count + 1, sizeof(*modules->calls));
	if (modules->calls == NULL)
		return (-ENOMEM);
	for (step = 0; step < STEP_COUNT; step++) {
		if (step == STEP_LOG_REQUEST)
			modules->log_call = modules->call_count;
		for (priority = BH_PRIORITY_FIRST; priority <= BH_PRIORITY_LAST;
		     priority++)
			add_calls(modules, step, priority);
	}
	return (0);
}

/* open_all: with the activity word, for constructors run in dlopen(3). */
static int
open_all(struct modules *modules, const struct segment *segment,
    const struct complaint *complaint)
{
	struct bh_registration *module;
	uint64_t before;
	size_t i;
	int error;

	for (i = 0; i < modules->count; i++) {
		module = &modules->list[i];
		module->stats = stats_module(segment, module->id);
		if (module_is_quarantined(modules, i))
			continue;
		before = activity_set(modules->activity,
		    activity_pack(module->id, ACTIVITY_LOADING, 0));
		error = open_module(module, complaint);
		(void)activity_set(modules->activity, before);
		if (error != 0)
			return (error);
	}
	return (0);
}

int
modules_load(struct modules *modules, const struct segment *segment,
    char *ret_error, size_t error_size)
{
	const struct complaint complaint = { ret_error, error_size };
	size_t i;

	modules->activity = &segment->consumer->activities[0];
	if (modules->count > segment->geometry.modules) {
		(void)snprintf(ret_error, error_size,
		    "the segment is made "
		    "for %u modules, not %zu",
		    segment->geometry.modules, modules->count);
		return (-1);
	}
	if (open_all(modules, segment, &complaint) != 0)
		return (-1);
	for (i = 0; i < modules->count; i++)
		if (server_settings(&modules->list[i], &complaint) != 0 ||
		    (!module_is_quarantined(modules, i) &&
			register_module(
			    modules, &modules->list[i], &complaint) != 0))
			return (-1);
	if (build_calls(modules) != 0) {
		(void)snprintf(ret_error, error_size, "%s", strerror(ENOMEM));
		return (-1);
	}
	return (0);
}

/* terminate_module: only one whose bh_register_module() said that it is up. */
static void
terminate_module(
    const struct modules *modules, const struct bh_registration *module)
{
	uint64_t before;

	if (!module->registered || module->ops == NULL ||
	    module->ops->terminate == NULL)
		return;
	atomic_store_explicit(
	    &modules->activity->since_ns, clock_now(), memory_order_relaxed);
	before = activity_set(modules->activity,
	    activity_pack(module->id, ACTIVITY_UNLOADING, 0));
	module->ops->terminate(module->self);
	(void)activity_set(modules->activity, before);
}

void
modules_unload(struct modules *modules)
{
	size_t i;

	for (i = modules->count; i > 0; i--)
		terminate_module(modules, &modules->list[i - 1]);
	/* After the last terminate(): modules may know each other's code. */
	for (i = modules->count; i > 0; i--)
		if (modules->list[i - 1].handle != NULL)
			(void)dlclose(modules->list[i - 1].handle);
	free(modules->calls);
	free(modules->list);
	free(modules->strings);
	memset(modules, 0, sizeof(*modules));
}

const struct bh_registration *
modules_by_address(const struct modules *modules, const void *address)
{
	uintptr_t place = (uintptr_t)address;
	size_t i;

	for (i = 0; i < modules->count; i++)
		if (place >= modules->list[i].text_start &&
		    place < modules->list[i].text_end)
			return (&modules->list[i]);
	return (NULL);
}
