/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upgrades of the program: the process, its listeners and its clients stay;
 * a program that can't take over changes nothing.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 20000,
	CLIENTS = 8,
};

static char folder[PATH_MAX];
static char program[PATH_MAX + 32];

/* A folder like an installation's, whose program can be replaced. */
static int
make_folder(void **state)
{
	char from[PATH_MAX], to[PATH_MAX + 32], name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "tests/upgrade/%d", (int)getpid());
	process_build_path("tests/upgrade", folder, sizeof(folder));
	(void)mkdir(folder, 0755);
	process_build_path(name, folder, sizeof(folder));
	(void)snprintf(program, sizeof(program), "%s/bulkhead", folder);
	(void)snprintf(to, sizeof(to), "%s/bulkhead-worker", folder);
	if (mkdir(folder, 0755) != 0)
		return (-1);
	process_program("bulkhead", from, sizeof(from));
	if (link(from, program) != 0)
		return (-1);
	process_program("bulkhead-worker", from, sizeof(from));
	return (link(from, to) | setenv("BULKHEAD_UPGRADE_FOLDER", folder, 1));
}

static int
remove_folder(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	(void)unlink(program);
	(void)snprintf(path, sizeof(path), "%s/bulkhead-worker", folder);
	(void)unlink(path);
	return (rmdir(folder));
}

static struct server *
start(void)
{
	char hello[512], delay[512];

	process_build_path("modules/hello.so", hello, sizeof(hello));
	process_build_path("modules/delay.so", delay, sizeof(delay));
	return (server_start_by(
	    "shift; exec \"$BULKHEAD_UPGRADE_FOLDER\"/bulkhead \"$@\"", "-w",
	    "2", "-m", hello, "-m", delay, NULL));
}

/* In the program's place, as a package does it. */
static void
put_program(const char *path)
{
	char next[PATH_MAX + 64];

	(void)snprintf(next, sizeof(next), "%s.next", program);
	assert_int_equal(link(path, next), 0);
	assert_int_equal(rename(next, program), 0);
	(void)unlink(next); /* it was the same file */
}

