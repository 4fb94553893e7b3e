/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports: what they say, that they are bounded, and how bulkheadctl
 * shows them.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	LONG_MS = 10000
};

static const char *
trouble(void)
{
	static char path[256];

	server_module("trouble", path, sizeof(path));
	return (path);
}

/* bulkheadctl crashes --json, or another of its forms. */
static int
ctl(struct server *server, const char *id, const char *form,
    struct process_result *ret_result)
{
	char program[256];

	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "crashes", id != NULL ? id : form,
			id != NULL ? form : NULL, NULL },
	    LONG_MS, ret_result);
	return (ret_result->status);
}

/* All reports, once there are at least ${least}. */
static json_t *
reports(struct server *server, size_t least)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_result result;
	json_t *list;

	for (;;) {
		assert_int_equal(ctl(server, NULL, "--json", &result), 0);
		list = json_loads(result.output, 0, NULL);
		process_result_free(&result);
		assert_true(json_is_array(list));
		if (json_array_size(list) >= least)
			return (list);
		json_decref(list);
		if (test_left_ms(deadline) == 0)
			fail_msg("there are never %zu reports", least);
		test_sleep_ms(10);
	}
}

static const char *
text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return (value == NULL ? "" : value);
}

static void
crash_once(struct server *server, const char *request)
{
	struct client client;
	struct response r;

	client_open(&client, server);
	client_send_text(&client, request);
	client_response(&client, &r);
	assert_int_equal(r.status, 502);
	response_free(&r);
	client_close(&client);
}

/* A line of bulkheadctl's own. */
static void
expect_shown(struct server *server, const json_t *report, const char *line)
{
	struct process_result result;

	assert_int_equal(ctl(server, text(report, "id"), NULL, &result), 0);
	if (strstr(result.output, line) == NULL)
		fail_msg("no %s in %s", line, result.output);
	process_result_free(&result);
}

/* One of ${list}, in no order: that of ${request}, in flight. */
static void
expect_operation(const json_t *list, const char *name, const char *request)
{
	const json_t *operation;
	size_t i;

	json_array_foreach(list, i, operation)
	{
		if (strcmp(text(operation, "request"), request) != 0)
			continue;
		assert_string_equal(text(operation, "state"), "in_flight");
		assert_string_equal(text(operation, "operation"), name);
		assert_memory_equal(
		    text(operation, "client"), "127.0.0.1:", 10);
		assert_true(json_is_null(json_object_get(operation, "bytes")));
		return;
	}
	fail_msg("no operation of %s", request);
}

/* Until bulkheadctl status says so, of the master or a worker. */
static void
wait_connections(struct server *server, const char *words)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_result result;
	bool found = false;

	while (!found) {
		assert_int_equal(
		    ctl_run(server, "status", "--json", &result), 0);
		found = strstr(result.output, words) != NULL;
		process_result_free(&result);
		if (!found && test_left_ms(deadline) == 0)
			fail_msg("never %s", words);
		test_sleep_ms(10);
	}
}

/* One waits for a timer's thread, one is at work, one waits for its turn. */
static void
it_names_the_operations_in_flight(void **state)
{
	static const char *const requests[] = {
		"GET /delay?ms=30000 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /offloader/async?30000 HTTP/1.1\r\nHost: a\r\n"
		"Content-Length: 0\r\n\r\n",
		"POST /offloader/async?30001 HTTP/1.1\r\nHost: a\r\n"
		"Content-Length: 0\r\n\r\n",
	};
	static char path[256];
	struct client clients[3];
	pid_t workers[SERVER_WORKERS_MAX];
	const json_t *operations, *items;
	struct server *server;
	json_t *list;

	(void)state;
	server_module("offloader", path, sizeof(path));
	server =
	    server_start("-w", "1", "-m", "delay", "-m", path, "-m", "hello",
		"-o", "offload-threads=1", "-o", "drain-limit=100ms", NULL);
	for (size_t i = 0; i < 3; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], requests[i]);
		/* What comes later is answered: the others are parked. */
		client_expect_get(server, "/hello", 200, NULL);
	}
	(void)server_log_wait(server, "at work for 30000 ms", LONG_MS);
	/* The end of the last /hello's connection would be a fourth. */
	wait_connections(server, "\"connections_open\": 3");
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	list = reports(server, 1);
	assert_string_equal(text(json_array_get(list, 0), "segment"), "whole");
	operations = json_object_get(json_array_get(list, 0), "operations");
	assert_int_equal(
	    json_integer_value(json_object_get(operations, "in_flight")), 3);
	items = json_object_get(operations, "list");
	assert_int_equal(json_array_size(items), 3);
	expect_operation(items, "post", "1-1");
	expect_operation(items, "offload", "1-3");
	expect_operation(items, "offload", "1-5");
	expect_shown(
	    server, json_array_get(list, 0), "\noperations  3 in flight\n");
	expect_shown(server, json_array_get(list, 0), "  in_flight   offload ");
	json_decref(list);
	for (size_t i = 0; i < 3; i++)
		client_close(&clients[i]);
	server_stop(server);
}

/*
 * That of the file that its worker had loaded, whatever has become of it; it
 * was once read from the file when the worker had died.
 */
