/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that overwrites all of its worker's shared memory ruins that
 * worker and nothing else: master, successor and monitor read it expecting
 * the worst.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>

enum {
	IDLE = 20,
	PATIENCE_MS = 10000,
};

static struct server *
start(void)
{
	static char path[4096];

	server_module("wild", path, sizeof(path));
	/* Garbage may also make the worker hang: then it is ended soon. */
	return (server_start(
	    "-w", "2", "-o", "hang-limit=2s", "-m", path, "-m", "hello", NULL));
}

/* Whatever becomes of this one, it isn't left waiting. */
static void
store(const struct server *server, const char *what)
{
	struct client client;
	char request[64];

	client_open(&client, server);
	(void)snprintf(request, sizeof(request),
	    "GET /wild?%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	    what);
	client_send_text(&client, request);
	assert_int_not_equal(client_end(&client, PATIENCE_MS), CLIENT_OPEN);
	client_close(&client);
}

/* The log says it at once, and the crash report, which may come later. */
static void
expect_told(struct server *server)
{
	const int64_t deadline = test_deadline(PATIENCE_MS);
	struct process_result result;
	bool told = false;

	(void)server_log_wait(
	    server, "its memory can't be trusted", PATIENCE_MS);
	while (!told) {
		assert_int_equal(
		    ctl_run(server, "crashes", "--json", &result), 0);
		told = strstr(result.output, "\"segment\": \"corrupt\"") &&
		       !strstr(result.output, "\"segment\": \"whole\"");
		if (!told && test_left_ms(deadline) == 0)
			fail_msg("no report says corrupt: %s", result.output);
		process_result_free(&result);
		if (!told)
			test_sleep_ms(20);
	}
}

static void
ruins_only_its_worker(const char *what, bool dies)
{
	struct server *server = start();
	struct client idle[IDLE];
	struct response r;
	size_t i, alive = 0;

	for (i = 0; i < IDLE; i++) {
		client_open(&idle[i], server);
		client_send_text(
		    &idle[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
		client_response(&idle[i], &r);
		response_free(&r);
	}
	store(server, what);
	if (dies)
		expect_told(server);
	for (i = 0; i < IDLE; i++) {
		/* Those of the other worker haven't noticed. */
		if (client_quiet(&idle[i], 0)) {
			client_send_text(
			    &idle[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
			if (client_end(&idle[i], 20) == CLIENT_OPEN)
				alive++;
		}
		client_close(&idle[i]);
	}
	assert_in_range(alive, IDLE / 4, IDLE);
	client_expect_get(server, "/hello", 200, NULL);
	store(server, what);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
zeros_ruin_only_their_worker(void **state)
{
	(void)state;
	/* Much like a ring in which nothing has happened: it may live on. */
	ruins_only_its_worker("00", false);
}

static void
ones_ruin_only_their_worker(void **state)
{
	(void)state;
	ruins_only_its_worker("ff", true);
}

static void
noise_ruins_only_its_worker(void **state)
{
	(void)state;
	ruins_only_its_worker("1", true);
	ruins_only_its_worker("77", true);
	ruins_only_its_worker("123456", true);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(zeros_ruin_only_their_worker),
		PROCESS_TEST(ones_ruin_only_their_worker),
		PROCESS_TEST(noise_ruins_only_its_worker),
	};

	return (RUN_TESTS(argc, argv, tests));
}
