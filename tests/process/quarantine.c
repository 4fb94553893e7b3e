/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quarantine: a module that crashes too often isn't called any more, and
 * nothing else suffers.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000
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
expect(struct server *server, const char *request, int status)
{
	struct client client;
	struct response r;

	client_open(&client, server);
	client_send_text(&client, request);
	client_response(&client, &r);
	assert_int_equal(r.status, status);
	if (status == 503)
		assert_non_null(response_header(&r, "Retry-After"));
	response_free(&r);
	client_close(&client);
}

/* The word comes to the workers a moment after it comes to us. */
static void
expect_soon(struct server *server, const char *request, int status)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct client client;
	struct response r;
	int got;

	do {
		client_open(&client, server);
		client_send_text(&client, request);
		client_response(&client, &r);
		got = r.status;
		response_free(&r);
		client_close(&client);
		if (got != status)
			test_sleep_ms(20);
	} while (got != status && test_left_ms(deadline) > 0);
	assert_int_equal(got, status);
}

static void
crashes_lead_to_quarantine_and_a_release_out_of_it(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-m",
	    trouble(""), "-o", "quarantine-crashes=2", "-o", "spares=1", NULL);

	(void)state;
	server->crash_expected = true;
	expect(server, GET("/trouble"), 200);
	expect(server, GET("/trouble/crash"), 502);
	(void)server_log_wait(server,
	    "module trouble has crashed 2 times in 60 s: under quarantine",
	    LONG_MS);
	expect(server, GET("/trouble"), 503);
	expect(server, GET("/hello"), 200);
	ctl_expect(server, "status", NULL, 0, "quarantined");
	ctl_expect(server, "quarantine", "trouble", 1, "already");
	ctl_expect(server, "release", "trouble", 0, "is released");
	ctl_expect(server, "release", "trouble", 1, "is not under quarantine");
	ctl_expect(server, "release", "trubble", 1, "no module 'trubble'");
	expect_soon(server, GET("/trouble"), 200);
	/* Its past is forgotten: it needs two crashes again. */
	expect(server, GET("/trouble/crash"), 502);
	expect_soon(server, GET("/trouble"), 503);
	server_stop(server);
}

static void
the_operator_can_impose_it_and_new_workers_know(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", trouble(""), NULL);
	pid_t workers[SERVER_WORKERS_MAX];

	(void)state;
	ctl_expect(server, "quarantine", "trouble", 0, "under quarantine");
	expect_soon(server, GET("/trouble"), 503);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	(void)server_log_wait(server, "killed by SIGKILL", LONG_MS);
	expect(server, GET("/trouble"), 503);
	expect(server, GET("/hello"), 200);
	server_stop(server);
}

static void
it_ends_by_itself_when_it_may(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    trouble(""), "-o", "quarantine-release=500ms", NULL);

	(void)state;
	ctl_expect(server, "quarantine", "trouble", 0, "under quarantine");
	expect_soon(server, GET("/trouble"), 503);
	(void)server_log_wait(server, "is released from quarantine", LONG_MS);
	expect_soon(server, GET("/trouble"), 200);
	server_stop(server);
}

static void
requests_go_on_without_an_optional_module(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", "hello", "-m", trouble(",optional=yes"), NULL);

	(void)state;
	expect(server, GET("/trouble"), 200);
	ctl_expect(server, "quarantine", "trouble", 0, "under quarantine");
	expect_soon(server, GET("/trouble"), 404);
	server_stop(server);
}

static void
a_module_that_crashes_while_loading_is_left_out(void **state)
{
	struct server *server;
	char file[] = "/tmp/bulkhead-trouble-XXXXXX", settings[64];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	(void)snprintf(settings, sizeof(settings), ",load=%s", file);
	server = server_start(
	    "-w", "2", "-m", "hello", "-m", trouble(settings), NULL);
	server->crash_expected = true;
	expect(server, GET("/hello"), 200);
	expect(server, GET("/trouble"), 503);
	ctl_expect(server, "status", NULL, 0, "quarantined");
	/* It is mended, and released: new workers load it. */
	assert_int_equal(unlink(file), 0);
	ctl_expect(server, "release", "trouble", 0, "is released");
	expect_soon(server, GET("/trouble"), 200);
	expect(server, GET("/hello"), 200);
	server_stop(server);
}

static void
without_a_required_module_the_server_does_not_start(void **state)
{
	struct process_result result;
	char program[256];

	(void)state;
	process_program("bulkhead", program, sizeof(program));
	process_run(
	    (const char *const[]){ program, "-l", "127.0.0.1:0", "--control",
		"/tmp/bulkhead-test-required.sock", "-o", "state-dir=", "-m",
		"hello", "-m", trouble(",required=yes,load=crash"), NULL },
	    LONG_MS, &result);
	assert_int_equal(result.status, 1 << 8);
	assert_non_null(
	    strstr(result.output, "in module trouble, register_module"));
	process_result_free(&result);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(
		    crashes_lead_to_quarantine_and_a_release_out_of_it),
		PROCESS_TEST(the_operator_can_impose_it_and_new_workers_know),
		PROCESS_TEST(it_ends_by_itself_when_it_may),
		PROCESS_TEST(requests_go_on_without_an_optional_module),
		PROCESS_TEST(a_module_that_crashes_while_loading_is_left_out),
		PROCESS_TEST(
		    without_a_required_module_the_server_does_not_start),
	};

	return (RUN_TESTS(argc, argv, tests));
}
