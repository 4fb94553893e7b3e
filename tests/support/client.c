/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small HTTP client.
 */
#include "tests/support/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RECEIVE_SIZE = 65536
};

/* Wait for events: false when the time is over. */
static bool
wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd waited = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&waited, 1, test_left_ms(deadline));
	while (n == -1 && errno == EINTR);
	if (n == -1)
		fail_msg("poll: %s", strerror(errno));
	return (n == 1);
}

void
client_open(struct client *client, const struct server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int error, no_delay = 1;
	socklen_t size = sizeof(error);

	memset(client, 0, sizeof(*client));
	client->fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd == -1)
		fail_msg("socket: %s", strerror(errno));
	if (connect(client->fd, (const struct sockaddr *)&address,
		sizeof(address)) == -1 &&
	    errno != EINPROGRESS)
		fail_msg("connect: %s", strerror(errno));
	if (!wait_for(client->fd, POLLOUT, test_deadline(CLIENT_TIMEOUT_MS)))
		fail_msg("connect: no answer in time");
	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 ||
	    error != 0)
		fail_msg("connect: %s", strerror(error));
	/* Tests send byte by byte; each shall be a segment. */
	(void)setsockopt(
	    client->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
}

void
client_close(struct client *client)
{
	free(client->bytes);
	client->bytes = NULL;
	(void)close(client->fd);
	client->fd = -1;
}

void
client_finish(struct client *client)
{
	/* It may be reset already: whoever looks for its end sees that. */
	if (shutdown(client->fd, SHUT_WR) == -1 && errno != ENOTCONN)
		fail_msg("shutdown: %s", strerror(errno));
}

size_t
client_try_send(struct client *client, const void *bytes, size_t length)
{
	int64_t deadline;
	size_t sent = 0;
	ssize_t n;

	deadline = test_deadline(CLIENT_TIMEOUT_MS);
	while (sent < length) {
		n = send(client->fd, (const char *)bytes + sent, length - sent,
		    MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
		} else if (errno == EAGAIN) {
			if (!wait_for(client->fd, POLLOUT, deadline))
				fail_msg("send: %zu of %zu bytes in time", sent,
				    length);
		} else if (errno == EPIPE || errno == ECONNRESET) {
			break;
		} else if (errno != EINTR) {
			fail_msg("send: %s", strerror(errno));
		}
	}
	return (sent);
}

void
client_send(struct client *client, const void *bytes, size_t length)
{
	size_t sent;

	sent = client_try_send(client, bytes, length);
	if (sent != length)
		fail_msg(
		    "the server closed after %zu of %zu bytes", sent, length);
}

void
client_send_text(struct client *client, const char *text)
{
	client_send(client, text, strlen(text));
}

/* Read what is there, waiting until the deadline; false: nothing came. */
static bool
receive(struct client *client, int64_t deadline)
{
	char *grown;
	ssize_t n;

	if (client->eof)
		return (false);
	if (client->size - client->length < RECEIVE_SIZE) {
		client->size = client->size * 2 + RECEIVE_SIZE;
		grown = realloc(client->bytes, client->size);
		assert_non_null(grown);
		client->bytes = grown;
	}
	for (;;) {
		n = recv(client->fd, client->bytes + client->length,
		    client->size - client->length, 0);
		if (n > 0) {
			client->length += (size_t)n;
			return (true);
		}
		if (n == 0 || errno == ECONNRESET) {
			client->error = n == 0 ? 0 : errno;
			client->eof = true;
			return (true);
		}
		if (errno != EAGAIN && errno != EINTR)
			fail_msg("recv: %s", strerror(errno));
		if (!wait_for(client->fd, POLLIN, deadline))
			return (false);
	}
}

static void
take_response(struct client *client, bool head, struct response *ret_response)
{
	const char *error = "";
	int64_t deadline;
	ssize_t taken;

	deadline = test_deadline(CLIENT_TIMEOUT_MS);
	for (;;) {
		taken = response_parse(client->bytes, client->length,
		    client->eof, head, ret_response, &error);
		if (taken > 0)
			break;
		if (client->error != 0)
			fail_msg("reset within a response");
		if (taken == -1)
			fail_msg("bad response: %s: %.*s", error,
			    (int)(client->length < 512 ? client->length : 512),
			    client->bytes);
		if (!receive(client, deadline))
			fail_msg("no whole response in time; so far: %.*s",
			    (int)(client->length < 512 ? client->length : 512),
			    client->bytes);
	}
	client->length -= (size_t)taken;
	memmove(client->bytes, client->bytes + taken, client->length);
}

void
client_response(struct client *client, struct response *ret_response)
{
	take_response(client, false, ret_response);
}

void
client_head_response(struct client *client, struct response *ret_response)
{
	take_response(client, true, ret_response);
}

enum client_end
client_end(struct client *client, int64_t timeout_ms)
{
	int64_t deadline;

	deadline = test_deadline(timeout_ms);
	while (!client->eof)
		if (!receive(client, deadline))
			return (CLIENT_OPEN);
	return (client->error != 0 ? CLIENT_RESET : CLIENT_FIN);
}

bool
client_quiet(struct client *client, int64_t ms)
{
	return (!receive(client, test_now_ms() + ms));
}

void
client_exchange(const struct server *server, const char *request,
    struct response *ret_response)
{
	struct client client;

	client_open(&client, server);
	client_send_text(&client, request);
	client_response(&client, ret_response);
	client_close(&client);
}

void
client_get(const struct server *server, const char *target,
    struct response *ret_response)
{
	char request[1024];
	int length;

	length = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
	assert_in_range(length, 1, sizeof(request) - 1);
	client_exchange(server, request, ret_response);
}

void
client_expect_get(const struct server *server, const char *target, int status,
    const char *body)
{
	struct response response;

	client_get(server, target, &response);
	assert_int_equal(response.status, status);
	if (body != NULL)
		assert_string_equal(response.body, body);
	response_free(&response);
}
