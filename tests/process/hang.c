/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that hang: told with a name, avoided, aborted at the limit, and
 * their clients served by others.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000,
	CLIENTS = 6
};

static const char *
trouble(void)
{
	static char path[256];

	server_module("trouble", path, sizeof(path));
	return (path);
}

static void
expect_hello(struct client *client)
{
	struct response r;

	client_send_text(client, GET("/hello"));
	client_response(client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

/* How often a warning's time has doubled since 100 ms. */
static unsigned
doubling(const char *line)
{
	unsigned ms, times = 0;

	assert_int_equal(sscanf(strstr(line, " for "), " for %u ms", &ms), 1);
	assert_in_range(ms, 100, 10000);
	while (ms >= 200) {
		ms /= 2;
		times++;
	}
	return (times);
}

static void
a_long_callback_is_told_and_goes_on(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", trouble(), "-o", "hang-warn=100ms", NULL);
	unsigned last, lines = 1;
	struct client client;
	struct response r;
	const char *line;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, GET("/trouble/nap"));
	line = server_log_wait(server, "has made no progress for ", LONG_MS);
	assert_non_null(
	    strstr(line, " in module trouble, begin_request, request 1-1"));
	last = doubling(line);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	/* Of 900 ms, one line for 100, 200, 400 and 800, if we got to look. */
	while ((line = server_log_find(server, "has made no progress for ")) !=
	       NULL) {
		assert_in_range(doubling(line), last + 1, 8);
		last = doubling(line);
		lines++;
	}
	assert_in_range(lines, 2, 4);
	(void)server_log_wait(server, " goes on", LONG_MS);
	server_stop(server);
}

/* Two deaths name the request: then it is answered 502. */
static void
a_hang_is_ended_and_named(void **state)
{
	struct server *server =
	    server_start("-w", "2", "-m", "hello", "-m", trouble(), "-o",
		"hang-limit=500ms", "-o", "hang-grace=200ms", NULL);
	struct client culprit, clients[CLIENTS];
	struct response r;
	const char *line;
	size_t i;

	(void)state;
	server->crash_expected = true;
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		expect_hello(&clients[i]);
	}
	client_open(&culprit, server);
	client_send_text(&culprit, GET("/trouble/hang"));
	line = server_log_wait(server, " hangs for ", LONG_MS);
	assert_non_null(strstr(line, " in module trouble, begin_request"));
	line = server_log_wait(server, "killed by SIGABRT", LONG_MS);
	assert_non_null(strstr(line, " in module trouble, begin_request"));
	client_response(&culprit, &r);
	assert_int_equal(r.status, 502);
	response_free(&r);
	client_close(&culprit);
	for (i = 0; i < CLIENTS; i++) {
		expect_hello(&clients[i]);
		client_close(&clients[i]);
	}
	server_stop(server);
}

static void
one_that_does_not_heed_sigabrt_is_killed(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    trouble(), "-o", "hang-limit=300ms", "-o", "hang-grace=200ms", "-o",
	    "spares=1", NULL);
	struct process_result result;
	struct client culprit;
	char program[256];
	struct response r;
	int64_t before;

	(void)state;
	server->crash_expected = true;
	client_open(&culprit, server);
	client_send_text(&culprit, GET("/trouble/deaf"));
	(void)server_log_wait(server, " hangs for ", LONG_MS);
	/* hang-grace, for a core to be written. */
	before = test_now_ms();
	(void)server_log_wait(
	    server, "killed by SIGKILL in module trouble", LONG_MS);
	assert_in_range(test_now_ms() - before, 100, LONG_MS);
	client_response(&culprit, &r);
	assert_int_equal(r.status, 502);
	response_free(&r);
	client_close(&culprit);
	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "crashes", NULL },
	    LONG_MS, &result);
	assert_non_null(strstr(result.output, "SIGKILL   hung  trouble"));
	process_result_free(&result);
	server_stop(server);
}

static void
new_connections_avoid_a_worker_that_hangs(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-m",
	    trouble(), "-o", "hang-warn=50ms", NULL);
	struct client culprit, client;
	size_t i;

	(void)state;
	server->crash_expected = true;
	client_open(&culprit, server);
	client_send_text(&culprit, GET("/trouble/hang"));
	(void)server_log_wait(server, "has made no progress", LONG_MS);
	for (i = 0; i < CLIENTS; i++) {
		client_open(&client, server);
		expect_hello(&client);
		client_close(&client);
	}
	client_close(&culprit);
	/* Told to end it waits for the worker: at once then. */
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	(void)server_log_wait(server, "stopping", LONG_MS);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	server_ended(server);
}

