/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that registers as its settings say, well or badly, and tells the
 * test program when it is called.
 */
#include "tests/unit/worker/modules/probe.h"

#include <bulkhead/module.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum bh_notification_status
on_any(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	(void)self;
	(void)context;
	(void)provider;
	return (BH_CONTINUE);
}

/* Another one, so that a mixed-up callback is seen. */
static enum bh_notification_status
on_post(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	(void)self;
	(void)context;
	(void)provider;
	return (BH_FINISH_REQUEST);
}

static void
terminate(void *module)
{
	probe_observe(module, "terminate");
}

static const struct bh_module_ops full = {
	.size = sizeof(full),
	.terminate = terminate,
	.on_begin_request = on_any,
	.on_map_request_handler = on_any,
	.on_execute_request_handler = on_any,
	.on_log_request = on_any,
	.on_end_request = on_any,
	.on_post_begin_request = on_post,
	.on_post_log_request = on_post,
};
static const struct bh_module_ops empty = { .size = sizeof(empty) };
static const struct bh_module_ops unsized = { .on_begin_request = on_any };

static uint32_t
number(struct bh_registration *registration, const char *key)
{
	const char *value = bh_registration_setting(registration, key);

	return (value == NULL ? 0 : (uint32_t)strtoul(value, NULL, 0));
}

/* misbehave: what `do` asks for. Returns what to return, or 1: nothing. */
static int
misbehave(struct bh_registration *registration, const char *what)
{
	if (strcmp(what, "nothing") == 0)
		return (0);
	if (strcmp(what, "fail") == 0) {
		bh_registration_error(registration, "no %s", "database");
		return (-EACCES);
	}
	if (strcmp(what, "fail_silently") == 0)
		return (-EACCES);
	if (strcmp(what, "positive") == 0)
		return (5);
	if (strcmp(what, "no_callback") == 0)
		return (bh_registration_set_request_notifications(
		    registration, &empty, NULL, BH_RQ_BEGIN_REQUEST, 0));
	if (strcmp(what, "no_post_callback") == 0)
		return (bh_registration_set_request_notifications(
		    registration, &full, NULL, 0, BH_RQ_END_REQUEST));
	if (strcmp(what, "bad_bit") == 0)
		return (bh_registration_set_request_notifications(
		    registration, &full, NULL, 0x1001, 0));
	if (strcmp(what, "no_ops") == 0)
		return (bh_registration_set_request_notifications(
		    registration, NULL, NULL, BH_RQ_BEGIN_REQUEST, 0));
	if (strcmp(what, "unsized") == 0)
		return (bh_registration_set_request_notifications(
		    registration, &unsized, NULL, BH_RQ_BEGIN_REQUEST, 0));
	if (strcmp(what, "bad_priority") == 0)
		return (bh_registration_set_priority(
		    registration, BH_RQ_BEGIN_REQUEST, (enum bh_priority)7));
	return (1);
}

/* ignore_refusal: the server must remember what the module doesn't. */
static void
ignore_refusal(struct bh_registration *registration, const char *what)
{
	if (strcmp(what, "twice") == 0)
		(void)bh_registration_set_request_notifications(
		    registration, &full, NULL, BH_RQ_END_REQUEST, 0);
	if (strcmp(what, "explain") == 0) {
		(void)bh_registration_set_priority(
		    registration, 0x1000, BH_PRIORITY_LOW);
		bh_registration_error(registration, "my own words");
	}
}

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	const char *what = bh_registration_setting(registration, "do");
	const char *name = bh_registration_name(registration);
	uint32_t notifications, post;
	enum bh_priority priority;
	void *self;
	int answer;

	(void)server;
	memcpy(&self, &name, sizeof(self)); /* the name serves as our state */
	probe_observe(self, "register");
	if (server_version != BH_ABI_VERSION)
		return (-ENOTSUP);
	answer = what == NULL ? 1 : misbehave(registration, what);
	if (answer <= 0 || answer == 5)
		return (answer);
	notifications = number(registration, "notifications");
	post = number(registration, "post");
	priority = BH_PRIORITY_MEDIUM;
	if (bh_registration_setting(registration, "priority") != NULL)
		priority = (enum bh_priority)number(registration, "priority");
	answer = bh_registration_set_request_notifications(
	    registration, &full, self, notifications, post);
	if (answer == 0)
		answer = bh_registration_set_priority(
		    registration, notifications, priority);
	if (what != NULL)
		ignore_refusal(registration, what);
	return (answer);
}

BH_MODULE();
