/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The API's side of a context and its request: who may call, and everything
 * that answers at once. Contracts: <bulkhead/http.h>, <bulkhead/log.h>.
 *
 * Life of a request, step 7 of 11.
 */
#include "worker/api.h"

#include "shm/base/log.h"
#include "worker/conn.h"
#include "worker/http_fields.h"
#include "worker/pipeline.h"

#include <bulkhead/http.h>
#include <bulkhead/log.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bh_registration *
api_module(const void *caller)
{
	struct worker *worker = worker_self;
	const struct bh_registration *module;

	if (worker_on_dispatch_thread() && worker->running.module != NULL)
		return (worker->running.module);
	module = modules_by_address(&worker->modules, caller);
	return (module == NULL ? NULL : &worker->modules.list[module->id]);
}

int
api_request(
    const void *handle, const void *caller, struct request **ret_request)
{
	struct request *request;

	if (!worker_on_dispatch_thread()) {
		pipeline_module_error(api_module(caller), NULL,
		    "used a context from a thread of its own; refused: a "
		    "thread posts with a ticket");
		return (-EPERM);
	}
	request = request_by_handle(worker_self, (uint64_t)(uintptr_t)handle);
	if (request == NULL) {
		pipeline_module_error(api_module(caller), NULL,
		    "used a context whose request is over; refused");
		return (-ESTALE);
	}
	*ret_request = request;
	return (0);
}

int
api_operation(const void *handle, const void *caller, bool async,
    struct request **ret_request)
{
	struct bh_registration *module;
	struct request *request;
	int error;

	if ((error = api_request(handle, caller, &request)) != 0)
		return (error);
	module = request->worker->running.module;
	if (request->worker->running.request != request) {
		pipeline_module_error(api_module(caller), request,
		    "started an operation outside of this request's "
		    "callbacks; refused");
		return (-EPERM);
	}
	if (async && module->ops->on_async_completion == NULL) {
		pipeline_module_error(module, request,
		    "started an asynchronous operation but has no "
		    "on_async_completion; refused");
		return (-ENOTSUP);
	}
	*ret_request = request;
	return (0);
}

BH_EXPORT struct bh_request *
bh_context_request(struct bh_context *context)
{
	return ((struct bh_request *)context);
}

BH_EXPORT struct bh_response *
bh_context_response(struct bh_context *context)
{
	return ((struct bh_response *)context);
}

BH_EXPORT void *
bh_context_allocate(struct bh_context *context, size_t size)
{
	struct request *request;

	if (api_request(context, API_CALLER, &request) != 0)
		return (NULL);
	return (arena_alloc(&request->arena, size));
}

BH_EXPORT uint64_t
bh_context_request_id(struct bh_context *context)
{
	struct request *request;

	if (api_request(context, API_CALLER, &request) != 0)
		return (0);
	return (request->id);
}

BH_EXPORT unsigned
bh_context_replays(struct bh_context *context)
{
	struct request *request;

	if (api_request(context, API_CALLER, &request) != 0)
		return (0);
	return (request->replays);
}

BH_EXPORT int
bh_context_set_replayable(struct bh_context *context, bool replayable)
{
	struct request *request;
	int error;

	error = api_request(context, API_CALLER, &request);
	if (error == 0)
		conn_note_replayable(
		    request->conn, request->worker, replayable);
	return (error);
}

BH_EXPORT bool
bh_context_response_headers_sent(struct bh_context *context)
{
	struct request *request;

	if (api_request(context, API_CALLER, &request) != 0)
		return (false);
	return (request->response.headers_sent);
}

static const struct bh_str nothing = { "", 0 };

static struct bh_str
span(const struct request *request, struct http_span part)
{
	return ((struct bh_str){
	    (const char *)request->bytes + part.offset, part.length });
}

BH_EXPORT struct bh_str
bh_request_method(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (nothing);
	return (span(request, request->head.method_name));
}

BH_EXPORT struct bh_str
bh_request_url(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (nothing);
	return (span(request, request->head.target));
}

BH_EXPORT struct bh_str
bh_request_path(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (nothing);
	return (span(request, request->head.path));
}

BH_EXPORT struct bh_str
bh_request_query(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (nothing);
	return (span(request, request->head.query));
}

BH_EXPORT unsigned
bh_request_http_minor(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (0);
	return (request->head.minor);
}

BH_EXPORT bool
bh_request_header(
    struct bh_request *handle, const char *name, struct bh_str *ret_value)
{
	const struct http_header *header;
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (false);
	header = http_find_header(
	    request->bytes, &request->head, name, strlen(name));
	if (header == NULL)
		return (false);
	*ret_value = span(request, header->value);
	return (true);
}

BH_EXPORT bool
bh_request_header_at(struct bh_request *handle, size_t index,
    struct bh_str *ret_name, struct bh_str *ret_value)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0 ||
	    index >= request->head.header_count)
		return (false);
	*ret_name = span(request, request->head.headers[index].name);
	*ret_value = span(request, request->head.headers[index].value);
	return (true);
}

BH_EXPORT struct bh_str
bh_request_remote_address(struct bh_request *handle, uint16_t *ret_port)
{
	const struct slot_peer *peer;
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0)
		return (nothing);
	peer = &request->worker->segment.slots[conn_slot_number(request->conn)]
		    .peer;
	if (ret_port != NULL)
		*ret_port = peer->port;
	if (request->address[0] == '\0' &&
	    ((peer->family != AF_INET && peer->family != AF_INET6) ||
		inet_ntop(peer->family, peer->address, request->address,
		    sizeof(request->address)) == NULL))
		(void)snprintf(
		    request->address, sizeof(request->address), "unix");
	return ((struct bh_str){ request->address, strlen(request->address) });
}

BH_EXPORT uint64_t
bh_request_remaining_entity_bytes(struct bh_request *handle)
{
	struct request *request;

	if (api_request(handle, API_CALLER, &request) != 0 ||
	    http_body_done(&request->body))
		return (0);
	return (request->body.chunked ? BH_LENGTH_UNKNOWN
				      : request->body.remaining);
}

BH_EXPORT void
bh_event_set_error_status(struct bh_event_provider *provider, int status)
{
	struct request *request = provider->request;

	request->error_status = status;
	if (request->worker->running.module != NULL)
		request->error_module = request->worker->running.module->name;
}

BH_EXPORT void
bh_log(struct bh_context *context, enum bh_log_level level, const char *format,
    ...)
{
	const struct bh_registration *module = api_module(API_CALLER);
	struct request *request = NULL;
	char text[2048], step[PIPELINE_STEP];
	va_list arguments;

	if (context != NULL && api_request(context, API_CALLER, &request) != 0)
		request = NULL;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (level < BH_LOG_ERROR || level > BH_LOG_DEBUG)
		level = BH_LOG_ERROR;
	log_module((int)level, module == NULL ? NULL : module->name,
	    request == NULL ? 0 : request->id, pipeline_step_here(step), text);
}
