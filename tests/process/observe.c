/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bulkheadctl shows of a running server: requests, workers, modules, the
 * flight recorder, totals that never go back; also while a worker is stopped.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	TOOL_MS = 10000
};

/* bulkheadctl with up to five arguments; the exit status. */
static int
run(const struct server *server, const char *const *arguments,
    struct process_result *ret_result)
{
	const char *argv[9] = { NULL };
	char program[PATH_MAX];
	size_t i;

	process_program("bulkheadctl", program, sizeof(program));
	argv[0] = program;
	argv[1] = "--control";
	argv[2] = server->control;
	for (i = 0; i < 5 && arguments[i] != NULL; i++)
		argv[3 + i] = arguments[i];
	process_run(argv, TOOL_MS, ret_result);
	assert_true(WIFEXITED(ret_result->status));
	return (WEXITSTATUS(ret_result->status));
}
#define RUN(server, result, ...) \
	run((server), (const char *const[]){ __VA_ARGS__, NULL }, (result))

#define JSON(server, ...) \
	run_json((server), (const char *const[]){ __VA_ARGS__, "--json", NULL })

static json_t *
run_json(const struct server *server, const char *const *arguments)
{
	struct process_result result;
	json_error_t error;
	json_t *root;

	if (run(server, arguments, &result) != 0)
		fail_msg("%s: %s", arguments[0], result.output);
	root = json_loads(result.output, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
		fail_msg("%s: %s", error.text, result.output);
	process_result_free(&result);
	return (root);
}

static void
expect_words(
    const struct server *server, const char *command, const char *const *words)
{
	struct process_result result;

	assert_int_equal(RUN(server, &result, command), 0);
	for (; *words != NULL; words++)
		if (strstr(result.output, *words) == NULL)
			fail_msg("%s: no '%s' in:\n%s", command, *words,
			    result.output);
	process_result_free(&result);
}

static json_int_t
number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_integer(value))
		fail_msg("no integer %s", name);
	return (json_integer_value(value));
}

static void
expect_text(const json_t *object, const char *name, const char *text)
{
	const char *is = json_string_value(json_object_get(object, name));

	if (is == NULL || strcmp(is, text) != 0)
		fail_msg("%s is '%s', not '%s'", name,
		    is == NULL ? "(none)" : is, text);
}

/* The totals' figure, when it is so. */
static void
wait_total(const struct server *server, const char *figure, json_int_t value)
{
	int64_t deadline = test_deadline(TOOL_MS);
	json_int_t is;
	json_t *root;

	for (;;) {
		root = JSON(server, "stats");
		is = number(
		    json_object_get(json_object_get(root, "totals"), "stats"),
		    figure);
		json_decref(root);
		if (is == value)
			return;
		if (test_left_ms(deadline) == 0)
			fail_msg("%s is %lld, not %lld", figure, (long long)is,
			    (long long)value);
		test_sleep_ms(20);
	}
}

static const char *
trouble(void)
{
	static char path[256];

	server_module("trouble", path, sizeof(path));
	return (path);
}

/* --- Requests ---------------------------------------------------------- */

static void
a_pending_request_is_listed_and_filtered(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	struct client busy, half;
	struct response r;
	json_t *root, *one;

	(void)state;
	client_open(&busy, server);
	client_open(&half, server);
	client_send_text(&busy, GET("/delay?ms=3000&and=more"));
	client_send_text(&half, "GET /hello HTTP/1.1\r\nHo");
	wait_total(server, "requests_parked", 1);

	root = JSON(server, "requests", "--module", "delay");
	assert_int_equal(json_array_size(root), 1);
	one = json_array_get(root, 0);
	assert_int_equal(number(one, "worker"), 1);
	expect_text(one, "client", "127.0.0.1");
	expect_text(one, "state", "pending");
	expect_text(one, "module", "delay");
	expect_text(one, "stage", "execute_request_handler");
	expect_text(one, "asks_for", "GET /delay?ms=3000&and=more");
	assert_true(number(one, "total_ns") >= number(one, "there_ns"));
	assert_true(number(one, "there_ns") > 0);
	json_decref(root);
	/* The other's head isn't whole: nothing of it is told. */
	root = JSON(server, "requests");
	assert_int_equal(json_array_size(root), 2);
	json_decref(root);
	expect_words(server, "requests",
	    (const char *const[]){ "reading head", "GET /delay", NULL });
	root = JSON(server, "requests", "--min-time", "1min");
	assert_int_equal(json_array_size(root), 0);
	json_decref(root);
	root = JSON(server, "requests", "--client", "192.0.2.1");
	assert_int_equal(json_array_size(root), 0);
	json_decref(root);
	root = JSON(server, "requests", "--worker", "2");
	assert_int_equal(json_array_size(root), 0);
	json_decref(root);

	client_response(&busy, &r);
	response_free(&r);
	client_close(&busy);
	client_close(&half);
	server_stop(server);
}

