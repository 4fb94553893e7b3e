/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work on other threads: its worker goes on meanwhile, its request waits for
 * it, and its crash is told with its name.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>

enum {
	LOG_MS = 10000,
	LONG_MS = 10000,
};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
/* ENOENT is what the module's work returns. */
#define DONE      "operation 5, status -2\n"
#define CANCELLED "operation 5, status -125\n"

static struct server *
start(const char *option)
{
	static char path[4096];

	server_module("offloader", path, sizeof(path));
	return (server_start("-w", "1", "-m", path, "-m", "hello", "-o",
	    option == NULL ? "offload-threads=2" : option, NULL));
}

static void
expect(struct client *client, const char *body)
{
	struct response response;

	client_response(client, &response);
	assert_int_equal(response.status, 200);
	assert_string_equal(response.body, body);
	response_free(&response);
}

static void
what_it_returns_is_the_completions_status(void **state)
{
	struct server *server = start(NULL);

	(void)state;
	client_expect_get(server, "/offloader/async", 200, DONE);
	client_expect_get(server, "/offloader/sync", 200, "0 -2 1\n");
	client_expect_get(server, "/offloader/twice", 200, DONE);
	server_stop(server);
}

static void
its_worker_serves_others_meanwhile(void **state)
{
	struct server *server = start(NULL);
	struct client waiting[2];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		client_open(&waiting[i], server);
	client_send_text(&waiting[0], GET("/offloader/async?700"));
	client_send_text(&waiting[1], GET("/offloader/sync?700"));
	(void)server_log_wait(server, "at work", LOG_MS);
	(void)server_log_wait(server, "at work", LOG_MS);
	client_expect_get(server, "/hello", 200, NULL);
	assert_true(client_quiet(&waiting[0], 0));
	expect(&waiting[0], DONE);
	expect(&waiting[1], "0 -2 1\n");
	for (size_t i = 0; i < 2; i++)
		client_close(&waiting[i]);
	server_stop(server);
}

static void
more_work_than_threads_waits_its_turn(void **state)
{
	struct server *server = start("offload-threads=1");
	struct client clients[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET("/offloader/async?50"));
	}
	for (size_t i = 0; i < 5; i++) {
		expect(&clients[i], DONE);
		client_close(&clients[i]);
	}
	server_stop(server);
}

static void
a_request_outlives_work_that_nobody_waits_for(void **state)
{
	struct server *server = start(NULL);
	struct client client;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, GET("/offloader/forget?300"));
	(void)server_log_wait(server, "without waiting", LOG_MS);
	expect(&client, "forgotten\n");
	/* A client that leaves doesn't take the memory along. */
	client_send_text(&client, GET("/offloader/async?300"));
	(void)server_log_wait(server, "at work", LOG_MS);
	client_close(&client);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
pending_limit_does_not_end_what_is_at_work(void **state)
{
	struct server *server = start("pending-limit=100ms");

	(void)state;
	client_expect_get(server, "/offloader/async?2500", 200, DONE);
	server_stop(server);
}

/* With no id left, a thread's completions come from "thread 0". */
static void
expect_ids_left(struct server *server)
{
	struct process_result result;
	char program[256];

	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "completions", "--json", NULL },
	    LONG_MS, &result);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.output, "\"status\": -125"));
	assert_null(strstr(result.output, "\"thread\": 0"));
	process_result_free(&result);
}

/*
 * More often than there are producers' ids, with one thread: each must give
 * back its id and its place, and those that wait in the queue get another.
 */
static void
work_that_ends_its_thread_is_cancelled(void **state)
{
	struct server *server = start("offload-threads=1");
	struct client clients[4];
	const char *line;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		client_open(&clients[i], server);
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 4; i++)
			client_send_text(&clients[i], GET("/offloader/leave"));
		for (size_t i = 0; i < 4; i++)
			expect(&clients[i], CANCELLED);
	}
	client_send_text(&clients[0], GET("/offloader/async"));
	expect(&clients[0], DONE);
	line = server_log_wait(server, "ended its offload thread", LOG_MS);
	assert_non_null(strstr(line, "module offloader "));
	expect_ids_left(server);
	for (size_t i = 0; i < 4; i++)
		client_close(&clients[i]);
	server_stop(server);
}

