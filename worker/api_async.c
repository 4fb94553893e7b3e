/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The API's side of operations and completions. Contracts:
 * <bulkhead/async.h>.
 *
 * Life of a request, step 8 of 11: from the modules, to async.c.
 */
#include "worker/api.h"
#include "worker/async.h"
#include "worker/pipeline.h"

#include <bulkhead/async.h>

#include <errno.h>

/* The numbers of <bulkhead/async.h> are those of the segment. */
_Static_assert(
    (int)BH_OP_READ_ENTITY_BODY == (int)OPERATION_READ_ENTITY_BODY &&
	(int)BH_OP_WRITE_ENTITY_CHUNKS == (int)OPERATION_WRITE_ENTITY_CHUNKS &&
	(int)BH_OP_FLUSH == (int)OPERATION_FLUSH &&
	(int)BH_OP_POST == (int)OPERATION_POST &&
	(int)BH_OP_OFFLOAD == (int)OPERATION_OFFLOAD,
    "operation numbers");

static struct async_mode
mode_of(bool async, const bool *ret_completion_expected)
{
	return ((struct async_mode){ .async = async,
	    .always = async && ret_completion_expected == NULL });
}

BH_EXPORT int
bh_request_read_entity_body(struct bh_request *handle, void *buffer,
    size_t size, bool async, size_t *ret_received,
    bool *ret_completion_expected)
{
	struct request *request;
	int error;

	error = api_operation(handle, API_CALLER, async, &request);
	if (error != 0)
		return (error);
	if (size == 0)
		return (-EINVAL);
	return (async_read(request, buffer, size,
	    mode_of(async, ret_completion_expected), ret_received,
	    ret_completion_expected));
}

/* May anything at all be handed to the response now? */
static int
check_output(const struct request *request)
{
	if (request->response.ended)
		return (-EPIPE);
	if (request->response.failed || request_client_gone(request))
		return (-ECONNRESET);
	if (request->io.ref != 0 || request->io.held)
		return (-EBUSY);
	return (0);
}

/* May these entity bytes be written? *${ret_total} is how many they are. */
static int
check_write(const struct request *request, const struct bh_data_chunk *chunks,
    size_t count, uint64_t *ret_total)
{
	const struct response *response = &request->response;
	uint64_t total = 0;
	size_t i;
	int error;

	if ((error = check_output(request)) != 0)
		return (error);
	if (response->complete)
		return (-EPIPE);
	for (i = 0; i < count; i++) {
		if (chunks[i].type != BH_CHUNK_MEMORY ||
		    __builtin_add_overflow(total, chunks[i].length, &total))
			return (-EINVAL);
	}
	if (response->has_length && total > response->length - response->taken)
		return (-EMSGSIZE);
	*ret_total = total;
	return (0);
}

BH_EXPORT int
bh_response_write_entity_chunks(struct bh_response *handle,
    const struct bh_data_chunk *chunks, size_t count, bool async,
    bool more_data, size_t *ret_sent, bool *ret_completion_expected)
{
	const struct async_mode mode = mode_of(async, ret_completion_expected);
	struct response *response;
	struct request *request;
	uint64_t total;
	bool flushes;
	int error;

	error = api_operation(handle, API_CALLER, async, &request);
	if (error == 0)
		error = check_write(request, chunks, count, &total);
	if (error != 0)
		return (error);
	response = &request->response;
	flushes =
	    response->unbuffered ||
	    response->buffered + total > request->worker->limits.buffered_max;
	if ((flushes || mode.always) &&
	    (error = async_may_start(request, mode)) != 0)
		return (error);
	if (!response->unbuffered &&
	    (error = response_copy(request, chunks, count)) != 0)
		return (error);
	response->touched = true;
	response->taken += total;
	response->author = request->worker->running.module;
	if (flushes) {
		error = async_flush(request, chunks,
		    response->unbuffered ? count : 0,
		    OPERATION_WRITE_ENTITY_CHUNKS, !more_data, mode, NULL,
		    ret_completion_expected);
	} else {
		/* The end of a buffered body goes out with the response. */
		response->complete = !more_data;
		error = async_complete_inline(request,
		    OPERATION_WRITE_ENTITY_CHUNKS, 0, mode,
		    ret_completion_expected);
	}
	if (error == 0 && ret_sent != NULL)
		*ret_sent = (size_t)total;
	return (error);
}