static void
a_stopped_worker_is_found_though_it_was_idle(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-o", "spares=1", "-o",
		"hang-limit=500ms", "-o", "hang-grace=200ms", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client clients[CLIENTS];
	size_t i;

	(void)state;
	server->crash_expected = true;
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		expect_hello(&clients[i]);
	}
	assert_in_range(server_workers(server, workers), 1, 2);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	(void)server_log_wait(server, "(stopped by a signal)", LONG_MS);
	(void)server_log_wait(
	    server, "(stopped by a signal): aborted", LONG_MS);
	for (i = 0; i < CLIENTS; i++) {
		expect_hello(&clients[i]);
		client_close(&clients[i]);
	}
	server_stop(server);
}

/* The work isn't why the loop stands still, and the module is well. */
static void
a_worker_stopped_while_work_is_offloaded_accuses_nobody(void **state)
{
	struct server *server;
	pid_t workers[SERVER_WORKERS_MAX];
	char path[256];
	struct client client;
	struct response r;
	const char *line;

	(void)state;
	server_module("offloader", path, sizeof(path));
	server = server_start("-w", "1", "-m", path, "-o", "hang-limit=500ms",
	    "-o", "hang-grace=200ms", "-o", "quarantine-crashes=1", NULL);
	server->crash_expected = true;
	client_open(&client, server);
	client_send_text(&client, GET("/offloader/async?2000"));
	(void)server_log_wait(server, "at work", LONG_MS);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	line = server_log_wait(server, " hangs for ", LONG_MS);
	assert_null(strstr(line, "module"));
	line = server_log_wait(server, "killed by SIG", LONG_MS);
	assert_null(strstr(line, "module"));
	client_response(&client, &r); /* begun again */
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	client_expect_get(server, "/offloader/async", 200, NULL);
	server_stop(server);
}

