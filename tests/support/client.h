/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small HTTP client: one connection, every step within a time limit, every
 * response read strictly. Its functions fail the test when something is
 * wrong, but for those that say otherwise.
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include "tests/support/response.h"
#include "tests/support/server.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	CLIENT_TIMEOUT_MS = 10000
};

struct client {
	int fd;
	char *bytes; /* received and not yet taken */
	size_t length;
	size_t size;
	bool eof;
	int error; /* errno of the read that ended it: ECONNRESET */
};

/* How a connection ended. */
enum client_end {
	CLIENT_OPEN, /* it didn't, in time */
	CLIENT_FIN,
	CLIENT_RESET,
};

void client_open(struct client *client, const struct server *server);
void client_close(struct client *client);
void client_finish(struct client *client); /* no more requests: shutdown(2) */

/*
 * client_send(client, bytes, length): all of it. client_send_text() for
 * strings. client_try_send() answers how much went before the peer closed.
 */
void client_send(struct client *client, const void *bytes, size_t length);
void client_send_text(struct client *client, const char *text);
size_t client_try_send(struct client *client, const void *bytes, size_t length);

/*
 * client_response(client, ret_response): the next response.
 * client_head_response() is for the answer to a HEAD.
 */
void client_response(struct client *client, struct response *ret_response);
void client_head_response(struct client *client, struct response *ret_response);

/*
 * client_end(client, timeout_ms): wait for the connection's end; bytes that
 * come before it stay to be taken.
 */
enum client_end client_end(struct client *client, int64_t timeout_ms);

/* client_quiet(client, ms): does nothing arrive for so long? */
bool client_quiet(struct client *client, int64_t ms);

/*
 * client_exchange(server, request, ret_response): a connection for one
 * request that is sent whole.
 */
void client_exchange(const struct server *server, const char *request,
    struct response *ret_response);

/*
 * client_get(server, target, ret_response): GET on a connection of its own.
 */
void client_get(const struct server *server, const char *target,
    struct response *ret_response);

/*
 * client_expect_get(server, target, status, body): the same, and the answer
 * must be that; ${body} may be NULL for any.
 */
void client_expect_get(const struct server *server, const char *target,
    int status, const char *body);

#endif
