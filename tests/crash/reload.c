/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reloads in a row under load, and upgrades of the program, and no client
 * notices; the master holds no more afterwards than before.
 * BULKHEAD_RELOADS=1000 for as many, BULKHEAD_UPGRADES=50.
 */
#include "tests/crash/storm_load.h"
#include "tests/support/ctl.h"
#include "tests/support/server.h"

#include <bsd/stdlib.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	RELOADS = 10,
	WARM = 5, /* reloads until the master holds what it will hold */
	LONG_MS = 20000,
	STILL = 10,       /* looks */
	SLACK_KIB = 1024, /* of memory: what the allocator keeps differs */
};

struct campaign {
	struct server *server;
	const char *command;
	struct process_holding before, after; /* with all clients */
	double total_ms, slowest_ms;
};

static unsigned
how_many(const char *variable)
{
	const char *text = getenv(variable), *error = NULL;
	unsigned count;

	if (text == NULL)
		return (RELOADS);
	count = (unsigned)strtonum(text, 1, 100000, &error);
	if (error != NULL)
		fail_msg("%s=%s is %s", variable, text, error);
	return (count);
}

static double
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

/* Until only the generation that serves is left: the one before is buried. */
static void
wait_alone(struct server *server, unsigned reloads)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "generation %u is gone", reloads);
	(void)server_log_wait(server, text, LONG_MS);
}

/* A dead worker's memory and clients' ends are let go of a moment later. */
static void
hold_still(pid_t pid, struct process_holding *ret_holding)
{
	int64_t deadline = test_deadline(LONG_MS);
	size_t before;
	unsigned still = 0;

	process_hold(pid, ret_holding);
	while (still < STILL && test_left_ms(deadline) > 0) {
		before = ret_holding->descriptors;
		test_sleep_ms(20);
		process_hold(pid, ret_holding);
		still = ret_holding->descriptors == before ? still + 1 : 0;
	}
}

static void
reload(const struct storm *storm, struct storm_result *result)
{
	struct campaign *campaign = storm->argument;
	double took, before = now_ms();

	ctl_expect(
	    campaign->server, campaign->command, NULL, 0, "serves: 2 workers");
	took = now_ms() - before;
	campaign->total_ms += took;
	if (took > campaign->slowest_ms)
		campaign->slowest_ms = took;
	result->killed++;
	if (result->killed != WARM && result->killed != storm->kills)
		return;
	wait_alone(campaign->server, result->killed);
	hold_still(campaign->server->pid,
	    result->killed == WARM ? &campaign->before : &campaign->after);
}

static void
print(const struct campaign *campaign, const struct storm_result *result)
{
	print_message("%u times %s, %.0f ms each, the slowest %.0f ms; "
		      "%" PRIu64 " answers, the slowest %.1f ms; "
		      "%" PRIu64 " requests failed (%" PRIu64 " resets), "
		      "%" PRIu64 " idle connections lost, "
		      "%" PRIu64 " of them without an answer; "
		      "the master's descriptors %zu -> %zu, memory %ld -> %ld "
		      "KiB\n",
	    result->killed, campaign->command,
	    campaign->total_ms / result->killed, campaign->slowest_ms,
	    result->answers, result->slowest_ms, result->busy_errors,
	    result->busy_resets, result->idle_lost, result->idle_errors,
	    campaign->before.descriptors, campaign->after.descriptors,
	    campaign->before.memory_kib, campaign->after.memory_kib);
}

static void
nobody_notices(const char *command, unsigned times)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-o",
	    "spares=1", "-o", "idle-limit=1h", NULL);
	struct campaign campaign = { .server = server, .command = command };
	struct storm storm = {
		.port = server->port,
		.master = server->pid,
		.target = "/hello",
		.busy = 32,
		.idle = 200,
		.kills = times + WARM,
		.interval_ms = 1,
		.strike = reload,
		.argument = &campaign,
	};
	struct storm_result result;

	storm_run(&storm, &result);
	print(&campaign, &result);
	assert_int_equal(result.killed, storm.kills);
	assert_int_equal(result.busy_errors, 0);
	assert_int_equal(result.idle_lost, 0);
	assert_int_equal(result.idle_errors, 0);
	assert_in_range(result.answers, storm.busy, SIZE_MAX);
	assert_int_equal(
	    campaign.after.descriptors, campaign.before.descriptors);
	/* A sanitizer keeps what was freed. */
	if (!test_sanitized())
		assert_in_range(campaign.after.memory_kib, 0,
		    campaign.before.memory_kib + SLACK_KIB);
	server_stop(server);
}

static void
nobody_notices_reloads_in_a_row(void **state)
{
	(void)state;
	nobody_notices("reload", how_many("BULKHEAD_RELOADS"));
}

static void
nobody_notices_upgrades_in_a_row(void **state)
{
	(void)state;
	nobody_notices("upgrade", how_many("BULKHEAD_UPGRADES"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(nobody_notices_reloads_in_a_row),
		PROCESS_TEST(nobody_notices_upgrades_in_a_row),
	};

	return (RUN_TESTS(argc, argv, tests));
}