/* The dispatch loop is in another request's callback, or in none. */
static void
crashes_are_told_as(const char *target, const char *how)
{
	struct server *server = start(NULL);
	struct client client;
	const char *line;

	server->crash_expected = true;
	client_open(&client, server);
	client_send_text(&client, target);
	line = server_log_wait(server, "in module offloader", LOG_MS);
	assert_non_null(strstr(line, how));
	assert_non_null(
	    strstr(line, "offload of execute_request_handler, request"));
	/* GET is idempotent: tried again, and then given up as poison. */
	(void)server_log_wait(server, "in module offloader", LOG_MS);
	assert_int_not_equal(client_end(&client, LONG_MS), CLIENT_RESET);
	client_close(&client);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
a_crash_on_its_thread_is_told_with_request_and_step(void **state)
{
	(void)state;
	crashes_are_told_as(
	    GET("/offloader/crash?50"), test_sanitized() ? "" : "SIGSEGV");
}

static void
an_overflow_of_its_stack_is_told_too(void **state)
{
	(void)state;
	crashes_are_told_as(
	    GET("/offloader/overflow"), test_sanitized() ? "" : "SIGSEGV");
}

/* The dispatch loop is in a callback of another module, and has no part in it.
 */
static void
an_exit_is_told_of_the_thread_that_calls_it(void **state)
{
	static const struct {
		const char *request, *who;
	} ways[] = {
		{ GET("/offloader/exit?300"),
		    "in module offloader, offload of execute_request_handler" },
		{ GET("/offloader/_exit?300"),
		    "in module offloader, offload of execute_request_handler" },
		{ GET("/offloader/quick_exit?300"),
		    "in module offloader, offload of execute_request_handler" },
		{ GET("/offloader/alone?300"),
		    "in module offloader, a thread of its own" },
	};
	char trouble[256], path[256], offloader[300];
	struct client clients[2];
	struct server *server;
	const char *line;

	(void)state;
	server_module("trouble", trouble, sizeof(trouble));
	server_module("offloader", path, sizeof(path));
	(void)snprintf(
	    offloader, sizeof(offloader), "%s,path=/offloader", path);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		server = server_start("-w", "1", "-m", trouble, "-m", offloader,
		    "-o", "quarantine-crashes=1", NULL);
		server->crash_expected = true;
		client_open(&clients[0], server);
		client_open(&clients[1], server);
		client_send_text(&clients[0], ways[i].request);
		(void)server_log_wait(server, "at work", LOG_MS);
		client_send_text(&clients[1], GET("/trouble/nap"));
		line = server_log_wait(server, "under quarantine", LOG_MS);
		assert_non_null(strstr(line, "module offloader "));
		line = server_log_wait(server, ways[i].who, LOG_MS);
		/* A sanitizer has found leaks, and aborts. */
		assert_true(test_sanitized() ||
			    strstr(line, ") exited with status 3") != NULL);
		client_close(&clients[0]);
		client_close(&clients[1]);
		client_expect_get(server, "/trouble", 200, NULL);
		server_stop(server);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(what_it_returns_is_the_completions_status),
		PROCESS_TEST(its_worker_serves_others_meanwhile),
		PROCESS_TEST(more_work_than_threads_waits_its_turn),
		PROCESS_TEST(a_request_outlives_work_that_nobody_waits_for),
		PROCESS_TEST(pending_limit_does_not_end_what_is_at_work),
		PROCESS_TEST(work_that_ends_its_thread_is_cancelled),
		PROCESS_TEST(
		    a_crash_on_its_thread_is_told_with_request_and_step),
		PROCESS_TEST(an_overflow_of_its_stack_is_told_too),
		PROCESS_TEST(an_exit_is_told_of_the_thread_that_calls_it),
	};

	return (RUN_TESTS(argc, argv, tests));
}
