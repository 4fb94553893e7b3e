/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who ended a worker: a module's fault counts against the module, an
 * operator's signal doesn't, and the kernel's for want of memory does.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000
};

static const char *
trouble(void)
{
	static char path[512];

	server_module("trouble", path, sizeof(path));
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
	response_free(&r);
	client_close(&client);
}

/* Wait until bulkheadctl crashes says so. */
static void
expect_report(struct server *server, const char *words)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_result result;
	bool found;

	do {
		assert_int_equal(
		    ctl_run(server, "crashes", "--json", &result), 0);
		found = strstr(result.output, words) != NULL;
		process_result_free(&result);
		if (!found)
			test_sleep_ms(20);
	} while (!found && test_left_ms(deadline) > 0);
	if (!found)
		fail_msg("no report has %s", words);
}

/* In the middle of a module's callback, and one crash would be enough. */
static void
a_worker_that_an_operator_kills_accuses_nobody(void **state)
{
	static const struct {
		int number;
		const char *line;
	} kills[] = {
		{ SIGKILL, "killed by SIGKILL from outside in module trouble" },
		{ SIGTERM, "killed by SIGTERM from outside in module trouble" },
#if !defined(__SANITIZE_THREAD__) /* it dies of them in its own way */
		{ SIGSEGV, "from outside in module trouble" },
		{ SIGABRT, "from outside in module trouble" },
#endif
	};
	struct server *server = server_start(
	    "-w", "1", "-m", trouble(), "-o", "quarantine-crashes=1", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	struct response r;

	(void)state;
	for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
		client_open(&client, server);
		client_send_text(&client, GET("/trouble/nap"));
		test_sleep_ms(200);
		assert_int_equal(server_workers(server, workers), 1);
		assert_int_equal(kill(workers[0], kills[i].number), 0);
		(void)server_log_wait(server, kills[i].line, LONG_MS);
		client_response(&client, &r); /* begun again */
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&client);
	}
	expect_report(server, "\"cause\": \"outside\"");
	expect(server, GET("/trouble"), 200);
	server->crash_expected = true;
	expect(server, GET("/trouble/crash"), 503);
	(void)server_log_wait(server, "under quarantine", LONG_MS);
	expect(server, GET("/trouble"), 503);
	server_stop(server);
}

/* The thread would go on behind it when its handler returns. */
static void
a_breakpoint_ends_a_worker(void **state)
{
	struct server *server = server_start("-w", "1", "-m", trouble(), NULL);

	(void)state;
	server->crash_expected = true;
	expect(server, GET("/trouble/break"), 502);
	(void)server_log_wait(
	    server, "killed by SIGTRAP in module trouble", LONG_MS);
	server_stop(server);
}

/* Sent, but by nobody else. */
static void
a_timer_of_the_module_is_its_own_doing(void **state)
{
	struct server *server = server_start("-w", "1", "-m", trouble(), NULL);

	(void)state;
	server->crash_expected = true;
	expect(server, GET("/trouble/alarm"), 502);
	(void)server_log_wait(
	    server, "killed by SIGABRT in module trouble", LONG_MS);
	server_stop(server);
}

/* Of SIGKILL nobody hears, but it is heard of before it is sent. */
static void
a_module_that_kills_its_worker_is_told_from_an_operator(void **state)
{
	static const struct {
		const char *request, *line;
	} deaths[] = {
		{ GET("/trouble/kill"), "killed by SIGKILL in module trouble" },
		{ GET("/trouble/raise"),
		    "killed by SIGKILL in module trouble" },
		{ GET("/trouble/end"), "killed by SIGTERM in module trouble" },
	};
	struct server *server;

	(void)state;
	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		server = server_start("-w", "1", "-m", trouble(), "-o",
		    "quarantine-crashes=1", NULL);
		server->crash_expected = true;
		expect(server, deaths[i].request, 503);
		(void)server_log_wait(server, "under quarantine", LONG_MS);
		(void)server_log_wait(server, deaths[i].line, LONG_MS);
		expect_report(server, "\"cause\": \"own\"");
		server_stop(server);
	}
}

