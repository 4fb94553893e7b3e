/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bulkheadctl tells of a running server agrees with what was done to it.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum {
	TOOL_MS = 10000
};

static void
run_ctl(const struct server *server, const char *option,
    struct process_result *ret_result)
{
	char program[PATH_MAX];

	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "status", option, NULL },
	    TOOL_MS, ret_result);
}

static json_t *
status_json(const struct server *server)
{
	struct process_result result;
	json_error_t error;
	json_t *root;

	run_ctl(server, "--json", &result);
	if (result.status != 0)
		fail_msg("bulkheadctl: %s", result.output);
	root = json_loads(result.output, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		fail_msg("%s: %s", error.text, result.output);
	process_result_free(&result);
	return (root);
}

/* object.a.b, an integer that must be there. */
static json_int_t
number(const json_t *object, const char *a, const char *b)
{
	const json_t *value;

	value = json_object_get(object, a);
	if (b != NULL)
		value = json_object_get(value, b);
	if (!json_is_integer(value))
		fail_msg("no integer %s.%s", a, b != NULL ? b : "");
	return (json_integer_value(value));
}

/*
 * A figure is written when the request is over, which may be after its
 * answer has arrived: wait until it is there.
 */
static json_t *
status_when(const struct server *server, const char *figure, json_int_t value)
{
	const json_t *totals;
	int64_t deadline;
	json_t *root;

	deadline = test_deadline(TOOL_MS);
	for (;;) {
		root = status_json(server);
		totals = json_object_get(root, "totals");
		if (number(totals, "stats", figure) == value)
			return (root);
		if (test_left_ms(deadline) == 0)
			fail_msg("%s is %lld, not %lld", figure,
			    (long long)number(totals, "stats", figure),
			    (long long)value);
		json_decref(root);
		test_sleep_ms(20);
	}
}

static json_int_t
module_number(const json_t *object, const char *module, const char *figure)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(object, "modules"), i,
	    one) if (strcmp(json_string_value(json_object_get(one, "name")),
			 module) == 0) return (number(one, figure, NULL));
	fail_msg("no module %s", module);
	return (-1);
}

static void
json_agrees_with_what_was_done(void **state)
{
	struct server *server = server_start(
	    "-w", "2", "-m", "hello", "-m", "echo", "-m", "delay", NULL);
	const json_t *master, *one, *totals, *workers;
	pid_t pids[SERVER_WORKERS_MAX];
	json_int_t connections = 0;
	struct response r;
	json_t *root;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		client_expect_get(server, "/hello", 200, NULL);
	client_expect_get(server, "/nothing", 404, NULL);
	client_expect_get(server, "/delay?ms=10", 200, NULL);
	client_exchange(server,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	    &r);
	response_free(&r);
	client_exchange(server, "nonsense\r\n\r\n", &r);
	assert_int_equal(r.status, 400);
	response_free(&r);

	json_decref(status_when(server, "bad_requests", 1));
	json_decref(status_when(server, "connections_open", 0));
	root = status_when(server, "requests", 7); /* the refused one too */
	master = json_object_get(root, "master");
	assert_int_equal(number(master, "pid", NULL), server->pid);
	assert_int_equal(number(master, "connections_accepted", NULL), 7);
	assert_int_equal(number(master, "workers", NULL), 2);
	assert_int_equal(number(master, "workers_started", NULL), 2);
	assert_int_equal(number(master, "workers_died", NULL), 0);
	assert_string_equal(
	    json_string_value(json_object_get(master, "version")),
	    BULKHEAD_VERSION);
	assert_int_equal(
	    json_array_size(json_object_get(master, "listeners")), 1);

	workers = json_object_get(root, "workers");
	assert_int_equal(json_array_size(workers), 2);
	assert_int_equal(server_workers(server, pids), 2);
	json_array_foreach(workers, i, one)
	{
		assert_int_equal(number(one, "worker", NULL), i + 1);
		assert_int_equal(number(one, "pid", NULL), pids[i]);
		assert_true(
		    json_is_true(json_object_get(one, "segment_readable")));
		connections += number(one, "stats", "connections");
	}
	assert_int_equal(connections, 7);

	totals = json_object_get(root, "totals");
	assert_int_equal(number(totals, "stats", "responses_2xx"), 5);
	assert_int_equal(number(totals, "stats", "requests_active"), 0);
	assert_int_equal(number(totals, "stats", "requests_parked"), 0);
	assert_int_equal(number(totals, "stats", "module_errors"), 0);
	assert_int_equal(number(totals, "stats", "ring_poisoned"), 0);
	assert_int_equal(number(totals, "completions", "conn_arrived"), 7);
	/* delay posts its ticket; echo reads and writes. */
	assert_int_equal(number(totals, "completions", "post"), 1);
	assert_int_equal(module_number(totals, "delay", "completions"), 1);
	assert_true(module_number(totals, "hello", "calls") >= 3);
	assert_int_equal(module_number(totals, "echo", "errors"), 0);
	json_decref(root);
	server_stop(server);
}

