/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the module interface: each that is broken is refused, logged
 * with the module's name, and harmless; and a request goes its way through
 * the notifications in order.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	SOON_MS = 5000
};

static struct server *
start(const char *module)
{
	static char path[4096];

	server_module(module, path, sizeof(path));
	return (server_start(
	    "-w", "1", "-m", path, "-m", "hello", "-m", "delay", NULL));
}

/* The worker is the same one, and serves. */
static void
expect_harmless(struct server *server, pid_t before)
{
	pid_t workers[SERVER_WORKERS_MAX];

	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(workers[0], before);
}

static pid_t
worker_of(struct server *server)
{
	pid_t workers[SERVER_WORKERS_MAX];

	assert_int_equal(server_workers(server, workers), 1);
	return (workers[0]);
}

/* A breach at this path is answered so; and logged, when the rule says so. */
static void
expect_refused(const char *target, int status, const char *answer, bool logged)
{
	struct server *server = start("misbehave");
	pid_t worker = worker_of(server);

	client_expect_get(server, target, status, answer);
	if (logged)
		(void)server_log_wait(server, ": misbehave", SOON_MS);
	client_expect_get(server, target, status, answer);
	expect_harmless(server, worker);
	server_stop(server);
}

static void
a_second_post_for_one_wait_is_refused(void **state)
{
	char answer[128];

	(void)state;
	(void)snprintf(answer, sizeof(answer),
	    "completion 1, operation 4, bytes 7, status 0, second %d\n",
	    -EBUSY);
	expect_refused("/misbehave/second_post", 200, answer, false);
}

static void
a_ticket_is_good_for_one_post(void **state)
{
	char answer[128];

	(void)state;
	(void)snprintf(answer, sizeof(answer),
	    "completion 1, operation 4, bytes 7, status 0, second %d\n",
	    -ESTALE);
	expect_refused("/misbehave/ticket_twice", 200, answer, true);
}

static void
a_second_operation_is_refused(void **state)
{
	char answer[128];

	(void)state;
	(void)snprintf(answer, sizeof(answer),
	    "completion 1, operation 2, bytes 0, status 0, second %d\n",
	    -EBUSY);
	expect_refused("/misbehave/two_operations", 200, answer, false);
}

static void
pending_with_nothing_outstanding_is_noticed(void **state)
{
	(void)state;
	expect_refused("/misbehave/pending_nothing", 500, NULL, true);
}

static void
an_answer_that_there_is_not_is_noticed(void **state)
{
	(void)state;
	expect_refused("/misbehave/bad_status", 500, NULL, true);
}

static void
another_thread_is_refused(void **state)
{
	char answer[32];

	(void)state;
	(void)snprintf(answer, sizeof(answer), "%d\n", -EPERM);
	expect_refused("/misbehave/other_thread", 200, answer, true);
}

static void
a_write_beyond_the_length_is_refused(void **state)
{
	char answer[32];

	(void)state;
	(void)snprintf(answer, sizeof(answer), "%d\n", -EMSGSIZE);
	expect_refused("/misbehave/beyond_length", 200, answer, false);
}

static void
a_write_after_the_end_is_refused(void **state)
{
	(void)state;
	expect_refused("/misbehave/after_end", 200, "whole\n", false);
}

static void
a_header_can_not_forge_another(void **state)
{
	char answer[32];

	(void)state;
	(void)snprintf(answer, sizeof(answer), "%d %d\n", -EINVAL, -EINVAL);
	expect_refused("/misbehave/forged_header", 200, answer, false);
}

static void
no_context_is_refused(void **state)
{
	char answer[32];

	(void)state;
	(void)snprintf(answer, sizeof(answer), "%d 1\n", -ESTALE);
	expect_refused("/misbehave/null_context", 200, answer, false);
}

static void
a_context_that_is_over_is_refused(void **state)
{
	enum {
		CLIENTS = 4
	};
	struct server *server = start("misbehave");
	pid_t worker = worker_of(server);
	struct client clients[CLIENTS];
	struct response r;
	size_t i;

	(void)state;
	/* All at once, so that each has a context of its own. */
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i],
		    "POST /misbehave/keep HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 1\r\n\r\n");
	}
	test_sleep_ms(100);
	for (i = 0; i < CLIENTS; i++)
		client_send(&clients[i], "x", 1);
	for (i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_string_equal(r.body, "kept, read 0\n");
		response_free(&r);
		client_close(&clients[i]);
	}
	test_sleep_ms(100);
	server_log_skip(server);
	client_get(server, "/misbehave/use_stale", &r);
	assert_int_equal(r.status, 200);
	if (strstr(r.body, "all refused") == NULL)
		fail_msg("%s", r.body);
	assert_true(r.body[0] >= '3' && r.body[0] <= '4');
	response_free(&r);
	(void)server_log_wait(server, ": misbehave", SOON_MS);
	expect_harmless(server, worker);
	server_stop(server);
}