BH_EXPORT int
bh_response_flush(struct bh_response *handle, bool async, bool more_data,
    size_t *ret_sent, bool *ret_completion_expected)
{
	struct request *request;
	int error;

	error = api_operation(handle, API_CALLER, async, &request);
	if (error == 0)
		error = check_output(request);
	if (error != 0)
		return (error);
	request->response.touched = true;
	request->response.author = request->worker->running.module;
	return (async_flush(request, NULL, 0, OPERATION_FLUSH,
	    !more_data || request->response.complete,
	    mode_of(async, ret_completion_expected), ret_sent,
	    ret_completion_expected));
}

BH_EXPORT int
bh_context_post_completion(struct bh_context *context, uint32_t bytes)
{
	struct request *request;
	int error;

	error = api_operation(context, API_CALLER, true, &request);
	if (error != 0)
		return (error);
	if ((error = async_reserve_post(request)) == -EBUSY)
		pipeline_module_error(request->worker->running.module, request,
		    "posted a second completion for one wait; "
		    "refused");
	if (error == 0)
		async_post(request, bytes);
	return (error);
}

BH_EXPORT int
bh_context_take_ticket(struct bh_context *context, struct bh_ticket *ret_ticket)
{
	struct request *request;
	int error;

	error = api_operation(context, API_CALLER, true, &request);
	if (error == 0)
		error = async_reserve_post(request);
	if (error != 0)
		return (error);
	ret_ticket->opaque[0] = request->posted.ref;
	ret_ticket->opaque[1] =
	    activity_pack(request->worker->running.module->id, 0, request->id);
	return (0);
}

BH_EXPORT int
bh_ticket_post(const struct bh_ticket *ticket, uint32_t bytes, int status)
{
	const struct modules *modules = &worker_self->modules;
	uint64_t id;
	uint32_t module;
	int error;

	error = async_post_ticket(ticket->opaque[0], bytes, status);
	if (error == 0)
		return (0);
	if (!activity_unpack(ticket->opaque[1], &module, NULL, &id) ||
	    module >= modules->count)
		return (-EINVAL);
	pipeline_module_error_about(&modules->list[module], id,
	    "posted with a ticket that was used already or whose request is "
	    "over; refused");
	return (error);
}

BH_EXPORT int
bh_offload(struct bh_context *context, bh_offload_fn *work, void *argument,
    bool async, int *ret_status)
{
	struct request *request;
	int error;

	if (ret_status != NULL)
		*ret_status = 0;
	error = api_operation(context, API_CALLER, async, &request);
	if (error == 0 && work == NULL)
		error = -EINVAL;
	if (error != 0)
		return (error);
	return (async_offload(request, work, argument, async, ret_status));
}

BH_EXPORT uint64_t
bh_completion_bytes(const struct bh_completion_info *info)
{
	return (info->bytes);
}

BH_EXPORT uint64_t
bh_completion_entity_bytes(const struct bh_completion_info *info)
{
	return (info->entity);
}

BH_EXPORT int
bh_completion_status(const struct bh_completion_info *info)
{
	return (info->status);
}

BH_EXPORT uint32_t
bh_completed_operation(const struct bh_completion_info *info)
{
	return (info->op);
}

BH_EXPORT uint32_t
bh_status_to_hresult(int status)
{
	static const struct {
		int status;
		uint32_t hresult;
	} known[] = {
		{ 0, 0 }, { -BH_EOF, 0x80070026 }, /* ERROR_HANDLE_EOF */
		{ -ECONNRESET, 0x80070040 },       /* ERROR_NETNAME_DELETED */
		{ -EPIPE, 0x80070040 },
		{ -ECANCELED, 0x800703e3 }, /* ERROR_OPERATION_ABORTED */
		{ -EINVAL, 0x80070057 },    /* ERROR_INVALID_PARAMETER */
		{ -ENOMEM, 0x8007000e },    /* E_OUTOFMEMORY */
		{ -EALREADY, 0x800700b7 },  /* ERROR_ALREADY_EXISTS */
		{ -ENOENT, 0x80070490 },    /* ERROR_NOT_FOUND */
		{ -ENOTSUP, 0x80070032 },   /* ERROR_NOT_SUPPORTED */
		{ -EBADMSG, 0x8007000d },   /* ERROR_INVALID_DATA */
		{ -EMSGSIZE, 0x800704cd },  /* ERROR_CONNECTION_INVALID */
		{ -ETIMEDOUT, 0x800705b4 }, /* ERROR_TIMEOUT */
		{ -EBUSY, 0x800700aa },     /* ERROR_BUSY */
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return (known[i].hresult);
	return (0x80004005); /* E_FAIL */
}
