/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * echo: sends the body of a POST or PUT back while it arrives, through one
 * buffer, so that a body of any size takes the same memory.
 *
 *	        read                  write
 *	READ --------> bytes: WRITE --------> READ, or DONE after the last
 *	  |                  flush
 *	  +--> end: END ------------> DONE
 *
 * Each operation is started in run(), a loop: one that finishes inline is
 * followed by the next in the same loop, one that doesn't by BH_PENDING, and
 * its completion enters the loop again. Nothing recurses, however long the
 * body.
 */
#include <bulkhead/http.h>
#include <bulkhead/async.h>
#include <bulkhead/log.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUFFER_SIZE = 64 * 1024
};

/* What run() starts next. */
enum step {
	STEP_READ,
	STEP_WRITE, /* what was read */
	STEP_END,   /* the body's end came by itself, after the last write */
	STEP_DONE,
};

struct module {
	const char *path;
	size_t path_length;
};

/* One request. */
struct echo {
	enum step next;
	bool last; /* `buffer` holds the body's last bytes */
	size_t filled;
	struct bh_data_chunk chunk;
	unsigned char buffer[BUFFER_SIZE];
};

static int
get_module(void *self, struct bh_context *context, void **ret_self)
{
	const struct module *module = self;
	struct echo *echo = NULL;
	struct bh_str path;

	path = bh_request_path(bh_context_request(context));
	if (path.length == module->path_length &&
	    memcmp(path.data, module->path, path.length) == 0) {
		/* Not calloc: the buffer's pages come when they are used. */
		echo = malloc(sizeof(*echo));
		if (echo == NULL)
			return (-ENOMEM);
	}
	*ret_self = echo;
	return (0);
}

static void
dispose(void *self)
{
	free(self);
}

/* refuse: an answer instead of the echo, before anything was sent. */
static enum bh_notification_status
refuse(struct bh_context *context, unsigned status, const char *text)
{
	struct bh_response *response = bh_context_response(context);
	const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = text,
		.length = strlen(text),
	};

	(void)bh_response_clear(response);
	(void)bh_response_set_status(response, status, NULL);
	(void)bh_response_set_header(
	    response, "Content-Type", "text/plain", true);
	if (status == 405)
		(void)bh_response_set_header(
		    response, "Allow", "POST, PUT", true);
	(void)bh_response_write_entity_chunks(
	    response, &chunk, 1, false, false, NULL, NULL);
	return (BH_FINISH_REQUEST);
}

/* fail: 4xx or 5xx while that is possible, a reset when it no longer is. */
static enum bh_notification_status
fail(struct bh_context *context, struct bh_event_provider *provider, int error)
{
	bh_event_set_error_status(provider, error);
	if (bh_context_response_headers_sent(context)) {
		(void)bh_response_reset_connection(
		    bh_context_response(context));
		return (BH_FINISH_REQUEST);
	}
	switch (error) {
	case -EBADMSG:
		return (refuse(context, 400, "The body is malformed\n"));
	case -ETIMEDOUT:
		return (refuse(context, 408, "The body didn't come\n"));
	case -EFBIG:
		return (refuse(context, 413, "The body is too large\n"));
	case -EAGAIN:
		return (refuse(context, 503, "The server is busy\n"));
	default:
		return (refuse(context, 500, "The body can't be echoed\n"));
	}
}

/*
 * start: the next operation. Returns 0 or why it couldn't be started; a
 * result that is there already, in *ret_bytes, unless *ret_expected.
 */
static int
start(struct echo *echo, struct bh_context *context, size_t *ret_bytes,
    bool *ret_expected)
{
	struct bh_response *response = bh_context_response(context);

	switch (echo->next) {
	case STEP_READ:
		return (bh_request_read_entity_body(bh_context_request(context),
		    echo->buffer, sizeof(echo->buffer), true, ret_bytes,
		    ret_expected));
	case STEP_WRITE:
		echo->chunk = (struct bh_data_chunk){
			.type = BH_CHUNK_MEMORY,
			.buffer = echo->buffer,
			.length = echo->filled,
		};
		return (bh_response_write_entity_chunks(response, &echo->chunk,
		    1, true, !echo->last, ret_bytes, ret_expected));
	case STEP_END:
		return (bh_response_flush(
		    response, true, false, ret_bytes, ret_expected));
	case STEP_DONE:
		break;
	}
	return (-EINVAL);
}

/*
 * took: what became of an operation, inline or by completion, and so what is
 * next. The end of the body is the one status that isn't a failure.
 */
