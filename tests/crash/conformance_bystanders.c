/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that are with a worker when another one kills it: they are
 * answered, not punished; and several that kill don't hide each other.
 */
#include "tests/crash/conformance.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LONG_MS = 10000,
	REPLAYS_MAX = 3, /* deaths that a bystander survives */
};

/* Long enough that a worker dies meanwhile, under a sanitizer too. */
static unsigned
parked_ms(void)
{
	return (test_sanitized() ? 2000 : 400);
}

static void
send_parked(struct client *client, const struct server *server,
    const char *method, const char *key)
{
	char request[256];

	client_open(client, server);
	(void)snprintf(request, sizeof(request),
	    "%s /faulty?wait=%u&key=%s HTTP/1.1\r\nHost: a\r\n\r\n", method,
	    parked_ms(), key);
	client_send_text(client, request);
}

static void
send_poison(struct client *client, const struct server *server, const char *key)
{
	char request[256];

	client_open(client, server);
	(void)snprintf(request, sizeof(request),
	    "GET /faulty?how=segv&at=begin_request&times=0&key=%s "
	    "HTTP/1.1\r\nHost: a\r\n\r\n",
	    key);
	client_send_text(client, request);
}

/* Die once, of somebody else's request. */
static void
kill_once(struct server *server, const char *key)
{
	char target[128], body[64];

	(void)snprintf(target, sizeof(target),
	    "/faulty?how=kill&at=begin_request&times=1&key=%s", key);
	(void)snprintf(body, sizeof(body), "GET %s 0 0\n", key);
	client_expect_get(server, target, 200, body);
}

static void
a_poison_request_costs_its_neighbours_nothing(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client get, post, poison;

	(void)state;
	send_parked(&get, server, "GET", "g");
	send_parked(&post, server, "POST", "p");
	test_sleep_ms(50);
	send_poison(&poison, server, "x");
	expect_refusal(&poison);
	expect_refusal(&post);
	expect(&get, 200, "GET g 0 0\n");
	expect_hello(&get);
	client_close(&get);
	assert_int_equal(stage_lines("x begin_request "), 2);
	server_stop(server);
}

/*
 * The poison is the first that a successor comes to, and kills it before it
 * has come to the others. What was decided about them isn't decided anew by
 * the next one, who knows less.
 */
