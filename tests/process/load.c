/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Under load not one request fails: wrk and h2load count.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>

enum {
	TOOL_MS = 60000
};

static void
need(const char *tool)
{
	if (!process_have(tool)) {
		print_message("%s isn't installed\n", tool);
		skip();
	}
}

static void
url_of(
    const struct server *server, const char *path, char *ret_url, size_t size)
{
	(void)snprintf(ret_url, size, "http://127.0.0.1:%u%s",
	    (unsigned)server->port, path);
}

/* wrk names only what went wrong. */
static void
run_wrk(const char *const *argv)
{
	static const char *const bad[] = {
		"Socket errors:",
		"Non-2xx",
		"unable to",
	};
	struct process_result result;
	unsigned long requests = 0;
	const char *line;
	size_t i;

	process_run(argv, TOOL_MS, &result);
	print_message("%s", result.output);
	assert_int_equal(result.status, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strstr(result.output, bad[i]) != NULL)
			fail_msg("wrk: %s", strstr(result.output, bad[i]));
	line = strstr(result.output, " requests in ");
	assert_non_null(line);
	while (line > result.output && line[-1] != '\n')
		line--;
	assert_int_equal(sscanf(line, " %lu requests", &requests), 1);
	assert_in_range(requests, 100, UINT32_MAX);
	process_result_free(&result);
}

static void
run_h2load(const char *const *argv, unsigned requests)
{
	unsigned total, started, done, succeeded, failed, errored, timeout;
	struct process_result result;
	char statuses[64];
	const char *line;

	process_run(argv, TOOL_MS, &result);
	print_message("%s", result.output);
	assert_int_equal(result.status, 0);
	line = strstr(result.output, "requests: ");
	assert_non_null(line);
	assert_int_equal(
	    sscanf(line,
		"requests: %u total, %u started, %u done, %u succeeded, "
		"%u failed, %u errored, %u timeout",
		&total, &started, &done, &succeeded, &failed, &errored,
		&timeout),
	    7);
	assert_int_equal(succeeded, requests);
	assert_int_equal(failed + errored + timeout, 0);
	(void)snprintf(
	    statuses, sizeof(statuses), "status codes: %u 2xx", requests);
	assert_non_null(strstr(result.output, statuses));
	process_result_free(&result);
}

static void
wrk_with_256_connections_sees_no_error(void **state)
{
	struct server *server;
	char url[128];

	(void)state;
	need("wrk");
	server = server_start("-w", "2", "-m", "hello", NULL);
	url_of(server, "/hello", url, sizeof(url));
	run_wrk((const char *const[]){ "wrk", "-c", "256", "-t", "2", "-d", "3",
	    "--timeout", "30", url, NULL });
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
h2load_sees_no_error(void **state)
{
	struct server *server;
	char url[128];

	(void)state;
	need("h2load");
	server = server_start("-w", "2", "-m", "hello", NULL);
	url_of(server, "/hello", url, sizeof(url));
	run_h2load((const char *const[]){ "h2load", "--h1", "-c", "64", "-n",
		       "20000", url, NULL },
	    20000);
	server_stop(server);
}

static void
a_connection_for_each_request_sees_no_error(void **state)
{
	struct server *server;
	char url[128];

	(void)state;
	need("wrk");
	server = server_start("-w", "2", "-m", "hello", NULL);
	url_of(server, "/hello", url, sizeof(url));
	run_wrk((const char *const[]){ "wrk", "-c", "64", "-t", "2", "-d", "2",
	    "--timeout", "30", "-H", "Connection: close", url, NULL });
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
asynchronous_modules_under_load_see_no_error(void **state)
{
	struct server *server;
	char url[128];

	(void)state;
	need("wrk");
	server = server_start(
	    "-w", "2", "-m", "delay", "-m", "completion_info", NULL);
	url_of(server, "/delay?ms=3", url, sizeof(url));
	run_wrk((const char *const[]){ "wrk", "-c", "256", "-t", "2", "-d", "2",
	    "--timeout", "30", url, NULL });
	url_of(server, "/completion_info", url, sizeof(url));
	run_wrk((const char *const[]){ "wrk", "-c", "32", "-t", "1", "-d", "1",
	    "--timeout", "30", url, NULL });
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(wrk_with_256_connections_sees_no_error),
		PROCESS_TEST(h2load_sees_no_error),
		PROCESS_TEST(a_connection_for_each_request_sees_no_error),
		PROCESS_TEST(asynchronous_modules_under_load_see_no_error),
	};

	return (RUN_TESTS(argc, argv, tests));
}
