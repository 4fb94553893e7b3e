/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Idle connections survive their worker's death, again and again: none ends,
 * each is answered, and master and workers hold no more than before. It also
 * says how long the first answer took, from the kill and from the moment at
 * which the kernel reported the death.
 *
 * BULKHEAD_IDLE=10000 for as many; each needs a descriptor of this process,
 * of the master and of the worker.
 */
#include "tests/crash/storm_caller.h"

#include "tests/support/ctl.h"
#include "tests/support/server.h"

#include <bsd/stdlib.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define REQUEST "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	IDLE_MAX = 16000,
	KILLS = 10,
	LONG_MS = 20000,
	SLACK_KB = 1024, /* of memory, beyond what it was */
};

static unsigned
idle_count(void)
{
	const char *text = getenv("BULKHEAD_IDLE"), *error = NULL;
	unsigned count;

	if (text == NULL)
		return (test_sanitized() ? 200 : 1000);
	count = (unsigned)strtonum(text, 1, IDLE_MAX, &error);
	if (error != NULL)
		fail_msg("BULKHEAD_IDLE=%s is %s", text, error);
	return (count);
}

static void
allow_descriptors(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static double
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6);
}

/* The pid of the one worker in that state, or 0. */
static pid_t
worker_in(struct server *server, const char *state)
{
	struct process_result result;
	json_t *root, *list, *entry;
	pid_t pid = 0;
	size_t i;

	assert_int_equal(ctl_run(server, "status", "--json", &result), 0);
	assert_non_null(root = json_loads(result.output, 0, NULL));
	process_result_free(&result);
	list = json_object_get(root, "workers");
	json_array_foreach(list, i, entry)
	{
		if (strcmp(json_string_value(json_object_get(entry, "state")),
			state) == 0)
			pid = (pid_t)json_integer_value(
			    json_object_get(entry, "pid"));
	}
	json_decref(root);
	return (pid);
}

static pid_t
wait_for(struct server *server, const char *state)
{
	int64_t deadline = test_deadline(LONG_MS);
	pid_t pid;

	while ((pid = worker_in(server, state)) == 0) {
		if (test_left_ms(deadline) == 0)
			fail_msg("there is never a worker that is %s", state);
		test_sleep_ms(10);
	}
	return (pid);
}

static void
expect_answer(struct caller *caller)
{
	struct response response;
	enum got got = caller_receive(caller, &response);

	if (got != GOT_RESPONSE)
		fail_msg("got %s", got_name(got));
	assert_int_equal(response.status, 200);
	response_free(&response);
}

static void
expect_all(struct caller *callers, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		assert_false(caller_ended(&callers[i]));
		assert_true(caller_send(&callers[i], REQUEST, strlen(REQUEST)));
		expect_answer(&callers[i]);
	}
}

/* Kill it, ask at once, and see when what happens. */
static void
kill_and_ask(struct server *server, struct caller *caller, double *ret_kill_ms,
    double *ret_death_ms)
{
	pid_t pid = wait_for(server, "serving");
	struct pollfd dead = { .events = POLLIN };
	double killed, died;

	dead.fd = pidfd_open(pid, 0);
	assert_int_not_equal(dead.fd, -1);
	killed = now_ms();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_true(caller_send(caller, REQUEST, strlen(REQUEST)));
	assert_int_equal(poll(&dead, 1, LONG_MS), 1);
	died = now_ms();
	expect_answer(caller);
	*ret_kill_ms = now_ms() - killed;
	*ret_death_ms = now_ms() - died;
	(void)close(dead.fd);
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return ((*x > *y) - (*x < *y));
}

static void
report(unsigned count, double *kill_ms, double *death_ms)
{
	qsort(kill_ms, KILLS, sizeof(*kill_ms), compare);
	qsort(death_ms, KILLS, sizeof(*death_ms), compare);
	print_message("%u idle connections, %d kills; first answer after the "
		      "kill: median %.2f ms, slowest %.2f ms; after the pidfd "
		      "is readable: median %.2f ms, slowest %.2f ms\n",
	    count, KILLS, kill_ms[KILLS / 2], kill_ms[KILLS - 1],
	    death_ms[KILLS / 2], death_ms[KILLS - 1]);
}

/*
 * What it holds when nothing else goes on: between a fork and the execution of
 * a worker all is shared with the child, and so isn't private.
 */
static void
hold_settled(pid_t pid, struct process_holding *ret_holding)
{
	struct process_holding now;

	process_hold(pid, ret_holding);
	for (int i = 0; i < 10; i++) {
		test_sleep_ms(20);
		process_hold(pid, &now);
		if (now.memory_kib > ret_holding->memory_kib)
			*ret_holding = now;
	}
}

static void
expect_no_more(const char *who, const struct process_holding *before, pid_t pid)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_holding after;

	/* What is being closed, or given back, is a moment late. */
	do {
		process_hold(pid, &after);
		if (after.descriptors == before->descriptors)
			break;
		test_sleep_ms(20);
	} while (test_left_ms(deadline) > 0);
	print_message("%s: %zu descriptors and %ld KiB, before: %zu and %ld\n",
	    who, after.descriptors, after.memory_kib, before->descriptors,
	    before->memory_kib);
	assert_int_equal(after.descriptors, before->descriptors);
	if (!test_sanitized())
		assert_in_range(after.memory_kib, 0,
		    before->memory_kib + before->memory_kib / 4 + SLACK_KB);
}

static void
open_all(struct caller *callers, unsigned count, const struct server *server)
{
	unsigned i;

	for (i = 0; i < count; i++)
		assert_true(caller_open(&callers[i], server->port));
}

static void
idle_connections_survive_ten_kills(void **state)
{
	static struct caller callers[IDLE_MAX];
	const unsigned count = idle_count();
	struct process_holding alone, master, worker;
	double kill_ms[KILLS], death_ms[KILLS];
	struct server *server;
	unsigned i;

	(void)state;
	allow_descriptors();
	server = server_start("-w", "1", "-m", "hello", "-o", "spares=1", "-o",
	    "crash-files=1", NULL);
	server->crash_expected = true;
	(void)wait_for(server, "spare");
	hold_settled(server->pid, &alone);
	open_all(callers, count, server);
	expect_all(callers, count);
	hold_settled(server->pid, &master);
	hold_settled(wait_for(server, "serving"), &worker);
	for (i = 0; i < KILLS; i++) {
		kill_and_ask(
		    server, &callers[i % count], &kill_ms[i], &death_ms[i]);
		expect_all(callers, count);
		(void)wait_for(server, "spare");
	}
	report(count, kill_ms, death_ms);
	expect_no_more("master", &master, server->pid);
	expect_no_more("worker", &worker, wait_for(server, "serving"));
	for (i = 0; i < count; i++)
		caller_close(&callers[i]);
	expect_no_more("master, without them", &alone, server->pid);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(idle_connections_survive_ten_kills),
	};

	return (RUN_TESTS(argc, argv, tests));
}
