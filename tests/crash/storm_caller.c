/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client for load.
 */
#include "tests/crash/storm_caller.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	ROOM = 256 * 1024,
	SILENCE_S = 20
};

const char *
got_name(enum got got)
{
	static const char *const names[GOT_COUNT] = {
		"a response",
		"FIN instead of a response",
		"FIN within a response",
		"reset instead of a response",
		"reset within a response",
		"silence",
		"nonsense",
	};

	return (names[got]);
}

bool
caller_open(struct caller *caller, uint16_t port)
{
	const struct timeval limit = { .tv_sec = SILENCE_S };
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int no_delay = 1, saved;

	memset(caller, 0, sizeof(*caller));
	caller->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (caller->fd == -1)
		return (false);
	(void)setsockopt(
	    caller->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
	(void)setsockopt(
	    caller->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(
	    caller->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(caller->fd, (const struct sockaddr *)&address,
		sizeof(address)) == 0)
		return (true);
	saved = errno;
	(void)close(caller->fd);
	errno = saved;
	return (false);
}

void
caller_close(struct caller *caller)
{
	free(caller->bytes);
	caller->bytes = NULL;
	(void)close(caller->fd);
	caller->fd = -1;
}

bool
caller_send(struct caller *caller, const void *bytes, size_t length)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < length) {
		n = send(caller->fd, (const char *)bytes + sent, length - sent,
		    MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return (false);
		if (n > 0)
			sent += (size_t)n;
	}
	return (true);
}

/* False: silence. */
static bool
read_more(struct caller *caller, int flags)
{
	char *grown;
	ssize_t n;

	if (caller->size - caller->length < ROOM) {
		caller->size = caller->size * 2 + ROOM;
		grown = realloc(caller->bytes, caller->size);
		if (grown == NULL)
			abort();
		caller->bytes = grown;
	}
	do
		n = recv(caller->fd, caller->bytes + caller->length,
		    caller->size - caller->length, flags);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return (false);
	if (n > 0)
		caller->length += (size_t)n;
	else if (n == 0)
		caller->fin = true;
	else
		caller->reset = true;
	return (true);
}

static void
take(struct caller *caller, size_t length)
{
	caller->length -= length;
	memmove(caller->bytes, caller->bytes + length, caller->length);
}

/* What ${taken}, as response_parse() has it, and the socket come to. */
static bool
is_end(const struct caller *caller, ssize_t taken, enum got *ret_got)
{
	if (caller->reset)
		*ret_got = caller->length == 0 ? GOT_RESET : GOT_BROKEN;
	else if (caller->fin)
		*ret_got = caller->length == 0 ? GOT_FIN : GOT_CUT;
	else if (taken == -1)
		*ret_got = GOT_NONSENSE;
	else
		return (false);
	return (true);
}

enum got
caller_receive(struct caller *caller, struct response *ret_response)
{
	ssize_t taken;
	enum got got;

	for (;;) {
		taken =
		    caller->length == 0
			? 0
			: response_parse(caller->bytes, caller->length,
			      caller->fin, false, ret_response, &caller->error);
		if (taken > 0)
			break;
		if (is_end(caller, taken, &got))
			return (got);
		if (!read_more(caller, 0))
			return (GOT_SILENCE);
	}
	take(caller, (size_t)taken);
	return (GOT_RESPONSE);
}

/* Is it a 200 with a body of that length? Of the head alone. */
static bool
is_like(const struct response *head, const struct response *expected)
{
	const char *length = response_header(head, "Content-Length");

	return (head->status == 200 && length != NULL &&
		strtoull(length, NULL, 10) == expected->body_bytes);
}

enum got
caller_expect(
    struct caller *caller, const struct response *expected, bool *ret_right)
{
	struct response response;
	ssize_t head = 0;
	enum got got;

	*ret_right = false;
	while (head == 0) {
		if (caller->length > 0)
			head = response_parse(caller->bytes, caller->length,
			    false, true, &response, &caller->error);
		if (head > 0)
			break;
		if (is_end(caller, head, &got))
			return (got);
		if (!read_more(caller, 0))
			return (GOT_SILENCE);
	}
	*ret_right = is_like(&response, expected);
	response_free(&response);
	if (!*ret_right) {
		got = caller_receive(caller, &response);
		if (got == GOT_RESPONSE)
			response_free(&response);
		return (got);
	}
	while (caller->length < (size_t)head + expected->body_bytes) {
		*ret_right = false;
		if (is_end(caller, 0, &got))
			return (got);
		if (!read_more(caller, 0))
			return (GOT_SILENCE);
	}
	*ret_right = memcmp(caller->bytes + head, expected->body,
			 expected->body_bytes) == 0;
	take(caller, (size_t)head + expected->body_bytes);
	return (GOT_RESPONSE);
}

bool
caller_ended(struct caller *caller)
{
	(void)read_more(caller, MSG_DONTWAIT);
	return (caller->fin || caller->reset);
}
