/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs in libmicrohttpd's thread, but for starting, stopping and sweeping.
 */
#include "shm/admin/http.h"

#include "shm/admin/host.h"
#include "shm/admin/routes.h"
#include "shm/base/clock.h"
#include "shm/base/log.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct http_client {
	struct http *http;
	int fd;            /* -1: this place is free */
	uint64_t since_ns; /* its opening, or its last answer's end */
	bool told;         /* that it has to end */
};

struct http {
	struct MHD_Daemon *daemon;
	struct watcher *watcher;
	bool local; /* the address is a loopback one, so browsers come */
	pthread_mutex_t lock; /* of the clients */
	struct http_client clients[HTTP_CONNECTIONS];
};

static void
opened(struct http *http, struct MHD_Connection *connection, void **place)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_client *client;

	*place = NULL;
	for (size_t i = 0; info != NULL && i < HTTP_CONNECTIONS; i++) {
		client = &http->clients[i];
		if (client->fd != -1)
			continue;
		client->fd = info->connect_fd;
		client->since_ns = clock_now();
		client->told = false;
		*place = client;
		return;
	}
}

/* While a client stands here under the lock its descriptor is open. */
static void
connection_changed(void *argument, struct MHD_Connection *connection,
    void **place, enum MHD_ConnectionNotificationCode what)
{
	struct http *http = argument;
	struct http_client *client = *place;

	(void)pthread_mutex_lock(&http->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		opened(http, connection, place);
	else if (client != NULL)
		client->fd = -1;
	(void)pthread_mutex_unlock(&http->lock);
}

static void
request_over(void *argument, struct MHD_Connection *connection, void **place,
    enum MHD_RequestTerminationCode how)
{
	struct http *http = argument;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_client *client;

	(void)place, (void)how;
	if (info == NULL || (client = info->socket_context) == NULL)
		return;
	(void)pthread_mutex_lock(&http->lock);
	client->since_ns = clock_now();
	(void)pthread_mutex_unlock(&http->lock);
}

void
http_sweep(struct http *http)
{
	const uint64_t now = clock_now();
	struct http_client *client;

	(void)pthread_mutex_lock(&http->lock);
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		client = &http->clients[i];
		if (client->fd == -1 || client->told ||
		    now - client->since_ns < HTTP_PATIENCE_MS * CLOCK_NS_PER_MS)
			continue;
		/* libmicrohttpd sees its end and closes it. */
		(void)shutdown(client->fd, SHUT_RDWR);
		client->told = true;
	}
	(void)pthread_mutex_unlock(&http->lock);
}

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value != NULL)
		(void)MHD_add_response_header(response, name, value);
}

static void
add_headers(struct MHD_Response *response, const struct answer *answer)
{
	char seconds[16];

	add_header(response, "Content-Type", answer->type);
	add_header(response, "Content-Security-Policy", answer->policy);
	add_header(response, "Cache-Control", "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "X-Frame-Options", "DENY");
	add_header(response, "Referrer-Policy", "no-referrer");
	add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	add_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add_header(response, "Allow", "GET, HEAD");
	if (answer->refresh_s != 0) {
		(void)snprintf(
		    seconds, sizeof(seconds), "%u", answer->refresh_s);
		add_header(response, "Refresh", seconds);
	}
}

static enum MHD_Result
respond(struct MHD_Connection *connection, struct answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (answer->owned != NULL)
		response = MHD_create_response_from_buffer(
		    answer->length, answer->owned, MHD_RESPMEM_MUST_FREE);
	else
		/* Persistent: it is only read, though it says void *. */
		response = MHD_create_response_from_buffer(answer->length,
		    (void *)(uintptr_t)answer->fixed, MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		free(answer->owned);
		return (MHD_NO);
	}
	add_headers(response, answer);
	result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return (result);
}

static const char *
header(struct MHD_Connection *connection, const char *name)
{
	return (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static bool
has_body(struct MHD_Connection *connection)
{
	const char *length = header(connection, "Content-Length");

	return ((length != NULL && strcmp(length, "0") != 0) ||
		header(connection, "Transfer-Encoding") != NULL);
}

/* False, and the answer says why, when this isn't for us. */
static bool
is_welcome(const struct http *http, struct MHD_Connection *connection,
    const char *method, struct answer *answer)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		routes_say(answer, MHD_HTTP_METHOD_NOT_ALLOWED,
		    "only GET and HEAD: nothing can be changed here\n");
	else if (has_body(connection))
		routes_say(answer, MHD_HTTP_BAD_REQUEST,
		    "a request with a body has no meaning here\n");
	else if (http->local && !host_is_local(header(connection, "Host")))
		routes_say(answer, MHD_HTTP_MISDIRECTED_REQUEST,
		    "not under this name: ask for localhost or 127.0.0.1\n");
	else
		return (true);
	return (false);
}

static enum MHD_Result
handle(void *argument, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **place)
{
	static char heard; /* its address says: the head was looked at */
	struct http *http = argument;
	struct answer answer;

	(void)version, (void)upload;
	if (*place == NULL) {
		*place = &heard;
		if (is_welcome(http, connection, method, &answer))
			return (MHD_YES);
		return (respond(connection, &answer));
	}
	*upload_size = 0;
	routes_answer(http->watcher, path,
	    MHD_lookup_connection_value(
		connection, MHD_GET_ARGUMENT_KIND, "since"),
	    &answer);
	return (respond(connection, &answer));
}

static void say(void *argument, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* What strangers do wrong isn't news. */
static void
say(void *argument, const char *format, va_list arguments)
{
	char text[256];

	(void)argument;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("%s", text);
}

static bool
is_unix(int listener)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	return (
	    getsockname(listener, (struct sockaddr *)&address, &length) == 0 &&
	    address.ss_family == AF_UNIX);
}

int
http_start(int listener, struct watcher *watcher, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return (-ENOMEM);
	http->watcher = watcher;
	http->local = !is_unix(listener);
	(void)pthread_mutex_init(&http->lock, NULL); /* can't fail */
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++)
		http->clients[i].fd = -1;
	errno = 0;
	http->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    handle, http, MHD_OPTION_EXTERNAL_LOGGER, say, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)HTTP_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)(HTTP_PATIENCE_MS / 1000), MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http,
	    MHD_OPTION_NOTIFY_COMPLETED, request_over, http, MHD_OPTION_END);
	if (http->daemon == NULL) {
		free(http);
		return (errno != 0 ? -errno : -EIO);
	}
	*ret_http = http;
	return (0);
}

void
http_stop(struct http *http)
{
	if (http == NULL)
		return;
	MHD_stop_daemon(http->daemon);
	(void)pthread_mutex_destroy(&http->lock);
	free(http);
}
