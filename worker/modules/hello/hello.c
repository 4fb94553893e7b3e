/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello: answers GET and HEAD at its path with a line of text. The shortest
 * useful module, and the one to measure the server with.
 */
#include <bulkhead/http.h>
#include <bulkhead/async.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hello {
	const char *path;
	size_t path_length;
	const char *text;
	size_t text_length;
};

static bool
equals(struct bh_str bytes, const char *text, size_t length)
{
	return (
	    bytes.length == length && memcmp(bytes.data, text, length) == 0);
}

/* answer: status and text; what goes wrong with them is the server's 500. */
static enum bh_notification_status
answer(struct bh_response *response, unsigned status, const char *text,
    size_t length)
{
	const struct bh_data_chunk chunk = {
		.type = BH_CHUNK_MEMORY,
		.buffer = text,
		.length = length,
	};

	(void)bh_response_clear(response);
	if (bh_response_set_status(response, status, NULL) != 0 ||
	    bh_response_set_header(
		response, "Content-Type", "text/plain", true) != 0 ||
	    (status == 405 && bh_response_set_header(
				  response, "Allow", "GET, HEAD", true) != 0) ||
	    bh_response_write_entity_chunks(
		response, &chunk, 1, false, false, NULL, NULL) != 0) {
		(void)bh_response_clear(response);
		(void)bh_response_set_status(response, 500, NULL);
	}
	return (BH_FINISH_REQUEST);
}

static enum bh_notification_status
on_execute(
    void *self, struct bh_context *context, struct bh_event_provider *provider)
{
	static const char refusal[] = "Only GET and HEAD are served here\n";
	const struct hello *hello = self;
	struct bh_request *request = bh_context_request(context);
	struct bh_str method;

	(void)provider;
	if (!equals(bh_request_path(request), hello->path, hello->path_length))
		return (BH_CONTINUE);
	method = bh_request_method(request);
	if (!equals(method, "GET", 3) && !equals(method, "HEAD", 4))
		return (answer(bh_context_response(context), 405, refusal,
		    sizeof(refusal) - 1));
	return (answer(bh_context_response(context), 200, hello->text,
	    hello->text_length));
}

static void
terminate(void *module)
{
	free(module);
}

static const struct bh_module_ops ops = {
	.size = sizeof(ops),
	.terminate = terminate,
	.on_execute_request_handler = on_execute,
};

int
bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server)
{
	struct hello *hello;
	int error;

	(void)server_version;
	(void)server;
	hello = calloc(1, sizeof(*hello));
	if (hello == NULL)
		return (-ENOMEM);
	hello->path = bh_registration_setting(registration, "path");
	if (hello->path == NULL)
		hello->path = "/hello";
	hello->text = bh_registration_setting(registration, "text");
	if (hello->text == NULL)
		hello->text = "Hello from Bulkhead\n";
	hello->path_length = strlen(hello->path);
	hello->text_length = strlen(hello->text);
	if (*hello->path != '/') {
		bh_registration_error(registration,
		    "setting 'path' is '%s': it must begin with '/'",
		    hello->path);
		error = -EINVAL;
		goto err;
	}
	(void)bh_registration_set_path(registration, hello->path);
	error = bh_registration_set_request_notifications(
	    registration, &ops, hello, BH_RQ_EXECUTE_REQUEST_HANDLER, 0);
	if (error != 0)
		goto err;
	return (0);
err:
	free(hello);
	return (error);
}

BH_MODULE();
