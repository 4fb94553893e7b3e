/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server, played, for the tests of shipped modules.
 */
#include "tests/unit/worker/play.h"

#include "tests/support/test.h"

#include <bulkhead/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bh_completion_info {
	uint32_t operation;
	size_t bytes;
	int status;
};

/* The posted ticket: one at a time, from the module's thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;
static uint64_t tickets_taken, ticket_posted;

unsigned char
play_byte(size_t position)
{
	return ((unsigned char)(position * 31 + position / 251));
}

/* All three handles are the context. */
static struct bh_context *
of_request(struct bh_request *request)
{
	return ((struct bh_context *)(void *)request);
}

static struct bh_context *
of_response(struct bh_response *response)
{
	return ((struct bh_context *)(void *)response);
}

BH_EXPORT struct bh_request *
bh_context_request(struct bh_context *context)
{
	return ((struct bh_request *)(void *)context);
}

BH_EXPORT struct bh_response *
bh_context_response(struct bh_context *context)
{
	return ((struct bh_response *)(void *)context);
}

BH_EXPORT void *
bh_context_allocate(struct bh_context *context, size_t size)
{
	assert_true(context->memory_count < 8);
	return (context->memory[context->memory_count++] = malloc(size));
}

void
play_free(struct bh_context *context)
{
	while (context->memory_count > 0)
		free(context->memory[--context->memory_count]);
	free(context->body);
	context->body = NULL;
	context->body_capacity = 0;
}

BH_EXPORT bool
bh_context_response_headers_sent(struct bh_context *context)
{
	return (context->headers_sent);
}

static struct bh_str
str(const char *text)
{
	return ((struct bh_str){ text, text == NULL ? 0 : strlen(text) });
}

BH_EXPORT struct bh_str
bh_request_method(struct bh_request *request)
{
	return (str(of_request(request)->method));
}

BH_EXPORT struct bh_str
bh_request_path(struct bh_request *request)
{
	return (str(of_request(request)->path));
}

BH_EXPORT struct bh_str
bh_request_query(struct bh_request *request)
{
	return (str(of_request(request)->query));
}

BH_EXPORT bool
bh_request_header(
    struct bh_request *request, const char *name, struct bh_str *ret_value)
{
	const char *value = of_request(request)->content_type;

	if (value == NULL || strcmp(name, "Content-Type") != 0)
		return (false);
	*ret_value = str(value);
	return (true);
}

BH_EXPORT uint64_t
bh_request_remaining_entity_bytes(struct bh_request *request)
{
	return (of_request(request)->remaining);
}

BH_EXPORT int
bh_response_clear(struct bh_response *response)
{
	struct bh_context *context = of_response(response);

	if (context->headers_sent)
		return (-EALREADY);
	context->status = 200;
	context->headers[0] = '\0';
	context->body_size = 0;
	context->ended = false;
	return (0);
}

BH_EXPORT int
bh_response_set_status(
    struct bh_response *response, unsigned status, const char *reason)
{
	assert_null(reason);
	assert_false(of_response(response)->headers_sent);
	of_response(response)->status = status;
	return (0);
}

BH_EXPORT int
bh_response_set_header(struct bh_response *response, const char *name,
    const char *value, bool replace)
{
	struct bh_context *context = of_response(response);
	size_t used = strlen(context->headers);

	assert_true(replace);
	assert_false(context->headers_sent);
	assert_null(strstr(context->headers, name));
	(void)snprintf(context->headers + used, sizeof(context->headers) - used,
	    "%s: %s\n", name, value);
	return (0);
}

BH_EXPORT int
bh_response_disable_buffering(struct bh_response *response)
{
	of_response(response)->unbuffered = true;
	return (0);
}

BH_EXPORT int
bh_response_reset_connection(struct bh_response *response)
{
	of_response(response)->reset = true;
	return (0);
}

BH_EXPORT void
bh_event_set_error_status(struct bh_event_provider *provider, int status)
{
	((struct bh_context *)(void *)provider)->error_status = status;
}

