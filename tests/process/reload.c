/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reload: new workers take over, or nothing changes. crash/reload.c does it
 * under load.
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
	LONG_MS = 20000
};

static void
expect(struct client *client, const char *request, int status)
{
	struct response r;

	client_send_text(client, request);
	client_response(client, &r);
	assert_int_equal(r.status, status);
	response_free(&r);
}

static void
put_shipped(struct server *server, const char *module, const char *name)
{
	char relative[64], path[512];

	(void)snprintf(relative, sizeof(relative), "modules/%s.so", module);
	process_build_path(relative, path, sizeof(path));
	server_put_module(server, path, name, false);
}

static void
put_test_module(struct server *server, const char *module, const char *name)
{
	char path[512];

	server_module(module, path, sizeof(path));
	server_put_module(server, path, name, false);
}

/*
 * A server whose only module's file is in its folder and may be replaced. No
 * spare: it might load what is there next.
 */
static struct server *
start_with(const char *module)
{
	struct server *server = server_make();

	put_shipped(server, module, "mod.so");
	server_launch(server, "-l", "127.0.0.1:0", "-w", "2", "-o", "spares=0",
	    "-o", "state-dir=", "-m", server_path(server, "mod.so"), NULL);
	return (server);
}

static void
a_new_build_of_a_module_is_served_and_clients_stay(void **state)
{
	struct server *server = start_with("hello");
	struct client used, fresh;

	(void)state;
	client_open(&used, server);
	client_open(&fresh, server);
	expect(&used, GET("/hello"), 200);
	put_shipped(server, "echo", "mod.so");
	expect(&used, GET("/hello"), 200);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	client_expect_get(server, "/hello", 404, NULL);
	/* What comes before the old worker has let go is answered by it. */
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	expect(&used, GET("/hello"), 404);
	expect(&fresh, GET("/hello"), 404);
	expect(&used,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
	    200);
	client_close(&used);
	client_close(&fresh);
	server_stop(server);
}

static void
sighup_does_the_same(void **state)
{
	struct server *server = start_with("hello");
	struct client client;

	(void)state;
	client_open(&client, server);
	expect(&client, GET("/hello"), 200);
	assert_int_equal(kill(server->pid, SIGHUP), 0);
	(void)server_log_wait(server, "generation 2 serves", LONG_MS);
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	expect(&client, GET("/hello"), 200);
	client_close(&client);
	server_stop(server);
}

/* The workers that serve, their clients, and what the master holds. */
static void
expect_nothing_changes(
    struct server *server, struct client *client, const char *why)
{
	pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
	struct process_holding held, holds;
	int64_t deadline = test_deadline(LONG_MS);
	size_t count = server_workers(server, before);

	process_hold(server->pid, &held);
	ctl_expect(server, "reload", NULL, 1, why);
	(void)server_log_wait(
	    server, "not reloaded, nothing has changed: ", LONG_MS);
	expect(client, GET("/hello"), 200);
	do {
		process_hold(server->pid, &holds);
	} while ((server_workers(server, after) != count ||
		     holds.descriptors > held.descriptors) &&
		 test_left_ms(deadline) > 0);
	assert_int_equal(holds.descriptors, held.descriptors);
	assert_int_equal(server_workers(server, after), count);
	assert_memory_equal(before, after, count * sizeof(*before));
}

static void
a_module_that_does_not_load_changes_nothing(void **state)
{
	struct server *server = start_with("hello");
	struct client client;

	(void)state;
	server->crash_expected = true;
	client_open(&client, server);
	expect(&client, GET("/hello"), 200);
	server_file(server, "mod.so", "This is no module.\n");
	expect_nothing_changes(server, &client, "mod.so");
	put_test_module(server, "unstartable", "mod.so");
	expect_nothing_changes(server, &client, "killed by SIGABRT");
	put_test_module(server, "refuses", "mod.so");
	expect_nothing_changes(server, &client, "the moon is in the wrong");
	assert_int_equal(unlink(server_path(server, "mod.so")), 0);
	expect_nothing_changes(server, &client, "no readable file");
	put_shipped(server, "hello", "mod.so");
	ctl_expect(server, "reload", NULL, 0, "serves: 2 workers, 1 modules");
	expect(&client, GET("/hello"), 200);
	client_close(&client);
	server_stop(server);
}

