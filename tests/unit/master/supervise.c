/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state table of a worker, each state with each event, and the backoff.
 */
#include "master/supervise.h"
#include "tests/unit/master/test.h"

#include <string.h>

/*
 * The table once more, a letter for each next state and each action, so that
 * a slip in one of the two is seen. Columns in the order of worker_event:
 * start, stillborn, mapped, ready, failed, hung up, nonsense, timeout, hung,
 * retire, stop, kill, died.
 */
static const char state_letters[] = "-BLSERY";        /* down ... dying */
static const char action_letters[] = ".srm+lLkatdcb"; /* nothing ... bury */

static const struct {
	const char *next;
	const char *action;
} expected[WORKER_STATES] = {
	[WORKER_DOWN] = { "B------B-----", "s......s..cc." },
	[WORKER_BOOTING] = { "B-LYYYYYBBYY-", ".rmkllkL..kkb" },
	[WORKER_LOADING] = { "LLYSYYYYLLYY-", "..k+llkL..kkb" },
	[WORKER_SERVING] = { "SSYYYYYSYERY-", "..kkklk.atdkb" },
	[WORKER_RETIRING] = { "EEYYYYYYYERY-", "..kkklkLa.dkb" },
	[WORKER_DRAINING] = { "RRYYYYYYYRRY-", "..kkklkLa..kb" },
	[WORKER_DYING] = { "YYYYYYYYYYYY-", ".......k...kb" },
};

static void
follows_the_table(void **state)
{
	struct supervise_step step;

	(void)state;
	for (unsigned s = 0; s < WORKER_STATES; s++) {
		assert_int_equal(strlen(expected[s].next), WORKER_EVENTS);
		assert_int_equal(strlen(expected[s].action), WORKER_EVENTS);
		for (unsigned e = 0; e < WORKER_EVENTS; e++) {
			step = supervise_step(s, e);
			assert_int_equal(
			    state_letters[step.next], expected[s].next[e]);
			assert_int_equal(
			    action_letters[step.action], expected[s].action[e]);
		}
	}
}

static void
buries_whoever_died_and_nobody_else(void **state)
{
	struct supervise_step step;

	(void)state;
	for (unsigned s = 0; s < WORKER_STATES; s++) {
		for (unsigned e = 0; e < WORKER_EVENTS; e++) {
			step = supervise_step(s, e);
			assert_int_equal(step.action == SUPERVISE_BURY,
			    e == WORKER_DIED && s != WORKER_DOWN);
			/* A living process is never forgotten. */
			if (step.next == WORKER_DOWN && s != WORKER_DOWN)
				assert_true(
				    e == WORKER_DIED || e == WORKER_STILLBORN);
		}
	}
}

static void
serves_only_after_mapped_and_ready(void **state)
{
	struct supervise_step step;

	(void)state;
	for (unsigned s = 0; s < WORKER_STATES; s++) {
		for (unsigned e = 0; e < WORKER_EVENTS; e++) {
			step = supervise_step(s, e);
			if (step.next == WORKER_SERVING && s != WORKER_SERVING)
				assert_true(
				    s == WORKER_LOADING && e == WORKER_READY);
			if (step.next == WORKER_LOADING && s != WORKER_LOADING)
				assert_true(
				    s == WORKER_BOOTING && e == WORKER_MAPPED);
		}
	}
}

static void
has_a_name_for_each_state(void **state)
{
	(void)state;
	for (unsigned s = 0; s < WORKER_STATES; s++)
		/* message_status_worker has 16 bytes for it. */
		assert_in_range(strlen(supervise_state_name(s)), 2, 15);
	assert_string_equal(supervise_state_name(WORKER_SERVING), "serving");
	assert_string_equal(supervise_state_name(WORKER_STATES), "?");
}

static void
backs_off_twice_as_long_each_time_up_to_ten_seconds(void **state)
{
	static const uint32_t ms[] = { 0, 0, 100, 200, 400, 800, 1600, 3200,
		6400, 10000, 10000 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(ms) / sizeof(*ms); i++)
		assert_int_equal(supervise_backoff(i), ms[i]);
	assert_int_equal(supervise_backoff(UINT32_MAX), 10000);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_table),
		cmocka_unit_test(buries_whoever_died_and_nobody_else),
		cmocka_unit_test(serves_only_after_mapped_and_ready),
		cmocka_unit_test(has_a_name_for_each_state),
		cmocka_unit_test(
		    backs_off_twice_as_long_each_time_up_to_ten_seconds),
	};

	return (RUN_TESTS(argc, argv, tests));
}