/* The script's next step; the last one goes on for ever. */
static struct play_step
next_step(const struct play_step *steps, size_t count, size_t *done)
{
	static const struct play_step otherwise = { PLAY_INLINE, 0, 0 };
	size_t at = (*done)++;

	if (count == 0)
		return (otherwise);
	return (steps[at < count ? at : count - 1]);
}

/* Start an operation that the script lets end as ${step} says. */
static int
operate(struct bh_context *context, uint32_t operation, struct play_step step,
    bool async, size_t *ret_bytes, bool *ret_expected)
{
	assert_int_equal(context->operation, 0); /* one at a time */
	if (step.how == PLAY_INLINE || !async) {
		if (step.status != 0)
			return (step.status);
		if (ret_bytes != NULL)
			*ret_bytes = step.bytes;
		if (ret_expected != NULL)
			*ret_expected = false;
		return (0);
	}
	assert_non_null(ret_expected);
	*ret_expected = true;
	context->operation = operation;
	context->bytes = step.status == 0 ? step.bytes : 0;
	context->result = step.status;
	return (0);
}

BH_EXPORT int
bh_request_read_entity_body(struct bh_request *request, void *buffer,
    size_t size, bool async, size_t *ret_received, bool *ret_expected)
{
	struct bh_context *context = of_request(request);
	struct play_step step;
	static size_t position;
	size_t i;

	assert_true(size > 0);
	if (context->reads_done == 0)
		position = 0;
	step = next_step(
	    context->reads, context->read_count, &context->reads_done);
	if (step.status == 0) {
		assert_true(step.bytes <= size);
		for (i = 0; i < step.bytes; i++)
			((unsigned char *)buffer)[i] = play_byte(position++);
		if (context->remaining != BH_LENGTH_UNKNOWN)
			context->remaining -= step.bytes;
		else if (context->reads_done == context->ends_at)
			context->remaining = 0;
	}
	return (operate(context, BH_OP_READ_ENTITY_BODY, step, async,
	    ret_received, ret_expected));
}

/* What is sent from now on can't be taken back. */
static int
send_some(struct bh_context *context, uint32_t operation, size_t length,
    bool async, bool more, size_t *ret_sent, bool *ret_expected)
{
	struct play_step step;
	int error;

	step = next_step(
	    context->sends, context->send_count, &context->sends_done);
	step.bytes = length;
	error =
	    operate(context, operation, step, async, ret_sent, ret_expected);
	if (error == 0) {
		context->headers_sent = true;
		context->ended = !more;
	}
	return (error);
}

/* With a NUL behind it, and room to grow: a test writes a million bytes. */
static void
append(struct bh_context *context, const void *bytes, size_t length)
{
	if (context->body_size + length >= context->body_capacity) {
		context->body_capacity =
		    2 * (context->body_capacity + length) + 64;
		context->body = realloc(context->body, context->body_capacity);
		assert_non_null(context->body);
	}
	memcpy(context->body + context->body_size, bytes, length);
	context->body_size += length;
	context->body[context->body_size] = '\0';
}

BH_EXPORT int
bh_response_write_entity_chunks(struct bh_response *response,
    const struct bh_data_chunk *chunks, size_t count, bool async,
    bool more_data, size_t *ret_sent, bool *ret_expected)
{
	struct bh_context *context = of_response(response);
	const size_t length = chunks[0].length;

	assert_int_equal(count, 1);
	assert_int_equal(chunks[0].type, BH_CHUNK_MEMORY);
	assert_false(context->ended);
	append(context, chunks[0].buffer, length);
	if (context->unbuffered)
		return (send_some(context, BH_OP_WRITE_ENTITY_CHUNKS, length,
		    async, more_data, ret_sent, ret_expected));
	context->ended = !more_data;
	if (ret_sent != NULL)
		*ret_sent = length;
	if (ret_expected != NULL)
		*ret_expected = false;
	return (0);
}

