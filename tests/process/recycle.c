/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recycling: workers are replaced and no client notices.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000,
	CLIENTS = 8
};

static const char *
trouble(const char *settings)
{
	static char path[512];
	char module[256];

	server_module("trouble", module, sizeof(module));
	(void)snprintf(
	    path, sizeof(path), "%s,path=/trouble%s", module, settings);
	return (path);
}

static void
expect_hello(struct client *client)
{
	struct response r;

	client_send_text(client, GET("/hello"));
	client_response(client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

/* Until there are ${count} workers and none of the ${old}. */
static void
wait_all_new(struct server *server, const pid_t *old, size_t count)
{
	int64_t deadline = test_deadline(LONG_MS);
	pid_t now[SERVER_WORKERS_MAX];
	size_t left, n;

	do {
		n = server_workers(server, now);
		left = 0;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < count; k++)
				left += now[i] == old[k];
		if (n == count && left == 0)
			return;
		test_sleep_ms(10);
	} while (test_left_ms(deadline) > 0);
	fail_msg("%zu workers, %zu of them old", n, left);
}

static void
recycle_by_hand(const char *spares, size_t count)
{
	struct server *server = server_start(
	    "-w", "2", "-o", spares, "-m", "hello", "-m", "delay", NULL);
	pid_t old[SERVER_WORKERS_MAX];
	struct client clients[CLIENTS], busy, half;
	struct response r;
	size_t i;

	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		if (i % 2 == 0)
			expect_hello(&clients[i]);
	}
	client_open(&busy, server);
	client_send_text(&busy, GET("/delay?ms=500"));
	client_open(&half, server);
	client_send_text(&half, "GET /hel");
	test_sleep_ms(100);
	assert_int_equal(server_workers(server, old), count);
	ctl_expect(server, "recycle", NULL, 0, "will be replaced");
	client_send_text(&half, "lo HTTP/1.1\r\nHost: a\r\n\r\n");
	client_response(&half, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	wait_all_new(server, old, count);
	expect_hello(&busy);
	expect_hello(&half);
	for (i = 0; i < CLIENTS; i++) {
		expect_hello(&clients[i]);
		expect_hello(&clients[i]);
		client_close(&clients[i]);
	}
	client_close(&busy);
	client_close(&half);
	ctl_expect(server, "status", NULL, 0, " 0 died");
	server_stop(server);
}

static void
nobody_notices_with_a_spare(void **state)
{
	(void)state;
	recycle_by_hand("spares=1", 3);
}

static void
nobody_notices_without_a_spare(void **state)
{
	(void)state;
	recycle_by_hand("spares=0", 2);
}

static void
a_migrated_connection_can_be_recovered(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	pid_t old[SERVER_WORKERS_MAX];
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	expect_hello(&client);
	assert_int_equal(server_workers(server, old), 1);
	ctl_expect(server, "recycle", "1", 0, "1 worker will be replaced");
	wait_all_new(server, old, 1);
	expect_hello(&client);
	client_send_text(&client, GET("/delay?ms=300"));
	test_sleep_ms(100);
	assert_int_equal(server_workers(server, old), 1);
	assert_int_equal(kill(old[0], SIGKILL), 0);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	/* Nothing that it never asked for, and it goes on. */
	assert_true(client_quiet(&client, 100));
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

static void
workers_that_reach_a_limit_are_replaced(void **state)
{
	static const struct {
		const char *option, *request, *words;
	} cases[] = {
		{ "recycle-requests=3", GET("/hello"), "recycle-requests" },
		{ "recycle-memory=48M", GET("/trouble/grow"),
		    "recycle-memory" },
		{ "recycle-age=300ms", GET("/hello"), "recycle-age" },
	};
	size_t count = sizeof(cases) / sizeof(cases[0]);
	struct server *server;
	struct client client;
	struct response r;

	(void)state;
	/* An instrumented process is that large from the beginning. */
	for (size_t i = 0; i < count; i++) {
		if (i == 1 && test_sanitized())
			continue;
		server = server_start("-w", "1", "-m", "hello", "-m",
		    trouble(""), "-o", cases[i].option, NULL);
		client_open(&client, server);
		for (int k = 0; k < 3; k++) {
			client_send_text(&client, cases[i].request);
			client_response(&client, &r);
			assert_int_equal(r.status, 200);
			response_free(&r);
		}
		(void)server_log_wait(server, cases[i].words, LONG_MS);
		(void)server_log_wait(server, "retires", LONG_MS);
		expect_hello(&client);
		client_close(&client);
		server_stop(server);
	}
}

static void
commands_that_cannot_be_are_refused(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);

	(void)state;
	ctl_expect(server, "recycle", "9", 1, "no such worker");
	ctl_expect(server, "recycle", "x", 1, "a worker's number");
	ctl_expect(server, "release", NULL, 2, "usage");
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(nobody_notices_with_a_spare),
		PROCESS_TEST(nobody_notices_without_a_spare),
		PROCESS_TEST(a_migrated_connection_can_be_recovered),
		PROCESS_TEST(workers_that_reach_a_limit_are_replaced),
		PROCESS_TEST(commands_that_cannot_be_are_refused),
	};

	return (RUN_TESTS(argc, argv, tests));
}
