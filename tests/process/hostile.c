/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker whose memory and socket belong to an attacker: the master names
 * and replaces it, keeps its own memory and descriptors, and the other worker
 * goes on. hostile_worker.c stands in the place of one incarnation.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define GET "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 20000,
	WORKERS = 2,
	TURN = 3, /* the incarnation that is hostile: the first replacement */
	CLIENTS = 16,
	GROWTH_KIB = 8 * 1024, /* of a master that is asked for nothing */
};

static char folder[PATH_MAX];

/* The real master, with a bulkhead-worker beside it that isn't. */
static int
make_folder(void **state)
{
	static const char *const programs[][2] = {
		{ "bin/bulkhead", "bulkhead" },
		{ "tests/hostile/bulkhead-worker", "bulkhead-worker" },
	};
	char from[PATH_MAX], to[PATH_MAX + 32], name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "tests/hostile/%d", (int)getpid());
	process_build_path(name, folder, sizeof(folder));
	if (mkdir(folder, 0755) != 0)
		return (-1);
	for (size_t i = 0; i < 2; i++) {
		process_build_path(programs[i][0], from, sizeof(from));
		(void)snprintf(to, sizeof(to), "%s/%s", folder, programs[i][1]);
		if (link(from, to) != 0)
			return (-1);
	}
	process_program("bulkhead-worker", from, sizeof(from));
	return (setenv("BULKHEAD_HOSTILE_REAL", from, 1) |
		setenv("BULKHEAD_HOSTILE_FOLDER", folder, 1));
}

static int
remove_folder(void **state)
{
	static const char *const names[] = { "bulkhead", "bulkhead-worker" };
	char path[PATH_MAX + 32];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return (rmdir(folder));
}

static struct server *
start(const char *how)
{
	char hello[512];

	process_build_path("modules/hello.so", hello, sizeof(hello));
	(void)setenv("BULKHEAD_HOSTILE", how, 1);
	(void)setenv("BULKHEAD_HOSTILE_TURN", "3", 1);
	return (server_start_by(
	    "shift; exec \"$BULKHEAD_HOSTILE_FOLDER\"/bulkhead \"$@\"", "-w",
	    "2", "-m", hello, "-o", "hang-limit=1s", "-o", "hang-grace=100ms",
	    "-o", "start-limit=4s", "-o", "drain-limit=1s", NULL));
}

static size_t
descriptors(pid_t pid)
{
	char path[64];
	const struct dirent *entry;
	size_t count = 0;
	DIR *open_ones;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	open_ones = opendir(path);
	assert_non_null(open_ones);
	while ((entry = readdir(open_ones)) != NULL)
		count += entry->d_name[0] != '.';
	(void)closedir(open_ones);
	return (count);
}

/* What the master has is what it had. */
static void
expect_bounds(const struct server *server, size_t fds, long kib)
{
	int64_t deadline = test_deadline(LONG_MS);

	while (descriptors(server->pid) > fds && test_left_ms(deadline) > 0)
		test_sleep_ms(20);
	assert_in_range(descriptors(server->pid), fds / 2, fds);
	if (!test_sanitized())
		assert_in_range(process_memory_kib(server->pid, "VmRSS"), 0,
		    kib + GROWTH_KIB);
}

/* All at once, so that the hostile worker has its share; all are answered. */
static void
expect_service(struct server *server)
{
	struct client clients[CLIENTS];
	struct response r;

	for (int i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET);
	}
	for (int i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
}

/* From when on the hostile one has its share of them isn't known. */
static void
serve_until(struct server *server, const char *line)
{
	int64_t deadline = test_deadline(LONG_MS);

	do {
		expect_service(server);
		if (server_log_find(server, line) != NULL)
			return;
	} while (test_left_ms(deadline) > 0);
	fail_msg("no line with \"%s\" in the log", line);
}

/* End one of the two; what comes in its place is hostile. */
static void
let_it_in(struct server *server)
{
	pid_t pids[SERVER_WORKERS_MAX];

	assert_int_equal(server_workers(server, pids), WORKERS);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	(void)server_log_wait(
	    server, "killed by SIGKILL from outside", LONG_MS);
}

static bool
has_incarnation(struct server *server, unsigned number)
{
	char path[PATH_MAX], text[64], *found;
	struct process_result result;
	bool has;

	process_program("bulkheadctl", path, sizeof(path));
	process_run((const char *const[]){ path, "--control", server->control,
			"status", "--json", NULL },
	    LONG_MS, &result);
	(void)snprintf(text, sizeof(text), "\"incarnation\": %u,", number);
	found = strstr(result.output, text);
	has = found != NULL;
	process_result_free(&result);
	return (has);
}

/*
 * It comes, does what ${how} says, is named by a line with ${line}, and is
 * replaced; meanwhile and afterwards everybody is served.
 */
static void
expect_named_and_replaced(const char *how, const char *line)
{
	struct server *server = start(how);
	int64_t deadline = test_deadline(LONG_MS);
	pid_t pids[SERVER_WORKERS_MAX];
	size_t fds;
	long kib;

	server->crash_expected = true;
	expect_service(server);
	test_sleep_ms(50);
	fds = descriptors(server->pid);
	kib = process_memory_kib(server->pid, "VmRSS");
	let_it_in(server);
	serve_until(server, line);
	/* One that is replaced in order is there for a while beside the next. */
	while ((!has_incarnation(server, TURN + 1) ||
		   has_incarnation(server, TURN) ||
		   server_workers(server, pids) != WORKERS) &&
	       test_left_ms(deadline) > 0)
		test_sleep_ms(20);
	assert_true(has_incarnation(server, TURN + 1));
	assert_false(has_incarnation(server, TURN));
	expect_service(server);
	assert_int_equal(server_workers(server, pids), WORKERS);
	expect_bounds(server, fds, kib);
	server_stop(server);
}