static void
what_was_decided_survives_the_next_death(void **state)
{
	const size_t size = 16000000;
	struct server *server = stage_server("1", NULL);
	struct client half, last, poison, post;
	char request[96];

	(void)state;
	client_open(&poison, server);
	expect_hello(&poison);
	client_open(&half, server);
	(void)snprintf(request, sizeof(request),
	    "GET /faulty?key=h&size=%zu HTTP/1.1\r\nHost: a\r\n\r\n", size);
	client_send_text(&half, request);
	send_parked(&post, server, "POST", "p");
	/* Answered in whole, and its worker would die before it closes it. */
	client_open(&last, server);
	client_send_text(&last,
	    "GET /faulty?how=kill&at=begin_request&thread=2&wait=60000"
	    "&respond=whole&key=l HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	expect(&last, 200, "0123456789");
	assert_true(client_quiet(&last, 100));
	client_send_text(&poison,
	    "GET /faulty?how=segv&at=begin_request&times=0&key=x "
	    "HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_refusal(&poison);
	expect_refusal(&post);
	assert_int_equal(client_end(&half, LONG_MS), CLIENT_RESET);
	assert_in_range(half.length, 1, size - 1);
	client_close(&half);
	expect_fin(&last);
	assert_int_equal(stage_lines("x begin_request "), 2);
	server_stop(server);
}

/* The 502 is out, and who sent it is dead before it could end the connection.
 */
static void
a_refusal_is_sent_once(void **state)
{
	char faulty[PATH_MAX], shim[PATH_MAX], script[2 * PATH_MAX];
	pid_t pids[SERVER_WORKERS_MAX];
	struct server *server;
	struct client client;

	(void)state;
	if (test_sanitized()) /* its library must come first */
		skip();
	server_module("faulty", faulty, sizeof(faulty));
	server_module("dies_in_shutdown", shim, sizeof(shim));
	(void)snprintf(script, sizeof(script),
	    "export LD_PRELOAD=%s DIES_IN_SHUTDOWN=\"${5%%/*}/dies\" && "
	    "exec \"$@\"",
	    shim);
	server = server_start_by(script, "-w", "1", "-m", "hello", "-m", faulty,
	    "-o", "spares=1", "-o", "sandbox=off", NULL);
	server->crash_expected = true;
	send_parked(&client, server, "POST", "p");
	test_sleep_ms(50);
	assert_in_range(server_workers(server, pids), 1, 2);
	server_file(server, "dies", "%s", "");
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	expect_refusal(&client);
	assert_int_equal(access(server_path(server, "dies"), F_OK), -1);
	server_stop(server);
}

/* They kill in turn, and each brings the others back to the queue. */
static void
poison_of_many_is_refused(const char *workers)
{
	enum {
		CLIENTS = 3 /* more, and the next start is seconds away */
	};
	struct server *server = stage_server(workers, NULL);
	struct client poison[CLIENTS], innocent[CLIENTS];
	char key[48];
	size_t i;

	for (i = 0; i < CLIENTS; i++) {
		client_open(&innocent[i], server);
		expect_hello(&innocent[i]);
	}
	for (i = 0; i < CLIENTS; i++) {
		(void)snprintf(key, sizeof(key), "x%zu", i);
		send_poison(&poison[i], server, key);
	}
	for (i = 0; i < CLIENTS; i++) {
		expect_refusal(&poison[i]);
		expect_hello(&innocent[i]);
		client_close(&innocent[i]);
		(void)snprintf(key, sizeof(key), "x%zu begin_request ", i);
		assert_in_range(stage_lines(key), 1, 2);
	}
	server_stop(server);
}

static void
many_poison_requests_of_one_worker_are_refused(void **state)
{
	(void)state;
	poison_of_many_is_refused("1");
}

static void
many_poison_requests_of_two_workers_are_refused(void **state)
{
	(void)state;
	poison_of_many_is_refused("2");
}

static void
a_bystander_is_replayed_three_times(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client client;
	char key[16];
	int i;

	(void)state;
	send_parked(&client, server, "GET", "g");
	test_sleep_ms(50);
	for (i = 0; i < REPLAYS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		kill_once(server, key);
	}
	expect(&client, 200, "GET g 0 0\n");
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

static void
a_bystander_of_a_fourth_death_is_refused(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client client;
	char key[16];
	int i;

	(void)state;
	send_parked(&client, server, "GET", "g");
	test_sleep_ms(50);
	for (i = 0; i < REPLAYS_MAX + 1; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		kill_once(server, key);
	}
	expect_refusal(&client);
	server_stop(server);
}

/* A death forgets nobody's past, and remembers nobody's too long. */
static void
the_next_request_of_a_connection_has_no_past(void **state)
{
	struct server *server = stage_server("1", NULL);
	char request[160], body[64];
	struct client client;
	int i;

	(void)state;
	client_open(&client, server);
	for (i = 0; i < 6; i++) {
		(void)snprintf(request, sizeof(request),
		    "GET /faulty?how=segv&at=begin_request&times=1&key=k%d "
		    "HTTP/1.1\r\nHost: a\r\n\r\n",
		    i);
		client_send_text(&client, request);
		(void)snprintf(body, sizeof(body), "GET k%d 0 0\n", i);
		expect(&client, 200, body);
	}
	client_close(&client);
	server_stop(server);
}

static void
half_a_body_is_refused_and_the_rest_swallowed(void **state)
{
	static char body[300000];
	struct server *server = stage_server("1", NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "PUT /faulty?key=k HTTP/1.1\r\nHost: a\r\n"
				  "Content-Length: 300000\r\n\r\n");
	client_send(&client, body, 200000);
	test_sleep_ms(50);
	kill_once(server, "x");
	client_send(&client, body, 100000);
	expect_refusal(&client);
	server_stop(server);
}

static void
half_a_chunked_body_is_waited_for(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "PUT /faulty?key=k HTTP/1.1\r\nHost: a\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n3\r\nA");
	test_sleep_ms(50);
	kill_once(server, "x");
	client_send_text(&client, "BC\r\n0\r\n\r\n");
	expect(&client, 200, "PUT k 3 64578\n");
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

/* Each piece reaches another worker than the one before. */
static void
send_across_deaths(struct server *server, struct client *client,
    const char *const *pieces, size_t count)
{
	char key[32];
	size_t i;

	for (i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "x%zu", i);
		kill_once(server, key);
		client_send_text(client, pieces[i]);
		test_sleep_ms(20); /* so that it has been read, mostly */
	}
}

static void
a_body_that_nobody_wanted_is_swallowed_by_others(void **state)
{
	static char body[30000];
	struct server *server = stage_server("1", NULL);
	struct client client;
	size_t i;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "PUT /nowhere HTTP/1.1\r\nHost: a\r\n"
				  "Content-Length: 30000\r\n\r\n");
	client_send(&client, body, 20000);
	expect(&client, 404, NULL);
	for (i = 0; i < 2; i++) {
		kill_once(server, i == 0 ? "x" : "y");
		client_send(&client, body, 5000);
		test_sleep_ms(20);
	}
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

static void
chunks_that_nobody_wanted_are_swallowed_by_others(void **state)
{
	static const char *const pieces[] = { "cde\r", "\n1", "0;x\r\n01234567",
		"89abcdef\r\n0\r\nA: b\r", "\n\r\nGET /hello HTTP/1.1\r\n" };
	struct server *server = stage_server("1", NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "PUT /nowhere HTTP/1.1\r\nHost: a\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n5\r\nab");
	expect(&client, 404, NULL);
	send_across_deaths(
	    server, &client, pieces, sizeof(pieces) / sizeof(pieces[0]));
	client_send_text(&client, "Host: a\r\n\r\n");
	expect(&client, 200, NULL);
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

/* Answered, and dead before it began to throw away the body. */
static void
a_body_behind_its_answer_is_swallowed(
    const char *framing, const char *part, const char *rest)
{
	struct server *server = stage_server("1", NULL);
	struct client client;
	char request[320];

	client_open(&client, server);
	(void)snprintf(request, sizeof(request),
	    "PUT /faulty?how=kill&at=begin_request&times=1&key=k&respond=whole "
	    "HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s",
	    framing, part);
	client_send_text(&client, request);
	expect(&client, 200, "0123456789");
	while (stage_lines("k begin_request ") == 0)
		test_sleep_ms(5);
	client_send_text(&client, rest);
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

static void
a_body_is_swallowed_by_who_finds_its_answer_sent(void **state)
{
	(void)state;
	a_body_behind_its_answer_is_swallowed(
	    "Content-Length: 6", "abc", "def");
	a_body_behind_its_answer_is_swallowed(
	    "Transfer-Encoding: chunked", "6\r\nabc", "def\r\n0\r\n\r\n");
}

static void
an_endless_body_that_nobody_wanted_ends_with_its_connection(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "PUT /nowhere HTTP/1.1\r\nHost: a\r\n"
				  "Transfer-Encoding: chunked\r\n\r\n1");
	expect(&client, 404, NULL);
	kill_once(server, "x");
	client_send_text(&client, "00000\r\n");
	expect_fin(&client);
	server_stop(server);
}

/* A module waits for it in its own memory: it won't be in the segment. */
static void
a_body_that_was_asked_for_is_refused(void **state)
{
	struct server *server = stage_server("1", NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client,
	    "PUT /faulty?key=k HTTP/1.1\r\nHost: a\r\n"
	    "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_false(client_quiet(&client, LONG_MS));
	kill_once(server, "x");
	client_send_text(&client, "ABC");
	expect_refusal(&client);
	server_stop(server);
}

/* ${size} bytes that their client doesn't read until the worker is dead. */
static void
expect_whole_or_reset(size_t size)
{
	struct server *server = stage_server("1", NULL);
	struct client client;
	char request[96];

	client_open(&client, server);
	(void)snprintf(request, sizeof(request),
	    "GET /faulty?key=k&size=%zu HTTP/1.1\r\nHost: a\r\n\r\n", size);
	client_send_text(&client, request);
	test_sleep_ms(100);
	kill_once(server, "x");
	if (client_end(&client, 200) == CLIENT_OPEN) {
		expect(&client, 200, NULL);
		expect_hello(&client);
	} else {
		assert_int_equal(client_end(&client, 0), CLIENT_RESET);
		assert_in_range(client.length, 1, size - 1);
	}
	client_close(&client);
	server_stop(server);
}

static void
an_answer_that_a_slow_client_has_not_read_is_whole_or_reset(void **state)
{
	(void)state;
	expect_whole_or_reset(20000);
	expect_whole_or_reset(1000000);
	expect_whole_or_reset(16000000);
}

static void
a_client_that_is_gone_troubles_nobody(void **state)
{
	static const struct linger now = { .l_onoff = 1 };
	struct server *server = stage_server("1", NULL);
	struct client get, idle;

	(void)state;
	client_open(&idle, server);
	expect_hello(&idle);
	send_parked(&get, server, "GET", "g");
	test_sleep_ms(50);
	/* They go while their worker is being replaced, or just before. */
	assert_int_equal(
	    setsockopt(get.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	assert_int_equal(
	    setsockopt(idle.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	client_close(&get);
	client_close(&idle);
	kill_once(server, "x");
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_poison_request_costs_its_neighbours_nothing),
		PROCESS_TEST(what_was_decided_survives_the_next_death),
		PROCESS_TEST(a_refusal_is_sent_once),
		PROCESS_TEST(many_poison_requests_of_one_worker_are_refused),
		PROCESS_TEST(many_poison_requests_of_two_workers_are_refused),
		PROCESS_TEST(a_bystander_is_replayed_three_times),
		PROCESS_TEST(a_bystander_of_a_fourth_death_is_refused),
		PROCESS_TEST(the_next_request_of_a_connection_has_no_past),
		PROCESS_TEST(half_a_body_is_refused_and_the_rest_swallowed),
		PROCESS_TEST(half_a_chunked_body_is_waited_for),
		PROCESS_TEST(a_body_that_nobody_wanted_is_swallowed_by_others),
		PROCESS_TEST(chunks_that_nobody_wanted_are_swallowed_by_others),
		PROCESS_TEST(a_body_is_swallowed_by_who_finds_its_answer_sent),
		PROCESS_TEST(
		    an_endless_body_that_nobody_wanted_ends_with_its_connection),
		PROCESS_TEST(a_body_that_was_asked_for_is_refused),
		PROCESS_TEST(
		    an_answer_that_a_slow_client_has_not_read_is_whole_or_reset),
		PROCESS_TEST(a_client_that_is_gone_troubles_nobody),
	};

	return (RUN_TESTS(argc, argv, tests));
}
