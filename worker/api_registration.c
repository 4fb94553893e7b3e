/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a module says in its bh_register_module(): the notifications that it
 * takes part in, its priorities, its settings. Worker, dispatch thread, while
 * modules_load() runs; the checks that need the whole registration are there.
 */
#include "worker/module.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALL_NOTIFICATIONS ((1u << RQ_COUNT) - 1)

/* As the module's author writes them: BH_RQ_<bit>, .on_<callback>. */
static const struct {
	const char *bit;
	const char *callback;
} names[RQ_COUNT] = {
	{ "BEGIN_REQUEST", "begin_request" },
	{ "AUTHENTICATE_REQUEST", "authenticate_request" },
	{ "AUTHORIZE_REQUEST", "authorize_request" },
	{ "RESOLVE_REQUEST_CACHE", "resolve_request_cache" },
	{ "MAP_REQUEST_HANDLER", "map_request_handler" },
	{ "ACQUIRE_REQUEST_STATE", "acquire_request_state" },
	{ "PRE_EXECUTE_REQUEST_HANDLER", "pre_execute_request_handler" },
	{ "EXECUTE_REQUEST_HANDLER", "execute_request_handler" },
	{ "RELEASE_REQUEST_STATE", "release_request_state" },
	{ "UPDATE_REQUEST_CACHE", "update_request_cache" },
	{ "LOG_REQUEST", "log_request" },
	{ "END_REQUEST", "end_request" },
};

/*
 * refuse: the registration has failed. The first refusal is kept, since those
 * after it tend to follow from it.
 */
static void refuse(struct bh_registration *registration, const char *format,
    ...) BH_PRINTF(2, 3);

static void
refuse(struct bh_registration *registration, const char *format, ...)
{
	va_list args;

	if (registration->failed)
		return;
	registration->failed = true;
	va_start(args, format);
	(void)vsnprintf(
	    registration->error, sizeof(registration->error), format, args);
	va_end(args);
}

/* check_ops: is this the struct of this server's headers? */
static int
check_ops(struct bh_registration *registration, const struct bh_module_ops *ops)
{
	if (ops == NULL) {
		refuse(registration, "registers without a struct "
				     "bh_module_ops: ops is NULL");
		return (-EINVAL);
	}
	/* ABI 1 has had one size so far; a later one may accept shorter. */
	if (ops->size != sizeof(*ops)) {
		refuse(registration,
		    "has %zu in the size of its struct "
		    "bh_module_ops: set .size = sizeof(struct bh_module_ops), "
		    "which is %zu",
		    ops->size, sizeof(*ops));
		return (-EINVAL);
	}
	return (0);
}

/* check_bits: only bits that there are. */
static int
check_bits(
    struct bh_registration *registration, uint32_t bits, const char *what)
{
	if ((bits & ~ALL_NOTIFICATIONS) == 0)
		return (0);
	refuse(registration,
	    "%s 0x%08x, which is no notification of this "
	    "server",
	    what, bits & ~ALL_NOTIFICATIONS);
	return (-EINVAL);
}

/* check_callbacks: each bit has its callback. */
static int
check_callbacks(struct bh_registration *registration,
    const struct bh_module_ops *ops, uint32_t bits, uint32_t post)
{
	uint32_t i;

	for (i = 0; i < RQ_COUNT; i++) {
		if ((bits & (1u << i)) == 0 ||
		    module_callback(ops, 2 * i + post) != NULL)
			continue;
		refuse(registration,
		    "registers %sBH_RQ_%s but has no "
		    "on_%s%s",
		    post ? "post-" : "", names[i].bit, post ? "post_" : "",
		    names[i].callback);
		return (-EINVAL);
	}
	return (0);
}