/* --- Hanging workers --------------------------------------------------- */

/* In a callback that never returns, and then not even on a processor. */
static void
a_stopped_worker_is_looked_at_as_any_other(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    trouble(), "-o", "hang-limit=60s", NULL);
	pid_t pids[SERVER_WORKERS_MAX];
	struct process_result result;
	struct client client;
	json_t *one, *root;
	int64_t start;

	(void)state;
	server->crash_expected = true;
	client_expect_get(server, "/hello", 200, NULL);
	client_open(&client, server);
	/* A POST: nobody begins it again when its worker is killed. */
	client_send_text(&client, "POST /trouble/hang HTTP/1.1\r\nHost: a\r\n"
				  "Content-Length: 0\r\n\r\n");
	wait_total(server, "requests_active", 1);
	assert_int_equal(server_workers(server, pids), 1);
	assert_int_equal(kill(pids[0], SIGSTOP), 0);

	start = test_now_ms();
	root = JSON(server, "requests");
	assert_int_equal(json_array_size(root), 1);
	one = json_array_get(root, 0);
	expect_text(one, "state", "running");
	expect_text(one, "module", "trouble");
	expect_text(one, "stage", "begin_request");
	expect_text(one, "asks_for", "POST /trouble/hang");
	json_decref(root);
	expect_words(server, "status",
	    (const char *const[]){ "trouble/begin_request", NULL });
	expect_words(server, "workers",
	    (const char *const[]){ "trouble/begin_request", NULL });
	expect_words(server, "completions",
	    (const char *const[]){ "conn_received", NULL });
	assert_int_equal(RUN(server, &result, "top", "--once"), 0);
	assert_non_null(strstr(result.output, "trouble/begin_request"));
	assert_non_null(strstr(result.output, "POST /trouble/hang"));
	process_result_free(&result);
	/* Five programs; at the worst each is given a second of this machine.
	 */
	assert_true(test_now_ms() - start < test_deadline(5000) - start);

	assert_int_equal(kill(pids[0], SIGKILL), 0);
	client_close(&client);
	server_stop(server);
}

/* --- Figures ----------------------------------------------------------- */

static void
totals_never_go_back(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	pid_t pids[SERVER_WORKERS_MAX];
	struct process_result result;
	json_t *module, *root, *totals;
	int i, round;

	(void)state;
	for (round = 1; round <= 4; round++) {
		for (i = 0; i < 6; i++)
			client_expect_get(server, "/hello", 200, NULL);
		wait_total(server, "requests", 6 * round);
		if (round == 1) {
			assert_int_equal(server_workers(server, pids), 2);
			assert_int_equal(kill(pids[0], SIGKILL), 0);
			(void)server_log_wait(server, "killed by", TOOL_MS);
		} else if (round == 2) {
			assert_int_equal(RUN(server, &result, "recycle"), 0);
			process_result_free(&result);
		} else if (round == 3) {
			/* Another program, which replaces all workers too. */
			if (RUN(server, &result, "upgrade") != 0)
				fail_msg("upgrade: %s", result.output);
			process_result_free(&result);
		}
		wait_total(server, "requests", 6 * round);
	}
	wait_total(server, "connections_open", 0);
	root = JSON(server, "stats");
	totals = json_object_get(root, "totals");
	assert_int_equal(
	    number(json_object_get(
		       json_object_get(totals, "histograms"), "request_time"),
		"count"),
	    24);
	module = json_array_get(json_object_get(totals, "modules"), 0);
	assert_int_equal(number(module, "calls"), 24);
	json_decref(root);
	server_stop(server);
}

static void
times_and_memory_are_told_by_module(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	json_t *delay = NULL, *histogram, *one, *root;
	size_t i;

	(void)state;
	client_expect_get(server, "/delay?ms=50", 200, NULL);
	wait_total(server, "requests", 1);
	root = JSON(server, "modules");
	json_array_foreach(root, i,
	    one) if (strcmp(json_string_value(json_object_get(one, "name")),
			 "delay") == 0) delay = one;
	assert_non_null(delay);
	assert_true(json_is_false(json_object_get(delay, "quarantined")));
	assert_int_equal(number(delay, "completions"), 1);
	assert_int_equal(number(delay, "crashes"), 0);
	histogram = json_object_get(
	    json_object_get(delay, "histograms"), "pending_time");
	assert_int_equal(number(histogram, "count"), 1);
	/* 50 ms are known to an eighth, and a machine may be slow. */
	assert_true(number(histogram, "p50_ns") > 44000000);
	if (!test_sanitized())
		assert_true(number(delay, "allocated") > 0);
	json_decref(root);
	expect_words(server, "modules",
	    (const char *const[]){ "delay", "p99.9", "ok", NULL });
	server_stop(server);
}

