/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that reads a trickled body synchronously delays no other client of
 * its worker: the call parks its stack, and the dispatch loop goes on.
 */
#include "tests/support/client.h"
#include "tests/support/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	/*
	 * What an answer in between may take: far less than the rest of the
	 * body takes to come, and far more than a busy machine needs.
	 */
	PROMPT_MS = 1000,
};

static struct server *
start(void)
{
	static char path[4096];

	server_module("sync_read", path, sizeof(path));
	return (server_start("-w", "1", "-m", path, "-m", "hello", NULL));
}

static void
begin_upload(struct client *client, const struct server *server, size_t size)
{
	char head[128];

	client_open(client, server);
	(void)snprintf(head, sizeof(head),
	    "POST /sync_read HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    size);
	client_send_text(client, head);
}

static void
expect_answer(struct client *client, const char *body)
{
	struct response r;

	client_response(client, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, body);
	response_free(&r);
}

static void
expect_prompt_hello(const struct server *server)
{
	int64_t before;

	before = test_now_ms();
	client_expect_get(server, "/hello", 200, NULL);
	if (test_now_ms() - before >
	    (test_sanitized() ? 5 * PROMPT_MS : PROMPT_MS))
		fail_msg(
		    "it took %lld ms", (long long)(test_now_ms() - before));
}

static void
others_are_served_while_a_body_trickles(void **state)
{
	struct server *server = start();
	struct client slow;
	int i;

	(void)state;
	begin_upload(&slow, server, 20);
	for (i = 0; i < 20; i++) {
		expect_prompt_hello(server);
		client_send(&slow, "a", 1);
		test_sleep_ms(10);
		expect_prompt_hello(server);
	}
	expect_answer(&slow, "20 bytes, sum 1940\n");
	client_close(&slow);
	server_stop(server);
}

static void
many_bodies_trickle_side_by_side(void **state)
{
	enum {
		CLIENTS = 100,
		SIZE = 4
	};
	struct server *server = start();
	struct client slow[CLIENTS];
	size_t i, k;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		begin_upload(&slow[i], server, SIZE);
	for (k = 0; k < SIZE; k++) {
		/* In another order each time: stacks resume as they may. */
		for (i = 0; i < CLIENTS; i++)
			client_send(&slow[(i * 37 + k * 11) % CLIENTS], "b", 1);
		expect_prompt_hello(server);
	}
	for (i = 0; i < CLIENTS; i++) {
		expect_answer(&slow[i], "4 bytes, sum 392\n");
		client_close(&slow[i]);
	}
	server_stop(server);
}

static void
more_waiting_calls_than_stacks_are_refused_not_stuck(void **state)
{
	enum {
		CLIENTS = 400
	};
	struct server *server = start();
	static struct client slow[CLIENTS];
	size_t busy = 0, i, served = 0;
	struct response r;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		begin_upload(&slow[i], server, 1);
	expect_prompt_hello(server);
	for (i = 0; i < CLIENTS; i++)
		(void)client_try_send(&slow[i], "c", 1);
	for (i = 0; i < CLIENTS; i++) {
		client_response(&slow[i], &r);
		served += strcmp(r.body, "1 bytes, sum 99\n") == 0;
		busy += strcmp(r.body, "error -11 after 0 bytes\n") == 0;
		response_free(&r);
		client_close(&slow[i]);
	}
	assert_int_equal(served + busy, CLIENTS);
	assert_in_range(served, 100, CLIENTS);
	expect_prompt_hello(server);
	server_stop(server);
}

static void
a_client_that_vanishes_gives_its_stack_back(void **state)
{
	struct server *server = start();
	struct client slow;
	int i;

	(void)state;
	/* More than there are stacks, one after the other. */
	for (i = 0; i < 300; i++) {
		begin_upload(&slow, server, 10);
		client_send(&slow, "d", 1);
		client_close(&slow);
	}
	expect_prompt_hello(server);
	begin_upload(&slow, server, 3);
	client_send(&slow, "e", 1);
	expect_prompt_hello(server);
	client_send(&slow, "ee", 2);
	expect_answer(&slow, "3 bytes, sum 303\n");
	client_close(&slow);
	server_stop(server);
}

static void
a_chunked_body_may_trickle_too(void **state)
{
	static const char body[] =
	    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n";
	struct server *server = start();
	struct client slow;
	size_t i;

	(void)state;
	client_open(&slow, server);
	client_send_text(&slow, "POST /sync_read HTTP/1.1\r\nHost: a\r\n"
				"Transfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i < sizeof(body) - 1; i++) {
		client_send(&slow, &body[i], 1);
		test_sleep_ms(2);
	}
	expect_answer(&slow, "7 bytes, sum 700\n");
	client_close(&slow);
	server_stop(server);
}

static void
a_drain_waits_for_a_trickled_body(void **state)
{
	struct server *server = start();
	struct client slow;

	(void)state;
	begin_upload(&slow, server, 2);
	client_send(&slow, "f", 1);
	test_sleep_ms(50);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	test_sleep_ms(100);
	client_send(&slow, "f", 1);
	expect_answer(&slow, "2 bytes, sum 204\n");
	client_close(&slow);
	server_ended(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(others_are_served_while_a_body_trickles),
		PROCESS_TEST(many_bodies_trickle_side_by_side),
		PROCESS_TEST(
		    more_waiting_calls_than_stacks_are_refused_not_stuck),
		PROCESS_TEST(a_client_that_vanishes_gives_its_stack_back),
		PROCESS_TEST(a_chunked_body_may_trickle_too),
		PROCESS_TEST(a_drain_waits_for_a_trickled_body),
	};

	return (RUN_TESTS(argc, argv, tests));
}