/* One that is stopped in a callback is named, and nothing follows from it. */
static void
only_a_module_that_hangs_by_itself_has_crashed(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", trouble(), "-o", "hang-limit=2s",
		"-o", "hang-grace=200ms", "-o", "quarantine-crashes=1", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	struct response r;
	const char *line;

	(void)state;
	server->crash_expected = true;
	client_open(&client, server);
	client_send_text(&client, GET("/trouble/nap"));
	test_sleep_ms(200);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	(void)server_log_wait(
	    server, "(stopped by a signal): aborted", LONG_MS);
	line = server_log_wait(server, "killed by SIG", LONG_MS);
	assert_non_null(strstr(line, " in module trouble, begin_request"));
	client_response(&client, &r); /* begun again */
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_send_text(&client, GET("/trouble/hang"));
	(void)server_log_wait(server, "under quarantine", LONG_MS);
	client_response(&client, &r);
	assert_int_equal(r.status, 503);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

/* In no callback, and it had said that it sleeps: only asking tells. */
static void
a_sleeping_worker_that_will_not_wake_is_found(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    trouble(), "-o", "spares=1", "-o", "hang-limit=1s", "-o",
	    "hang-grace=200ms", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	const char *line;

	(void)state;
	server->crash_expected = true;
	client_expect_get(server, "/trouble/trap", 200, NULL);
	client_open(&client, server);
	expect_hello(&client);
	assert_in_range(server_workers(server, workers), 1, 2);
	test_sleep_ms(50); /* it sleeps */
	assert_int_equal(kill(workers[0], SIGUSR2), 0);
	line = server_log_wait(server, " hangs for ", LONG_MS);
	assert_non_null(strstr(line, " outside any module: aborted"));
	/* ThreadSanitizer lets no other signal into a handler. */
	line = server_log_wait(server, "killed by SIG", LONG_MS);
	assert_true(test_sanitized() || strstr(line, "SIGABRT") != NULL);
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

/* The same in the middle of its work: its turn doesn't end. */
static void
a_loop_outside_callbacks_is_found(void **state)
{
	enum {
		REQUESTS = 2000
	};
	static const char get[] = GET("/nowhere");
	static char requests[REQUESTS * sizeof(get)];
	char scoped[300];
	struct server *server;
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	struct response r;
	const char *line;
	size_t i;

	(void)state;
	(void)snprintf(scoped, sizeof(scoped), "%s,path=/trouble", trouble());
	server = server_start("-w", "1", "-m", scoped, "-o", "spares=1", "-o",
	    "hang-limit=1s", "-o", "hang-grace=200ms", NULL);
	server->crash_expected = true;
	client_expect_get(server, "/trouble/trap", 200, NULL);
	assert_in_range(server_workers(server, workers), 1, 2);
	for (i = 0; i < REQUESTS; i++)
		memcpy(requests + i * (sizeof(get) - 1), get, sizeof(get));
	client_open(&client, server);
	client_send(&client, requests, REQUESTS * (sizeof(get) - 1));
	client_response(&client, &r); /* it has begun with them */
	response_free(&r);
	assert_int_equal(kill(workers[0], SIGUSR2), 0);
	line = server_log_wait(server, " hangs for ", LONG_MS);
	assert_non_null(strstr(line, " outside any module: aborted"));
	for (i = 1; i < REQUESTS; i++) {
		client_response(&client, &r);
		assert_int_equal(r.status, 404);
		response_free(&r);
	}
	client_close(&client);
	server_stop(server);
}

static void
a_worker_that_resumes_in_time_goes_on(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-o", "hang-limit=5s", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;

	(void)state;
	client_open(&client, server);
	expect_hello(&client);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	(void)server_log_wait(server, "(stopped by a signal)", LONG_MS);
	assert_int_equal(kill(workers[0], SIGCONT), 0);
	(void)server_log_wait(server, " goes on", LONG_MS);
	expect_hello(&client);
	client_close(&client);
	server_stop(server);
}

/*
 * It resumes when it is given up, SIGABRT passes it by, and until SIGKILL it
 * reads and answers what came meanwhile. These connections are its own until
 * the kernel says that it is dead: each byte is read once, each answer comes
 * once, from it or from its successor.
 */
static void
one_that_resumes_too_late_takes_nothing_that_moved(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    trouble(), "-o", "spares=1", "-o", "hang-limit=400ms", "-o",
	    "hang-grace=400ms", NULL);
	struct client whole[CLIENTS], half[CLIENTS];
	pid_t workers[SERVER_WORKERS_MAX];
	struct response r;

	(void)state;
	server->crash_expected = true;
	for (size_t i = 0; i < CLIENTS; i++) {
		client_open(&whole[i], server);
		expect_hello(&whole[i]);
		client_open(&half[i], server);
	}
	client_send_text(&half[0], GET("/trouble/stubborn"));
	client_response(&half[0], &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_in_range(server_workers(server, workers), 1, 2);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		client_send_text(&whole[i], GET("/hello"));
		client_send_text(&half[i], "GET /hel");
	}
	(void)server_log_wait(server, ": aborted", LONG_MS);
	(void)server_log_wait(server, "killed by SIGKILL", LONG_MS);
	for (size_t i = 0; i < CLIENTS; i++) {
		client_response(&whole[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_send_text(&half[i], "lo HTTP/1.1\r\nHost: a\r\n\r\n");
		client_response(&half[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_true(client_quiet(&whole[i], 0));
		assert_true(client_quiet(&half[i], 0));
		client_close(&whole[i]);
		client_close(&half[i]);
	}
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_long_callback_is_told_and_goes_on),
		PROCESS_TEST(a_hang_is_ended_and_named),
		PROCESS_TEST(one_that_does_not_heed_sigabrt_is_killed),
		PROCESS_TEST(new_connections_avoid_a_worker_that_hangs),
		PROCESS_TEST(a_stopped_worker_is_found_though_it_was_idle),
		PROCESS_TEST(
		    a_worker_stopped_while_work_is_offloaded_accuses_nobody),
		PROCESS_TEST(only_a_module_that_hangs_by_itself_has_crashed),
		PROCESS_TEST(a_sleeping_worker_that_will_not_wake_is_found),
		PROCESS_TEST(a_loop_outside_callbacks_is_found),
		PROCESS_TEST(a_worker_that_resumes_in_time_goes_on),
		PROCESS_TEST(
		    one_that_resumes_too_late_takes_nothing_that_moved),
	};

	return (RUN_TESTS(argc, argv, tests));
}
