/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bodies larger than any buffer go through /echo unchanged, in both
 * directions at once, and a worker's memory doesn't grow with them.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MIB (UINT64_C(1024) * 1024)

enum {
	BUFFER = 65536,
	CHUNK = 5000, /* divides no power of two */
	MEMORY_LIMIT_KIB = 64 * 1024,
};

/* The upload: byte n is a function of n, so nothing need be kept. */
static unsigned char
byte_at(uint64_t offset)
{
	uint64_t x;

	x = offset * UINT64_C(0x9e3779b97f4a7c15);
	return ((unsigned char)(x >> 56 ^ x >> 29));
}

/* One upload and what comes back of it. */
struct transfer {
	uint64_t size;
	bool chunked;
	uint64_t sent;     /* entity bytes */
	uint64_t received; /* entity bytes, compared */
	char out[BUFFER + 64];
	size_t out_length, out_at; /* framed bytes on their way */
	bool out_finished;         /* the last chunk is framed */
};

/* Frame the next bytes: nothing left when the body is out. */
static void
fill(struct transfer *t)
{
	uint64_t length, most = t->chunked ? CHUNK : BUFFER;
	size_t at = 0;
	uint64_t i;

	t->out_at = 0;
	t->out_length = 0;
	length = t->size - t->sent < most ? t->size - t->sent : most;
	if (t->out_finished)
		return;
	if (t->chunked)
		at = (size_t)snprintf(t->out, sizeof(t->out), "%llx\r\n",
		    (unsigned long long)length);
	for (i = 0; i < length; i++)
		t->out[at + i] = (char)byte_at(t->sent + i);
	at += length;
	if (t->chunked) {
		memcpy(t->out + at, "\r\n", 2);
		at += 2;
	}
	t->sent += length;
	t->out_length = at;
	/* A chunked body ends with a chunk of no bytes. */
	t->out_finished = t->chunked ? length == 0 : t->sent == t->size;
}

static void
send_some(struct transfer *t, int fd)
{
	ssize_t n;

	if (t->out_at == t->out_length)
		fill(t);
	n = send(
	    fd, t->out + t->out_at, t->out_length - t->out_at, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		fail_msg("send after %llu bytes: %s",
		    (unsigned long long)t->sent, strerror(errno));
	if (n > 0)
		t->out_at += (size_t)n;
}

static void
compare(struct transfer *t, const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if ((unsigned char)bytes[i] != byte_at(t->received + i))
			fail_msg("byte %llu came back changed",
			    (unsigned long long)(t->received + i));
	t->received += length;
}

static bool
all_sent(const struct transfer *t)
{
	return (t->out_finished && t->out_at == t->out_length);
}

/*
 * Send and receive as the socket allows. A plain body only: its answer has a
 * Content-Length, so that the bytes after the head are the entity's.
 */
static void
exchange(struct transfer *t, struct client *client)
{
	struct pollfd ready = { .fd = client->fd };
	char bytes[BUFFER], *end;
	int64_t deadline;
	bool in_body = false;
	size_t head = 0;
	ssize_t n;

	deadline = test_deadline(60000);
	while (t->received < t->size) {
		ready.events = (short)(POLLIN | (all_sent(t) ? 0 : POLLOUT));
		if (poll(&ready, 1, test_left_ms(deadline)) == 0)
			fail_msg("only %llu bytes came back in time",
			    (unsigned long long)t->received);
		if ((ready.revents & POLLOUT) != 0)
			send_some(t, client->fd);
		if ((ready.revents & (POLLIN | POLLHUP | POLLERR)) == 0)
			continue;
		n = recv(client->fd, bytes + head, sizeof(bytes) - head, 0);
		if (n == -1 && errno == EAGAIN)
			continue;
		if (n <= 0)
			fail_msg("the connection ended after %llu bytes",
			    (unsigned long long)t->received);
		if (in_body) {
			compare(t, bytes, (size_t)n);
			continue;
		}
		head += (size_t)n;
		end = memmem(bytes, head, "\r\n\r\n", 4);
		if (end == NULL)
			continue;
		assert_memory_equal(bytes, "HTTP/1.1 200 ", 13);
		in_body = true;
		compare(t, end + 4, head - (size_t)(end + 4 - bytes));
		head = 0;
	}
	assert_true(t->received == t->size);
}

static pid_t
only_worker(struct server *server)
{
	pid_t workers[SERVER_WORKERS_MAX];

	assert_int_equal(server_workers(server, workers), 1);
	return (workers[0]);
}

static void
check_memory(pid_t worker)
{
	long highest;

	highest = process_memory_kib(worker, "VmHWM");
	assert_true(highest > 0);
	/* A sanitizer's own memory has nothing to do with ours. */
	if (!test_sanitized() && highest > MEMORY_LIMIT_KIB)
		fail_msg("the worker had %ld KiB", highest);
}

static void
a_large_upload_comes_back_in_little_memory(void **state)
{
	static struct transfer t;
	struct server *server = server_start("-w", "1", "-m", "echo", NULL);
	struct client client;
	char head[128];

	(void)state;
	t.size = test_sanitized() ? 20 * MIB : 100 * MIB;
	client_open(&client, server);
	(void)snprintf(head, sizeof(head),
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %llu\r\n\r\n",
	    (unsigned long long)t.size);
	client_send_text(&client, head);
	exchange(&t, &client);
	check_memory(only_worker(server));

	/* The connection is at the start of its next request. */
	client_send_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\n"
				  "Content-Length: 0\r\n\r\n");
	client_close(&client);
	server_stop(server);
}