static void
one_that_never_starts(void **state)
{
	(void)state;
	expect_named_and_replaced("silent", "did not become ready in 4 s");
	expect_named_and_replaced("unready", "did not become ready in 4 s");
}

static void
one_that_never_does_anything(void **state)
{
	(void)state;
	expect_named_and_replaced("mute", "hangs for");
	expect_named_and_replaced("turning", "it takes no connection: aborted");
}

static void
one_that_never_reads(void **state)
{
	(void)state;
	expect_named_and_replaced("deaf", "hangs for");
}

static void
one_with_noise_in_every_word(void **state)
{
	(void)state;
	expect_named_and_replaced("garbage", ": aborted");
}

static void
forged_messages(void **state)
{
	static const char *const hows[] = { "magic", "type", "size", "count",
		"body", "long", "orders", "early" };

	(void)state;
	/* All of them take long where all is slow. */
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]);
	     i += test_sanitized() ? 4 : 1)
		expect_named_and_replaced(hows[i], "broke the protocol");
	/* No bytes: nobody could tell it from the end of the socket. */
	expect_named_and_replaced("empty", "hung up and did not end: killed");
}

static void
reports_about_what_is_not_its_own(void **state)
{
	(void)state;
	expect_named_and_replaced(
	    "lies", "broke the protocol, reports that can't be true: killed");
	expect_named_and_replaced("hollow",
	    "broke the protocol, a report with no slots or too many: killed");
}

static void
descriptors_for_the_master(void **state)
{
	(void)state;
	expect_named_and_replaced("flood",
	    "broke the protocol, a message that is too long or has "
	    "descriptors: killed");
}

/* It holds what its parent had: nobody waits for it. */
static void
a_child_that_outlives_it(void **state)
{
	struct server *server = start("fork");
	pid_t pids[SERVER_WORKERS_MAX];
	size_t fds, count;

	(void)state;
	server->crash_expected = true;
	expect_service(server);
	test_sleep_ms(50);
	fds = descriptors(server->pid);
	let_it_in(server);
	serve_until(server, "killed by SIGABRT");
	expect_service(server);
	expect_bounds(server, fds, LONG_MAX - GROWTH_KIB);
	/* It is ours now, or the machine's first process'. */
	count = process_children(
	    getpid(), "bulkhead-worker", pids, SERVER_WORKERS_MAX);
	assert_int_equal(count, 1);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	server_stop(server);
}

/* Not hostile by itself, but nobody must wait for it. */
static void
one_that_refuses_everything_gets_nothing_done(void **state)
{
	struct server *server = start("refuse");

	(void)state;
	let_it_in(server);
	test_sleep_ms(100);
	for (int i = 0; i < 4; i++)
		expect_service(server);
	server_stop(server);
	expect_named_and_replaced(
	    "refuse", "refused all it was offered: replaced");
}

static void
limit_descriptors(pid_t pid, rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void
a_worker_without_room_for_descriptors(void **state)
{
	struct server *server = start("none");
	pid_t pids[SERVER_WORKERS_MAX];

	(void)state;
	assert_int_equal(server_workers(server, pids), WORKERS);
	limit_descriptors(pids[0], descriptors(pids[0]) + 2);
	for (int i = 0; i < 4; i++)
		expect_service(server);
	assert_int_equal(kill(pids[0], 0), 0);
	server_stop(server);
}

/* It can neither accept nor start anybody, and goes on. */
static void
a_master_without_room_for_descriptors(void **state)
{
	struct server *server = start("none");
	pid_t pids[SERVER_WORKERS_MAX];
	struct client old, late;
	struct response r;

	(void)state;
	client_open(&old, server);
	client_send_text(&old, GET);
	client_response(&old, &r);
	response_free(&r);
	limit_descriptors(server->pid, descriptors(server->pid));
	client_open(&late, server);
	client_send_text(&late, GET);
	assert_int_equal(server_workers(server, pids), WORKERS);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	(void)server_log_wait(
	    server, "killed by SIGKILL from outside", LONG_MS);
	client_send_text(&old, GET);
	client_response(&old, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&old);
	limit_descriptors(server->pid, 1024);
	client_response(&late, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&late);
	expect_service(server);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(one_that_never_starts),
		PROCESS_TEST(one_that_never_does_anything),
		PROCESS_TEST(one_that_never_reads),
		PROCESS_TEST(one_with_noise_in_every_word),
		PROCESS_TEST(forged_messages),
		PROCESS_TEST(reports_about_what_is_not_its_own),
		PROCESS_TEST(descriptors_for_the_master),
		PROCESS_TEST(a_child_that_outlives_it),
		PROCESS_TEST(one_that_refuses_everything_gets_nothing_done),
		PROCESS_TEST(a_worker_without_room_for_descriptors),
		PROCESS_TEST(a_master_without_room_for_descriptors),
	};

	test_prepare(argc, argv);
	return (cmocka_run_group_tests_name(
	    __FILE__, tests, make_folder, remove_folder));
}