BH_EXPORT int
bh_response_flush(struct bh_response *response, bool async, bool more_data,
    size_t *ret_sent, bool *ret_expected)
{
	struct bh_context *context = of_response(response);

	return (send_some(context, BH_OP_FLUSH, context->body_size + 100, async,
	    more_data, ret_sent, ret_expected));
}

BH_EXPORT int
bh_context_take_ticket(struct bh_context *context, struct bh_ticket *ret_ticket)
{
	assert_int_equal(context->operation, 0);
	context->operation = BH_OP_POST;
	context->ticket = true;
	ret_ticket->opaque[0] = ++tickets_taken;
	return (0);
}

BH_EXPORT int
bh_ticket_post(const struct bh_ticket *ticket, uint32_t bytes, int status)
{
	(void)bytes;
	(void)status;
	(void)pthread_mutex_lock(&lock);
	ticket_posted = ticket->opaque[0];
	(void)pthread_cond_signal(&posted);
	(void)pthread_mutex_unlock(&lock);
	return (0);
}

static void
wait_for_ticket(struct bh_context *context)
{
	(void)pthread_mutex_lock(&lock);
	while (ticket_posted != tickets_taken)
		(void)pthread_cond_wait(&posted, &lock);
	(void)pthread_mutex_unlock(&lock);
	context->ticket = false;
	context->bytes = 0;
}

BH_EXPORT uint64_t
bh_completion_bytes(const struct bh_completion_info *info)
{
	return (info->bytes);
}

BH_EXPORT uint64_t
bh_completion_entity_bytes(const struct bh_completion_info *info)
{
	return (
	    info->operation == BH_OP_FLUSH ? info->bytes - 100 : info->bytes);
}

BH_EXPORT int
bh_completion_status(const struct bh_completion_info *info)
{
	return (info->status);
}

BH_EXPORT uint32_t
bh_completed_operation(const struct bh_completion_info *info)
{
	return (info->operation);
}

BH_EXPORT void
bh_log(struct bh_context *context, enum bh_log_level level, const char *format,
    ...)
{
	va_list args;

	assert_int_equal(level, BH_LOG_INFO);
	va_start(args, format);
	(void)vsnprintf(context->log, sizeof(context->log), format, args);
	va_end(args);
}

/* Deliver completions while the module says that it waits for them. */
static enum bh_notification_status
settle(const struct bh_module_ops *ops, void *self, struct bh_context *context,
    uint32_t notification, enum bh_notification_status status)
{
	struct bh_event_provider *provider = (void *)context;
	struct bh_completion_info info;

	while (status == BH_PENDING) {
		assert_int_not_equal(context->operation, 0);
		if (context->ticket)
			wait_for_ticket(context);
		info = (struct bh_completion_info){ context->operation,
			context->bytes, context->result };
		context->operation = 0;
		status = ops->on_async_completion(
		    self, context, notification, false, provider, &info);
	}
	assert_int_equal(context->operation, 0);
	return (status);
}

enum bh_notification_status
play_run(
    const struct bh_module_ops *ops, void *module, struct bh_context *context)
{
	const struct {
		bh_notification_fn *callback;
		uint32_t notification;
	} steps[] = {
		{ ops->on_begin_request, BH_RQ_BEGIN_REQUEST },
		{ ops->on_map_request_handler, BH_RQ_MAP_REQUEST_HANDLER },
		{ ops->on_execute_request_handler,
		    BH_RQ_EXECUTE_REQUEST_HANDLER },
	};
	enum bh_notification_status status = BH_CONTINUE;
	void *self = module;
	size_t i;

	context->status = 200;
	if (ops->get_module != NULL)
		assert_int_equal(ops->get_module(module, context, &self), 0);
	for (i = 0; i < 3 && status == BH_CONTINUE; i++) {
		if (steps[i].callback == NULL)
			continue;
		status = settle(ops, self, context, steps[i].notification,
		    steps[i].callback(self, context, (void *)context));
	}
	if (ops->get_module != NULL && ops->dispose != NULL)
		ops->dispose(self);
	return (status);
}
