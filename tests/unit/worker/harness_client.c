/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clients of the harness's worker, and the master's part in their lives:
 * hand-over, and keeping a copy of each descriptor.
 */
#include "harness.h"

#include "shm/base/clock.h"
#include "shm/base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WAIT_MS = 20000
}; /* for what should come at once */

static struct client *clients;
static uint32_t next_slot;
static uint32_t next_generation;

struct client *
clients_find(uint32_t slot, uint32_t generation)
{
	struct client *client;

	for (client = clients; client != NULL; client = client->next)
		if (client->slot == slot && client->generation == generation)
			return (client);
	return (NULL);
}

void
clients_drop(void)
{
	struct client *client;

	for (client = clients; client != NULL; client = client->next)
		client_drop(client);
}

void
clients_free(void)
{
	struct client *client;

	while ((client = clients) != NULL) {
		clients = client->next;
		fd_close(&client->fd);
		fd_close(&client->kept);
		free(client->bytes);
		free(client->text);
		free(client);
	}
	next_slot = 0;
}

static void
connect_tcp(int ret_ends[2])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int listener, on = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(listener, -1);
	assert_int_equal(bind(listener, (void *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (void *)&address, &size), 0);
	ret_ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(ret_ends[0], -1);
	assert_int_equal(connect(ret_ends[0], (void *)&address, size), 0);
	ret_ends[1] =
	    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_int_not_equal(ret_ends[1], -1);
	(void)close(listener);
	/* As the master does. */
	assert_int_equal(
	    setsockopt(ret_ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)),
	    0);
	(void)setsockopt(
	    ret_ends[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(
	    ret_ends[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

struct client *
client_new(enum client_kind kind)
{
	struct client *client = calloc(1, sizeof(*client));
	int ends[2];

	assert_non_null(client);
	if (kind == CLIENT_TCP)
		connect_tcp(ends);
	else
		assert_int_equal(
		    socketpair(AF_UNIX,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
		    0);
	client->tcp = kind == CLIENT_TCP;
	client->fd = ends[0];
	client->kept = ends[1];
	client->slot = next_slot++;
	client->generation = ++next_generation;
	client->next = clients;
	clients = client;
	return (client);
}

void
client_hand_over(struct client *client)
{
	struct {
		struct message_header header;
		struct message_connection item;
	} message = { 0 };

	message_init(&message.header, MESSAGE_HANDOVER, 1,
	    (uint32_t)sizeof(message.item));
	message.item.slot = client->slot;
	message.item.generation = client->generation;
	message.item.why = HANDOVER_ACCEPTED;
	message.item.accepted_ns = clock_now();
	message.item.peer.family = client->tcp ? AF_INET : AF_UNIX;
	if (client->tcp) {
		message.item.peer.port = 4711;
		memcpy(message.item.peer.address, "\x7f\0\0\1", 4);
	}
	harness_message(&message, sizeof(message), &client->kept, 1);
}

struct client *
client_open(enum client_kind kind)
{
	struct client *client = client_new(kind);

	client_hand_over(client);
	harness_run();
	assert_non_null(client_conn(client));
	return (client);
}

void
client_send_bytes(struct client *client, const void *bytes, size_t length)
{
	const char *at = bytes;
	ssize_t sent;
	int tries;

	for (tries = 0; length > 0; tries++) {
		sent =
		    send(client->fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			at += sent;
			length -= (size_t)sent;
			tries = 0;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		assert_in_range(tries, 0, WAIT_MS);
		harness_run();
		if (tries > 0)
			(void)usleep(1000);
	}
}

void
client_send(struct client *client, const char *text)
{
	client_send_bytes(client, text, strlen(text));
}

void
client_shut(struct client *client)
{
	assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

void
client_abort(struct client *client)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	assert_true(client->tcp);
	assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger,
			     sizeof(linger)),
	    0);
	fd_close(&client->fd);
}

void
client_drop(struct client *client)
{
	fd_close(&client->fd);
}

/* Take what is there. False: nothing was. */
static bool
take_some(struct client *client)
{
	ssize_t got;

	if (client->fd == -1 || client->eof || client->reset)
		return (false);
	if (client->length + 65536 > client->capacity) {
		client->capacity = 2 * client->capacity + 131072;
		client->bytes = realloc(client->bytes, client->capacity);
		assert_non_null(client->bytes);
	}
	got = recv(
	    client->fd, client->bytes + client->length, 65536, MSG_DONTWAIT);
	if (got > 0)
		client->length += (size_t)got;
	else if (got == 0)
		client->eof = true;
	else if (errno != EAGAIN)
		client->reset = true;
	return (got > 0);
}

void
client_read(struct client *client)
{
	do
		harness_run();
	while (take_some(client));
}

/* Time for the network; loopback needs some now and then. */
static bool
wait_a_little(const struct client *client, int *waited_ms)
{
	struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };

	if (*waited_ms >= WAIT_MS)
		return (false);
	(void)poll(&poll_fd, 1, 1);
	*waited_ms += 1;
	return (true);
}

void
client_take(struct client *client, size_t length)
{
	int waited_ms = 0;

	for (client_read(client); client->length < length && !client->eof &&
				  !client->reset &&
				  wait_a_little(client, &waited_ms);)
		client_read(client);
}

void
client_wait_end(struct client *client)
{
	int waited_ms = 0;

	for (client_read(client); !client->eof && !client->reset;
	     client_read(client))
		assert_true(wait_a_little(client, &waited_ms));
}

void
client_wait_closed(struct client *client)
{
	int waited_ms = 0;

	for (client_read(client); client->closed == 0; client_read(client)) {
		if (client->eof || client->reset || client->fd == -1)
			(void)usleep(1000);
		assert_true(wait_a_little(client, &waited_ms));
	}
}

/* Take out the line that begins with ${name}. */
static void
cut_lines(char *text, size_t *length, const char *name)
{
	char *at = text, *end;

	while ((at = memmem(at, *length - (size_t)(at - text), name,
		    strlen(name))) != NULL) {
		end = memmem(at, *length - (size_t)(at - text), "\r\n", 2);
		if (end == NULL)
			return;
		end += 2;
		memmove(at, end, *length - (size_t)(end - text));
		*length -= (size_t)(end - at);
	}
}

const char *
client_text(struct client *client)
{
	size_t length = client->length;

	free(client->text);
	client->text = malloc(length + 1);
	assert_non_null(client->text);
	if (length > 0)
		memcpy(client->text, client->bytes, length);
	cut_lines(client->text, &length, "Server: Bulkhead\r\n");
	cut_lines(client->text, &length, "Date: ");
	client->text[length] = '\0';
	return (client->text);
}

void
client_wait_text(struct client *client, size_t length)
{
	int waited_ms = 0;

	for (client_read(client); strlen(client_text(client)) < length &&
				  !client->eof && !client->reset &&
				  wait_a_little(client, &waited_ms);)
		client_read(client);
}

void
client_forget(struct client *client)
{
	client->length = 0;
}

static struct conn_slot *
slot_of(const struct client *client)
{
	return (&harness_worker()->segment.slots[client->slot]);
}

enum slot_state
client_slot_state(const struct client *client)
{
	return (slot_state(slot_of(client)));
}

struct slot_request
client_place(const struct client *client)
{
	struct slot_request place = { 0 };

	assert_true(slot_get_request(slot_of(client), &place));
	return (place);
}

struct conn *
client_conn(const struct client *client)
{
	return (conn_find(
	    harness_worker(), conn_id_make(client->slot, client->generation)));
}