static void
the_flight_recorder_is_shown(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	struct process_result result;
	json_t *entries, *last, *root;

	(void)state;
	client_expect_get(server, "/hello", 200, NULL);
	wait_total(server, "connections_open", 0);
	root = JSON(server, "completions", "1", "--count", "1");
	assert_int_equal(json_array_size(root), 1);
	entries = json_object_get(json_array_get(root, 0), "completions");
	assert_int_equal(json_array_size(entries), 1);
	last = json_array_get(entries, 0);
	assert_true(number(last, "number") >= 3);
	assert_int_equal(number(last, "status"), 0);
	json_decref(root);
	assert_int_equal(RUN(server, &result, "completions", "99"), 1);
	assert_non_null(strstr(result.output, "no such worker"));
	process_result_free(&result);
	assert_int_equal(RUN(server, &result, "completions", "x"), 2);
	process_result_free(&result);
	server_stop(server);
}

/* --- Prometheus -------------------------------------------------------- */

/* Is ${line} a sample of ${family}, with a suffix of its type? */
static bool
belongs(const char *line, const char *family)
{
	static const char *const suffixes[] = { "", "_total", "_bucket", "_sum",
		"_count", "_info" };
	const size_t length = strlen(family);
	size_t i, n;

	if (strncmp(line, family, length) != 0)
		return (false);
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		n = strlen(suffixes[i]);
		if (strncmp(line + length, suffixes[i], n) == 0 &&
		    strchr("{ ", line[length + n]) != NULL)
			return (true);
	}
	return (false);
}

/* What OpenMetrics wants: a type before samples, each family once, an end. */
static void
check_exposition(char *text)
{
	char family[256] = "", seen[65536] = "", word[260];
	char *line, *rest = text;
	bool over = false;

	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		assert_false(over);
		over = strcmp(line, "# EOF") == 0;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			(void)snprintf(family, sizeof(family), "%.*s",
			    (int)strcspn(line + 7, " "), line + 7);
			(void)snprintf(word, sizeof(word), " %s ", family);
			if (strstr(seen, word) != NULL)
				fail_msg("family %s comes twice", family);
			assert_true(strlen(seen) + strlen(word) < sizeof(seen));
			(void)strncat(
			    seen, word, sizeof(seen) - strlen(seen) - 1);
		} else if (line[0] != '#' && !belongs(line, family)) {
			fail_msg("'%s' isn't of family %s", line, family);
		}
	}
	assert_true(over);
}

static void
prometheus_can_read_it(void **state)
{
	static const char *const wanted[] = {
		"\nbulkhead_requests_total 3\n",
		"\nbulkhead_worker_requests_total{pool=\"main\",worker=\"1\"} "
		"3\n",
		"\nbulkhead_request_time_seconds_count 3\n",
		"\nbulkhead_request_time_seconds_bucket{le=\"+Inf\"} 3\n",
		"\nbulkhead_module_calls_total{pool=\"main\",module=\"hello\"}"
		" 3\n",
		"\nbulkhead_master_workers 1\n",
	};
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	struct process_result result;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		client_expect_get(server, "/hello", 200, NULL);
	wait_total(server, "requests", 3);
	assert_int_equal(RUN(server, &result, "stats", "--prometheus"), 0);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strstr(result.output, wanted[i]) == NULL)
			fail_msg("no%sin:\n%s", wanted[i], result.output);
	check_exposition(result.output);
	process_result_free(&result);
	server_stop(server);
}

static const struct CMUnitTest tests[] = {
	PROCESS_TEST(a_pending_request_is_listed_and_filtered),
	PROCESS_TEST(a_stopped_worker_is_looked_at_as_any_other),
	PROCESS_TEST(totals_never_go_back),
	PROCESS_TEST(times_and_memory_are_told_by_module),
	PROCESS_TEST(the_flight_recorder_is_shown),
	PROCESS_TEST(prometheus_can_read_it),
};

int
main(int argc, char **argv)
{
	return (RUN_TESTS(argc, argv, tests));
}