static int
took(struct echo *echo, struct bh_context *context, uint32_t operation,
    uint64_t bytes, int status)
{
	if (operation == BH_OP_READ_ENTITY_BODY && status == -BH_EOF) {
		echo->next = STEP_END;
		return (0);
	}
	if (status != 0)
		return (status);
	switch (operation) {
	case BH_OP_READ_ENTITY_BODY:
		if (bytes == 0 || bytes > sizeof(echo->buffer))
			return (-EIO);
		echo->filled = (size_t)bytes;
		echo->last = bh_request_remaining_entity_bytes(
				 bh_context_request(context)) == 0;
		echo->next = STEP_WRITE;
		return (0);
	case BH_OP_WRITE_ENTITY_CHUNKS:
		echo->next = echo->last ? STEP_DONE : STEP_READ;
		return (0);
	case BH_OP_FLUSH:
		echo->next = STEP_DONE;
		return (0);
	default:
		return (-EIO);
	}
}

/* run: start operations until one has to be waited for, or all is done. */
static enum bh_notification_status
run(struct echo *echo, struct bh_context *context,
    struct bh_event_provider *provider)
{
	static const uint32_t operation[] = {
		[STEP_READ] = BH_OP_READ_ENTITY_BODY,
		[STEP_WRITE] = BH_OP_WRITE_ENTITY_CHUNKS,
		[STEP_END] = BH_OP_FLUSH,
	};
	bool expected;
	size_t bytes;
	int error;

	while (echo->next != STEP_DONE) {
		expected = false;
		bytes = 0;
		error = start(echo, context, &bytes, &expected);
		if (error == 0 && expected)
			return (BH_PENDING);
		error =
		    took(echo, context, operation[echo->next], bytes, error);
		if (error != 0)
			return (fail(context, provider, error));
	}
	return (BH_FINISH_REQUEST);
}

/* copy_content_type: the client's own type for its own bytes. */
static int
copy_content_type(struct bh_context *context)
{
	struct bh_str type;
	char value[256];

	if (!bh_request_header(
		bh_context_request(context), "Content-Type", &type) ||
	    type.length >= sizeof(value))
		return (bh_response_set_header(bh_context_response(context),
		    "Content-Type", "application/octet-stream", true));
	memcpy(value, type.data, type.length);
	value[type.length] = '\0';
	return (bh_response_set_header(
	    bh_context_response(context), "Content-Type", value, true));
}

/* prepare: headers, and a body that goes out as it comes in. */
static int
prepare(struct echo *echo, struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);
	uint64_t length;
	char value[24];
	int error;

	echo->last = false;
	echo->filled = 0;
	length = bh_request_remaining_entity_bytes(bh_context_request(context));
	echo->next = length == 0 ? STEP_END : STEP_READ;
	(void)bh_response_clear(response);
	error = copy_content_type(context);
	if (error == 0 && length != BH_LENGTH_UNKNOWN) {
		(void)snprintf(value, sizeof(value), "%" PRIu64, length);
		error = bh_response_set_header(
		    response, "Content-Length", value, true);
	}
	if (error == 0)
		error = bh_response_disable_buffering(response);
	return (error);
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	struct echo *echo = self;
	struct bh_str method;
	int error;

	if (echo == NULL)
		return (BH_CONTINUE);
	method = bh_request_method(bh_context_request(context));
	if (!(method.length == 4 && memcmp(method.data, "POST", 4) == 0) &&
	    !(method.length == 3 && memcmp(method.data, "PUT", 3) == 0))
		return (refuse(
		    context, 405, "Only POST and PUT are served here\n"));
	error = prepare(echo, context);
	if (error != 0)
		return (fail(context, provider, error));
	return (run(echo, context, provider));
}

static enum bh_notification_status
on_async_completion(void *self, struct bh_context *context,
    uint32_t notification, bool post_notification,
    struct bh_event_provider *provider, const struct bh_completion_info *info)
{
	struct echo *echo = self;
	int error;

	(void)notification;
	(void)post_notification;
	error = took(echo, context, bh_completed_operation(info),
	    bh_completion_bytes(info), bh_completion_status(info));
	if (error != 0)
		return (fail(context, provider, error));
	return (run(echo, context, provider));
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
	.on_execute_request_handler = on_execute,
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
		module->path = "/echo";
	module->path_length = strlen(module->path);
	if (*module->path != '/') {
		bh_registration_error(registration,
		    "setting 'path' is '%s': it must begin with '/'",
		    module->path);
		error = -EINVAL;
		goto err;
	}
	(void)bh_registration_set_path(registration, module->path);
	error = bh_registration_set_request_notifications(
	    registration, &ops, module, BH_RQ_EXECUTE_REQUEST_HANDLER, 0);
	if (error != 0)
		goto err;
	return (0);
err:
	free(module);
	return (error);
}

BH_MODULE();