/* It is answered by those who have it; its connection then moves. */
static void
requests_in_flight_finish_where_they_are(void **state)
{
	struct server *server = start_with("delay");
	struct client waiting, half;
	struct response r;

	(void)state;
	client_open(&waiting, server);
	client_open(&half, server);
	client_send_text(&waiting, GET("/delay?ms=700"));
	client_send_text(&half, "GET /delay?ms=1 HT");
	test_sleep_ms(100);
	put_shipped(server, "hello", "mod.so");
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	/* No more than begun: its next bytes are the old worker's too. */
	client_send_text(&half, "TP/1.1\r\nHost: a\r\n\r\n");
	client_response(&half, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_response(&waiting, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	expect(&waiting, GET("/hello"), 200);
	expect(&half, GET("/hello"), 200);
	client_close(&waiting);
	client_close(&half);
	server_stop(server);
}

/* What isn't finished in time is treated as after a death: begun again. */
static void
the_drain_limit_bounds_what_is_in_flight(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", "delay", "-o", "drain-limit=200ms", NULL);
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	/* Longer than the reload takes, and then once more. */
	client_send_text(&client,
	    test_sanitized() ? GET("/delay?ms=12000") : GET("/delay?ms=3000"));
	test_sleep_ms(100);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	(void)server_log_wait(server, "did not finish in 0.2 s", LONG_MS);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

static void
reloads_come_one_after_the_other(void **state)
{
	struct server *server = start_with("hello");
	const char *argv[] = { NULL, "--control", server->control, "reload",
		NULL };
	char program[512];
	pid_t pids[4];
	int status;

	(void)state;
	process_program("bulkheadctl", program, sizeof(program));
	argv[0] = program;
	for (size_t i = 0; i < 4; i++)
		pids[i] = process_spawn(argv, server_path(server, "said"));
	for (size_t i = 0; i < 4; i++) {
		assert_true(process_wait(pids[i], LONG_MS, &status));
		assert_int_equal(status, 0);
	}
	/* At least one more after the first; those that wait share it. */
	(void)server_log_wait(server, "generation 2 serves", LONG_MS);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
quarantine_ends_with_another_build_only(void **state)
{
	struct server *server = server_make();
	char path[512];

	(void)state;
	server_module("trouble", path, sizeof(path));
	server_put_module(server, path, "trouble.so", false);
	server_launch(server, "-l", "127.0.0.1:0", "-w", "1", "-o", "spares=0",
	    "-o", "state-dir=", "-m", "hello", "-m",
	    server_path(server, "trouble.so"), NULL);
	client_expect_get(server, "/trouble", 200, NULL);
	ctl_expect(server, "quarantine", "trouble", 0, "under quarantine");
	/* The same build, from another file. */
	server_put_module(server, path, "trouble.so", false);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	client_expect_get(server, "/trouble", 503, NULL);
	ctl_expect(server, "status", NULL, 0, "quarantined");
	server_put_module(server, path, "trouble.so", true);
	ctl_expect(server, "reload", NULL, 0, "generation 3 serves");
	(void)server_log_wait(server,
	    "module trouble is released from quarantine: it is another build",
	    LONG_MS);
	client_expect_get(server, "/trouble", 200, NULL);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

/* What kills them while they finish is known of the module from then on. */
static void
a_crash_of_the_old_workers_counts_for_the_new(void **state)
{
	struct server *server = server_make();
	struct client client;
	char path[512];

	(void)state;
	server->crash_expected = true;
	server_module("trouble", path, sizeof(path));
	server_launch(server, "-l", "127.0.0.1:0", "-w", "1", "-o", "spares=0",
	    "-o", "state-dir=", "-o", "quarantine-crashes=1", "-o",
	    "hang-limit=2s", "-m", "hello", "-m", path, NULL);
	client_open(&client, server);
	/* It is in a callback that never ends when the others take over. */
	client_send_text(&client, "POST /trouble/hang HTTP/1.1\r\nHost: a\r\n"
				  "Content-Length: 0\r\n\r\n");
	test_sleep_ms(100);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	(void)server_log_wait(
	    server, "module trouble has crashed 1 times", LONG_MS);
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	client_close(&client);
	ctl_expect(server, "status", NULL, 0, "quarantined");
	server_stop(server);
}

/* Left out at the start because it crashed there; another build is tried. */
static void
a_module_that_was_left_out_is_loaded_with_another_build(void **state)
{
	struct server *server = server_make();
	struct client client;

	(void)state;
	server->crash_expected = true;
	put_test_module(server, "unstartable", "mod.so");
	server_launch(server, "-l", "127.0.0.1:0", "-w", "1", "-o", "spares=0",
	    "-o", "state-dir=", "-m", "hello", "-m",
	    server_path(server, "mod.so"), NULL);
	client_expect_get(server, "/hello", 503, NULL);
	/* The same build stays out, and the reload doesn't fail of it. */
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	client_expect_get(server, "/hello", 503, NULL);
	put_shipped(server, "echo", "mod.so");
	ctl_expect(server, "reload", NULL, 0, "generation 3 serves");
	client_expect_get(server, "/hello", 200, NULL);
	client_open(&client, server);
	expect(&client,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
	    200);
	client_close(&client);
	server_stop(server);
}

/* The new workers die at once: a death like any other. */
static void
workers_that_die_after_the_switch_are_replaced(void **state)
{
	struct server *server = start_with("hello");
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	size_t count;

	(void)state;
	client_open(&client, server);
	expect(&client, GET("/hello"), 200);
	ctl_expect(server, "reload", NULL, 0, "generation 2 serves");
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	count = server_workers(server, workers);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(kill(workers[i], SIGKILL), 0);
	expect(&client, GET("/hello"), 200);
	client_close(&client);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(
		    a_new_build_of_a_module_is_served_and_clients_stay),
		PROCESS_TEST(sighup_does_the_same),
		PROCESS_TEST(a_module_that_does_not_load_changes_nothing),
		PROCESS_TEST(requests_in_flight_finish_where_they_are),
		PROCESS_TEST(the_drain_limit_bounds_what_is_in_flight),
		PROCESS_TEST(reloads_come_one_after_the_other),
		PROCESS_TEST(quarantine_ends_with_another_build_only),
		PROCESS_TEST(a_crash_of_the_old_workers_counts_for_the_new),
		PROCESS_TEST(
		    a_module_that_was_left_out_is_loaded_with_another_build),
		PROCESS_TEST(workers_that_die_after_the_switch_are_replaced),
	};

	return (RUN_TESTS(argc, argv, tests));
}