static void
a_chunked_upload_comes_back(void **state)
{
	static struct transfer t;
	struct server *server = server_start("-w", "1", "-m", "echo", NULL);
	struct response r;
	struct client client;

	(void)state;
	t.size = MIB + 12345;
	t.chunked = true;
	client_open(&client, server);
	client_send_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n");
	/* The server reads on only as we take what it sends. */
	while (!all_sent(&t)) {
		send_some(&t, client.fd);
		(void)client_quiet(&client, 0);
	}
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_true(r.chunked);
	compare(&t, r.body, r.body_bytes);
	assert_true(t.received == t.size);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

static void
a_client_that_does_not_read_is_not_buffered_for(void **state)
{
	static struct transfer t;
	struct server *server = server_start("-w", "1", "-m", "echo", NULL);
	struct pollfd ready;
	struct client client;
	char head[128];

	(void)state;
	t.size = 100 * MIB;
	client_open(&client, server);
	(void)snprintf(head, sizeof(head),
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %llu\r\n\r\n",
	    (unsigned long long)t.size);
	client_send_text(&client, head);
	/* Until neither socket takes more: then the server has stopped. */
	ready = (struct pollfd){ .fd = client.fd, .events = POLLOUT };
	while (!all_sent(&t) && poll(&ready, 1, 500) == 1)
		send_some(&t, client.fd);
	assert_false(all_sent(&t));
	check_memory(only_worker(server));
	client_close(&client);
	client_expect_get(server, "/nothing", 404, NULL);
	server_stop(server);
}

static void
many_uploads_at_once_come_back(void **state)
{
	enum {
		CLIENTS = 20,
		SIZE = 200000
	};
	struct server *server = server_start("-w", "2", "-m", "echo", NULL);
	static struct transfer t[CLIENTS];
	struct client clients[CLIENTS];
	struct response r;
	bool busy = true;
	char head[128];
	size_t i;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		t[i].size = SIZE + i;
		client_open(&clients[i], server);
		(void)snprintf(head, sizeof(head),
		    "POST /echo HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: %zu\r\n\r\n",
		    SIZE + i);
		client_send_text(&clients[i], head);
	}
	while (busy) {
		busy = false;
		for (i = 0; i < CLIENTS; i++) {
			if (!all_sent(&t[i])) {
				send_some(&t[i], clients[i].fd);
				busy = true;
			}
			(void)client_quiet(&clients[i], 0);
		}
	}
	for (i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		compare(&t[i], r.body, r.body_bytes);
		assert_true(t[i].received == t[i].size);
		response_free(&r);
		client_close(&clients[i]);
	}
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_large_upload_comes_back_in_little_memory),
		PROCESS_TEST(a_chunked_upload_comes_back),
		PROCESS_TEST(a_client_that_does_not_read_is_not_buffered_for),
		PROCESS_TEST(many_uploads_at_once_come_back),
	};

	return (RUN_TESTS(argc, argv, tests));
}