static void
a_crash_names_module_step_and_request(void **state)
{
	struct server *server = start("misbehave");
	struct client client;
	const char *line;

	(void)state;
	server->crash_expected = true;
	client_open(&client, server);
	client_send_text(
	    &client, "GET /misbehave/crash HTTP/1.1\r\nHost: a\r\n\r\n");
	line = server_log_wait(server, "<3>bulkhead: worker 1", SOON_MS);
	assert_non_null(strstr(line, "misbehave"));
	assert_non_null(strstr(line, "begin_request"));
	assert_non_null(strstr(line, "request 1-1"));
	/* Whatever it is, it isn't a quiet end that looks like an answer. */
	assert_int_not_equal(client_end(&client, SOON_MS), CLIENT_OPEN);
	client_close(&client);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
notifications_come_in_order(void **state)
{
	struct server *server = start("trace");
	const char *line;

	(void)state;
	client_expect_get(server, "/hello?x=y", 200, NULL);
	line = server_log_wait(server, "way: ", SOON_MS);
	/* hello finishes in execute: then log and end, as after a finish. */
	assert_string_equal(strstr(line, "way: "),
	    "way: begin_request post_begin_request "
	    "authenticate_request post_authenticate_request "
	    "authorize_request post_authorize_request "
	    "resolve_request_cache post_resolve_request_cache "
	    "map_request_handler post_map_request_handler "
	    "acquire_request_state post_acquire_request_state "
	    "pre_execute_request_handler post_pre_execute_request_handler "
	    "execute_request_handler "
	    "log_request post_log_request end_request post_end_request");

	client_expect_get(server, "/nobody", 404, NULL);
	line = server_log_wait(server, "way: ", SOON_MS);
	assert_string_equal(strstr(line, "way: "),
	    "way: begin_request post_begin_request "
	    "authenticate_request post_authenticate_request "
	    "authorize_request post_authorize_request "
	    "resolve_request_cache post_resolve_request_cache "
	    "map_request_handler post_map_request_handler "
	    "acquire_request_state post_acquire_request_state "
	    "pre_execute_request_handler post_pre_execute_request_handler "
	    "execute_request_handler post_execute_request_handler "
	    "release_request_state post_release_request_state "
	    "update_request_cache post_update_request_cache "
	    "log_request post_log_request end_request post_end_request");
	server_stop(server);
}

static void
a_finished_request_is_still_logged_and_ended(void **state)
{
	struct server *server = start("trace");
	const char *line;

	(void)state;
	client_expect_get(server, "/hello?finish", 200, "finished early\n");
	line = server_log_wait(server, "way: ", SOON_MS);
	assert_string_equal(strstr(line, "way: "),
	    "way: begin_request post_begin_request authenticate_request "
	    "log_request post_log_request end_request post_end_request");
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_second_post_for_one_wait_is_refused),
		PROCESS_TEST(a_ticket_is_good_for_one_post),
		PROCESS_TEST(a_second_operation_is_refused),
		PROCESS_TEST(pending_with_nothing_outstanding_is_noticed),
		PROCESS_TEST(an_answer_that_there_is_not_is_noticed),
		PROCESS_TEST(another_thread_is_refused),
		PROCESS_TEST(a_write_beyond_the_length_is_refused),
		PROCESS_TEST(a_write_after_the_end_is_refused),
		PROCESS_TEST(a_header_can_not_forge_another),
		PROCESS_TEST(no_context_is_refused),
		PROCESS_TEST(a_context_that_is_over_is_refused),
		PROCESS_TEST(a_crash_names_module_step_and_request),
		PROCESS_TEST(notifications_come_in_order),
		PROCESS_TEST(a_finished_request_is_still_logged_and_ended),
	};

	return (RUN_TESTS(argc, argv, tests));
}