static void
a_parked_request_shows(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "delay", NULL);
	const json_t *totals;
	struct client busy;
	struct response r;
	json_t *root;

	(void)state;
	client_open(&busy, server);
	client_send_text(
	    &busy, "GET /delay?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n");
	root = status_when(server, "requests_parked", 1);
	totals = json_object_get(root, "totals");
	assert_int_equal(number(totals, "stats", "requests_active"), 1);
	assert_int_equal(number(totals, "stats", "connections_open"), 1);
	assert_int_equal(
	    number(json_object_get(root, "master"), "connections_open", NULL),
	    1);
	json_decref(root);
	client_response(&busy, &r);
	response_free(&r);
	root = status_when(server, "requests_parked", 0);
	json_decref(root);
	client_close(&busy);
	json_decref(status_when(server, "connections_open", 0));
	server_stop(server);
}

static void
a_death_is_counted_and_the_new_incarnation_shown(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	pid_t pids[SERVER_WORKERS_MAX];
	const json_t *master, *worker;
	int64_t deadline;
	json_t *root;

	(void)state;
	assert_int_equal(server_workers(server, pids), 1);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	deadline = test_deadline(TOOL_MS);
	for (;;) {
		root = status_json(server);
		worker = json_array_get(json_object_get(root, "workers"), 0);
		if (number(worker, "incarnation", NULL) == 2 &&
		    json_is_true(json_object_get(worker, "segment_readable")))
			break;
		json_decref(root);
		if (test_left_ms(deadline) == 0)
			fail_msg("no second incarnation");
		test_sleep_ms(20);
	}
	master = json_object_get(root, "master");
	assert_int_equal(number(master, "workers_started", NULL), 2);
	assert_int_equal(number(master, "workers_died", NULL), 1);
	assert_int_not_equal(number(worker, "pid", NULL), pids[0]);
	json_decref(root);
	server_stop(server);
}

static void
the_table_has_the_same(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	static const char *const words[] = { "master", "127.0.0.1:", "worker",
		"incarnation", "requests_active", "conn_arrived", "hello",
		BULKHEAD_VERSION };
	struct process_result result;
	size_t i;

	(void)state;
	client_expect_get(server, "/hello", 200, NULL);
	run_ctl(server, NULL, &result);
	assert_int_equal(result.status, 0);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(result.output, words[i]) == NULL)
			fail_msg("no %s in: %s", words[i], result.output);
	process_result_free(&result);
	server_stop(server);
}

static void
a_server_that_is_not_there_is_named(void **state)
{
	static const char path[] = "/nowhere/control.sock";
	struct process_result result;
	char program[PATH_MAX];

	(void)state;
	process_program("bulkheadctl", program, sizeof(program));
	process_run(
	    (const char *const[]){ program, "--control", path, "status", NULL },
	    TOOL_MS, &result);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), 1);
	assert_non_null(strstr(result.output, path));
	process_result_free(&result);
}

static void
a_wrong_command_line_is_refused(void **state)
{
	static const char *const wrong[][4] = {
		{ NULL },
		{ "statistics", NULL },
		{ "status", "more", NULL },
		{ "--frobnicate", "status", NULL },
		{ "status", "--control", NULL },
	};
	const char *argv[6] = { NULL };
	struct process_result result;
	char program[PATH_MAX];
	size_t i, k;

	(void)state;
	process_program("bulkheadctl", program, sizeof(program));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		argv[0] = program;
		for (k = 0; k < 4 && wrong[i][k] != NULL; k++)
			argv[k + 1] = wrong[i][k];
		argv[k + 1] = NULL;
		process_run(argv, TOOL_MS, &result);
		assert_true(WIFEXITED(result.status));
		assert_int_equal(WEXITSTATUS(result.status), 2);
		assert_non_null(strstr(result.output, "usage: bulkheadctl"));
		process_result_free(&result);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(json_agrees_with_what_was_done),
		PROCESS_TEST(a_parked_request_shows),
		PROCESS_TEST(a_death_is_counted_and_the_new_incarnation_shown),
		PROCESS_TEST(the_table_has_the_same),
		PROCESS_TEST(a_server_that_is_not_there_is_named),
		PROCESS_TEST(a_wrong_command_line_is_refused),
	};

	return (RUN_TESTS(argc, argv, tests));
}