BH_EXPORT int
bh_registration_set_request_notifications(struct bh_registration *registration,
    const struct bh_module_ops *ops, void *module, uint32_t notifications,
    uint32_t post_notifications)
{
	if (registration->ops != NULL) {
		refuse(registration,
		    "calls "
		    "bh_registration_set_request_notifications() twice");
		return (-EALREADY);
	}
	if (check_ops(registration, ops) != 0 ||
	    check_bits(registration, notifications, "registers") != 0 ||
	    check_bits(registration, post_notifications,
		"registers post-notifications") != 0 ||
	    check_callbacks(registration, ops, notifications, 0) != 0 ||
	    check_callbacks(registration, ops, post_notifications, 1) != 0)
		return (-EINVAL);
	registration->ops = ops;
	registration->self = module;
	registration->notifications = notifications;
	registration->post_notifications = post_notifications;
	return (0);
}

static int
set_priority(struct bh_registration *registration, uint32_t bits, uint32_t post,
    enum bh_priority priority)
{
	uint32_t i;

	if (check_bits(registration, bits, "gives a priority to") != 0)
		return (-EINVAL);
	if (priority > BH_PRIORITY_LAST) {
		refuse(registration,
		    "asks for priority %u: they go from "
		    "BH_PRIORITY_FIRST to BH_PRIORITY_LAST",
		    (unsigned)priority);
		return (-EINVAL);
	}
	for (i = 0; i < RQ_COUNT; i++)
		if ((bits & (1u << i)) != 0)
			registration->priority[2 * i + post] =
			    (uint8_t)priority;
	return (0);
}

BH_EXPORT int
bh_registration_set_priority(struct bh_registration *registration,
    uint32_t notifications, enum bh_priority priority)
{
	return (set_priority(registration, notifications, 0, priority));
}

BH_EXPORT int
bh_registration_set_post_priority(struct bh_registration *registration,
    uint32_t notifications, enum bh_priority priority)
{
	return (set_priority(registration, notifications, 1, priority));
}

/* remember_key: so that a misspelt setting can be told the right key. */
static void
remember_key(struct bh_registration *registration, const char *key)
{
	size_t at, size;

	for (at = 0; at < registration->asked_size;
	     at += strlen(registration->asked + at) + 1)
		if (strcmp(registration->asked + at, key) == 0)
			return;
	size = strlen(key) + 1;
	if (size > sizeof(registration->asked) - registration->asked_size)
		return;
	memcpy(registration->asked + registration->asked_size, key, size);
	registration->asked_size += size;
}

BH_EXPORT const char *
bh_registration_setting(struct bh_registration *registration, const char *key)
{
	size_t i;

	if (key == NULL)
		return (NULL);
	remember_key(registration, key);
	for (i = 0; i < registration->setting_count; i++) {
		if (strcmp(registration->settings[i].key, key) != 0)
			continue;
		registration->settings[i].asked = true;
		return (registration->settings[i].value);
	}
	return (NULL);
}

BH_EXPORT const char *
bh_registration_name(const struct bh_registration *registration)
{
	return (registration->name);
}

BH_EXPORT uint32_t
bh_registration_id(const struct bh_registration *registration)
{
	return (registration->id);
}

BH_EXPORT void
bh_registration_error(
    struct bh_registration *registration, const char *format, ...)
{
	char said[sizeof(registration->error) / 2];
	size_t used;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	if (!registration->failed) {
		(void)snprintf(registration->error, sizeof(registration->error),
		    "%s", said);
		return;
	}
	/* A refusal says more than what the module makes of it: keep both. */
	used = strlen(registration->error);
	(void)snprintf(registration->error + used,
	    sizeof(registration->error) - used, " (%s)", said);
}

BH_EXPORT int
bh_registration_set_path(struct bh_registration *registration, const char *path)
{
	if (path == NULL || *path != '/' || strlen(path) >= 1024) {
		refuse(registration,
		    "bh_registration_set_path(): '%s' is no path: it must "
		    "begin with '/'",
		    path == NULL ? "" : path);
		return (-EINVAL);
	}
	module_set_scope(registration, path);
	return (0);
}
