/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients on a Unix socket: the kernel counts nothing for them, so an idle
 * connection is adopted and a busy one ends without a byte that might mislead.
 */
#include "tests/crash/conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	END_MS = 10000
};

static char path[64];

static void
open_unix(struct client *client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(client, 0, sizeof(*client));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	client->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(client->fd != -1);
	if (connect(client->fd, (const struct sockaddr *)&address,
		sizeof(address)) == -1)
		fail_msg("connect %s: %s", path, strerror(errno));
}

static struct server *
unix_server(void)
{
	char listen[80];

	(void)snprintf(
	    path, sizeof(path), "/tmp/bulkhead-unix-%d.sock", (int)getpid());
	(void)snprintf(listen, sizeof(listen), "unix:%s", path);
	return (stage_server("1", listen));
}

/* The server removes its socket; if it failed to, so must we. */
static void
end_unix(struct server *server)
{
	server_stop(server);
	if (unlink(path) == 0)
		fail_msg("the server left %s behind", path);
}

static void
kill_once(struct server *server)
{
	client_expect_get(server,
	    "/faulty?how=segv&at=begin_request&times=1&key=x", 200,
	    "GET x 0 0\n");
}

static void
an_idle_connection_is_adopted(void **state)
{
	struct server *server = unix_server();
	struct client fresh, idle;

	(void)state;
	open_unix(&fresh);
	open_unix(&idle);
	expect_hello(&idle);
	kill_once(server);
	assert_true(client_quiet(&idle, 50));
	expect_hello(&idle);
	expect_hello(&fresh);
	client_close(&idle);
	client_close(&fresh);
	end_unix(server);
}

static void
what_came_after_a_death_is_answered(void **state)
{
	struct server *server = unix_server();
	struct client idle;
	int i;

	(void)state;
	open_unix(&idle);
	for (i = 0; i < 3; i++) {
		expect_hello(&idle);
		client_expect_get(server,
		    "/faulty?how=kill&at=begin_request&times=0", 502, NULL);
	}
	expect_hello(&idle);
	client_close(&idle);
	end_unix(server);
}

/* Busy in any way: it ends, and what came before is no whole answer. */
static void
expect_ended(const char *request, size_t most)
{
	struct server *server = unix_server();
	struct client busy;

	open_unix(&busy);
	client_send_text(&busy, request);
	test_sleep_ms(50);
	if (strstr(request, "how=") == NULL)
		kill_once(server);
	assert_int_not_equal(client_end(&busy, END_MS), CLIENT_OPEN);
	assert_in_range(busy.length, 0, most);
	client_close(&busy);
	client_expect_get(server, "/hello", 200, NULL);
	end_unix(server);
}

static void
a_busy_connection_ends(void **state)
{
	(void)state;
	expect_ended("GET /faulty?wait=5000 HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	expect_ended("POST /faulty?wait=5000 HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	expect_ended("GET /faulty?how=segv&at=begin_request&times=1 "
		     "HTTP/1.1\r\nHost: a\r\n\r\n",
	    0);
	expect_ended("GET /hel", 0);
}

static void
an_answer_cut_off_never_looks_whole(void **state)
{
	(void)state;
	expect_ended("GET /faulty?how=kill&at=execute_request_handler&times=1"
		     "&respond=length HTTP/1.1\r\nHost: a\r\n\r\n",
	    1024);
	expect_ended("GET /faulty?how=kill&at=execute_request_handler&times=1"
		     "&respond=chunked HTTP/1.1\r\nHost: a\r\n\r\n",
	    1024);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(an_idle_connection_is_adopted),
		PROCESS_TEST(what_came_after_a_death_is_answered),
		PROCESS_TEST(a_busy_connection_ends),
		PROCESS_TEST(an_answer_cut_off_never_looks_whole),
	};

	return (RUN_TESTS(argc, argv, tests));
}
