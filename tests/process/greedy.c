/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that takes more than its own of what processes share: whoever isn't
 * served by it notices nothing.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(target) \
	"GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

enum {
	LONG_MS = 20000,
};

static const char *
greedy(void)
{
	static char path[256];

	server_module("greedy", path, sizeof(path));
	return (path);
}

/* The descriptors of the master are those of its clients and some. */
static size_t
descriptors(const struct server *server)
{
	struct process_holding holding;

	process_hold(server->pid, &holding);
	return (holding.descriptors);
}

/*
 * The option belongs to the socket, and the last to close it was the master: it
 * stood still in close(2) until the client had read, or for as long as the
 * module liked.
 */
static void
a_client_that_lingers_does_not_keep_the_master(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-m",
	    greedy(), "-o", "linger-limit=100ms", NULL);
	size_t before = descriptors(server);
	struct client slow;
	int64_t deadline;

	(void)state;
	client_open(&slow, server);
	client_send_text(&slow, LAST("/greedy/linger"));
	/* Its worker gives up waiting, and then the master closes it. */
	deadline = test_deadline(LONG_MS);
	while (client_quiet(&slow, 0))
		assert_true(test_left_ms(deadline) > 0);
	do {
		assert_true(test_left_ms(deadline) > 0);
		client_expect_get(server, "/hello", 200, NULL);
		test_sleep_ms(10);
	} while (descriptors(server) > before);
	for (int i = 0; i < 20; i++)
		client_expect_get(server, "/hello", 200, NULL);
	client_close(&slow);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_client_that_lingers_does_not_keep_the_master),
	};

	return (RUN_TESTS(argc, argv, tests));
}
