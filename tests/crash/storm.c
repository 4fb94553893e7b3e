/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers are killed once a second under load, and no client notices. With
 * arguments it is a tool that measures any server:
 *
 *	crash.storm --measure NAME PORT MASTER-PID WORKER-NAME TARGET
 *
 * prints a line of figures. BULKHEAD_STORM_KILLS, _BUSY, _IDLE, _MS (between
 * two kills), _CALM_MS (before the first) and _SIGNAL (its number) change the
 * measure.
 */
#include "tests/crash/storm_load.h"

#include "tests/support/client.h"
#include "tests/support/server.h"

#include <bsd/stdlib.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned
setting(const char *name, unsigned otherwise)
{
	const char *text = getenv(name), *error = NULL;
	unsigned value;

	if (text == NULL)
		return (otherwise);
	value = (unsigned)strtonum(text, 0, 100000, &error);
	if (error != NULL)
		fail_msg("%s=%s is %s", name, text, error);
	return (value);
}

static void
fill(struct storm *storm)
{
	storm->busy = setting("BULKHEAD_STORM_BUSY", 32);
	storm->idle = setting("BULKHEAD_STORM_IDLE", 200);
	storm->kills = setting("BULKHEAD_STORM_KILLS", 5);
	storm->interval_ms = setting("BULKHEAD_STORM_MS", 1000);
	storm->calm_ms = setting("BULKHEAD_STORM_CALM_MS", storm->interval_ms);
	storm->signal = (int)setting("BULKHEAD_STORM_SIGNAL", SIGKILL);
}

static void
print(const char *name, const struct storm_result *result)
{
	print_message("%s: %u kills, %" PRIu64 " answers, %" PRIu64
		      " busy requests lost (%" PRIu64 " resets, %" PRIu64
		      " wrong answers), %" PRIu64
		      " idle connections lost, %" PRIu64
		      " idle without an answer, slowest answer %.1f ms"
		      " (before the first kill %.1f ms)\n",
	    name, result->killed, result->answers, result->busy_errors,
	    result->busy_resets, result->busy_wrong, result->idle_lost,
	    result->idle_errors, result->slowest_ms, result->calm_ms);
}

static void
nobody_notices(const char *target, int signal_number, unsigned kills)
{
	struct storm storm = { .worker = "bulkhead-worker" };
	struct storm_result result;
	struct server *server;
	char faulty[PATH_MAX];

	server_module("faulty", faulty, sizeof(faulty));
	server = server_start("-w", "2", "-m", "hello", "-m", faulty, "-o",
	    "spares=1", "-o", "state-dir=", NULL);
	server->crash_expected = true;
	fill(&storm);
	if (getenv("BULKHEAD_STORM_KILLS") == NULL)
		storm.kills = kills;
	if (getenv("BULKHEAD_STORM_SIGNAL") == NULL)
		storm.signal = signal_number;
	storm.port = server->port;
	storm.master = server->pid;
	storm.target = target;
	storm_run(&storm, &result);
	print(target, &result);
	if (result.busy_errors > 0)
		print_error("the first error: %s\n", result.first_error);
	assert_int_equal(result.killed, storm.kills);
	assert_int_equal(result.busy_errors, 0);
	assert_int_equal(result.idle_lost, 0);
	assert_int_equal(result.idle_errors, 0);
	assert_in_range(result.answers, storm.busy, SIZE_MAX);
	server_stop(server);
}

static void
nobody_notices_workers_killed(void **state)
{
	(void)state;
	nobody_notices("/hello", SIGKILL, 5);
}

static void
nobody_notices_workers_crashed(void **state)
{
	(void)state;
	nobody_notices("/hello", SIGSEGV, 2);
}

static void
nobody_notices_workers_killed_while_requests_wait(void **state)
{
	(void)state;
	nobody_notices("/faulty?wait=20", SIGABRT, 2);
}

static void
nobody_notices_workers_killed_in_answers_of_64_kib(void **state)
{
	(void)state;
	nobody_notices("/faulty?size=65536", SIGBUS, 2);
}

/*
 * An answer of which the dead worker had sent a part is reset, so that the
 * client sees that it is cut off; but the kernel takes a MiB at once from a
 * worker whose clients read.
 */
static void
nobody_notices_workers_killed_in_answers_of_a_mib(void **state)
{
	(void)state;
	nobody_notices("/faulty?size=1048576", SIGKILL, 2);
}

static int
measure(char **argv)
{
	struct storm storm = { .worker = argv[4], .target = argv[5] };
	struct storm_result result;
	const char *error = NULL;

	(void)signal(SIGPIPE, SIG_IGN);
	fill(&storm);
	storm.port = (uint16_t)strtonum(argv[2], 1, UINT16_MAX, &error);
	if (error == NULL)
		storm.master = (pid_t)strtonum(argv[3], 1, INT32_MAX, &error);
	if (error != NULL) {
		(void)fprintf(stderr, "crash.storm: %s\n", error);
		return (2);
	}
	storm_run(&storm, &result);
	print(argv[1], &result);
	return (0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(nobody_notices_workers_killed),
		PROCESS_TEST(nobody_notices_workers_crashed),
		PROCESS_TEST(nobody_notices_workers_killed_while_requests_wait),
		PROCESS_TEST(
		    nobody_notices_workers_killed_in_answers_of_64_kib),
		PROCESS_TEST(nobody_notices_workers_killed_in_answers_of_a_mib),
	};

	if (argc == 7 && strcmp(argv[1], "--measure") == 0)
		return (measure(argv + 1));
	return (RUN_TESTS(argc, argv, tests));
}