static void
put_script(const char *text)
{
	char path[PATH_MAX + 64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.script", program);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
	put_program(path);
	assert_int_equal(unlink(path), 0);
}

static void
expect(struct client *client, const char *request)
{
	struct response r;

	client_send_text(client, request);
	client_response(client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

static void
the_process_goes_on_with_its_clients(void **state)
{
	struct server *server = start();
	struct client idle[CLIENTS], busy;
	struct response r;

	(void)state;
	for (size_t i = 0; i < CLIENTS; i++) {
		client_open(&idle[i], server);
		expect(&idle[i], GET("/hello"));
	}
	client_open(&busy, server);
	client_send_text(&busy, GET("/delay?ms=1500"));
	ctl_expect(server, "upgrade", NULL, 0, "generation 2 serves");
	/* The same process: server_stop() ends it. */
	(void)server_log_wait(server, "goes on where bulkhead", LONG_MS);
	for (size_t i = 0; i < CLIENTS; i++)
		expect(&idle[i], GET("/hello"));
	ctl_expect(server, "upgrade", NULL, 0, "generation 3 serves");
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	for (size_t i = 0; i < CLIENTS; i++) {
		expect(&idle[i], GET("/hello"));
		client_close(&idle[i]);
	}
	client_close(&busy);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
workers_are_watched_after_it(void **state)
{
	struct server *server = start();
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;

	(void)state;
	ctl_expect(server, "upgrade", NULL, 0, "serves");
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	client_open(&client, server);
	expect(&client, GET("/hello"));
	assert_int_equal(server_workers(server, workers), 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(kill(workers[i], SIGKILL), 0);
	(void)server_log_wait(server, "killed by SIGKILL", LONG_MS);
	expect(&client, GET("/hello"));
	client_close(&client);
	server_stop(server);
}

static void
expect_nothing_changes(const char *script)
{
	struct server *server = start();
	struct client client;

	client_open(&client, server);
	expect(&client, GET("/hello"));
	put_script(script);
	ctl_expect(server, "upgrade", NULL, 1, "not upgraded");
	expect(&client, GET("/hello"));
	client_expect_get(server, "/hello", 200, NULL);
	client_close(&client);
	server_stop(server);
}

static void
what_is_no_program_changes_nothing(void **state)
{
	(void)state;
	expect_nothing_changes("no program at all\n");
}

static void
a_program_that_fails_its_trial_changes_nothing(void **state)
{
	(void)state;
	expect_nothing_changes("#!/bin/sh\nexit 3\n");
}

static void
a_program_that_dies_on_trial_changes_nothing(void **state)
{
	(void)state;
	expect_nothing_changes("#!/bin/sh\nkill -SEGV $$\n");
}

/* What ps(1) shows, and pidof(1) looks for. */
static void
expect_name(const struct server *server, const char *name)
{
	char path[64], *text;
	size_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)server->pid);
	text = process_read_file(path, &length);
	assert_non_null(text);
	assert_int_equal(length, strlen(name));
	assert_memory_equal(text, name, length);
	free(text);
}

/* upgrade_unable.c passes its trial, and can't go on all the same. */
static void
a_program_that_cannot_go_on_gives_back(void **state)
{
	struct server *server = start();
	struct client client;
	char unable[PATH_MAX];

	(void)state;
	client_open(&client, server);
	expect(&client, GET("/hello"));
	process_build_path("tests/upgrade_unable", unable, sizeof(unable));
	put_program(unable);
	ctl_expect(server, "upgrade", NULL, 1, "it isn't able to");
	(void)server_log_wait(server, "goes on: not upgraded", LONG_MS);
	expect_name(server, "bulkhead\n");
	expect(&client, GET("/hello"));
	client_expect_get(server, "/hello", 200, NULL);
	/* And that one can be upgraded again. */
	process_program("bulkhead", unable, sizeof(unable));
	put_program(unable);
	ctl_expect(server, "upgrade", NULL, 0, "serves");
	expect(&client, GET("/hello"));
	client_close(&client);
	server_stop(server);
}

/* Of all workers, those that are gone too. */
static unsigned long long
total_requests(struct server *server)
{
	static const char name[] = "\n  requests ";
	struct process_result result;
	unsigned long long total;
	const char *line;

	assert_int_equal(ctl_run(server, "stats", NULL, &result), 0);
	line = strstr(result.output, name);
	assert_non_null(line);
	total = strtoull(line + strlen(name), NULL, 10);
	process_result_free(&result);
	return (total);
}

/* Also not when the next program gives back what it was to take over. */
static void
totals_never_go_back(void **state)
{
	struct server *server = start();
	struct client client;
	char path[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < CLIENTS; i++) {
		client_open(&client, server);
		expect(&client, GET("/hello"));
		expect(&client, GET("/hello"));
		client_close(&client);
	}
	ctl_expect(server, "upgrade", NULL, 0, "serves");
	(void)server_log_wait(server, "generation 1 is gone", LONG_MS);
	assert_int_equal(total_requests(server), 2 * CLIENTS);
	process_build_path("tests/upgrade_unable", path, sizeof(path));
	put_program(path);
	ctl_expect(server, "upgrade", NULL, 1, "it isn't able to");
	assert_int_equal(total_requests(server), 2 * CLIENTS);
	process_program("bulkhead", path, sizeof(path));
	put_program(path);
	client_expect_get(server, "/hello", 200, NULL);
	ctl_expect(server, "upgrade", NULL, 0, "serves");
	(void)server_log_wait(server, "generation 2 is gone", LONG_MS);
	assert_int_equal(total_requests(server), 2 * CLIENTS + 1);
	server_stop(server);
}

#define UPGRADE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, make_folder, clean_up)

static int
clean_up(void **state)
{
	int failed = server_teardown(state);

	return (remove_folder(state) | failed);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		UPGRADE_TEST(the_process_goes_on_with_its_clients),
		UPGRADE_TEST(workers_are_watched_after_it),
		UPGRADE_TEST(what_is_no_program_changes_nothing),
		UPGRADE_TEST(a_program_that_fails_its_trial_changes_nothing),
		UPGRADE_TEST(a_program_that_dies_on_trial_changes_nothing),
		UPGRADE_TEST(a_program_that_cannot_go_on_gives_back),
		UPGRADE_TEST(totals_never_go_back),
	};

	return (RUN_TESTS(argc, argv, tests));
}
