/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace: takes part in all twelve notifications and their post variants, and
 * logs the request's way through them in one line at its end. A request with
 * the query "finish" is finished in authenticate_request.
 */
#include "answer.h"

#include <bulkhead/log.h>

#include <errno.h>
#include <stdlib.h>

struct trace {
	char text[1024];
	size_t length;
};

static void
add(struct trace *trace, const char *step)
{
	int printed;

	printed = snprintf(trace->text + trace->length,
	    sizeof(trace->text) - trace->length, " %s", step);
	if (printed > 0 &&
	    (size_t)printed < sizeof(trace->text) - trace->length)
		trace->length += (size_t)printed;
}

#define STEP(name)                                                          \
	static enum bh_notification_status on_##name(void *self,            \
	    struct bh_context *context, struct bh_event_provider *provider) \
	{                                                                   \
		(void)context;                                              \
		(void)provider;                                             \
		add(self, #name);                                           \
		return (BH_CONTINUE);                                       \
	}
STEP(begin_request)
STEP(post_begin_request)
STEP(post_authenticate_request)
STEP(authorize_request)
STEP(post_authorize_request)
STEP(resolve_request_cache)
STEP(post_resolve_request_cache)
STEP(map_request_handler)
STEP(post_map_request_handler)
STEP(acquire_request_state)
STEP(post_acquire_request_state)
STEP(pre_execute_request_handler)
STEP(post_pre_execute_request_handler)
STEP(execute_request_handler)
STEP(post_execute_request_handler)
STEP(release_request_state)
STEP(post_release_request_state)
STEP(update_request_cache)
STEP(post_update_request_cache)
STEP(log_request)
STEP(post_log_request)
STEP(end_request)
STEP(post_end_request)

static enum bh_notification_status
on_authenticate_request(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct bh_str query;

	(void)provider;
	add(self, "authenticate_request");
	query = bh_request_query(bh_context_request(context));
	if (query.length == 6 && memcmp(query.data, "finish", 6) == 0)
		return (answer(context, "finished early\n"));
	return (BH_CONTINUE);
}

static int
get_module(void *module, struct bh_context *context, void **ret_self)
{
	(void)module;
	(void)context;
	*ret_self = calloc(1, sizeof(struct trace));
	return (*ret_self == NULL ? -ENOMEM : 0);
}

static void
dispose(void *self)
{
	struct trace *trace = self;

	bh_log(NULL, BH_LOG_INFO, "way:%s", trace->text);
	free(trace);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.get_module = get_module,
	.dispose = dispose,
#define BOTH(name) .on_##name = on_##name, .on_post_##name = on_post_##name
	BOTH(begin_request),
	BOTH(authenticate_request),
	BOTH(authorize_request),
	BOTH(resolve_request_cache),
	BOTH(map_request_handler),
	BOTH(acquire_request_state),
	BOTH(pre_execute_request_handler),
	BOTH(execute_request_handler),
	BOTH(release_request_state),
	BOTH(update_request_cache),
	BOTH(log_request),
	BOTH(end_request),
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	(void)server_version;
	(void)server;
	return (bh_registration_set_request_notifications(
	    registration, &ops, NULL, 0xfff, 0xfff));
}

BH_MODULE();
