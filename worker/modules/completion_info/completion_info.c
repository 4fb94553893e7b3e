/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * completion_info: the six steps of the example that the documentation of
 * IHttpCompletionInfo describes, on this server.
 *
 *	1  register for begin request and map request handler
 *	2  make an instance for each request
 *	3  begin request: clear the response, set the type, write a string
 *	   asynchronously; pending if a completion is expected
 *	4  map request handler: flush asynchronously; pending if expected
 *	5  completion: log notification, bytes and status
 *	6  remove the instance
 */
#include <bulkhead/http.h>
#include <bulkhead/async.h>
#include <bulkhead/log.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char example[] = "An example string\n";

/* The module, and its instance for one request. */
struct module {
	const char *path;
	size_t path_length;
};
struct instance {
	struct bh_data_chunk chunk;
};

static int
get_module(void *self, struct bh_context *context, void **ret_self)
{
	const struct module *module = self;
	struct instance *instance = NULL;
	struct bh_str path;

	/* A request for another path gets no instance: no cost to others. */
	path = bh_request_path(bh_context_request(context));
	if (path.length == module->path_length &&
	    memcmp(path.data, module->path, path.length) == 0) {
		instance = calloc(1, sizeof(*instance));
		if (instance == NULL)
			return (-ENOMEM);
	}
	*ret_self = instance;
	return (0);
}

static void
dispose(void *self)
{
	free(self);
}

/* fail: what the example answers when a call of the server fails. */
static enum bh_notification_status
fail(struct bh_context *context, struct bh_event_provider *provider, int error)
{
	struct bh_response *response = bh_context_response(context);

	bh_event_set_error_status(provider, error);
	if (bh_context_response_headers_sent(context)) {
		/* Half an answer must not look like a whole one. */
		(void)bh_response_reset_connection(response);
		return (BH_FINISH_REQUEST);
	}
	(void)bh_response_clear(response);
	(void)bh_response_set_status(response, 500, NULL);
	return (BH_FINISH_REQUEST);
}

static enum bh_notification_status
on_begin_request(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct bh_response *response = bh_context_response(context);
	struct instance *instance = self;
	bool expected = false;
	size_t sent = 0;
	int error;

	if (instance == NULL)
		return (BH_CONTINUE);
	(void)bh_response_clear(response);
	error = bh_response_set_header(
	    response, "Content-Type", "text/plain", true);
	if (error != 0)
		return (fail(context, provider, error));
	instance->chunk = (struct bh_data_chunk){
		.type = BH_CHUNK_MEMORY,
		.buffer = example,
		.length = sizeof(example) - 1,
	};
	error = bh_response_write_entity_chunks(
	    response, &instance->chunk, 1, true, true, &sent, &expected);
	if (error != 0)
		return (fail(context, provider, error));
	return (expected ? BH_PENDING : BH_CONTINUE);
}

static enum bh_notification_status
on_map_request_handler(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	bool expected = false;
	size_t sent = 0;
	int error;

	if (self == NULL)
		return (BH_CONTINUE);
	error = bh_response_flush(
	    bh_context_response(context), true, false, &sent, &expected);
	if (error != 0)
		return (fail(context, provider, error));
	return (expected ? BH_PENDING : BH_CONTINUE);
}

static const char *
notification_name(uint32_t notification)
{
	switch (notification) {
	case BH_RQ_BEGIN_REQUEST:
		return ("begin_request");
	case BH_RQ_MAP_REQUEST_HANDLER:
		return ("map_request_handler");
	default: /* we register for no other */
		return ("unknown");
	}
}

static const char *
operation_name(uint32_t operation)
{
	switch (operation) {
	case BH_OP_WRITE_ENTITY_CHUNKS:
		return ("write_entity_chunks");
	case BH_OP_FLUSH:
		return ("flush");
	default: /* we start no other */
		return ("unknown");
	}
}

static enum bh_notification_status
on_async_completion(void *self, struct bh_context *context,
    uint32_t notification, bool post_notification,
    struct bh_event_provider *provider, const struct bh_completion_info *info)
{
	uint64_t bytes = bh_completion_bytes(info);
	int status = bh_completion_status(info);

	(void)self;
	(void)post_notification;
	bh_log(context, BH_LOG_INFO,
	    "notification: %s, bytes: %llu, status: %d, operation: %s, "
	    "entity bytes: %llu",
	    notification_name(notification), (unsigned long long)bytes, status,
	    operation_name(bh_completed_operation(info)),
	    (unsigned long long)bh_completion_entity_bytes(info));
	if (status != 0)
		return (fail(context, provider, status));
	return (BH_CONTINUE);
}

static void
terminate(void *module)
{
	free(module);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.get_module = get_module,
	.dispose = dispose,
	.terminate = terminate,
	.on_begin_request = on_begin_request,
	.on_map_request_handler = on_map_request_handler,
	.on_async_completion = on_async_completion,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	struct module *module;
	int error;

	(void)server_version;
	(void)server;
	module = calloc(1, sizeof(*module));
	if (module == NULL)
		return (-ENOMEM);
	module->path = bh_registration_setting(registration, "path");
	if (module->path == NULL)
		module->path = "/completion_info";
	module->path_length = strlen(module->path);
	if (*module->path != '/') {
		bh_registration_error(registration,
		    "setting 'path' is '%s': it must begin with '/'",
		    module->path);
		error = -EINVAL;
		goto err;
	}
	(void)bh_registration_set_path(registration, module->path);
	error = bh_registration_set_request_notifications(registration, &ops,
	    module, BH_RQ_BEGIN_REQUEST | BH_RQ_MAP_REQUEST_HANDLER, 0);
	if (error != 0)
		goto err;
	return (0);
err:
	free(module);
	return (error);
}

BH_MODULE();