static void
a_report_names_the_build_that_ran(void **state)
{
	struct server *server = server_make();
	const json_t *first, *second;
	char option[256];
	json_t *list;

	(void)state;
	(void)snprintf(option, sizeof(option), "state-dir=%s",
	    server_path(server, "state"));
	server->crash_expected = true;
	server_put_module(server, trouble(), "trouble.so", false);
	server_launch(server, "-l", "127.0.0.1:0", "-w", "1", "-o", "spares=0",
	    "-o", option, "-m", server_path(server, "trouble.so"), NULL);
	client_expect_get(server, "/trouble", 200, NULL);
	server_put_module(server, trouble(), "trouble.so", true);
	for (size_t i = 0; i < 2; i++) {
		crash_once(server, "POST /trouble/crash HTTP/1.1\r\n"
				   "Host: a\r\nContent-Length: 0\r\n\r\n");
		client_expect_get(server, "/trouble", 200, NULL);
	}
	list = reports(server, 2);
	first = json_object_get(json_array_get(list, 0), "culprit");
	second = json_object_get(json_array_get(list, 1), "culprit");
	assert_in_range(strlen(text(first, "build_id")), 8, 64);
	assert_in_range(strlen(text(second, "build_id")), 8, 64);
	assert_string_not_equal(
	    text(first, "build_id"), text(second, "build_id"));
	json_decref(list);
	server_stop(server);
}

/* The request dies twice and is answered 502, so there are two reports. */
static void
a_report_names_module_and_request(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", trouble(), NULL);
	json_t *list, *report, *culprit, *recorder;
	struct process_result result;

	(void)state;
	server->crash_expected = true;
	crash_once(server, "GET /trouble/crash?a=b HTTP/1.1\r\n"
			   "Host: a\r\n\r\n");
	list = reports(server, 2);
	report = json_array_get(list, 0);
	if (!test_sanitized())
		assert_string_equal(text(report, "signal"), "SIGSEGV");
	assert_true(json_is_false(json_object_get(report, "hung")));
	assert_int_equal(
	    json_integer_value(json_object_get(report, "worker")), 1);
	culprit = json_object_get(report, "culprit");
	assert_string_equal(text(culprit, "module"), "trouble");
	assert_string_equal(text(culprit, "step"), "begin_request");
	assert_string_equal(text(culprit, "request"), "1-1");
	assert_string_equal(text(culprit, "method"), "GET");
	assert_string_equal(text(culprit, "target"), "/trouble/crash?a=b");
	assert_string_equal(text(culprit, "file"), trouble());
	assert_in_range(strlen(text(culprit, "build_id")), 8, 64);
	assert_memory_equal(text(culprit, "client"), "127.0.0.1:", 10);
	recorder = json_object_get(report, "recorder");
	assert_in_range(json_array_size(recorder), 1, 32);
	assert_int_equal(ctl(server, NULL, NULL, &result), 0);
	assert_non_null(strstr(result.output, text(report, "id")));
	process_result_free(&result);
	assert_int_equal(ctl(server, text(report, "id"), NULL, &result), 0);
	assert_non_null(strstr(result.output, "\ntarget      /trouble/crash"));
	process_result_free(&result);
	assert_int_equal(ctl(server, "../../x", NULL, &result), 1 << 8);
	process_result_free(&result);
	json_decref(list);
	server_stop(server);
}

static void
reports_outlive_the_server_and_are_few(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-o",
	    "crash-files=2", "-o", "spares=1", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	char folder[128], program[256];
	struct process_result result;
	json_t *list;
	size_t i;

	(void)state;
	server->crash_expected = true;
	for (i = 0; i < 4; i++) {
		client_expect_get(server, "/hello", 200, NULL);
		assert_in_range(server_workers(server, workers), 1, 2);
		assert_int_equal(kill(workers[0], SIGKILL), 0);
		(void)server_log_wait(server, "killed by SIGKILL", LONG_MS);
	}
	client_expect_get(server, "/hello", 200, NULL);
	test_sleep_ms(50);
	list = reports(server, 2);
	assert_int_equal(json_array_size(list), 2);
	assert_true(
	    json_is_null(json_object_get(json_array_get(list, 1), "culprit")));
	json_decref(list);

	(void)snprintf(folder, sizeof(folder), "%s/state", server->dir);
	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--state-dir", folder,
			"crashes", NULL },
	    LONG_MS, &result);
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.output, "SIGKILL"));
	process_result_free(&result);
	server_stop(server);
}

static void
without_a_folder_there_are_no_reports(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-o",
	    "state-dir=/dev/null/no", "-o", "spares=1", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct process_result result;

	(void)state;
	assert_in_range(server_workers(server, workers), 1, 2);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	(void)server_log_wait(server, "can't write a crash report", LONG_MS);
	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(ctl(server, NULL, NULL, &result), 1 << 8);
	process_result_free(&result);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_report_names_the_build_that_ran),
		PROCESS_TEST(a_report_names_module_and_request),
		PROCESS_TEST(it_names_the_operations_in_flight),
		PROCESS_TEST(reports_outlive_the_server_and_are_few),
		PROCESS_TEST(without_a_folder_there_are_no_reports),
	};

	return (RUN_TESTS(argc, argv, tests));
}