/* It was told to end, and would have: in the middle of a request. */
static void
a_retiring_worker_that_is_killed_is_told(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	struct response r;

	(void)state;
	/* Long enough for another worker to come; then it is begun anew. */
	client_open(&client, server);
	client_send_text(&client, GET("/delay?ms=5000"));
	test_sleep_ms(100);
	assert_int_equal(server_workers(server, workers), 1);
	ctl_expect(server, "recycle", "1", 0, "1 worker will be replaced");
	(void)server_log_wait(server, " retires", LONG_MS);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	(void)server_log_wait(
	    server, "killed by SIGKILL from outside", LONG_MS);
	client_response(&client, &r); /* begun again */
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	ctl_expect(server, "status", NULL, 0, " 1 died");
	expect_report(server, "\"cause\": \"outside\"");
	server_stop(server);
}

/* Status 0 is no end in order when there are requests. */
static void
a_module_that_exits_while_its_worker_ends_is_told(void **state)
{
	struct server *server;
	struct client client;
	const char *line;

	(void)state;
	for (int stop = 0; stop < 2; stop++) {
		server = server_start(
		    "-w", "1", "-m", trouble(), "-o", "hang-warn=10s", NULL);
		server->crash_expected = true;
		client_open(&client, server);
		client_send_text(&client, GET("/trouble/quit"));
		test_sleep_ms(100);
		if (stop) {
			assert_int_equal(kill(server->pid, SIGTERM), 0);
		} else {
			ctl_expect(server, "recycle", "1", 0, "1 worker");
			(void)server_log_wait(server, " retires", LONG_MS);
		}
		line = server_log_wait(server, " in module trouble", LONG_MS);
		/* A sanitizer has found leaks, and aborts. */
		assert_true(test_sanitized() ||
			    strstr(line, "exited with status 0") != NULL);
		client_close(&client);
		if (stop)
			server_ended(server);
		else
			server_stop(server);
	}
}

/* A control group of this test, where that can be made; the rest of it. */
static char group[256];

static bool
write_group(const char *name, const char *value)
{
	char path[320];
	ssize_t written;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return (false);
	written = write(fd, value, strlen(value));
	(void)close(fd);
	return (written == (ssize_t)strlen(value));
}

/* False when there may be no such group. */
static bool
enter_group(const char *limit)
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory",
		"/sys/fs/cgroup" };

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(group, sizeof(group), "%s/bulkhead-test-%d",
		    roots[i], (int)getpid());
		if (mkdir(group, 0700) != 0)
			continue;
		if ((write_group("memory.limit_in_bytes", limit) ||
			write_group("memory.max", limit)) &&
		    write_group("cgroup.procs", "0")) {
			(void)write_group("memory.memsw.limit_in_bytes", limit);
			(void)write_group("memory.swap.max", "0");
			return (true);
		}
		(void)rmdir(group);
	}
	return (false);
}

static void
leave_group(void)
{
	char *end = strrchr(group, '/');
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", end);
	*end = '\0';
	(void)write_group("cgroup.procs", "0");
	*end = '/';
	for (int i = 0; i < 100 && rmdir(group) != 0 && errno == EBUSY; i++)
		test_sleep_ms(20);
}

static void
a_worker_that_takes_too_much_memory_is_known_for_it(void **state)
{
	struct server *server;

	(void)state;
	if (test_sanitized() || !enter_group("125829120"))
		skip();
	server = server_start("-w", "1", "-m", trouble(), "-m", "hello", NULL);
	server->crash_expected = true;
	/* 64 MiB each; the second is begun again by another worker. */
	expect(server, GET("/trouble/grow"), 200);
	expect(server, GET("/trouble/grow"), 200);
	(void)server_log_wait(server,
	    "killed by SIGKILL for want of memory in module trouble", LONG_MS);
	expect_report(server, "\"cause\": \"memory\"");
	server_stop(server);
	leave_group();
}

static int
tear_down(void **state)
{
	int status = server_teardown(state);

	if (group[0] != '\0')
		leave_group();
	return (status);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_worker_that_an_operator_kills_accuses_nobody),
		PROCESS_TEST(a_breakpoint_ends_a_worker),
		PROCESS_TEST(a_timer_of_the_module_is_its_own_doing),
		PROCESS_TEST(
		    a_module_that_kills_its_worker_is_told_from_an_operator),
		PROCESS_TEST(a_retiring_worker_that_is_killed_is_told),
		PROCESS_TEST(a_module_that_exits_while_its_worker_ends_is_told),
		cmocka_unit_test_teardown(
		    a_worker_that_takes_too_much_memory_is_known_for_it,
		    tear_down),
	};

	return (RUN_TESTS(argc, argv, tests));
}
